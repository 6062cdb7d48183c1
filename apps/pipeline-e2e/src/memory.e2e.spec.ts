import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { credentials, status, type ServiceError } from '@grpc/grpc-js';
import { Event, EventServiceClient, type StreamSummary } from '@event-pipeline/contracts';
import { systemClock } from '@event-pipeline/runtime';
import { decodeStatusDetails, STATUS_DETAILS_KEY } from '@event-pipeline/contracts';
import { eventId } from './harness/events-file';
import { startCollector } from './harness/program';
import { redisEngine } from './harness/queue-engine';
import { Scratch } from './harness/scratch';

const STREAMS = 50;
const STALL_MS = 20_000;
const LIMIT_MIB = 256;

const scratch = new Scratch();
afterEach(() => scratch.clean());

describe('the memory of the collector', () => {
  it('stays under 256 MiB while Redis stands still for 20 s and 50 streams send large events', async () => {
    const engine = await redisEngine(scratch);
    const { address, program } = await startCollector(engine.variables, scratch);
    const load = new Load(address);
    const streams = Array.from({ length: STREAMS }, () => load.run());

    const peak = new PeakMemory(program.pid);
    await systemClock.sleep(1_000);
    engine.redis.pause();
    await systemClock.sleep(STALL_MS);
    engine.redis.resume();
    await systemClock.sleep(1_000);
    load.stop();
    await Promise.all(streams);
    peak.stop();

    expect(peak.mib).toBeGreaterThan(0);
    expect(peak.mib).toBeLessThan(LIMIT_MIB);
    expect(load.acknowledged.size).toBeGreaterThan(STREAMS);
    const bodies = (await engine.redis.command('lrange', 'event_queue', 0, -1)) as string[];
    const queued = new Set(bodies.map((body) => body.slice(12, 48)));
    expect([...load.acknowledged].filter((id) => !queued.has(id))).toEqual([]);
    expect((await engine.stats()).pending).toBe(bodies.length);
  }, 90_000);
});

/** Streams that send events of up to 256 KiB as fast as they are taken, and note what was acknowledged. */
class Load {
  readonly acknowledged = new Set<string>();
  private readonly stopped = new AbortController();
  private serial = 0;

  constructor(private readonly address: string) {}

  stop(): void {
    this.stopped.abort();
  }

  /** One stream after the other, until it is stopped. */
  async run(): Promise<void> {
    const client = new EventServiceClient(this.address, credentials.createInsecure(), {
      'grpc.use_local_subchannel_pool': 1,
    });
    try {
      while (!this.stopped.signal.aborted) await this.stream(client);
    } finally {
      client.close();
    }
  }

  private async stream(client: EventServiceClient): Promise<void> {
    const sent: string[] = [];
    let over = false;
    let answered: (summary: StreamSummary | undefined) => void;
    const answer = new Promise<StreamSummary | undefined>((resolve) => (answered = resolve));
    const call = client.streamEvents((error, summary) => {
      over = true;
      answered(error ? prefixOf(error) : summary);
    });
    call.on('error', () => undefined);
    for (let n = 0; n < 200 && !over && !this.stopped.signal.aborted; n++) {
      const id = eventId(this.serial++);
      const size = 1_024 + ((this.serial * 7_919) % 261_000);
      const data = Buffer.from(`"${'x'.repeat(size - 2)}"`);
      sent.push(id);
      const event = { eventId: id, type: 'large', timestamp: systemClock.now(), data };
      if (!call.write(Event.fromPartial(event))) {
        await Promise.race([once(call, 'drain').catch(() => undefined), answer]);
      }
    }
    call.end();
    const summary = await answer;
    for (const id of sent.slice(0, summary?.accepted ?? 0)) this.acknowledged.add(id);
  }
}

function prefixOf(error: ServiceError): StreamSummary | undefined {
  if (error.code !== status.UNAVAILABLE && error.code !== status.RESOURCE_EXHAUSTED) throw error;
  const [bytes] = error.metadata.get(STATUS_DETAILS_KEY);
  return Buffer.isBuffer(bytes) ? decodeStatusDetails(bytes).summary : undefined;
}

/** Watches the resident memory of a process. */
class PeakMemory {
  mib = 0;
  private readonly timer: NodeJS.Timeout;

  constructor(private readonly pid: number) {
    this.timer = setInterval(() => this.look(), 50);
  }

  stop(): void {
    clearInterval(this.timer);
  }

  private look(): void {
    this.mib = Math.max(this.mib, residentKib(this.pid) / 1_024);
  }
}

function residentKib(pid: number): number {
  const path = `/proc/${pid}/status`;
  if (existsSync(path)) return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(path, 'utf8'))?.[1]);
  return Number(execFileSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' }));
}
