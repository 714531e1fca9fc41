import { NEVER } from './table.ts';

/** Times, the least first: a binary heap. */
export class TimeHeap {
  readonly #heap: number[] = [];

  /** NEVER if it is empty. */
  get least(): number {
    return this.#heap.length === 0 ? NEVER : this.#heap[0]!;
  }

  clear(): void {
    this.#heap.length = 0;
  }

  push(time: number): void {
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

  /** Takes out the least. There must be one. */
  pop(): number {
    const heap = this.#heap;
    const least = heap[0]!;
    const last = heap.pop()!;
    const size = heap.length;
    if (size === 0) return least;
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
    return least;
  }
}
