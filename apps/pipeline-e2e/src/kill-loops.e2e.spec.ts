import { SeededRandom } from '@event-pipeline/runtime/testing';
import { startPostgresServer, type PostgresServer } from '@event-pipeline/store/testing';
import { FAULT_SEED, KILLS, KILLS_AT_WORK, tell } from './harness/fault-scale';
import { killLoop, type Victim } from './harness/kill-loop';
import { ALL_WAYS, Load, WITH_BATCH_IDS, type Way } from './harness/load/load';
import { Pipeline, type PipelineOptions } from './harness/pipeline';
import { Scratch } from './harness/scratch';

const scratch = new Scratch();
let postgres: PostgresServer;
beforeAll(async () => {
  tell(`kill loops: FAULT_SEED=${FAULT_SEED}`);
  postgres = await startPostgresServer();
}, 120_000);
afterEach(() => scratch.clean());
afterAll(() => postgres.stop());

interface Loop {
  readonly title: string;
  readonly options: PipelineOptions;
  readonly ways: readonly Way[];
  readonly victims: (pipeline: Pipeline) => readonly Victim[];
}

const redisOf = ({ redis }: Pipeline): Victim => ({
  name: 'Redis',
  kill9: () => redis.kill9(),
  start: () => redis.restart(),
});

const postgresOf = ({ postgres }: Pipeline): Victim => ({
  name: 'PostgreSQL',
  kill9: () => postgres.kill9(),
  start: () => postgres.restart(),
});

const ON_REDIS: PipelineOptions = { engine: 'redis', store: 'postgres' };
const EMBEDDED: PipelineOptions = { engine: 'embedded', store: 'embedded' };

const LOOPS: readonly Loop[] = [
  ...[ON_REDIS, EMBEDDED].flatMap((options): Loop[] => [
    {
      title: `the collector, queue: ${options.engine}, store: ${options.store}`,
      options,
      ways: WITH_BATCH_IDS,
      victims: ({ collector }) => [collector],
    },
    {
      title: `workers, queue: ${options.engine}, store: ${options.store}`,
      options,
      ways: ALL_WAYS,
      victims: ({ workers }) => workers,
    },
  ]),
  {
    title: 'Redis',
    options: ON_REDIS,
    ways: WITH_BATCH_IDS,
    victims: (pipeline) => [redisOf(pipeline)],
  },
  {
    title: 'PostgreSQL',
    options: ON_REDIS,
    ways: WITH_BATCH_IDS,
    victims: (pipeline) => [postgresOf(pipeline)],
  },
];

describe.each(LOOPS)('kill -9 of $title', ({ title, options, ways, victims }) => {
  it(`${KILLS} times at random moments with work in flight: every promise holds, and the backlog goes by itself`, async () => {
    // Handlers take longer than the time from batch to batch: nearly always a lease is held.
    const pipeline = await Pipeline.start({ ...options, postgres, handlerMs: 200 }, scratch);
    const load = new Load(
      // Many small batches: nearly always one of them is on its way.
      {
        address: pipeline.address,
        seed: FAULT_SEED,
        ways: [...ways, ...ways],
        batchEvents: 5,
        eventsPerSecond: 500,
        maxEvents: 500_000,
      },
      scratch,
    );
    load.start();

    const report = await killLoop({
      pipeline,
      load,
      victims: victims(pipeline),
      kills: KILLS,
      random: new SeededRandom(FAULT_SEED),
      onKill: (kill, atWork) => {
        if (kill % 10 === 0) tell(`kill -9 of ${title}: ${kill} of ${KILLS}, ${atWork} at work`);
      },
    });
    tell(`${title}: ${JSON.stringify({ ...report, ...load.ledger.counts })}`);

    const queuedOnce = ways === WITH_BATCH_IDS;
    expect(await pipeline.violations(load, { queuedOnce, noneDead: true })).toEqual([]);
    expect(pipeline.surprises).toEqual([]);
    expect(report.atWork).toBeGreaterThanOrEqual(KILLS_AT_WORK);
    expect(load.ledger.counts.acknowledged).toBeGreaterThan(KILLS * 20);
  }, 1_200_000);
});
