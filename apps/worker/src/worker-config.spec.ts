import { describeConfig, loadConfig } from '@event-pipeline/runtime';
import { workerConfig } from './worker-config';

describe('the configuration of the worker', () => {
  it('has the documented names and defaults', () => {
    const defaults = Object.fromEntries(
      describeConfig(workerConfig).map(({ name, default: value }) => [name, value]),
    );
    expect(defaults).toMatchObject({
      WORKER_CONCURRENCY: '4',
      WORKER_BATCH_SIZE: '500',
      WORKER_BATCH_BYTES: '4194304',
      WORKER_LEASE_MS: '30000',
      WORKER_MAX_ATTEMPTS: '10',
      WORKER_RETRY_BASE_DELAY_MS: '200',
      WORKER_RETRY_MAX_DELAY_MS: '60000',
      WORKER_RETRY_MAX_AGE_MS: '86400000',
      HANDLER_TIMEOUT_MS: '60000',
      WORKER_HANDLERS: '',
      PROCESSING_TIME_MS: '0',
      WORKER_HTTP_HOST: '127.0.0.1',
      WORKER_HTTP_PORT: '9102',
      WORKER_SHUTDOWN_GRACE_MS: '20000',
      QUEUE_NAME: 'event_queue',
      REDIS_HOST: 'localhost',
      REDIS_PORT: '6379',
      LOG_LEVEL: 'info',
    });
  });

  it('names every variable that is wrong, at once', () => {
    const wrong = {
      WORKER_CONCURRENCY: '0',
      WORKER_BATCH_SIZE: '1001',
      PROCESSING_TIME_MS: 'long',
    };
    expect(() => loadConfig(workerConfig, wrong)).toThrow(
      /^WORKER_CONCURRENCY is .*\nWORKER_BATCH_SIZE is .* 1 to 1000.*\nPROCESSING_TIME_MS is [^\n]*$/,
    );
  });

  it('knows whether the HTTP port was chosen: a default that is taken gives way', () => {
    expect(loadConfig(workerConfig, {}).httpPort).toEqual({ port: 9_102, portIsDefault: true });
    expect(loadConfig(workerConfig, { WORKER_HTTP_PORT: '9102' }).httpPort).toEqual({
      port: 9_102,
      portIsDefault: false,
    });
  });
});
