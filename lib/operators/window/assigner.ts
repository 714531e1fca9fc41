import type { Duration } from '../../model/index.ts';
import type { Mistake } from '../definition.ts';
import type { WindowTime } from './window.ts';

/** Windows of one size, end to end. */
export interface Tumbling {
  readonly kind: 'tumbling';
  readonly size: number;
  readonly offset: number;
  readonly time: WindowTime;
}

/** Windows of one size, one beginning each slide: a record is in size / slide of them. */
export interface Hopping {
  readonly kind: 'hopping';
  readonly size: number;
  readonly slide: number;
  readonly offset: number;
  readonly time: WindowTime;
}

/** Windows that begin together and end a step apart, up to the largest. */
export interface Cumulating {
  readonly kind: 'cumulating';
  readonly size: number;
  readonly step: number;
  readonly offset: number;
  readonly time: WindowTime;
}

/** Windows that end when a key has been silent for the gap. */
export interface Session<T> {
  readonly kind: 'session';
  readonly gap: number | ((record: T) => number);
  readonly time: WindowTime;
}

/** Windows that end with a record or begin right after one. */
export interface Sliding {
  readonly kind: 'sliding';
  readonly difference: number;
}

/** Windows of so many records of a key, by default end to end. */
export interface Count {
  readonly kind: 'count';
  readonly size: number;
  readonly slide: number;
}

/** One window a key, without end. */
export interface Global {
  readonly kind: 'global';
}

/** Which windows a record belongs to. */
export type WindowAssigner<T = unknown> = Tumbling | Hopping | Cumulating | Session<T> | Sliding | Count | Global;

/** How windows of a fixed size lie in time. */
export interface WindowOptions {
  /** Moves the windows' bounds from multiples of the size since 1970-01-01T00:00Z; days in UTC+8 begin at an offset of `hours(-8)`. */
  readonly offset?: Duration;
  /** The time that windows run by. Default: event. */
  readonly time?: WindowTime;
}

/** Windows of `size`, end to end: [0, size), [size, 2 size), ... since 1970-01-01T00:00Z plus the offset. */
export function tumbling(size: Duration, options: WindowOptions = {}): Tumbling {
  return { kind: 'tumbling', size, offset: options.offset ?? 0, time: options.time ?? 'event' };
}

/**
 * Windows of `size`, one beginning every `slide`; with a slide larger than the size, records between windows are in none (counted as
 * `unwindowed`). Where the aggregation is incremental, a record is folded into one slide's share only and the shares are merged when a window fires.
 */
export function hopping(size: Duration, slide: Duration, options: WindowOptions = {}): Hopping {
  return { kind: 'hopping', size, slide, offset: options.offset ?? 0, time: options.time ?? 'event' };
}

/** Windows that begin every `maxSize` and end a `step` apart: [0, step), [0, 2 step), ... [0, maxSize). `maxSize` must be a multiple of `step`. */
export function cumulating(maxSize: Duration, step: Duration, options: WindowOptions = {}): Cumulating {
  return { kind: 'cumulating', size: maxSize, step, offset: options.offset ?? 0, time: options.time ?? 'event' };
}

/**
 * Windows of activity: a record opens [time, time + gap), and windows of a key that overlap or touch become one. The gap may depend on the record.
 */
export function session<T = unknown>(
  gap: Duration | ((record: T) => Duration),
  options: Pick<WindowOptions, 'time'> = {},
): Session<T> {
  return { kind: 'session', gap, time: options.time ?? 'event' };
}

/**
 * All ways in which records of a key can share a window, Kafka Streams' SlidingWindows: for each record at time t the window of all records at most `timeDifference` before it,
 * [t - timeDifference, t], and the window that begins when it has dropped out, [t + 1, t + 1 + timeDifference], if there are records in it. Both ends are in it, so its
 * `end` is a millisecond after; `timeDifference` may be 0. By event time. `endOfWindow()` (default) emits each window once, at its end; `everyCount(1)` all windows that a record changes.
 *
 * A record is stored once. A result costs a merger for each different time of the key in the window, and a record has two windows of its own.
 */
export function sliding(timeDifference: Duration): Sliding {
  return { kind: 'sliding', difference: timeDifference };
}

/**
 * Windows of `n` records of a key in order of arrival. With a slide, one fires after every `slide` records, over the last `n`. A result has the latest
 * event time among its records. A count that is never reached never fires.
 */
export function countWindow(n: number, slide: number = n): Count {
  return { kind: 'count', size: n, slide };
}

/** One window for each key, without end: fires as its trigger says, by default once, when all input has ended. */
export function globalWindow(): Global {
  return { kind: 'global' };
}

/** What is wrong with an assigner's numbers. */
export function assignerMistakes(assigner: WindowAssigner): Mistake[] {
  const mistakes: Mistake[] = [];
  const span = (what: string, value: number): void => {
    if (Number.isSafeInteger(value) && value > 0 && value <= LONGEST) return;
    mistakes.push({ rule: `${what} must be a positive whole number of milliseconds, not ${value}`, fix: FIX_SPAN });
  };
  const shifted = (offset: number, period: number): void => {
    if (Number.isSafeInteger(offset) && Math.abs(offset) < period) return;
    mistakes.push({
      rule: `a window's offset must be smaller than ${period} ms, the distance of windows, not ${offset} ms`,
      fix: 'give the remainder: windows repeat after that distance anyway',
    });
  };
  if ('time' in assigner && assigner.time !== 'event' && assigner.time !== 'processing') {
    mistakes.push({ rule: `windows run by '${String(assigner.time)}'`, fix: `say 'event' or 'processing'` });
  }
  switch (assigner.kind) {
    case 'tumbling':
      span("a window's size", assigner.size);
      shifted(assigner.offset, assigner.size);
      break;
    case 'hopping':
      span("a window's size", assigner.size);
      span("a window's slide", assigner.slide);
      shifted(assigner.offset, assigner.slide);
      break;
    case 'cumulating':
      span("a cumulating window's largest size", assigner.size);
      span("a cumulating window's step", assigner.step);
      shifted(assigner.offset, assigner.size);
      if (assigner.size % assigner.step !== 0) {
        mistakes.push({
          rule: `a cumulating window's largest size must be a multiple of its step: ${assigner.size} ms, ${assigner.step} ms`,
          fix: 'choose a step that divides the largest size',
        });
      }
      break;
    case 'session':
      if (typeof assigner.gap !== 'function') span("a session's gap", assigner.gap);
      break;
    case 'sliding':
      if (!(Number.isSafeInteger(assigner.difference) && assigner.difference >= 0 && assigner.difference <= LONGEST)) {
        mistakes.push({
          rule: `a sliding window's time difference must be a whole number of milliseconds of at least 0, not ${assigner.difference}`,
          fix: FIX_SPAN,
        });
      }
      break;
    case 'count':
      for (const [what, n] of [
        ['size', assigner.size],
        ['slide', assigner.slide],
      ] as const) {
        if (Number.isSafeInteger(n) && n >= 1) continue;
        mistakes.push({
          rule: `a count window's ${what} must be a whole number of at least 1, not ${n}`,
          fix: `give another ${what}`,
        });
      }
      break;
    case 'global':
      break;
    default:
      mistakes.push({ rule: 'there are no windows of that kind', fix: 'use tumbling(hours(1)) or another' });
  }
  return mistakes;
}

/** Ten thousand years. */
export const LONGEST = 3.2e14;
const FIX_SPAN = 'use seconds(...), minutes(...), hours(...) or days(...) with a positive number';
