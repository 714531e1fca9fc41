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

/** Frames without records behind sessions and free timers are sent when event time passes a full second. */
const CONTROL_GRID = 1_000;

/** The grid in milliseconds on which an edge passes on time without records; infinite where nobody behind it asks for time. */
export function controlGridOf(steps: number | 'every' | 'none'): number {
  return steps === 'every' ? CONTROL_GRID : steps === 'none' ? Number.POSITIVE_INFINITY : steps;
}

/** The least that was said of a watermark on an edge that passes time on by a grid; ends are always said. */
export function saidOf(watermark: number, grid: number): number {
  if (watermark <= MIN_TIME || watermark >= MAX_TIME) return watermark;
  return grid === Number.POSITIVE_INFINITY ? MIN_TIME : bucket(watermark, grid) * grid - 1;
}
