// Lints each file of boundary-fixtures/ as if it lay in the place that its first line names, and
// prints what was found as JSON: { "<file>": [{ "rule", "problem" }] }. In a process of its own,
// since ESLint's configuration is an ES module.
//
// The project graph is not made here: without one the module-boundary rule finds nothing, which is
// just what the test of this has to notice. Nx makes it before it runs a target.
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { ESLint } from 'eslint';
import { inWorkspace } from './workspace/paths.mjs';

const folder = inWorkspace('tools/boundary-fixtures');
const eslint = new ESLint({ cwd: inWorkspace() });
const found = {};
for (const name of readdirSync(folder)) {
  const text = readFileSync(join(folder, name), 'utf8');
  const [, place, as = name] = /^\/\/ place: (\S+)(?: as (\S+))?\n/.exec(text) ?? [];
  if (place === undefined) throw new Error(`${name}: its first line does not name its place`);
  const results = await eslint.lintText(text, { filePath: inWorkspace(place, as) });
  found[name] = results
    .flatMap(({ messages }) => messages)
    .map(({ ruleId, messageId, message }) => ({ rule: ruleId, problem: messageId ?? message }));
}
console.log(JSON.stringify(found));
