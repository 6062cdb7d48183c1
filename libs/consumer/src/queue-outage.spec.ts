import { PipelineError } from '@event-pipeline/runtime';
import { SimulatedClock } from '@event-pipeline/runtime/testing';
import { createLogSink } from '@event-pipeline/telemetry/testing';
import { QueueOutage, REASON_INTERVAL_MS } from './queue-outage';

const away = new PipelineError('QUEUE_UNAVAILABLE', 'connection refused');
const corrupt = new PipelineError('QUEUE_CORRUPT', 'a key has the wrong type');

it('an outage is told once, another reason of it once, and its end once', async () => {
  const clock = new SimulatedClock();
  const sink = createLogSink();
  const outage = new QueueOutage(clock, sink.logger);
  const reasons = () => sink.lines.map((line) => (line as { reason?: string }).reason);
  outage.began(away);
  outage.began(away);
  expect(reasons()).toEqual([away.message]);
  // Reasons that alternate fill no log.
  for (let i = 0; i < 10; i++) outage.began(i % 2 === 0 ? corrupt : away);
  expect(reasons()).toEqual([away.message]);
  await clock.advance(REASON_INTERVAL_MS);
  outage.began(away);
  outage.began(corrupt);
  outage.began(corrupt);
  expect(reasons()).toEqual([away.message, corrupt.message]);
  outage.over();
  outage.over();
  outage.began(corrupt);
  expect(reasons()).toEqual([away.message, corrupt.message, undefined, corrupt.message]);
});
