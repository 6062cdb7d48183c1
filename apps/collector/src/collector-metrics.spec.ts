import { createMetrics } from '@event-pipeline/telemetry';
import { createLogSink } from '@event-pipeline/telemetry/testing';
import { intakeMetrics, loadMetrics } from './collector-metrics';

describe('the metrics of a collector', () => {
  it('begin at 0 for every reason and code, so that the first of each shows as growth', async () => {
    const metrics = createMetrics();
    const { logger } = createLogSink();
    intakeMetrics(metrics, logger);
    loadMetrics(metrics, logger);
    const text = await metrics.text();
    const begun = (name: string) =>
      [...text.matchAll(new RegExp(`^${name}\\{\\w+="([\\w-]+)"\\} 0$`, 'gm'))].map(([, it]) => it);
    expect(begun('pipeline_events_rejected_total')).toContain('undecodable');
    expect(begun('pipeline_events_rejected_total')).not.toContain('unspecified');
    expect(begun('pipeline_events_rejected_total')).not.toContain('unrecognized');
    expect(begun('pipeline_calls_failed_total')).toContain('QUEUE_UNAVAILABLE');
    expect(begun('pipeline_load_refused_total')).toEqual(['memory', 'heap', 'event-loop']);
  });
});
