import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import { ScriptedCollector, failure } from '@event-pipeline/publisher/testing';
import { Scratch } from '@event-pipeline/runtime/testing';
import { runCommand } from './testing/fake-host';

const scratch = new Scratch();
afterEach(() => scratch.clean());

async function collect(...script: ConstructorParameters<typeof ScriptedCollector>) {
  const collector = await new ScriptedCollector(...script).start();
  scratch.afterwards(() => collector.stop());
  return collector;
}

describe.each(['batch', 'unary', 'stream'])('the producer by --mode %s', (mode) => {
  const args = ['--mode', mode, '--count', '20'];

  it('sends the token of COLLECTOR_TOKEN, or of the file that COLLECTOR_TOKEN_FILE names', async () => {
    const { address, authorizations } = await collect();
    const file = join(await scratch.folder(), 'token');
    await writeFile(file, 'from-a-file\n');
    const first = runCommand(args, { address, env: { COLLECTOR_TOKEN: 'given' } });
    expect(await first.exited).toBe(0);
    const second = runCommand(args, { address, env: { COLLECTOR_TOKEN_FILE: file } });
    expect(await second.exited).toBe(0);
    expect(new Set(authorizations)).toEqual(new Set(['Bearer given', 'Bearer from-a-file']));
  });

  it('ends with exit code 1 where the token is not taken, and shows the token nowhere', async () => {
    const refused = failure(status.UNAUTHENTICATED, 'the token is not known');
    const { address } = await collect({
      streams: [(_, answer) => answer(refused)],
      batchStreams: [(call) => call.emit('error', refused)],
      requests: [(_, answer) => answer(refused)],
    });
    const run = runCommand(args, { address, env: { COLLECTOR_TOKEN: 'my-secret' } });
    expect(await run.exited).toBe(1);
    expect(run.stderr()).toContain('UNAUTHENTICATED: the token is not known');
    expect(run.stdout() + run.stderr()).not.toContain('my-secret');
  });
});

describe('a stream of single events', () => {
  it('goes on with the token that has come into the file meanwhile', async () => {
    const file = join(await scratch.folder(), 'token');
    await writeFile(file, 'old');
    const expired = failure(status.UNAUTHENTICATED, 'the token has expired');
    const collector = await collect({
      streams: [
        (call, answer) => {
          // Longer than the file is not looked at.
          const renew = () => setTimeout(() => answer(expired), 1_100);
          call.once('data', () => void writeFile(file, 'newer').then(renew));
        },
      ],
    });
    const run = runCommand(['--mode', 'stream', '--count', '20'], {
      address: collector.address,
      env: { COLLECTOR_TOKEN_FILE: file },
    });
    expect(await run.exited).toBe(0);
    expect(collector.authorizations).toEqual(['Bearer old', 'Bearer newer']);
  });
});

describe('a token that is none', () => {
  it('is wrong usage, and not shown: exit code 2', async () => {
    const run = runCommand([], { env: { COLLECTOR_TOKEN: 'my secret' } });
    expect(await run.exited).toBe(2);
    expect(run.stderr()).toContain('producer: COLLECTOR_TOKEN: expected a token');
    expect(run.stderr()).not.toContain('my secret');
  });
});
