// Lints each file of boundary-fixtures/ as if it lay in the place that its first line names, and
// prints what was found as JSON: { "<file>": [{ "rule", "problem" }] }. In a process of its own,
// since ESLint's configuration is an ES module.
//
// The module-boundary rule finds nothing, without a word of complaint, where nx has not written down
// which projects there are; so nx is asked to, afresh.
import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { ESLint } from 'eslint';
import { inWorkspace } from './workspace/paths.mjs';

const nx = inWorkspace('node_modules/nx/dist/bin/nx.js');
execFileSync(process.execPath, [nx, 'show', 'projects'], { cwd: inWorkspace() });

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
