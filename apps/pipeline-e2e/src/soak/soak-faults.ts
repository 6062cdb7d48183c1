import { systemClock, type Random } from '@event-pipeline/runtime';
import type { Pipeline } from '../harness/pipeline';
import type { Service } from '../harness/service';
import type { Direction, TcpProxy } from '../harness/tcp-proxy';

/** Something that goes wrong for a while, and is over when `inject` resolves. */
export interface SoakFault {
  readonly kind: string;
  /** What it happens to; two faults at once never share one. */
  readonly target: string;
  inject(random: Random): Promise<void>;
}

/** Longer than a lease, so that leases run out while their holder stands still. */
const MOST_STOPPED_MS = 3_000;

/** Every fault that this pipeline can suffer. */
export function soakFaults(pipeline: Pipeline, engine: 'redis' | 'embedded'): readonly SoakFault[] {
  const { collector, workers, links } = pipeline;
  const services = [collector, ...workers].flatMap(serviceFaults);
  const proxies = Object.entries(links).flatMap(([name, proxy]) =>
    proxy === undefined ? [] : linkFaults(name, proxy as TcpProxy),
  );
  const servers = [
    ...(engine === 'redis' ? [{ name: 'Redis', server: pipeline.redis }] : []),
    ...(pipeline.end.postgres ? [{ name: 'PostgreSQL', server: pipeline.end.postgres }] : []),
  ];
  return [...services, ...proxies, ...servers.flatMap(serverFaults)];
}

function serviceFaults(service: Service): SoakFault[] {
  const target = service.name;
  const name = target.replace(/ \d+$/, '');
  return [
    {
      kind: `kill -9 of a ${name}`,
      target,
      inject: async () => {
        await service.kill9();
        await service.start();
      },
    },
    {
      kind: `orderly stop of a ${name}`,
      target,
      inject: async () => {
        await service.stop();
        await service.start();
      },
    },
    {
      kind: `a ${name} stands still`,
      target,
      inject: async (random) => {
        service.pause();
        await aWhile(random, MOST_STOPPED_MS);
        service.resume();
      },
    },
  ];
}

interface Server {
  kill9(): Promise<void>;
  restart(): Promise<void>;
  pause(): void;
  resume(): void;
}

function serverFaults({ name, server }: { name: string; server: Server }): SoakFault[] {
  return [
    {
      kind: `kill -9 of ${name}`,
      target: name,
      inject: async (random) => {
        await server.kill9();
        await aWhile(random, 500);
        await server.restart();
      },
    },
    {
      kind: `${name} stands still`,
      target: name,
      inject: async (random) => {
        server.pause();
        await aWhile(random, MOST_STOPPED_MS);
        server.resume();
      },
    },
  ];
}

function linkFaults(name: string, proxy: TcpProxy): SoakFault[] {
  const link = LINK_NAMES[name] ?? name;
  const forAWhile = (begin: (random: Random) => void, mostMs: number) => async (random: Random) => {
    begin(random);
    await aWhile(random, mostMs);
    proxy.pass();
  };
  return [
    {
      kind: `reset of the link ${link}`,
      target: name,
      inject: () => {
        proxy.resetAll();
        return Promise.resolve();
      },
    },
    {
      kind: `cut of the link ${link} in the middle of its bytes`,
      target: name,
      inject: async (random) => {
        proxy.cutAfter(directionOf(random), 1 + Math.floor(random.next() * 20_000));
        await aWhile(random, 500);
        proxy.resetAll();
      },
    },
    {
      kind: `lost replies on the link ${link}`,
      target: name,
      inject: forAWhile(() => void proxy.loseReply(), 800),
    },
    {
      kind: `black hole on the link ${link}`,
      target: name,
      inject: forAWhile((random) => {
        proxy.blackHole(random.next() < 0.5 ? undefined : [directionOf(random)]);
      }, MOST_STOPPED_MS),
    },
    {
      kind: `delay on the link ${link}`,
      target: name,
      inject: forAWhile((random) => proxy.delay(5 + random.next() * 100), 2_000),
    },
    {
      kind: `refused connections on the link ${link}`,
      target: name,
      inject: forAWhile(() => {
        proxy.refuse();
        proxy.resetAll();
      }, 1_500),
    },
  ];
}

const LINK_NAMES: Readonly<Record<string, string>> = {
  toCollector: 'from producers to the collector',
  collectorToQueue: 'from the collector to Redis',
  workersToQueue: 'from the workers to Redis',
  workersToStore: 'from the workers to PostgreSQL',
};

function directionOf(random: Random): Direction {
  return random.next() < 0.5 ? 'toServer' : 'toClient';
}

function aWhile(random: Random, mostMs: number): Promise<void> {
  return systemClock.sleep(mostMs * (0.1 + 0.9 * random.next()));
}
