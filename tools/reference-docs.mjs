// Writes the parts of the documents that are decided elsewhere: tables of what the code declares,
// between "<!-- generated: NAME -->" and "<!-- end of NAME -->", and the text of example files, in
// the code block after "<!-- file: PATH -->".
//
//   node tools/reference-docs.mjs               writes them
//   node tools/reference-docs.mjs FILE          writes those of that file only
//   node tools/reference-docs.mjs --check       names each document that is out of date, exit code 1
//   node tools/reference-docs.mjs --check FILE  looks at that file instead
//   node tools/reference-docs.mjs --facts       prints what the code declares, as JSON
import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { format, resolveConfig } from 'prettier';
import { readFacts } from './reference-docs/facts.mjs';
import { TABLES } from './reference-docs/tables.mjs';
import { inWorkspace } from './workspace/paths.mjs';

const DOCUMENTS = [
  'README.md',
  'docs/api.md',
  'docs/configuration.md',
  'docs/metrics.md',
  'docs/queue-command.md',
];

const TABLE = /(<!-- generated: (\S+) -->\n)[^]*?(<!-- end of \2 -->)/g;
const FILE = /(<!-- file: (\S+) -->\n\n```\w*\n)[^]*?(```)/g;

/** The document as the facts and files want it. Throws for a marker that names nothing. */
async function upToDate(text, facts) {
  const filled = text
    .replace(TABLE, (_, begin, name, end) => {
      const table = TABLES[name];
      if (table === undefined) throw new Error(`no table is named "${name}"`);
      return `${begin}\n${table(facts)}\n\n${end}`;
    })
    .replace(FILE, (_, begin, path, end) => begin + readFileSync(inWorkspace(path), 'utf8') + end);
  const options = await resolveConfig(inWorkspace('README.md'));
  return format(filled, { ...options, parser: 'markdown' });
}

async function main(args) {
  const mode = args.find((arg) => arg.startsWith('--'));
  const files = args.filter((arg) => arg !== mode);
  const facts = await readFacts();
  if (mode === '--facts') {
    console.log(JSON.stringify(facts));
    return;
  }
  for (const document of files.length > 0 ? files : DOCUMENTS) {
    const file = resolve(inWorkspace(), document);
    const text = readFileSync(file, 'utf8');
    const wanted = await upToDate(text, facts);
    if (text === wanted) continue;
    if (mode === '--check') {
      console.error(`${document} is out of date: run "node tools/reference-docs.mjs"`);
      process.exitCode = 1;
    } else {
      writeFileSync(file, wanted);
      console.log(document);
    }
  }
}

await main(process.argv.slice(2));
