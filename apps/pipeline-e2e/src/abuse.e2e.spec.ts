import { readFileSync } from 'node:fs';
import { metricSum, startCollector } from './harness/program';
import { Attack } from './harness/attack';
import { Load, ALL_WAYS } from './harness/load/load';
import { embeddedEngine } from './harness/queue-engine';
import { Scratch } from './harness/scratch';
import { until } from './harness/until';

const IDLE_CONNECTIONS = 2_000;
const SLOW_STREAMS = 200;
const MEMORY_LIMIT_MIB = 400;
/** Of producers, while all attacks go on. */
const EVENTS = 5_000;

const scratch = new Scratch();
afterEach(() => scratch.clean());

describe('a collector under attack', () => {
  it('acknowledges what others send, and stays within its memory', async () => {
    const engine = await embeddedEngine(scratch);
    const { address, program, httpUrl } = await startCollector(
      {
        ...engine.variables,
        COLLECTOR_MEMORY_LIMIT_BYTES: String(MEMORY_LIMIT_MIB * 1_048_576),
      },
      scratch,
    );
    const load = new Load({ address, seed: 7, ways: ALL_WAYS, batchEvents: 50 }, scratch);
    load.start();
    const attack = new Attack(
      address,
      { idleConnections: IDLE_CONNECTIONS, slowStreams: SLOW_STREAMS },
      scratch,
    );
    await attack.start();
    const hits = (limit: string) =>
      metricSum(httpUrl, `pipeline_limit_hits_total{limit="${limit}"}`);
    for (const limit of ['pings', 'resets', 'unfinished-bytes']) {
      await until(`the limit of ${limit} is reached`, async () => (await hits(limit)) > 0);
    }
    const before = load.ledger.counts.acknowledged;
    let peakMib = 0;
    await until('others were served meanwhile', async () => {
      peakMib = Math.max(peakMib, residentMib(program.pid));
      // Answers of the HTTP port, too.
      expect((await fetch(`${httpUrl}/readyz`)).status).toBe(200);
      return load.ledger.counts.acknowledged - before >= EVENTS;
    });
    expect(peakMib).toBeLessThan(MEMORY_LIMIT_MIB);
    expect(await metricSum(httpUrl, 'pipeline_load_refused_total')).toBe(0);
    expect(attack.idle.filter(({ isClosed }) => isClosed)).toHaveLength(0);
    expect(await metricSum(httpUrl, 'pipeline_connections')).toBeGreaterThan(IDLE_CONNECTIONS);
    await attack.stop();
    await load.settle();
    expect(load.ledger.counts.open).toBe(0);
    expect(load.ledger.breaches).toEqual([]);
    expect([...load.failures]).toEqual([]);
    expect(await program.stop()).toEqual({ code: 0, signal: null });
  }, 60_000);
});

function residentMib(pid: number): number {
  const text = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+)/.exec(text)?.[1]) / 1_024;
}
