import { systemClock } from '../adapters/system/index.ts';
import type { Duration } from '../model/index.ts';
import type { Clock } from '../ports/index.ts';
import { asError, type CallFunction } from './delivery.ts';
import type { News } from './news.ts';

export interface ScheduleOptions {
  readonly functionName: string;
  /** What the function is called with, as JSON. Default: `{}`. */
  readonly input?: string;
  /** Between the beginnings of two calls. */
  readonly period: Duration;
  readonly call: CallFunction;
  /** Told of calls that failed. */
  readonly tell?: (news: News) => void;
  /** Default: the machine's. */
  readonly clock?: Clock;
}

/** Stands for EventBridge Scheduler: calls a function each period, the first time at once. A call that takes longer than the period delays the next. */
export class LocalSchedule {
  readonly #abort = new AbortController();
  readonly #running: Promise<void>;

  /** Begins at once. */
  constructor(options: ScheduleOptions) {
    this.#running = this.#run(options);
  }

  /** Ends when a call under way has ended. */
  async stop(): Promise<void> {
    this.#abort.abort();
    await this.#running;
  }

  async #run({
    functionName,
    input = '{}',
    period,
    call,
    tell = () => {},
    clock = systemClock,
  }: ScheduleOptions): Promise<void> {
    const { signal } = this.#abort;
    for (let attempts = 1; !signal.aborted; attempts++) {
      const began = clock.now();
      try {
        const called = await call(functionName, input);
        if (called.kind !== 'answered') tell({ mapping: functionName, ...called, attempts });
      } catch (thrown) {
        tell({ mapping: functionName, kind: 'trouble', error: asError(thrown) });
      }
      await clock.sleep(Math.max(0, period - (clock.now() - began)) as Duration, signal).catch(() => {});
    }
  }
}
