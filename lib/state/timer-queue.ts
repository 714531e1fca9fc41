import { compareKeyIds } from '../model/index.ts';
import { type Cell, compareSubs } from './cell-table.ts';

type AnyCell = Cell<unknown>;

/** From this length on, a bucket is cleared of what no longer holds whenever its length reaches a power of two. */
const CROWDED = 1024;

/**
 * Cells by the time of their timer: a binary heap of distinct times, and a bucket of cells at each.
 *
 * A cell whose timer moved later keeps its old entry and is entered anew when that comes up; one whose timer was cleared is dropped then. So every cell
 * with a timer has an entry at or before it, and `peek` may be early but never late.
 */
export class TimerQueue {
  readonly #heap: number[] = [];
  readonly #buckets = new Map<number, AnyCell[]>();

  /** Enters the cell at its timer. */
  add(cell: AnyCell): void {
    const bucket = this.#buckets.get(cell.timer);
    if (bucket !== undefined) {
      if (bucket[bucket.length - 1] === cell) return;
      const length = bucket.push(cell);
      if (length >= CROWDED && (length & (length - 1)) === 0) compact(bucket, cell.timer);
      return;
    }
    this.#buckets.set(cell.timer, [cell]);
    this.#push(cell.timer);
  }

  /** How many entries there are, those that no longer hold among them. */
  get entries(): number {
    let entries = 0;
    for (const bucket of this.#buckets.values()) entries += bucket.length;
    return entries;
  }

  /** The earliest entry's time, undefined if there is none. */
  peek(): number | undefined {
    return this.#heap[0];
  }

  /** Drops entries that no longer hold, then tells the earliest timer. */
  earliest(): number | undefined {
    for (;;) {
      const time = this.#heap[0];
      if (time === undefined) return undefined;
      const bucket = this.#buckets.get(time)!;
      if (bucket.some((cell) => cell.timer === time)) return time;
      this.#pop();
      this.#buckets.delete(time);
      for (const cell of bucket) if (cell.timer > time && Number.isFinite(cell.timer)) this.add(cell);
    }
  }

  /** Takes out the cells due at the earliest time, if that is at most `limit`, each once, in the order of (key, table, sub). */
  takeDue(limit: number): AnyCell[] | undefined {
    for (;;) {
      const time = this.#heap[0];
      if (time === undefined || time > limit) return undefined;
      const bucket = this.#buckets.get(time)!;
      this.#pop();
      this.#buckets.delete(time);
      const due: AnyCell[] = [];
      for (const cell of bucket) {
        if (cell.timer === time) due.push(cell);
        else if (Number.isFinite(cell.timer)) this.add(cell);
      }
      if (due.length > 1) return due.sort(compareDue).filter((cell, i) => cell !== due[i - 1]);
      if (due.length > 0) return due;
    }
  }

  #push(time: number): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(time);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (heap[parent]! <= time) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = time;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    const size = heap.length;
    if (size === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= size) break;
      if (child + 1 < size && heap[child + 1]! < heap[child]!) child++;
      if (heap[child]! >= last) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
  }
}

/** Leaves each cell once, and none whose timer is cleared or has an earlier entry. */
function compact(bucket: AnyCell[], time: number): void {
  const cells = new Set(bucket);
  bucket.length = 0;
  for (const cell of cells) if (cell.timer >= time && Number.isFinite(cell.timer)) bucket.push(cell);
}

/** The order in which cells due at one time are served. */
function compareDue(a: AnyCell, b: AnyCell): number {
  const byKey = a.key === b.key ? 0 : compareKeyIds(a.key, b.key);
  return byKey !== 0 ? byKey : a.table.index !== b.table.index ? a.table.index - b.table.index : compareSubs(a, b);
}
