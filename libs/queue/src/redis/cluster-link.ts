import { PipelineError } from '@event-pipeline/runtime';
import type { Logger } from '@event-pipeline/telemetry';
import { Cluster, type Redis, type RedisOptions } from 'ioredis';
import { secretsOf, type RedisClusterLocation, type RedisEndpoint } from '../redis-location';
import { ClusterCommand, slotOf } from './cluster-command';
import { firstOutcome } from './first-outcome';
import { OutageLog } from './outage-log';
import { outageReason, toQueueError } from './redis-errors';
import type { RedisArgument, RedisLink, RedisLinkOptions, ReplyEncoding } from './redis-link';
import { clusterOptions, limitHandshake, placeOf } from './redis-options';
import type { RedisScript } from './redis-scripts';
import { runScript } from './run-script';

/** The part of an outage that is not about one slot. */
const WHOLE_CLUSTER = -1;

/**
 * The way to the nodes of a Redis Cluster, on ioredis' Cluster, which follows moved slots and
 * failovers.
 *
 * ioredis sends a command again that a node refused to carry out (MOVED, ASK, TRYAGAIN, CLUSTERDOWN),
 * and no other: one whose connection was lost is rejected, as on one server.
 */
export class ClusterLink implements RedisLink {
  readonly place: string;
  private readonly cluster: Cluster;
  private readonly outage: OutageLog;
  /** Why a connection to a node failed last: refused, not trusted, wrong password. */
  private nodeError: unknown;
  private closed = false;
  /** How often each node was connected to. */
  private readonly connections = new Map<string, number>();

  constructor(
    location: RedisClusterLocation,
    private readonly options: RedisLinkOptions,
    logger: Logger,
  ) {
    this.place = `the cluster of ${location.nodes.map(placeOf).join(',')}`;
    this.outage = new OutageLog(this.place, logger, secretsOf(location));
    this.cluster = new Cluster(
      location.nodes.map((node) => ({ ...node })),
      clusterOptions(location, options),
    );
    this.cluster.on('+node', (node: Redis) => this.prepare(node));
    this.cluster.on('error', (error: unknown) => this.noteDown(WHOLE_CLUSTER, error));
    this.cluster.on('ready', () => {
      this.outage.end(WHOLE_CLUSTER);
      options.onReady?.();
    });
  }

  /** Knows which node has which slot; whether that node answers, a call tells. */
  get isReady(): boolean {
    return this.cluster.status === 'ready';
  }

  async settled(limitMs: number): Promise<void> {
    if (this.isReady) return;
    await firstOutcome(this.cluster, limitMs);
  }

  call(
    key: string,
    command: string,
    args: readonly RedisArgument[],
    limitMs: number = this.options.commandTimeoutMs,
  ): Promise<unknown> {
    return this.noted(key, () => this.send(key, command, args, limitMs));
  }

  run(
    script: RedisScript,
    keys: readonly string[],
    args: readonly RedisArgument[],
  ): Promise<unknown> {
    const [key = ''] = keys;
    const limitMs = this.options.commandTimeoutMs;
    return this.noted(key, () =>
      runScript(
        (command, args, encoding) => this.send(key, command, args, limitMs, encoding),
        script,
        keys,
        args,
      ),
    );
  }

  serverOf(key: string): string {
    return this.cluster.slots[slotOf(key)]?.[0] ?? this.place;
  }

  sessionOf(key: string): string {
    const server = this.serverOf(key);
    return `${server}#${this.connections.get(server) ?? 0}`;
  }

  /** The node that has the key now, as far as known. */
  nodeOf(key: string): RedisEndpoint | undefined {
    const node = this.cluster.slots[slotOf(key)]?.[0];
    const colon = node?.lastIndexOf(':') ?? -1;
    if (node === undefined || colon < 0) return undefined;
    return { host: node.slice(0, colon), port: Number(node.slice(colon + 1)) };
  }

  close(): void {
    this.closed = true;
    this.cluster.disconnect();
  }

  private async send(
    key: string,
    name: string,
    args: readonly RedisArgument[],
    limitMs: number,
    encoding: ReplyEncoding = 'utf8',
  ): Promise<unknown> {
    const command = new ClusterCommand(name, args, encoding);
    if (command.hasKey) {
      return this.within(limitMs, key, command, (sent) => this.cluster.sendCommand(sent));
    }
    // ioredis would take any node where it has lost the right one; a look at a key finds that again.
    const probe = new ClusterCommand('exists', [key]);
    await this.within(limitMs / 2, key, probe, (sent) => this.cluster.sendCommand(sent));
    const server = this.serverOf(key);
    const node = this.cluster.nodes('master').find(({ options }) => nodeKeyOf(options) === server);
    if (!node) throw this.unreachable(server);
    return this.within(limitMs / 2, key, command, (sent) => node.sendCommand(sent));
  }

  private async within(
    limitMs: number,
    key: string,
    command: ClusterCommand,
    send: (command: ClusterCommand) => unknown,
  ): Promise<unknown> {
    if (!this.isReady) throw this.unreachable(this.place);
    const { name } = command;
    const timer = setTimeout(() => {
      const message = `Redis at ${this.serverOf(key)} did not carry out ${name} within ${limitMs} ms`;
      command.giveUp(new PipelineError('QUEUE_UNAVAILABLE', message, { cause: command.lastError }));
    }, limitMs);
    try {
      return await command.sentBy(send);
    } finally {
      clearTimeout(timer);
    }
  }

  private unreachable(place: string): PipelineError {
    return new PipelineError('QUEUE_UNAVAILABLE', `Redis at ${place} is not reachable`);
  }

  /** What a call came to, also for the log: an outage lasts until every slot that failed works again. */
  private async noted(key: string, call: () => Promise<unknown>): Promise<unknown> {
    const slot = slotOf(key);
    try {
      const answer = await call();
      this.outage.end(slot);
      return answer;
    } catch (error) {
      const failure = toQueueError(error);
      if (failure.code === 'QUEUE_UNAVAILABLE') this.noteDown(slot, failure);
      else this.outage.end(slot);
      throw failure;
    }
  }

  private noteDown(part: number, error: unknown): void {
    if (!this.closed) this.outage.begin(part, outageReason(error, this.nodeError));
  }

  /** Sees to a connection that ioredis has made and not opened yet. */
  private prepare(node: Redis): void {
    const noteError = (error: unknown) => {
      this.nodeError = error;
    };
    limitHandshake(node, this.options.commandTimeoutMs);
    node.on('error', noteError);
    const name = nodeKeyOf(node.options);
    node.on('connect', () => this.connections.set(name, (this.connections.get(name) ?? 0) + 1));
    node.on('ready', () => this.options.onReady?.());
    const duplicate = node.duplicate.bind(node);
    const asking = node.asking.bind(node) as () => Promise<'OK'>;
    Object.assign(node, {
      // On it, ioredis asks for the slots, and passes over why that failed.
      duplicate: (...override: Parameters<typeof duplicate>) =>
        duplicate(...override).on('error', noteError),
      // After ASK, ioredis sends ASKING and leaves its answer alone: where the connection is lost then,
      // that would be an unhandled rejection, which ends the process. The command itself says enough.
      asking: () => {
        const answer = asking();
        answer.catch(() => undefined);
        return answer;
      },
    });
  }
}

/** How ioredis' table of slots names a node. */
function nodeKeyOf({ host = '', port = 0 }: RedisOptions): string {
  return `${host}:${port}`;
}
