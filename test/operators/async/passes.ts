/** Passes of an asynchronous operator without the runtime: records in, what would stand in their places out. */
import { ManualClock } from '../../../lib/adapters/simulated/index.ts';
import { type Key, keyIdOf } from '../../../lib/model/index.ts';
import type { AsyncCalls, AsyncHost, OperatorDefinition } from '../../../lib/operators/index.ts';

/** A record with its time, and its key if it has one. */
export type Arrival = readonly [value: unknown, time: number, key?: Key];

/** The calls of one task, and the clock and counters that they see. */
export class Passes {
  readonly clock = new ManualClock();
  readonly counts: Record<string, number> = {};
  readonly calls: AsyncCalls;
  readonly stop = new AbortController();

  constructor(definition: OperatorDefinition) {
    if ((definition.mistakes?.length ?? 0) > 0) throw new Error(JSON.stringify(definition.mistakes));
    this.calls = definition.code.async!.begin();
  }

  /** What stands in the records' places: results, or errors of those that failed. Throws if one is left. */
  async pass(arrivals: readonly Arrival[]): Promise<unknown[]> {
    const places: unknown[] = new Array(arrivals.length).fill(LEFT);
    const stopped = Promise.withResolvers<never>();
    stopped.promise.catch(() => {});
    this.stop.signal.addEventListener('abort', () => stopped.reject(this.stop.signal.reason), { once: true });
    const host: AsyncHost = {
      clock: this.clock,
      stop: this.stop.signal,
      stopped: stopped.promise,
      count: (metric, n) => {
        this.counts[metric] = (this.counts[metric] ?? 0) + n;
      },
    };
    const records = arrivals.map(([value, time, key], i) => ({
      ...{ value, time, key: key === undefined ? undefined : keyIdOf(key) },
      settle: (result: unknown) => {
        if (places[i] !== LEFT) throw new Error(`record ${i} is settled twice`);
        places[i] = result;
      },
      fail: (error: unknown) => {
        if (places[i] !== LEFT) throw new Error(`record ${i} is settled twice`);
        places[i] = error;
      },
    }));
    await this.calls.pass(records, host);
    if (places.includes(LEFT)) throw new Error('a record was left');
    return places;
  }

  /** Lets what waits go on, and the clock with it, until the work is done. */
  async during<T>(work: Promise<T>, step = 10): Promise<T> {
    let done = false;
    const watched = work.finally(() => {
      done = true;
    });
    watched.catch(() => {});
    while (!done) {
      await new Promise((resolve) => setImmediate(resolve));
      if (!done && this.clock.sleeping > 0) this.clock.advance(step as never);
    }
    return watched;
  }
}

const LEFT = Symbol('left');

/** One pass of new calls. */
export const passed = (definition: OperatorDefinition, arrivals: readonly Arrival[]): Promise<unknown[]> =>
  new Passes(definition).pass(arrivals);
