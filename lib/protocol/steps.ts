/** Grids of watermark steps: a step is worth recording where some window behind the edge may fire, which is at its end less one millisecond. */
import { MAX_TIME, MIN_TIME } from '../model/index.ts';

/**
 * Number of the grid's cell that the watermark has reached: floor((watermark + 1) / grid). "None yet" (`MIN_TIME`) lies below all
 * cells and the end of input (`MAX_TIME`) above all, so both are always a change.
 */
export function bucket(watermark: number, grid: number): number {
  if (watermark <= MIN_TIME) return Number.NEGATIVE_INFINITY;
  if (watermark >= MAX_TIME) return Number.POSITIVE_INFINITY;
  return Math.floor((watermark + 1) / grid);
}

/** The least watermark above this one at which the bucket grows; beyond `MAX_TIME` nothing grows, so `Infinity`. A hot path compares with it. */
export function nextBoundary(watermark: number, grid: number): number {
  if (watermark <= MIN_TIME) return MIN_TIME + 1;
  if (watermark >= MAX_TIME) return Number.POSITIVE_INFINITY;
  return Math.min((Math.floor((watermark + 1) / grid) + 1) * grid - 1, MAX_TIME);
}

/** Greatest common divisor of durations in whole milliseconds, of either sign; zeros do not count. 0 if there are none. */
export function gcd(durations: Iterable<number>): number {
  let result = 0;
  for (const duration of durations) {
    let rest = Math.abs(duration);
    while (rest !== 0) {
      const next = result % rest;
      result = rest;
      rest = next;
    }
  }
  return result;
}
