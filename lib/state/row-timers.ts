import { NONE } from './key-rows.ts';
import { NEVER } from './table.ts';
import { TimeHeap } from './time-heap.ts';

/**
 * Rows of one table by the time of their timer. A row stands in the list of at most one time, by links kept beside the rows, so nothing is allocated for a
 * timer. One whose timer moved later stays where it is and is entered anew when that comes up, as is one whose timer was cleared: so every row with a timer stands at
 * or before it.
 */
export class RowTimers {
  readonly #heap = new TimeHeap();
  readonly #first = new Map<number, number>();
  /** The time in whose list a row stands; NEVER for none. */
  #queued = new Float64Array(0);
  #next = new Int32Array(0);
  #previous = new Int32Array(0);

  /** Makes room for so many rows. */
  grow(rows: number): void {
    const before = this.#queued.length;
    const queued = new Float64Array(rows).fill(NEVER, before);
    queued.set(this.#queued);
    this.#queued = queued;
    this.#next = larger(this.#next, rows);
    this.#previous = larger(this.#previous, rows);
  }

  /** The row's timer is now at `time`. */
  add(row: number, time: number): void {
    const queued = this.#queued[row]!;
    if (queued <= time) return;
    if (queued !== NEVER) this.#unlink(row, queued);
    const first = this.#first.get(time);
    if (first === undefined) this.#heap.push(time);
    const next = first ?? NONE;
    this.#first.set(time, row);
    this.#queued[row] = time;
    this.#next[row] = next;
    this.#previous[row] = NONE;
    if (next !== NONE) this.#previous[next] = row;
  }

  /** The earliest time at which rows may stand; NEVER if there is none. */
  get least(): number {
    return this.#heap.least;
  }

  /** The first of the rows that stand at the earliest time, or NONE. */
  get first(): number {
    return this.#first.get(this.#heap.least) ?? NONE;
  }

  /** The row after this one in its list, or NONE. */
  after(row: number): number {
    return this.#next[row]!;
  }

  /** Takes out the earliest time with its list, and returns the first of the rows in it, or NONE: go on by `leave`. */
  take(): number {
    const time = this.#heap.pop();
    const row = this.#first.get(time)!;
    this.#first.delete(time);
    return row;
  }

  /** Takes a row out of a list that was taken out, and returns the one after it. */
  leave(row: number): number {
    this.#queued[row] = NEVER;
    return this.#next[row]!;
  }

  /** Forgets everything, and gives the room back. */
  shrink(): void {
    this.#heap.clear();
    this.#first.clear();
    this.#queued = new Float64Array(0);
    this.#next = new Int32Array(0);
    this.#previous = new Int32Array(0);
  }

  #unlink(row: number, time: number): void {
    const next = this.#next[row]!;
    const previous = this.#previous[row]!;
    if (previous === NONE) this.#first.set(time, next);
    else this.#next[previous] = next;
    if (next !== NONE) this.#previous[next] = previous;
  }
}

function larger(array: Int32Array<ArrayBuffer>, length: number): Int32Array<ArrayBuffer> {
  const copy = new Int32Array(length);
  copy.set(array);
  return copy;
}
