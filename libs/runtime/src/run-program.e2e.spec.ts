import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const root = join(__dirname, '../../..');
let folder: string;
let script: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'run-program-'));
  script = join(folder, 'main.js');
  execFileSync(join(root, 'node_modules/.bin/esbuild'), [
    join(__dirname, 'testing/example-program.ts'),
    '--bundle',
    '--platform=node',
    `--outfile=${script}`,
    '--log-level=warning',
  ]);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Starts the example program as a process of its own. */
function start(environment: NodeJS.ProcessEnv = {}, args: readonly string[] = []) {
  const child = spawn(process.execPath, [script, ...args], {
    env: environment,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk) => (output.stdout += String(chunk)));
  child.stderr.on('data', (chunk) => (output.stderr += String(chunk)));
  const ended = once(child, 'close').then(([code, signal]) => ({ code, signal, ...output }));
  return { child, ended, output };
}

/** Waits until the program has logged the message. */
async function logged({ child, output }: ReturnType<typeof start>, message: string) {
  while (!output.stdout.includes(`"message":"${message}"`)) await outputOf(child);
}

function outputOf(child: ChildProcess): Promise<unknown> {
  return Promise.race([
    once(child.stdout!, 'data'),
    once(child, 'close').then(() => {
      throw new Error('the program ended');
    }),
  ]);
}

describe('a process', () => {
  it('ends with exit code 0 on a signal that comes twice at once, whatever it left open', async () => {
    const program = start({ EXAMPLE_STOP_MS: '200' });
    await logged(program, 'started');
    program.child.kill('SIGINT');
    program.child.kill('SIGTERM');
    program.child.kill('SIGINT');
    const { code, signal, stdout, stderr } = await program.ended;
    expect({ code, signal, stderr }).toEqual({ code: 0, signal: null, stderr: '' });
    expect(stdout.trimEnd().split('\n').at(-1)).toContain('"message":"stopped"');
    expect(stdout.match(/"message":"stopping"/g)).toHaveLength(1);
  });

  it('stays up until it is asked to stop, even when nothing keeps it alive', async () => {
    const program = start({ EXAMPLE_HANDLES: 'false' });
    await logged(program, 'started');
    let ended = false;
    void program.ended.then(() => (ended = true));
    // Nothing is to happen, so there is nothing to wait for: an empty process would end sooner.
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(ended).toBe(false);
    program.child.kill('SIGTERM');
    expect((await program.ended).code).toBe(0);
  });

  it('names what does not stop within the grace and ends with exit code 1', async () => {
    const program = start({ EXAMPLE_FAULT: 'never-stops', EXAMPLE_GRACE_MS: '50' });
    await logged(program, 'started');
    program.child.kill('SIGTERM');
    const { code, stdout } = await program.ended;
    expect(code).toBe(1);
    expect(stdout).toContain('"message":"not stopped when the grace was over: example"');
  });

  it('gives up at once when it is asked again later', async () => {
    const program = start({ EXAMPLE_FAULT: 'never-stops' });
    await logged(program, 'started');
    program.child.kill('SIGINT');
    await logged(program, 'stopping');
    // As a user does: again and again until it ends.
    const asking = setInterval(() => program.child.kill('SIGINT'), 200);
    const { code, stdout } = await program.ended;
    clearInterval(asking);
    expect(code).toBe(1);
    expect(stdout).toContain('"message":"asked again: giving up what has not stopped"');
  });

  it.each([
    ['rejection', 'unhandled rejection: nobody catches this'],
    ['exception', 'uncaught exception: nobody catches this'],
  ])('that meets an unhandled %s ends as a crash with exit code 1', async (fault, message) => {
    const { code, stdout } = await start({ EXAMPLE_FAULT: fault }).ended;
    expect(code).toBe(1);
    expect(stdout).toContain(`"level":"fatal","message":"${message}"`);
    expect(stdout).not.toContain('"message":"stopped"');
  });

  it('prints what is wrong with its configuration, without a stack trace, with exit code 2', async () => {
    const { code, stdout, stderr } = await start({ EXAMPLE_STOP_MS: 'soon' }).ended;
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toBe(
      'example: the configuration is not valid:\n' +
        '  EXAMPLE_STOP_MS is "soon"; expected a whole number from 0 to 60000 (ms)\n' +
        'Run with --help to see every variable.\n',
    );
  });

  it('prints its variables for --help', async () => {
    const { code, stdout, stderr } = await start({}, ['--help']).ended;
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain('EXAMPLE_GRACE_MS  How long it may take to stop');
  });

  it('does not mind a reader of --help that goes away', async () => {
    const program = start({}, ['--help']);
    program.child.stdout.destroy();
    const { code, stderr } = await program.ended;
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });
});
