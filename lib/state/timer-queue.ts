import { compareKeyIds } from '../model/index.ts';
import { compareSubs } from './cell-table.ts';
import { type AnyCell, type AnyTable, NEVER } from './table.ts';
import { TimeHeap } from './time-heap.ts';

/** Whenever a bucket's length reaches this times a power of eight, it is cleared of what no longer holds. */
const CROWDED = 1024;

/** A table that keeps the timers of its cells itself. */
export interface TimedTable extends AnyTable {
  /** The time before which none of its cells is due; NEVER if none ever is. */
  readonly leastTime: number;
  /** The earliest timer; NEVER if there is none. */
  earliestTimer(): number;
  /** Takes out what is entered at `leastTime`: adds the cells due then to a list, and enters others anew. */
  takeDue(into: AnyCell[]): void;
  /** Enters a cell again that was taken out. */
  enterAgain(cell: AnyCell): void;
}

/**
 * Cells by the time of their timer: a heap of distinct times, and a bucket of cells at each; rows where their tables keep them.
 *
 * A cell whose timer moved later keeps its old entry and is entered anew when that comes up; one whose timer was cleared is dropped then. So every cell
 * with a timer has an entry at or before it, and `peek` may be early but never late.
 */
export class TimerQueue {
  readonly #heap = new TimeHeap();
  readonly #buckets = new Map<number, AnyCell[]>();
  readonly #tables: TimedTable[] = [];

  /** Counts in the timers of a table that keeps them itself. */
  attach(table: TimedTable): void {
    this.#tables.push(table);
  }

  /** Enters the cell at its timer. */
  add(cell: AnyCell): void {
    for (const table of this.#tables) {
      if (cell.table !== table) continue;
      table.enterAgain(cell);
      return;
    }
    const bucket = this.#buckets.get(cell.timer);
    if (bucket !== undefined) {
      if (bucket[bucket.length - 1] === cell) return;
      const length = bucket.push(cell);
      if (length >= CROWDED && isCrowded(length)) compact(bucket, cell.timer);
      return;
    }
    this.#buckets.set(cell.timer, [cell]);
    this.#heap.push(cell.timer);
  }

  /** How many entries there are, those that no longer hold among them. */
  get entries(): number {
    let entries = 0;
    for (const bucket of this.#buckets.values()) entries += bucket.length;
    return entries;
  }

  /** The earliest entry's time, undefined if there is none. */
  peek(): number | undefined {
    const least = this.#least();
    return least === NEVER ? undefined : least;
  }

  /** Drops entries that no longer hold, then tells the earliest timer. */
  earliest(): number | undefined {
    let earliest = this.#earliestCell();
    for (const table of this.#tables) earliest = Math.min(earliest, table.earliestTimer());
    return earliest === NEVER ? undefined : earliest;
  }

  /** Takes out the cells due at the earliest time, if that is at most `limit`, each once, in the order of (key, table, sub). */
  takeDue(limit: number): AnyCell[] | undefined {
    for (;;) {
      const time = this.#least();
      if (time > limit || time === NEVER) return undefined;
      const due: AnyCell[] = [];
      if (this.#heap.least === time) this.#takeCells(time, due);
      for (const table of this.#tables) if (table.leastTime === time) table.takeDue(due);
      if (due.length > 1) return inOrder(due);
      if (due.length > 0) return due;
    }
  }

  #least(): number {
    let { least } = this.#heap;
    for (const { leastTime } of this.#tables) if (leastTime < least) least = leastTime;
    return least;
  }

  #earliestCell(): number {
    for (;;) {
      const time = this.#heap.least;
      if (time === NEVER) return NEVER;
      const bucket = this.#buckets.get(time)!;
      if (bucket.some((cell) => cell.timer === time)) return time;
      this.#takeCells(time, []);
    }
  }

  #takeCells(time: number, due: AnyCell[]): void {
    const bucket = this.#buckets.get(time)!;
    this.#heap.pop();
    this.#buckets.delete(time);
    for (const cell of bucket) {
      if (cell.timer === time) due.push(cell);
      else if (cell.timer !== NEVER) this.add(cell);
    }
  }
}

const isCrowded = (length: number): boolean =>
  (length & (length - 1)) === 0 && (31 - Math.clz32(length / CROWDED)) % 3 === 0;

/** Cells of one table with whole numbers below this for keys, and so few, are sorted as numbers: key times MOST_NUMBERED plus place. */
const MOST_NUMBERED = 2 ** 21;
const MOST_KEY = 2 ** 31;

/** Due cells in the order in which they are served, each once. */
function inOrder(due: AnyCell[]): AnyCell[] {
  const numbers = due.length > 64 ? numbered(due) : undefined;
  if (numbers === undefined) return due.sort(compareDue).filter((cell, i) => cell !== due[i - 1]);
  numbers.sort();
  const sorted: AnyCell[] = [];
  for (let i = 0; i < numbers.length; i++) {
    const cell = due[numbers[i]! % MOST_NUMBERED]!;
    if (cell !== sorted[sorted.length - 1]) sorted.push(cell);
  }
  // Few keys have more than one cell due at a time: what they have is put in order afterwards.
  for (let i = 1; i < sorted.length; i++) {
    if (sorted[i]!.key === sorted[i - 1]!.key)
      return sorted.sort(compareDue).filter((cell, at) => cell !== sorted[at - 1]);
  }
  return sorted;
}

/** Each key and its place in the list as one number, where all keys allow it. */
function numbered(due: readonly AnyCell[]): Float64Array | undefined {
  if (due.length > MOST_NUMBERED) return undefined;
  const numbers = new Float64Array(due.length);
  for (let i = 0; i < due.length; i++) {
    const { key } = due[i]!;
    if (typeof key !== 'number' || !(key >= 0 && key < MOST_KEY) || key % 1 !== 0) return undefined;
    numbers[i] = key * MOST_NUMBERED + i;
  }
  return numbers;
}

/** Leaves each cell once, and none whose timer is cleared or has an earlier entry. */
function compact(bucket: AnyCell[], time: number): void {
  const cells = new Set(bucket);
  bucket.length = 0;
  for (const cell of cells) if (cell.timer >= time && cell.timer !== NEVER) bucket.push(cell);
}

/** The order in which cells due at one time are served. */
function compareDue(a: AnyCell, b: AnyCell): number {
  const byKey = a.key === b.key ? 0 : compareKeyIds(a.key, b.key);
  return byKey !== 0 ? byKey : a.table.index !== b.table.index ? a.table.index - b.table.index : compareSubs(a, b);
}
