import type { KeyId } from '../model/index.ts';
import { KeyRows, NONE } from './key-rows.ts';
import { NEVER } from './table.ts';

/** In place of the next row: this one is in no list. */
export const GONE = -2;

/** What a row begins with: its sub, its timer, the mark of the store under which it was last touched, the next row of its key. */
export const TIMER = 1;
export const STAMP = 2;
export const NEXT = 3;
export const HEAD = 4;

/** A key with more rows than this gets a map of them. */
const LONG = 16;
/** Rows for which there is room at first. */
const FEW = 64;

/**
 * Rows of numbers in one array, by (key, sub). Of each key an index holds the row with the largest sub, from which the others are linked in descending order: of
 * windows, those that records come for are the first.
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
  /** All rows of keys that were found to have many, by sub. */
  readonly #bySub = new Map<KeyId, Map<number, number>>();

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
    let row = this.#byKey.get(key);
    if (row === NONE) return NONE;
    const { numbers, stride } = this;
    for (let steps = 0; ; ) {
      const place: number = row * stride;
      const there = numbers[place]!;
      if (there <= sub) return there === sub ? row : NONE;
      row = numbers[place + NEXT]! | 0;
      if (row === NONE) return NONE;
      if (++steps === LONG) return this.#mapOf(key).get(sub) ?? NONE;
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
    if (last === NONE || numbers[last * stride]! < sub) {
      numbers[place + NEXT] = last;
      this.#byKey.set(key, row);
    } else {
      let after = last * stride;
      for (;;) {
        const next = numbers[after + NEXT]!;
        if (next === NONE || numbers[next * stride]! < sub) break;
        after = next * stride;
      }
      numbers[place + NEXT] = numbers[after + NEXT]!;
      numbers[after + NEXT] = row;
    }
    if (this.#bySub.size > 0) this.#bySub.get(key)?.set(sub, row);
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
      let after = last * stride;
      while (numbers[after + NEXT] !== row) after = numbers[after + NEXT]! * stride;
      numbers[after + NEXT] = next;
    }
    numbers[place + NEXT] = GONE;
    numbers[place + TIMER] = NEVER;
    if (this.#bySub.size === 0) return;
    const rows = this.#bySub.get(key);
    rows?.delete(numbers[place]!);
    if (rows?.size === 0) this.#bySub.delete(key);
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

  #mapOf(key: KeyId): Map<number, number> {
    let rows = this.#bySub.get(key);
    if (rows === undefined) {
      rows = new Map();
      for (let row = this.last(key); row !== NONE; row = this.before(row)) rows.set(this.subAt(row), row);
      this.#bySub.set(key, rows);
    }
    return rows;
  }
}
