import { readFileSync } from 'node:fs';
import { inWorkspace } from '../workspace/paths.mjs';

/** The first block of shell commands under a heading of a document. */
export function documentedCommands(document, heading) {
  const text = readFileSync(inWorkspace(document), 'utf8');
  const [, section] = text.split(new RegExp(`^#+ ${heading}\n`, 'm'));
  const [, commands] = /^```sh\n([^]*?)^```$/m.exec(section ?? '') ?? [];
  if (commands === undefined) throw new Error(`${document} has no commands under "${heading}"`);
  return commands;
}

/** Where the documents say a collector is. */
export const DOCUMENTED_ADDRESS = 'localhost:50051';

/** How the documents run a producer: address, events, batch size. */
export const DOCUMENTED_RUN = `${DOCUMENTED_ADDRESS} 10000 500`;

/** The same commands with other words. Throws where there is nothing to replace. */
export function withWords(commands, from, to) {
  if (!commands.includes(from)) throw new Error(`"${from}" is not in the commands: ${commands}`);
  return commands.replaceAll(from, to);
}
