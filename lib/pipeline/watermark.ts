import type { Duration, EventTime } from '../model/index.ts';
import { settings } from '../operators/index.ts';
import type { WatermarkPlan } from '../plan/index.ts';

/**
 * Makes a source partition's watermark from its records. Runs in the source's task, so it must depend on nothing but its arguments; `S` is plain
 * data that is committed with the task (numbers, strings, arrays, plain objects).
 */
export interface WatermarkGenerator<in T, S = unknown> {
  create(): S;
  /**
   * Called for each record in order. May change `state` in place. Returns the watermark from here on ("no record at or before this time
   * follows"), or undefined where it stays as it is; a watermark never falls, lower values are passed over.
   */
  onRecord(state: S, time: EventTime, record: T): EventTime | undefined;
}

/** How a source's watermark is made. */
export interface WatermarkStrategy<in T = unknown> {
  readonly kind: WatermarkPlan['kind'];
  /** Declared disorder: no record is this much older than one before it on its partition. */
  readonly bound: Duration;
  readonly generator: WatermarkGenerator<T>;
  /** The author's functions in it, for the fingerprint. */
  readonly functions: readonly unknown[];
}

/**
 * Records of a partition may come out of order by up to `bound`; what comes later than that is late. The watermark is the greatest event time so
 * far, less the bound and one millisecond.
 */
export function boundedOutOfOrderness(bound: Duration): WatermarkStrategy {
  return { kind: 'bounded', bound, generator: trailing(bound), functions: [] };
}

/** Records of a partition come in order of event time, equal times allowed. The same as a bound of zero. */
export function ascendingTimestamps(): WatermarkStrategy {
  return { kind: 'ascending', bound: 0 as Duration, generator: trailing(0), functions: [] };
}

export interface WatermarkGeneratorOptions<T, S> extends WatermarkGenerator<T, S> {
  /** Disorder to expect when a silent partition speaks again; see docs/guides/time.md. Default zero. */
  readonly bound?: Duration;
}

/** A watermark of the author's own making, for instance from punctuation in the data. */
export function watermarkGenerator<T, S>(options: WatermarkGeneratorOptions<T, S>): WatermarkStrategy<T> {
  const { create, onRecord, bound = 0 as Duration } = settings(options);
  return {
    kind: 'custom',
    bound,
    generator: { create, onRecord: onRecord as WatermarkGenerator<T>['onRecord'] },
    functions: [create, onRecord],
  };
}

/** The strategy of a source without event time: it has no watermark. */
export const noWatermark: WatermarkStrategy = {
  kind: 'none',
  bound: 0 as Duration,
  generator: { create: () => null, onRecord: () => undefined },
  functions: [],
};

function trailing(bound: number): WatermarkGenerator<unknown, { max: number }> {
  return {
    create: () => ({ max: Number.MIN_SAFE_INTEGER }),
    onRecord(state, time) {
      if (time <= state.max) return undefined;
      state.max = time;
      return (time - bound - 1) as EventTime;
    },
  };
}
