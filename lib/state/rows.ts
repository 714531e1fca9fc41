import type { KeyId } from '../model/index.ts';
import { AscendingRows } from './ascending-rows.ts';
import { KeyRows, NONE } from './key-rows.ts';
import { NEVER } from './table.ts';

/** In place of the next row: this one is in no list. */
export const GONE = -2;

/** What a row begins with: its sub, its timer, the mark of the store under which it was last touched, the next row of its key. */
export const TIMER = 1;
export const STAMP = 2;
export const NEXT = 3;
export const HEAD = 4;

/** A key of which more rows than this had to be walked through gets an index of them. */
const LONG = 16;
/** Rows for which there is room at first. */
const FEW = 64;

/**
 * Rows of numbers in one array, by (key, sub). Of each key an index holds the row with the largest sub, from which the others are linked in descending order: of
 * windows, those that records come for are the first; so they are of joins. A key that has many rows, and of which others are asked for, gets a list of them in order.
 */
export class Rows {
  /** All rows. The numbers of one begin at `at(row)`. */
  numbers = new Float64Array(0);
  size = 0;
  readonly stride: number;
  #keys: KeyId[] = [];
  /** Rows below this have been used. */
  #used = 0;
  #free: number[] = [];
  readonly #byKey = new KeyRows();
  /** All rows of keys that were found to have many. */
  readonly #long = new Map<KeyId, AscendingRows>();

  /** `width`: how many numbers a row has behind its head. */
  constructor(width: number) {
    this.stride = HEAD + width;
  }

  /** Where the numbers of a row begin. */
  at(row: number): number {
    return row * this.stride + HEAD;
  }

  keyAt(row: number): KeyId {
    return this.#keys[row]!;
  }

  subAt(row: number): number {
    return this.numbers[row * this.stride]!;
  }

  timerAt(row: number): number {
    return this.numbers[row * this.stride + TIMER]!;
  }

  /** The row, or NONE. */
  row(key: KeyId, sub: number): number {
    const row = this.upTo(key, sub);
    return row !== NONE && this.numbers[row * this.stride] === sub ? row : NONE;
  }

  /** The row of a key with the largest sub that is at most this, or NONE. */
  upTo(key: KeyId, sub: number): number {
    let row = this.#byKey.get(key);
    if (row === NONE) return NONE;
    const { numbers, stride } = this;
    for (let steps = 0; ; ) {
      const place: number = row * stride;
      if (numbers[place]! <= sub) return row;
      row = numbers[place + NEXT]! | 0;
      if (row === NONE) return NONE;
      if (++steps !== LONG) continue;
      const rows = this.#ascending(key);
      const below = rows.upTo(sub, numbers, stride);
      return below === 0 ? NONE : rows.at(below - 1);
    }
  }

  /** The row of a key with its largest sub, or NONE. */
  last(key: KeyId): number {
    return this.#byKey.get(key);
  }

  /** The row of the same key with the next smaller sub, or NONE. */
  before(row: number): number {
    return this.numbers[row * this.stride + NEXT]! | 0;
  }

  /** The row of the same key with the next larger sub, or NONE. */
  after(row: number): number {
    const last = this.last(this.#keys[row]!);
    return row === last ? NONE : this.#above(row, last);
  }

  keys(): IterableIterator<KeyId> {
    return this.#byKey.keys();
  }

  /** Room for so many rows. */
  protected get room(): number {
    return this.numbers.length / this.stride;
  }

  /** A row in its place, without timer; its numbers are undefined. There must be none of that key and sub. */
  protected place(key: KeyId, sub: number): number {
    let row = this.#free.pop();
    if (row === undefined) {
      row = this.#used++;
      if (row === this.room) this.grow(Math.max(FEW, Math.ceil(1.5 * row)));
    }
    const place = row * this.stride;
    this.#keys[row] = key;
    this.numbers[place] = sub;
    this.numbers[place + TIMER] = NEVER;
    this.numbers[place + STAMP] = -1;
    this.link(row);
    return row;
  }

  /** Frees a row that is in no list. */
  protected release(row: number): void {
    this.#keys[row] = 0;
    this.#free.push(row);
  }

  protected link(row: number): void {
    const { numbers, stride } = this;
    const place = row * stride;
    const key = this.#keys[row]!;
    const sub = numbers[place]!;
    this.size++;
    const last = this.#byKey.get(key);
    const rows = this.#long.size > 0 ? this.#long.get(key) : undefined;
    if (last === NONE || numbers[last * stride]! < sub) {
      numbers[place + NEXT] = last;
      this.#byKey.set(key, row);
      rows?.insert(rows.length, row);
    } else if (rows === undefined) {
      let after = last * stride;
      for (;;) {
        const next = numbers[after + NEXT]!;
        if (next === NONE || numbers[next * stride]! < sub) break;
        after = next * stride;
      }
      numbers[place + NEXT] = numbers[after + NEXT]!;
      numbers[after + NEXT] = row;
    } else {
      const at = rows.upTo(sub, numbers, stride);
      numbers[place + NEXT] = at === 0 ? NONE : rows.at(at - 1);
      numbers[rows.at(at) * stride + NEXT] = row;
      rows.insert(at, row);
    }
  }

  protected unlink(row: number): void {
    const { numbers, stride } = this;
    const place = row * stride;
    const key = this.#keys[row]!;
    const next = numbers[place + NEXT]!;
    this.size--;
    const last = this.#byKey.get(key);
    if (last === row) {
      if (next === NONE) this.#byKey.delete(key);
      else this.#byKey.set(key, next);
    } else {
      const after = this.#above(row, last);
      numbers[after * stride + NEXT] = next;
    }
    if (this.#long.size > 0) this.#forget(key, numbers[place]!);
    numbers[place + NEXT] = GONE;
    numbers[place + TIMER] = NEVER;
  }

  protected grow(rows: number): void {
    const larger = new Float64Array(rows * this.stride);
    larger.set(this.numbers);
    this.numbers = larger;
  }

  /** Gives the room for rows back; there must be none. */
  protected shrink(): void {
    this.numbers = new Float64Array(0);
    this.#keys = [];
    this.#free = [];
    this.#used = 0;
    this.#byKey.shrink();
  }

  /** As `after`, of a row that is not `last`, its key's last. */
  #above(row: number, last: number): number {
    const { numbers, stride } = this;
    let after = last;
    for (let steps = 0; numbers[after * stride + NEXT] !== row; steps++) {
      if (steps === LONG) {
        const rows = this.#ascending(this.#keys[row]!);
        return rows.at(rows.upTo(numbers[row * stride]!, numbers, stride));
      }
      after = numbers[after * stride + NEXT]!;
    }
    return after;
  }

  #ascending(key: KeyId): AscendingRows {
    let rows = this.#long.get(key);
    if (rows === undefined) {
      const descending: number[] = [];
      for (let row = this.last(key); row !== NONE; row = this.before(row)) descending.push(row);
      rows = new AscendingRows(descending.reverse());
      this.#long.set(key, rows);
    }
    return rows;
  }

  /** Takes the row with this sub out of a key's list, if it has one. */
  #forget(key: KeyId, sub: number): void {
    const rows = this.#long.get(key);
    if (rows === undefined) return;
    if (rows.length <= LONG) this.#long.delete(key);
    else rows.remove(rows.upTo(sub, this.numbers, this.stride) - 1);
  }
}
