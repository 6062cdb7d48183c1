import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';

/** A process of its own that puts events into an embedded store, batch after batch. */
export interface StoreProcess {
  readonly pid: number;
  /** Tells it to store a batch of so many events; answers what became of it. */
  put(events: number): Promise<string>;
  /** Tells it to store batches without end; resolves at the first that is stored. */
  flood(events: number): Promise<void>;
  /** The ids that it has said are stored. */
  readonly storedIds: ReadonlySet<string>;
  kill9(): Promise<void>;
}

/** Starts it; `fileLimitKiB` bounds the size of every file that it writes, as a full disk does. */
export async function startStoreProcess(
  path: string,
  options: { readonly fileLimitKiB?: number } = {},
): Promise<StoreProcess> {
  const { fileLimitKiB } = options;
  const limit = fileLimitKiB === undefined ? '' : `ulimit -S -f ${fileLimitKiB * 2};`;
  const source = join(__dirname, '..', 'embedded-store.ts');
  const child = spawn(
    'sh',
    ['-c', `${limit} exec "$@"`, 'sh', process.execPath, '-e', PROGRAM, source, path],
    {
      cwd: join(__dirname, '../../../../..'),
      stdio: ['pipe', 'pipe', 'inherit'],
    },
  );
  const lines = createInterface(child.stdout);
  const storedIds = new Set<string>();
  lines.on('line', (line) => {
    if (!line.startsWith('{')) return;
    for (const id of (JSON.parse(line) as { ids: string[] }).ids) storedIds.add(id);
  });
  await lineOf(child, lines, /^ready/);
  const { pid } = child;
  if (pid === undefined) throw new Error('it has no process id');
  return {
    pid,
    storedIds,
    put: async (events) => {
      const answer = lineOf(child, lines, /^[A-Z]|^stored/);
      child.stdin.write(`put ${events}\n`);
      return answer;
    },
    flood: async (events) => {
      const first = lineOf(child, lines, /^\{/);
      child.stdin.write(`flood ${events}\n`);
      await first;
    },
    kill9: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
    },
  };
}

function lineOf(child: ChildProcess, lines: Interface, pattern: RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    const look = (line: string) => {
      if (!pattern.test(line)) return;
      lines.off('line', look);
      resolve(line);
    };
    lines.on('line', look);
    child.once('exit', (code) => reject(new Error(`the process has ended with ${String(code)}`)));
  });
}

/** What it has stored it says before the next batch: one line with the ids, written at once. */
const PROGRAM = `
  const { randomUUID } = require('node:crypto');
  const { writeSync } = require('node:fs');
  const { buildSync } = require('esbuild');
  const [source, path] = process.argv.slice(1);
  const { outputFiles } = buildSync({
    entryPoints: [source], bundle: true, platform: 'node', format: 'cjs', write: false,
    tsconfig: 'tsconfig.base.json', external: ['libsql'],
  });
  const loaded = { exports: {} };
  new Function('module', 'exports', 'require', outputFiles[0].text)(loaded, loaded.exports, require);
  // Else the limit of a file's size would end the process.
  process.on('SIGXFSZ', () => undefined);
  const clock = {
    now: Date.now,
    sleep: (ms, signal) => new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      signal?.addEventListener('abort', () => { clearTimeout(timer); resolve(); });
    }),
  };
  const logger = { info() {}, warn() {} };
  const say = (text) => writeSync(1, text + '\\n');
  (async () => {
    const store = await loaded.exports.openEmbeddedStore(
      { path, timeoutMs: 20000 }, { clock, logger, sameContent: (a, b) => a === b });
    const put = async (count) => {
      const events = Array.from({ length: count }, () => ({
        id: randomUUID(), type: 'a', timestamp: 1, receivedAt: 2,
        body: JSON.stringify({ text: 'x'.repeat(200) }),
      }));
      const { stored } = await store.put(events);
      say(JSON.stringify({ ids: events.map(({ id }) => id) }));
      return stored;
    };
    say('ready');
    process.stdin.on('data', async (chunk) => {
      const [order, count] = String(chunk).trim().split(' ');
      try {
        do { var stored = await put(Number(count)); } while (order === 'flood');
        say('stored ' + stored);
      } catch (error) {
        say((error.code ?? 'UNKNOWN') + ': ' + error.message);
      }
    });
  })().catch((error) => { say('FAILED ' + error.stack); process.exit(1); });
`;
