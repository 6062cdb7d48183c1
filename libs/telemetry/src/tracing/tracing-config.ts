import { checkedText, env, ratio, shownValue, text, type FieldType } from '@event-pipeline/runtime';

const ENDPOINT_FORM = 'the URL of an OTLP receiver, like http://localhost:4318';
const HEADERS_FORM = 'NAME=VALUE pairs with commas between them, the values percent-encoded';
/** What an HTTP header may be called: RFC 9110, 5.6.2. */
const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** And what may stand in it: RFC 9110, 5.5, without what is not ASCII. */
const HEADER_VALUE = /^[\t\x20-\x7e]*$/;

/**
 * The tracing variables of a program: spread them into its defineConfig. The names and meanings are
 * OpenTelemetry's (https://opentelemetry.io/docs/specs/otel/protocol/exporter/).
 */
export const tracingConfigFields = {
  tracesEndpoint: env(
    'OTEL_EXPORTER_OTLP_ENDPOINT',
    checkedText(ENDPOINT_FORM, { problemOf: endpointProblem, show: shownValue }),
    {
      optional: true,
      description:
        'where traces are sent, as OTLP over HTTP in JSON, to /v1/traces below it; unset: nothing is traced',
    },
  ),
  tracesHeaders: env('OTEL_EXPORTER_OTLP_HEADERS', headerList(), {
    optional: true,
    description: 'headers for the receiver of traces, e.g. its token',
  }),
  serviceName: env('OTEL_SERVICE_NAME', text({ maxLength: 255 }), {
    optional: true,
    description: 'what the program is called in traces (service.name); unset: its own name',
  }),
  tracesRatio: env('OTEL_TRACES_SAMPLER_ARG', ratio(), {
    default: 1,
    description:
      'share of the calls and leases that are traced where no trace led to them, from 0 to 1; ' +
      'what belongs to a trace is traced where that one is',
  }),
};

/** The values of {@link tracingConfigFields}. */
export interface TracingConfig {
  readonly tracesEndpoint: string | undefined;
  readonly tracesHeaders: string | undefined;
  readonly serviceName: string | undefined;
  readonly tracesRatio: number;
}

/** Undefined where one of them is no header. */
export function headersOf(list: string): Readonly<Record<string, string>> | undefined {
  const headers: [string, string][] = [];
  for (const pair of list.split(',')) {
    if (pair.trim() === '') continue;
    const at = pair.indexOf('=');
    const name = pair.slice(0, Math.max(0, at)).trim();
    const value = decoded(pair.slice(at + 1).trim());
    if (at < 0 || value === undefined) return undefined;
    if (!HEADER_NAME.test(name) || !HEADER_VALUE.test(value)) return undefined;
    headers.push([name, value]);
  }
  return Object.fromEntries(headers);
}

/** Below the endpoint, whatever its path is: so OpenTelemetry has it for all signals together. */
export function tracesUrl(endpoint: string): string {
  const url = new URL(endpoint);
  url.pathname = `${url.pathname.replace(/\/+$/, '')}/v1/traces`;
  return url.href;
}

function headerList(): FieldType<string> {
  const type = text({ maxLength: 8_192, secret: true });
  const schema = type.schema.refine((list) => headersOf(list) !== undefined);
  return { ...type, form: HEADERS_FORM, schema };
}

function decoded(value: string): string | undefined {
  try {
    return decodeURIComponent(value);
  } catch {
    return undefined;
  }
}

function endpointProblem(given: string): string | undefined {
  const url = URL.canParse(given) ? new URL(given) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) return `expected ${ENDPOINT_FORM}`;
  if (url.username !== '' || url.password !== '') {
    return 'it has a user or a password; expected them in OTEL_EXPORTER_OTLP_HEADERS';
  }
  if (url.search !== '' || url.hash !== '') return `expected ${ENDPOINT_FORM}, without ? and #`;
  return undefined;
}
