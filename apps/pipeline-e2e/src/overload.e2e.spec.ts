import { credentials, status } from '@grpc/grpc-js';
import { EventServiceClient, Event, PublishEventsRequest } from '@event-pipeline/contracts';
import { readFileSync } from 'node:fs';
import { systemClock } from '@event-pipeline/runtime';
import { metricSum } from '@event-pipeline/runtime/testing';
import { eventId } from './harness/events-file';
import { startCollector } from './harness/program';
import { redisEngine } from './harness/queue-engine';
import { Scratch } from './harness/scratch';
import { until } from './harness/until';

/** What lies on the heap is little for an event, whatever its size: the texts of events are outside of it. */
const CALLS = 100;
const EVENTS = 10_000;
const LIMIT_MIB = 500;

const scratch = new Scratch();
afterEach(() => scratch.clean());

describe('a collector with a heap that is too small for its budgets', () => {
  it('refuses calls with a hint and lives, while Redis stands still', async () => {
    const engine = await redisEngine(scratch);
    const { address, program, httpUrl } = await startCollector(
      {
        ...engine.variables,
        NODE_OPTIONS: '--max-old-space-size=36',
        // So that nothing but the memory limit protects it.
        COLLECTOR_MAX_IN_FLIGHT_EVENTS: '10000000',
        COLLECTOR_MAX_IN_FLIGHT_BYTES: '4000000000',
        COLLECTOR_MAX_UNFINISHED_BYTES: '4000000000',
        COLLECTOR_QUEUE_PATIENCE_MS: '60000',
        REDIS_COMMAND_TIMEOUT_MS: '60000',
      },
      scratch,
    );
    const client = new EventServiceClient(address, credentials.createInsecure(), {});
    engine.redis.pause();
    const accepted: string[] = [];
    const codes: number[] = [];
    let answers = 0;
    let peakMib = 0;
    for (let call = 0; call < CALLS; call++) {
      const request = requestOf(call);
      client.publishEvents(request, (error, response) => {
        answers += 1;
        if (error) codes.push(error.code);
        else accepted.push(...request.events.map(({ eventId: id }) => id));
        void response;
      });
      await systemClock.sleep(10);
      peakMib = Math.max(peakMib, residentMib(program.pid));
    }
    const refused = () => metricSum(httpUrl, 'pipeline_load_refused_total{reason="heap"}');
    await until('calls are refused', async () => (await refused()) > 0);
    expect(new Set(codes)).toEqual(new Set([status.RESOURCE_EXHAUSTED]));
    engine.redis.resume();
    await until('every call is answered', () => answers === CALLS);
    expect(peakMib).toBeLessThan(LIMIT_MIB);
    expect(accepted.length).toBeGreaterThan(0);
    expect((await engine.stats()).enqueued).toBe(accepted.length);
    client.close();
    expect(await program.stop()).toEqual({ code: 0, signal: null });
  }, 120_000);
});

/** About 0.5 MiB. */
function requestOf(call: number): PublishEventsRequest {
  return PublishEventsRequest.fromPartial({
    events: Array.from({ length: EVENTS }, (_, at) =>
      Event.fromPartial({
        eventId: eventId(call * EVENTS + at),
        type: 'small',
        timestamp: systemClock.now(),
      }),
    ),
  });
}

function residentMib(pid: number): number {
  const text = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+)/.exec(text)?.[1]) / 1_024;
}
