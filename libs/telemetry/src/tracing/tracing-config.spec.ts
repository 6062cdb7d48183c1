import { defineConfig, loadConfig } from '@event-pipeline/runtime';
import { headersOf, tracesUrl, tracingConfigFields } from './tracing-config';

const config = defineConfig(tracingConfigFields);
const load = (variables: Record<string, string>) => loadConfig(config, variables);

describe('the configuration of tracing', () => {
  it('is off unless an endpoint is named', () => {
    expect(load({})).toEqual({
      tracesEndpoint: undefined,
      tracesHeaders: undefined,
      serviceName: undefined,
      tracesRatio: 1,
    });
  });

  it.each([
    ['http://localhost:4318', 'http://localhost:4318/v1/traces'],
    ['http://localhost:4318/', 'http://localhost:4318/v1/traces'],
    ['https://traces.example/otlp/', 'https://traces.example/otlp/v1/traces'],
  ])('sends what is for %s to %s', (endpoint, url) => {
    const { tracesEndpoint } = load({ OTEL_EXPORTER_OTLP_ENDPOINT: endpoint });
    expect(tracesUrl(tracesEndpoint!)).toBe(url);
  });

  it.each(['localhost:4318', 'grpc://localhost:4317', 'traces', 'http://a:4318/?b=c'])(
    'refuses the endpoint %s, and says what is expected',
    (endpoint) => {
      expect(() => load({ OTEL_EXPORTER_OTLP_ENDPOINT: endpoint })).toThrow(
        /OTEL_EXPORTER_OTLP_ENDPOINT is ".*": expected the URL of an OTLP receiver/,
      );
    },
  );

  it('refuses a password in the endpoint, does not show it, and says where it belongs', () => {
    let message = '';
    try {
      load({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://me:hidden@localhost:4318' });
    } catch (error) {
      message = String(error);
    }
    expect(message).toContain('OTEL_EXPORTER_OTLP_HEADERS');
    expect(message).not.toContain('hidden');
  });

  it.each([
    ['', {}],
    ['a=b', { a: 'b' }],
    [
      ' authorization = Bearer%20x%2Cy , x-tenant=1,',
      { authorization: 'Bearer x,y', 'x-tenant': '1' },
    ],
    ['a=b=c', { a: 'b=c' }],
    ['a=', { a: '' }],
  ])('reads the headers %j', (list, headers) => {
    expect(headersOf(list)).toEqual(headers);
  });

  it.each(['a', '=b', 'a b=c', 'a=%zz', 'a=%0d%0aX: y', 'a=%00'])(
    'refuses the headers %j, and does not show them',
    (list) => {
      expect(headersOf(list)).toBeUndefined();
      expect(() => load({ OTEL_EXPORTER_OTLP_HEADERS: `${list},secret=very` })).toThrow(
        /^OTEL_EXPORTER_OTLP_HEADERS is \(a secret, not shown\); expected NAME=VALUE pairs/,
      );
    },
  );

  it.each(['-0.1', '1.1', 'all', '1e-3', '0.'])('refuses the ratio %s', (ratio) => {
    expect(() => load({ OTEL_TRACES_SAMPLER_ARG: ratio })).toThrow(/a number from 0 to 1/);
  });

  it('takes a ratio', () => {
    expect(load({ OTEL_TRACES_SAMPLER_ARG: '0.05' }).tracesRatio).toBe(0.05);
  });
});
