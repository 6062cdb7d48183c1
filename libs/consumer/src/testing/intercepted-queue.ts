import { PipelineError } from '@event-pipeline/runtime';
import type { DeadLetters, Partitioning, Queue } from '@event-pipeline/queue';

type Method = Exclude<keyof Queue, 'partitionCount' | 'partitioning' | 'deadLetters' | 'close'>;
type Call<M extends Method> = {
  readonly arguments: Parameters<Queue[M]>;
  /** Makes the call to the queue behind. */
  proceed(): ReturnType<Queue[M]>;
};
type Interceptor<M extends Method> = (call: Call<M>) => ReturnType<Queue[M]>;

/** A queue whose calls a test can watch, hold back, answer differently or fail. */
export class InterceptedQueue implements Queue {
  private readonly interceptors = new Map<Method, Interceptor<never>[]>();
  /** Every call so far, by method, with its arguments. */
  readonly calls: { readonly method: Method; readonly arguments: readonly unknown[] }[] = [];

  constructor(private readonly inner: Queue) {}

  /** The next calls of the method go to these, one each; after those already waiting. */
  next<M extends Method>(method: M, ...interceptors: Interceptor<M>[]): void {
    const waiting = this.interceptors.get(method) ?? [];
    this.interceptors.set(method, waiting);
    waiting.push(...(interceptors as unknown as Interceptor<never>[]));
  }

  callsOf(method: Method): (readonly unknown[])[] {
    return this.calls.filter((call) => call.method === method).map((call) => call.arguments);
  }

  get deadLetters(): DeadLetters {
    return this.inner.deadLetters;
  }
  partitionCount(): number {
    return this.inner.partitionCount();
  }
  partitioning(): Partitioning {
    return this.inner.partitioning();
  }
  resize(...given: Parameters<Queue['resize']>): ReturnType<Queue['resize']> {
    return this.pass('resize', given);
  }
  remembers(...given: Parameters<Queue['remembers']>): ReturnType<Queue['remembers']> {
    return this.pass('remembers', given);
  }
  enqueue(...given: Parameters<Queue['enqueue']>): ReturnType<Queue['enqueue']> {
    return this.pass('enqueue', given);
  }
  receive(...given: Parameters<Queue['receive']>): ReturnType<Queue['receive']> {
    return this.pass('receive', given);
  }
  settle(...given: Parameters<Queue['settle']>): ReturnType<Queue['settle']> {
    return this.pass('settle', given);
  }
  extend(...given: Parameters<Queue['extend']>): ReturnType<Queue['extend']> {
    return this.pass('extend', given);
  }
  release(...given: Parameters<Queue['release']>): ReturnType<Queue['release']> {
    return this.pass('release', given);
  }
  reclaim(...given: Parameters<Queue['reclaim']>): ReturnType<Queue['reclaim']> {
    return this.pass('reclaim', given);
  }
  waitForEvents(...given: Parameters<Queue['waitForEvents']>): ReturnType<Queue['waitForEvents']> {
    return this.pass('waitForEvents', given);
  }
  stats(...given: Parameters<Queue['stats']>): ReturnType<Queue['stats']> {
    return this.pass('stats', given);
  }
  health(...given: Parameters<Queue['health']>): ReturnType<Queue['health']> {
    return this.pass('health', given);
  }
  close(): Promise<void> {
    return this.inner.close();
  }

  private pass<M extends Method>(method: M, given: Parameters<Queue[M]>): ReturnType<Queue[M]> {
    this.calls.push({ method, arguments: given });
    const proceed = (): ReturnType<Queue[M]> =>
      Reflect.apply(this.inner[method], this.inner, given) as ReturnType<Queue[M]>;
    const interceptor = this.interceptors.get(method)?.shift() as Interceptor<M> | undefined;
    return interceptor === undefined ? proceed() : interceptor({ arguments: given, proceed });
  }
}

/** What a call rejects with whose answer never came. */
export function unavailable(): PipelineError {
  return new PipelineError('QUEUE_UNAVAILABLE', 'the queue does not answer (a test says so)');
}
