import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** A file and a line in it, from 1. */
export interface Place {
  readonly file: string;
  readonly line: number;
}

/** How long Node.js may take to parse a file, ms. */
const PARSE_LIMIT_MS = 10_000;

/**
 * Where the loading of a module failed: the line that does not parse, or that threw. Undefined where
 * nobody tells, such as for a package that is not installed.
 *
 * @param file the module's own
 * @param loader a frame of the stack from here on is not the module's any more: the path of the code
 *   that loads it, as stacks write it
 */
export async function failurePlace(
  error: Error,
  file: string,
  loader: string | undefined,
): Promise<Place | undefined> {
  const stack = error.stack ?? '';
  const parsed = parsePlace(stack) ?? (isOfParser(error) ? await askParser(file) : undefined);
  return parsed ?? thrownPlace(stack, loader);
}

/** The file of the code that calls this, as stacks write it. */
export function callersFile(): string | undefined {
  return frames(new Error().stack ?? '')[1]?.file;
}

/** What does not parse is named above the message: "FILE:LINE", then the line itself. */
function parsePlace(text: string): Place | undefined {
  const [, file, line] = /^(\S.*):(\d+)\r?\n/.exec(text) ?? [];
  return file === undefined ? undefined : { file: asPath(file), line: Number(line) };
}

function isOfParser(error: Error): boolean {
  return error.name === 'SyntaxError';
}

/** For ES modules Node.js tells the line nobody but a terminal: it is asked again, without running it. */
function askParser(file: string): Promise<Place | undefined> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      ['--check', file],
      { timeout: PARSE_LIMIT_MS, env: {} },
      (error, _, stderr) => resolve(error === null ? undefined : parsePlace(stderr)),
    );
  });
}

function thrownPlace(stack: string, loader: string | undefined): Place | undefined {
  const first = frames(stack)[0];
  return first === undefined || first.file === loader ? undefined : first;
}

/** Those of files, without those of Node.js itself. */
function frames(stack: string): readonly Place[] {
  const found = stack.matchAll(/^ +at (?:.*\()?((?:file:\/\/)?\/.*|[A-Za-z]:\\.*):(\d+):\d+\)?$/gm);
  return [...found].map(([, file = '', line]) => ({ file: asPath(file), line: Number(line) }));
}

function asPath(file: string): string {
  return file.startsWith('file://') ? fileURLToPath(file) : file;
}
