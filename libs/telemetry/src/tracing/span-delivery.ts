import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace-base';
import { boundedText, messageOf, type Clock } from '@event-pipeline/runtime';
import { MAX_FIELD_LENGTH } from '../log-fields';
import type { Logger } from '../logger';
import { MinutelyWarning } from '../minutely-warning';

type ExportResult = Parameters<Parameters<SpanExporter['export']>[1]>[0];

/**
 * An exporter whose failures cost the spans and a warning a minute. OpenTelemetry itself would hand them
 * to a handler of the whole process.
 */
export class SpanDelivery implements SpanExporter {
  private readonly warning: MinutelyWarning;

  constructor(
    private readonly exporter: SpanExporter,
    /** Where spans go, for the warning. */
    private readonly url: string,
    clock: Clock,
    logger: Logger,
  ) {
    this.warning = new MinutelyWarning(clock, logger);
  }

  export(spans: ReadableSpan[], done: (result: ExportResult) => void): void {
    const ended = ({ code, error }: ExportResult) => {
      if (code !== 0) this.failed(spans.length, error);
      // 0: to the one who asks, lost spans are no failure that it could do anything about.
      done({ code: 0 });
    };
    try {
      this.exporter.export(spans, ended);
    } catch (error) {
      ended({ code: 1, error: error instanceof Error ? error : new Error(messageOf(error)) });
    }
  }

  forceFlush(): Promise<void> {
    return this.exporter.forceFlush?.() ?? Promise.resolve();
  }

  shutdown(): Promise<void> {
    return this.exporter.shutdown();
  }

  private failed(spans: number, error: Error | undefined): void {
    const reason = boundedText(messageOf(error), MAX_FIELD_LENGTH);
    this.warning.warn(
      { spans, url: this.url, reason },
      'traces could not be sent, and are lost; events are not touched by it',
      spans,
    );
  }
}
