/** Triggers and evictors by how far records are apart, as Flink's DeltaTrigger and DeltaEvictor have it. */
import { MillraceError } from '../../model/index.ts';
import { returnedPromise } from '../author-code.ts';
import type { EvictorFor, EvictorOptions } from './evictor.ts';
import type { Trigger, TriggerOptions } from './trigger.ts';

/** How far a record is from an earlier one, in whatever measure. Pure. */
export type DeltaFunction<T> = (earlier: T, later: T) => number;

/**
 * Emits when a record is more than `threshold` away from the one that emitted last, or from the window's first as long as none has; and at no other time. That record is in the result.
 * For global windows as a rule: `globalWindow()` with this and `deltaEvictor` are Flink's delta windows. Not for sessions, which merge. Purging leaves the record that emitted last.
 */
export function deltaTrigger<T>(
  threshold: number,
  delta: DeltaFunction<T>,
  options: TriggerOptions = {},
): Trigger<T, T> {
  const fire = options.purge === true ? 'fire-and-purge' : 'fire';
  return {
    name: 'deltaTrigger',
    options: { threshold, purge: options.purge === true },
    functions: [delta],
    timers: 'ends',
    onRecord(record, _time, ctx) {
      const last = ctx.state;
      if (last === undefined) {
        ctx.state = record;
        return 'continue';
      }
      if (deltaOf(delta, last, record) <= threshold) return 'continue';
      ctx.state = record;
      return fire;
    },
  };
}

/** Keeps the records that are less than `threshold` away from the last by arrival; with a threshold of 0 or less not even that. */
export function deltaEvictor<T>(
  threshold: number,
  delta: DeltaFunction<T>,
  options: EvictorOptions = {},
): EvictorFor<T> {
  return {
    name: 'deltaEvictor',
    options: { threshold },
    functions: [delta],
    ...options,
    keep(elements) {
      const last = elements.at(-1);
      if (last === undefined) return elements;
      return elements.filter(({ value }) => deltaOf(delta, value, last.value) < threshold);
    },
  };
}

function deltaOf<T>(delta: DeltaFunction<T>, earlier: T, later: T): number {
  const given: unknown = delta(earlier, later);
  if (typeof given === 'number' && !Number.isNaN(given)) return given;
  if (given instanceof Promise) throw returnedPromise('a delta');
  throw new MillraceError('operator-failed', `a delta must be a number, not ${String(given)}`, {
    hint: 'return how far the two records are apart, also where a value is missing',
  });
}
