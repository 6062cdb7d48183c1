// A program of its own: sends batches that were encoded before, as fast as its window allows or at a
// rate, and prints what was answered as one JSON line. Its argument is a PublishLoad as JSON.
import { Client, credentials, type ClientDuplexStream } from '@grpc/grpc-js';
import { PublishEventsResponse } from '@event-pipeline/contracts';
import { messageOf, systemClock, systemRandom } from '@event-pipeline/runtime';
import { quantile } from '../statistics';
import { benchEvents } from './bench-events';
import { EncodedBatch } from './encoded-batch';
import type { PublishLoad, PublishResult } from './publish-load';

/** Different batches that are encoded; they are sent in turn, each time under another id. */
const TEMPLATES = 64;
const identity = (bytes: Buffer) => bytes;

/** One connection: hands over a request, and tells when its answer is there. */
type Send = (request: Buffer, answered: (response: Buffer) => void) => void;

const load = JSON.parse(process.argv[2] ?? '') as PublishLoad;
const batches = Array.from(
  { length: load.eventsPerBatch === 1 ? 1_024 : TEMPLATES },
  () => new EncodedBatch(benchEvents(load.eventsPerBatch)),
);
const ends: (() => Promise<void> | void)[] = [];
let fail: (error: Error) => void = () => undefined;
const failure = new Promise<never>((_, reject) => (fail = reject));
failure.catch(() => undefined);
const connections = Array.from({ length: load.connections }, () => connect());

function connect(): Send {
  const client = new Client(load.address, credentials.createInsecure(), {
    'grpc.use_local_subchannel_pool': 1,
  });
  if (load.method === 'PublishEvents') {
    ends.push(() => client.close());
    return (request, answered) =>
      client.makeUnaryRequest(
        '/event.EventService/PublishEvents',
        identity,
        identity,
        request,
        (error, response) => (error ? fail(error) : answered(response ?? Buffer.alloc(0))),
      );
  }
  const waiting: ((response: Buffer) => void)[] = [];
  let answeredTo = 0;
  const stream: ClientDuplexStream<Buffer, Buffer> = client.makeBidiStreamRequest(
    '/event.EventService/PublishEventStream',
    identity,
    identity,
  );
  stream.on('data', (response: Buffer) => {
    const answered = waiting[answeredTo++];
    if (answeredTo >= 10_000) {
      waiting.splice(0, answeredTo);
      answeredTo = 0;
    }
    answered?.(response);
  });
  stream.on('error', fail);
  ends.push(() =>
    new Promise<void>((resolve, reject) => {
      // Anything but OK is an "error", too.
      stream.on('status', ({ code }) =>
        code === 0 ? resolve() : reject(new Error(`status ${code}`)),
      );
      stream.end();
    }).finally(() => client.close()),
  );
  return (request, answered) => {
    waiting.push(answered);
    stream.write(request);
  };
}

/** Sends so many batches, or for so long, and resolves when all are answered. */
async function phase(most: number, seconds: number): Promise<Omit<PublishResult, 'batchesInAll'>> {
  const latencies: number[] = [];
  const start = systemClock.monotonic();
  const until = start + seconds * 1_000;
  let sent = 0;
  let open = 0;
  let longestLagMs = 0;
  await new Promise<void>((resolve, reject) => {
    failure.catch(reject);
    const send = () => {
      const now = systemClock.monotonic();
      const due = load.batchesPerSecond
        ? Math.min(most, Math.floor(((now - start) / 1_000) * load.batchesPerSecond) + 1)
        : most;
      if (load.batchesPerSecond && sent < due) {
        longestLagMs = Math.max(longestLagMs, now - start - (sent * 1_000) / load.batchesPerSecond);
      }
      while (open < load.window && sent < due && now < until) {
        const batch = batches[sent % batches.length];
        const connection = connections[sent % connections.length];
        if (!batch || !connection) throw new Error('nothing to send');
        const id = systemRandom.uuid();
        const at = systemClock.monotonic();
        sent += 1;
        open += 1;
        connection(batch.withId(id), (response) => {
          open -= 1;
          latencies.push(systemClock.monotonic() - at);
          check(response, id);
          if (open === 0 && (sent >= most || systemClock.monotonic() >= until)) resolve();
          else if (!load.batchesPerSecond) send();
        });
      }
      if (load.batchesPerSecond && sent < most && now < until) setTimeout(send, 1);
      else if (open === 0) resolve();
    };
    send();
  });
  const seen = (systemClock.monotonic() - start) / 1_000;
  const [p50Ms, p99Ms] = [quantile(latencies, 0.5), quantile(latencies, 0.99)];
  return { batches: latencies.length, seconds: seen, p50Ms, p99Ms, longestLagMs };
}

function check(response: Buffer, id: string): void {
  const { accepted, duplicate, rejections, batchId } = PublishEventsResponse.decode(response);
  const isRight = accepted === load.eventsPerBatch && !duplicate && rejections.length === 0;
  if (!isRight || batchId !== id) {
    fail(
      new Error(
        `batch ${id} was answered with ${JSON.stringify({ accepted, duplicate, batchId })}`,
      ),
    );
  }
}

async function main(): Promise<void> {
  const warm = await phase(load.warmUpBatches, Infinity);
  process.stderr.write('warm\n');
  const measured = await phase(load.batches, load.seconds ?? Infinity);
  await Promise.race([Promise.all(ends.map((end) => end())), failure]);
  const result: PublishResult = { ...measured, batchesInAll: warm.batches + measured.batches };
  process.stdout.write(`${JSON.stringify(result)}\n`);
}

main().catch((error: unknown) => {
  process.stderr.write(`${messageOf(error)}\n`);
  process.exit(1);
});
