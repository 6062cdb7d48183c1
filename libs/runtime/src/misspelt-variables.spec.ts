import { defineConfig } from './config';
import { env, integer } from './config-fields';
import { misspeltVariables } from './misspelt-variables';

const number = (name: string) =>
  env(name, integer({ min: 0, max: 9 }), { default: 1, description: '' });
const definition = defineConfig({
  batchSize: number('WORKER_BATCH_SIZE'),
  batchBytes: number('WORKER_BATCH_BYTES'),
  redisHost: number('REDIS_HOST'),
  logLevel: number('LOG_LEVEL'),
});

const meantBy = (name: string) => misspeltVariables(definition, { [name]: '1' })[0]?.meant;

describe('a variable that no program reads', () => {
  it.each([
    ['with a letter missing', 'WORKER_BATCH_SIE', 'WORKER_BATCH_SIZE'],
    ['with a letter too many', 'WORKER_BATCH_BYTESS', 'WORKER_BATCH_BYTES'],
    ['with a wrong letter', 'WORKER_BATCH_SISE', 'WORKER_BATCH_SIZE'],
    ['with swapped letters', 'WORKER_BACTH_SIZE', 'WORKER_BATCH_SIZE'],
    ['with two mistakes in a long name', 'WROKER_BATCH_SIZES', 'WORKER_BATCH_SIZE'],
    ['without an underscore', 'LOGLEVEL', 'LOG_LEVEL'],
    ['with a hyphen', 'REDIS-HOST', 'REDIS_HOST'],
    ['in small letters', 'worker_batch_size', 'WORKER_BATCH_SIZE'],
  ])('%s is taken for the one that is nearest', (_, name, meant) => {
    expect(meantBy(name)).toBe(meant);
  });

  it.each([
    ['is one of its own', 'WORKER_BATCH_SIZE'],
    ['has two mistakes in a short name', 'REDIS_HOME'],
    ['has three mistakes', 'WROKER_BACTH_SIZES'],
    ['only begins like ours', 'WORKER_THREADS'],
    ['is what Kubernetes gives for a service of this name', 'WORKER_SERVICE_HOST'],
    ['is far shorter', 'REDIS'],
    ['is as long as a hostile one', 'WORKER_BATCH_SIZE'.repeat(10_000)],
  ])('and %s is left alone', (_, name) => {
    expect(meantBy(name)).toBeUndefined();
  });
});
