/** Rows of one key in the ascending order of their subs. Those taken out at the front leave a gap, which is closed when it is half of all. */
export class AscendingRows {
  #rows: number[];
  #head = 0;

  constructor(ascending: number[]) {
    this.#rows = ascending;
  }

  get length(): number {
    return this.#rows.length - this.#head;
  }

  at(place: number): number {
    return this.#rows[this.#head + place]!;
  }

  /** How many rows have a sub of at most this. The subs of rows stand in `numbers`, `stride` apart. */
  upTo(sub: number, numbers: Float64Array, stride: number): number {
    const rows = this.#rows;
    let low = this.#head;
    let high = rows.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (numbers[rows[middle]! * stride]! <= sub) low = middle + 1;
      else high = middle;
    }
    return low - this.#head;
  }

  insert(place: number, row: number): void {
    if (place === this.length) this.#rows.push(row);
    else this.#rows.splice(this.#head + place, 0, row);
  }

  remove(place: number): void {
    if (place > 0) {
      this.#rows.splice(this.#head + place, 1);
      return;
    }
    this.#head++;
    if (this.#head * 2 <= this.#rows.length) return;
    this.#rows = this.#rows.slice(this.#head);
    this.#head = 0;
  }
}
