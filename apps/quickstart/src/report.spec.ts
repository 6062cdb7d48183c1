import { Address } from './addresses';
import type { QueueFigures } from './queue-figures';
import {
  type RunResult,
  backlogText,
  isComplete,
  listeningText,
  summaryText,
  tryNextText,
} from './report';

const figures = (changes: Partial<QueueFigures>): QueueFigures => ({
  processed: 0,
  dead: 0,
  left: 0,
  delayed: 0,
  earlierProcessed: 0,
  earlierDead: 0,
  stored: 0,
  storedBefore: 0,
  endToEnd: [],
  ...changes,
});

const run = (changes: Partial<RunResult> = {}): RunResult => ({
  wanted: 10_000,
  producer: { sent: 10_000, acknowledged: 10_000, rejected: 0, seconds: 0.4 },
  before: figures({ processed: 500, dead: 3, stored: 7 }),
  sentFrom: figures({ processed: 500, dead: 3, stored: 7 }),
  after: figures({
    processed: 10_500,
    dead: 3,
    stored: 10_006,
    endToEnd: [
      { upperBound: 0.025, count: 6_000 },
      { upperBound: 0.5, count: 9_950 },
      { upperBound: Infinity, count: 10_000 },
    ],
  }),
  seconds: 0.5,
  stores: true,
  ...changes,
});

const place = {
  addresses: {
    grpc: new Address('0.0.0.0', 50_051),
    collectorHttp: new Address('127.0.0.1', 9_101),
    workerHttp: new Address('::1', 9_102),
  },
  queue: 'embedded, in .data/queue',
  store: { exists: true, text: 'SQLite, in .data/store/events.db', look: 'sqlite3 …' },
  logs: '.data/logs',
  variables: 'QUEUE_URL=embedded:.data/queue STORE_URL=embedded:.data/store',
};

describe('the summary', () => {
  it('counts only what this run added to the figures of the queue', () => {
    expect(summaryText(run()).split('\n')).toEqual([
      '  sent                    10,000',
      '  acknowledged            10,000',
      '  processed               10,000',
      '  stored                   9,999',
      '  dead                         0',
      '  left in the queue            0',
      '  end to end              20,000 events/s (0.50 s)',
      '  latency           p50 ≤ 25 ms, p99 ≤ 500 ms',
      "                    (received to processed, by the worker's histogram)",
      '',
      'From before this run:',
      '  processed                    0',
      '  became dead                  0',
      '  left in the queue            0',
      '  dead before                  3',
    ]);
  });

  it('names what was there before apart from the events of this run', () => {
    const result = run({
      wanted: 100,
      producer: { sent: 100, acknowledged: 100, rejected: 0, seconds: 1 },
      before: figures({ processed: 5, dead: 102, left: 96, delayed: 87 }),
      after: figures({
        processed: 114,
        dead: 102 + 2,
        left: 85,
        delayed: 85,
        earlierProcessed: 9,
        earlierDead: 2,
      }),
    });
    const text = summaryText(result);
    const [own = '', earlier = ''] = text.split('From before this run:');
    expect(own).toMatch(/processed +100$/m);
    expect(own).toMatch(/dead +0$/m);
    expect(own).toMatch(/left in the queue +0$/m);
    expect(earlier).toMatch(/processed +9$/m);
    expect(earlier).toMatch(/became dead +2$/m);
    expect(earlier).toMatch(/left in the queue +85$/m);
    expect(earlier).toMatch(/dead before +102$/m);
    expect(isComplete(result)).toBe(true);
  });

  it('counts as stored, and takes into the latency, the events of this run alone', () => {
    const first = figures({ left: 30, delayed: 10 });
    // Twenty went first; of the delayed ones eight came back meanwhile, three of which were stored.
    const sentFrom = figures({ processed: 20, left: 10, delayed: 10, earlierProcessed: 20 });
    const result = run({
      wanted: 100,
      producer: { sent: 100, acknowledged: 100, rejected: 0, seconds: 1 },
      before: first,
      sentFrom: {
        ...sentFrom,
        stored: 20,
        endToEnd: [
          { upperBound: 0.1, count: 0 },
          { upperBound: 3_600, count: 20 },
        ],
      },
      after: figures({
        processed: 128,
        earlierProcessed: 28,
        left: 2,
        delayed: 2,
        stored: 20 + 5 + 100,
        storedBefore: 3,
        endToEnd: [
          { upperBound: 0.1, count: 100 },
          { upperBound: 3_600, count: 128 },
        ],
      }),
    });
    const [own = '', earlier = ''] = summaryText(result).split('From before this run:');
    expect(own).toMatch(/^ {2}processed +100$/m);
    expect(own).toMatch(/^ {2}stored +100$/m);
    expect(own).toMatch(/latency +p50 ≤ 100 ms, p99 ≤ 100 ms$/m);
    expect(earlier).toMatch(/^ {2}processed +28$/m);
  });

  it('says of what was there before which goes first, which later and which stays', () => {
    expect(backlogText(figures({ left: 96, delayed: 87, dead: 102 }))).toBe(
      'Events from before: 9 are pending and go first;\n' +
        '  87 are delayed and come again when their time has come;\n' +
        '  102 are dead letters and stay.',
    );
    expect(backlogText(figures({}))).toBeUndefined();
  });

  it('names rejected events where there are some', () => {
    const producer = { sent: 10_000, acknowledged: 9_990, rejected: 10, seconds: 1 };
    expect(summaryText(run({ producer }))).toMatch(/^ {2}rejected +10$/m);
  });

  it('leaves the latency out where nothing was processed', () => {
    const text = summaryText(run({ after: figures({ processed: 500, dead: 3, left: 10_000 }) }));
    expect(text).not.toContain('latency');
    expect(text).toMatch(/left in the queue +10,000$/m);
  });

  it('says that a run is complete only when every wanted event was processed', () => {
    expect(isComplete(run())).toBe(true);
    expect(isComplete(run({ after: figures({ processed: 10_499, dead: 4 }) }))).toBe(false);
  });
});

describe('what is said after the summary', () => {
  it('names addresses that a client on this machine can reach', () => {
    const text = listeningText(place);
    expect(text).toContain('127.0.0.1:50051');
    expect(text).toContain('http://[::1]:9102');
  });

  it('tells the producer the address where it is not the usual one', () => {
    const addresses = { ...place.addresses, grpc: new Address('127.0.0.1', 50_052) };
    expect(tryNextText({ ...place, addresses })).toContain('--collector 127.0.0.1:50052');
    expect(tryNextText(place)).not.toContain('--collector');
  });

  it('fits into 80 columns', () => {
    const dead = figures({ left: 96_000, delayed: 87_000, dead: 102_000 });
    const text = [
      summaryText(run()),
      backlogText(dead),
      listeningText(place),
      tryNextText(place),
    ].join('\n');
    for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
  });
});
