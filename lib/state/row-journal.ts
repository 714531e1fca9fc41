/** What happened to a row. */
export const CREATED = 0;
export const CHANGED = 1;
export const DROPPED = 2;

/** Entries for which room is kept from one commit to the next. */
const KEPT = 8_192;

/**
 * What rows were before they changed since the last commit, each as numbers behind one another (4 x row + what happened, timer, the row's numbers), so that an entry
 * allocates nothing.
 */
export class RowJournal {
  length = 0;
  readonly #width: number;
  readonly #stride: number;
  #log = new Float64Array(0);
  readonly #parts: unknown[] = [];

  /** `width`: how many numbers a row has. */
  constructor(width: number) {
    this.#width = width;
    this.#stride = 2 + width;
  }

  /** Enters a row; its numbers begin at `at`. */
  enter(what: number, row: number, timer: number, numbers: Float64Array, at: number): void {
    const place = this.length * this.#stride;
    if (place + this.#stride > this.#log.length) this.#grow();
    const log = this.#log;
    const width = this.#width;
    log[place] = row * 4 + what;
    log[place + 1] = timer;
    for (let i = 0; i < width; i++) log[place + 2 + i] = numbers[at + i]!;
    this.length++;
  }

  /** Keeps, beside the entry made last, what the row held beside its numbers. */
  keep(part: unknown): void {
    this.#parts[this.length - 1] = part;
  }

  whatAt(entry: number): number {
    return this.#log[entry * this.#stride]! % 4;
  }

  rowAt(entry: number): number {
    return Math.floor(this.#log[entry * this.#stride]! / 4);
  }

  timerAt(entry: number): number {
    return this.#log[entry * this.#stride + 1]!;
  }

  partAt(entry: number): unknown {
    return this.#parts[entry];
  }

  /** Puts an entry's numbers back. */
  putBack(entry: number, numbers: Float64Array, at: number): void {
    const place = entry * this.#stride + 2;
    for (let i = 0; i < this.#width; i++) numbers[at + i] = this.#log[place + i]!;
  }

  /** Forgets all entries from this one on. */
  cut(length: number): void {
    this.length = length;
    if (this.#parts.length > length) this.#parts.length = length;
    if (length === 0 && this.#log.length > KEPT * this.#stride) this.#log = new Float64Array(KEPT * this.#stride);
  }

  #grow(): void {
    const larger = new Float64Array(Math.max(64 * this.#stride, 2 * this.#log.length));
    larger.set(this.#log);
    this.#log = larger;
  }
}
