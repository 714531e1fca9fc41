import type { Cumulating, Hopping } from './assigner.ts';
import { alignDown, alignUp } from './window.ts';

/**
 * How overlapping windows are cut into panes: a pane is a stretch of time that every window holds whole or not at all. Panes and windows
 * are named by their ends.
 */
export interface Panes {
  readonly width: number;
  readonly offset: number;
  /** The end of the first window that holds the pane. */
  firstEnd(paneEnd: number): number;
  /** The end of the last window that holds the pane; before `firstEnd` if none does. */
  lastEnd(paneEnd: number): number;
  /** The smallest window end above `time`. */
  endAfter(time: number): number;
  /** The largest window end below `time`. */
  endBefore(time: number): number;
  isEnd(time: number): boolean;
  /** The start of the window that ends there. */
  startOf(end: number): number;
}

/** At most this many panes a window for each window that a pane is in, else sharing costs more than it saves. */
const MOST_PANES_PER_OVERLAP = 4;

/** The panes of overlapping windows, or undefined where sharing them would not pay. */
export function panesOf(assigner: Hopping | Cumulating): Panes | undefined {
  if (assigner.kind === 'cumulating') return cumulatingPanes(assigner);
  const { size, slide, offset } = assigner;
  const width = divisor(size, slide);
  if (size / width > MOST_PANES_PER_OVERLAP * Math.ceil(size / slide)) return undefined;
  const ends = offset + size;
  return {
    width,
    offset,
    firstEnd: (paneEnd) => alignUp(paneEnd, slide, ends),
    lastEnd: (paneEnd) => alignDown(paneEnd - width + size, slide, ends),
    endAfter: (time) => alignDown(time, slide, ends) + slide,
    endBefore: (time) => alignUp(time, slide, ends) - slide,
    isEnd: (time) => alignDown(time, slide, ends) === time,
    startOf: (end) => end - size,
  };
}

function cumulatingPanes({ size, step, offset }: Cumulating): Panes {
  return {
    width: step,
    offset,
    firstEnd: (paneEnd) => paneEnd,
    lastEnd: (paneEnd) => alignUp(paneEnd, size, offset),
    endAfter: (time) => alignDown(time, step, offset) + step,
    endBefore: (time) => alignUp(time, step, offset) - step,
    isEnd: (time) => alignDown(time, step, offset) === time,
    startOf: (end) => alignDown(end - 1, size, offset),
  };
}

/** Greatest common divisor. */
function divisor(a: number, b: number): number {
  return b > 0 ? divisor(b, a % b) : a;
}
