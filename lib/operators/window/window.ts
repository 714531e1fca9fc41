/** Windows as assigners make them: what both the author and the operators know of one. */
import { type EventTime, MAX_TIME, MIN_TIME } from '../../model/index.ts';

/** A half-open span of time: records at or after `start` and before `end`. Milliseconds since the epoch. */
export interface WindowBounds {
  readonly start: EventTime;
  readonly end: EventTime;
}

/** Which time a window runs by. */
export type WindowTime = 'event' | 'processing';

/** The bounds of a window without bounds: that of `globalWindow` and of counts. */
export const GLOBAL_START = MIN_TIME;
export const GLOBAL_END = MAX_TIME;

/** The last millisecond of a window, which is its results' time; the end of time for a global window. */
export const lastOf = (end: number): number => (end === GLOBAL_END ? GLOBAL_END : end - 1);

/** When a window's state is cleared: `lateness` after its last millisecond. Until then a record can still be added to it. */
export const clearedAt = (end: number, lateness: number): number => Math.min(lastOf(end) + lateness, MAX_TIME);

/** The smallest number at or above `time` that is `offset` plus a multiple of `step`. */
export const alignUp = (time: number, step: number, offset: number): number =>
  Math.ceil((time - offset) / step) * step + offset;

/** The largest number at or below `time` that is `offset` plus a multiple of `step`. */
export const alignDown = (time: number, step: number, offset: number): number =>
  Math.floor((time - offset) / step) * step + offset;
