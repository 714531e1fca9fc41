const CHUNK = 512;

/**
 * Items at consecutive offsets, added at the end and let go from the start. Stored in chunks, so that letting go frees memory
 * and both cost amortised constant time.
 */
export class OffsetQueue<T> {
  #chunks: (T | undefined)[][] = [];
  /** Chunks before this index have been let go. */
  #head = 0;
  /** Offset of the first place of the first chunk kept. */
  #base = 0;
  #start = 0;
  #end = 0;

  /** First offset kept. */
  get start(): number {
    return this.#start;
  }

  /** First offset not yet added. */
  get end(): number {
    return this.#end;
  }

  /** Adds an item at offset `end`. */
  push(item: T): void {
    const place = this.#end - this.#base;
    const index = this.#head + Math.floor(place / CHUNK);
    if (index === this.#chunks.length) this.#chunks.push([]);
    this.#chunks[index]!.push(item);
    this.#end++;
  }

  /** The item at an offset; undefined outside [start, end). */
  at(offset: number): T | undefined {
    if (offset < this.#start || offset >= this.#end) return undefined;
    const place = offset - this.#base;
    return this.#chunks[this.#head + Math.floor(place / CHUNK)]![place % CHUNK];
  }

  /** Lets go of items below `before`. */
  trim(before: number): void {
    const start = Math.min(before, this.#end);
    if (start <= this.#start) return;
    while (start - this.#base >= CHUNK) {
      this.#chunks[this.#head] = [];
      this.#head++;
      this.#base += CHUNK;
      this.#start = Math.max(this.#start, this.#base);
    }
    const first = this.#chunks[this.#head];
    for (let place = this.#start - this.#base; place < start - this.#base; place++) first![place] = undefined;
    this.#start = start;
    if (this.#head > 32 && this.#head * 2 > this.#chunks.length) {
      this.#chunks = this.#chunks.slice(this.#head);
      this.#head = 0;
    }
  }
}
