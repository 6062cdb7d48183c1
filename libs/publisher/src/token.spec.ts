import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import type { PublishEventsRequest } from '@event-pipeline/contracts';
import { SimulatedClock } from '@event-pipeline/runtime/testing';
import { Publisher } from './publisher';
import type { PublisherOptions } from './publisher-options';
import { eventId, numbered } from './testing/event-list';
import {
  ScriptedCollector,
  accepted,
  failure,
  type BatchStreamHandler,
  type UnaryHandler,
} from './testing/scripted-collector';
import { tokenFromFile } from './token-file';

let collector: ScriptedCollector;
let publisher: Publisher;
const refused = failure(status.UNAUTHENTICATED, 'the token has expired');
/** Answers one batch, then says that the token has expired. */
const expiresAfterOne =
  (then: () => void): BatchStreamHandler =>
  (call) => {
    call.once('data', (request: PublishEventsRequest) => {
      call.write(accepted(request));
      then();
      call.emit('error', refused);
    });
  };
const refuse =
  (then: () => void = () => undefined): UnaryHandler =>
  (_, answer) => {
    then();
    answer(refused);
  };

async function setUp(
  options: Partial<PublisherOptions>,
  script: ConstructorParameters<typeof ScriptedCollector>[0] = {},
): Promise<void> {
  collector = await new ScriptedCollector(script).start();
  publisher = new Publisher({ collectors: collector.address, maxBatchEvents: 10, ...options });
}
afterEach(async () => {
  await publisher.close({ timeoutMs: 0 });
  collector.stop();
});

describe.each(['stream', 'unary'] as const)('a publisher by %s', (method) => {
  it('sends its token with each call, and none where it has none', async () => {
    await setUp({ method, token: 'a.b-c' });
    await publisher.publishMany(numbered(30));
    expect(new Set(collector.authorizations)).toEqual(new Set(['Bearer a.b-c']));
    await publisher.close();
    collector.stop();
    await setUp({ method });
    await publisher.publishMany(numbered(30));
    expect(new Set(collector.authorizations)).toEqual(new Set(['']));
  });

  it('goes on with a new token where the old one has expired, and loses nothing', async () => {
    const tokens = ['old'];
    const renew = () => void tokens.push('new');
    const script = {
      batchStreams: [expiresAfterOne(renew)],
      requests: [refuse(renew)],
    };
    await setUp({ method, token: () => tokens.at(-1)! }, script);
    const result = await publisher.publishMany(numbered(50));
    expect(result).toMatchObject({ accepted: 50, failed: 0 });
    expect(collector.authorizations.length).toBeGreaterThan(1);
    expect(collector.authorizations[0]).toBe('Bearer old');
    expect(collector.authorizations.at(-1)).toBe('Bearer new');
  });

  it('gives up at once what a collector refuses for a token that is still the same', async () => {
    const troubles: boolean[] = [];
    const observer = {
      onTrouble: ({ hopeless }: { hopeless: boolean }) => void troubles.push(hopeless),
    };
    await setUp(
      { method, token: 'old', observer },
      {
        batchStreams: [(call) => call.emit('error', refused)],
        requests: [refuse()],
      },
    );
    await expect(publisher.publish({ type: 'a', eventId: eventId(1) })).rejects.toMatchObject({
      code: 'REFUSED',
      mayBeQueued: false,
      message: expect.stringContaining('UNAUTHENTICATED') as string,
    });
    expect(troubles).toEqual([true]);
  });
});

describe('a token that is none', () => {
  it('is refused as an option, and not shown', () => {
    const make = () => new Publisher({ collectors: 'localhost:1', token: 'my secret\n' });
    expect(make).toThrow(/^token: expected letters/);
    expect(make).not.toThrow(/my secret/);
  });
});

describe('a token from a file', () => {
  let folder: string;
  let path: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'token-'));
    path = join(folder, 'token');
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('is what stands there, read again when it has changed, and kept while there is none', async () => {
    const clock = new SimulatedClock();
    await writeFile(path, ' first\n');
    const token = tokenFromFile(path, { clock });
    expect(token()).toBe('first');
    await writeFile(path, 'second.\n');
    await clock.advance(1_000);
    expect(token()).toBe('second.');
    await writeFile(path, 'two words');
    await clock.advance(1_000);
    expect(token()).toBe('second.');
    await rm(path);
    await clock.advance(1_000);
    expect(token()).toBe('second.');
    await writeFile(path, 'the-third');
    await clock.advance(1_000);
    expect(token()).toBe('the-third');
  });

  it('has to be there at first, and is not shown', async () => {
    expect(() => tokenFromFile(path)).toThrow(/^token: .*ENOENT/);
    await writeFile(path, 'my secret');
    expect(() => tokenFromFile(path)).toThrow(/expected a token of letters/);
    expect(() => tokenFromFile(path)).not.toThrow(/my secret/);
  });
});
