import { boundedText, messageOf, type Clock } from '@event-pipeline/runtime';
import { BoundedCall } from './bounded-call';
import { MAX_FIELD_LENGTH } from './log-fields';
import type { Metrics } from './metrics';

/** Whether the program does its work now, and what keeps it from it otherwise. */
export interface Readiness {
  readonly ready: boolean;
  readonly reason: string;
  /** More of it, for /readyz: values that JSON can show, and no secrets. */
  readonly details?: Readonly<Record<string, unknown>>;
}

export interface OperatorPagesOptions {
  /** Asked at each /readyz, for at most 2 s; a rejection or a longer wait counts as not ready. */
  readonly readiness: () => Promise<Readiness>;
  /** Asked at each /livez: why the program has to be restarted; undefined while it is alive. */
  readonly stalled?: () => string | undefined;
  readonly metrics: Pick<Metrics, 'text' | 'contentType'>;
}

/** What is sent back for a request. */
export interface Page {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

const READINESS_LIMIT_MS = 2_000;

/** /livez, /readyz and /metrics, without the server that sends them. */
export class OperatorPages {
  readonly #options: OperatorPagesOptions;
  readonly #readiness: BoundedCall<Readiness>;

  constructor(options: OperatorPagesOptions, clock: Clock) {
    this.#options = options;
    this.#readiness = new BoundedCall(options.readiness, READINESS_LIMIT_MS, clock);
  }

  async page(method: string, url: string): Promise<Page> {
    if (method !== 'GET' && method !== 'HEAD') return plain(405, 'only GET and HEAD\n');
    const [path] = url.split('?', 1);
    switch (path) {
      case '/livez':
        return this.#livez();
      case '/readyz':
        return this.#readyz();
      case '/metrics': {
        const { metrics } = this.#options;
        return { status: 200, type: metrics.contentType, body: await metrics.text() };
      }
      default:
        return plain(404, 'not found; try /livez, /readyz or /metrics\n');
    }
  }

  #livez(): Page {
    const stalled = this.#options.stalled?.();
    return stalled === undefined ? plain(200, 'ok\n') : plain(503, `${stalled}\n`);
  }

  async #readyz(): Promise<Page> {
    const answer: Promise<Readiness> = this.#readiness.run();
    const { ready, reason, details } = await answer.catch((error: unknown): Readiness => ({
      ready: false,
      reason: boundedText(messageOf(error), MAX_FIELD_LENGTH),
    }));
    const body = `${JSON.stringify({ ready, reason, ...details })}\n`;
    return { status: ready ? 200 : 503, type: 'application/json', body };
  }
}

/** A page that says nothing but whether the program works: for whoever may have it restarted. */
export function isProbe(url: string): boolean {
  const [path = ''] = url.split('?', 1);
  return path === '/livez' || path === '/readyz';
}

export function plain(status: number, body: string): Page {
  return { status, type: 'text/plain; charset=utf-8', body };
}
