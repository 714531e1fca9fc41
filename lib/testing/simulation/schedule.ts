interface Event {
  readonly time: number;
  readonly order: number;
  readonly run: () => void;
}

/**
 * Simulated time: everything that happens is an event in one queue, taken out by time and, at one time, in the order in which it was entered. Between
 * two events all promises are carried on as far as they get.
 */
export class Schedule {
  /** True time, in whole milliseconds since the epoch. */
  now: number;
  readonly #heap: Event[] = [];
  #entered = 0;
  #stopped = false;

  constructor(start: number) {
    this.now = start;
  }

  /** Events not yet happened. */
  get pending(): number {
    return this.#heap.length;
  }

  /** Enters an event at a time, or now if that is past. Returns a way to call it off. */
  at(time: number, run: () => void): void {
    const heap = this.#heap;
    const event = { time: Math.max(Math.ceil(time), this.now), order: this.#entered++, run };
    let at = heap.length;
    heap.push(event);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(event, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = event;
  }

  /** Enters an event after a span. */
  after(span: number, run: () => void): void {
    this.at(this.now + span, run);
  }

  /** No further event happens. */
  stop(): void {
    this.#stopped = true;
  }

  /** Lets events happen until there are none before `until`, or `stop` was called. */
  async run(until: number): Promise<void> {
    await quiet();
    while (!this.#stopped) {
      const next = this.#heap[0];
      if (next === undefined || next.time > until) return;
      this.#take();
      this.now = next.time;
      next.run();
      await quiet();
    }
  }

  #take(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    const size = heap.length;
    if (size === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= size) break;
      if (child + 1 < size && isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (isBefore(last, heap[child]!)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
  }
}

const isBefore = (a: Event, b: Event): boolean => a.time < b.time || (a.time === b.time && a.order < b.order);

/** Until every promise that can go on has done so. */
const quiet = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
