import type { SourceConnector, SourceLog } from '../ports/index.ts';

/** A source that is fed by hand: its log grows as a test appends to it. */
export class Feed<T> implements SourceConnector<T> {
  readonly kind = 'feed';
  readonly options: { readonly partitions: number };
  readonly bounded = false;
  declare readonly row?: T;
  readonly #partitions: { value: T; time: number | undefined }[][];
  #sealed = false;
  readonly #now: () => number;
  readonly #grows: boolean;

  /** `now` gives records their append time. A feed that `grows` may gain partitions. */
  constructor(partitions: number, now: () => number, { grows = false }: { readonly grows?: boolean } = {}) {
    this.#grows = grows;
    this.options = { partitions };
    this.#partitions = Array.from({ length: partitions }, () => []);
    this.#now = now;
  }

  /** Appends records to a partition. */
  push(partition: number, records: readonly T[]): void {
    const rows = this.#partitions[partition];
    if (rows === undefined) throw new RangeError(`there is no partition ${partition} of ${this.#partitions.length}`);
    for (const value of records) rows.push({ value, time: this.#now() });
  }

  /** Adds an empty partition; returns its number. */
  grow(): number {
    if (!this.#grows) throw new RangeError('the feed was made not to grow');
    return this.#partitions.push([]) - 1;
  }

  /** Nothing will follow. */
  seal(): void {
    this.#sealed = true;
  }

  async open(): Promise<SourceLog> {
    const bounds = (partition: number) => ({
      start: 0,
      end: this.#partitions[partition]!.length,
      sealed: this.#sealed,
    });
    return {
      info: { id: 'feed', partitions: this.#partitions.length, bounded: false, resumable: true },
      read: async (partition, from, limit) => {
        const rows = this.#partitions[partition]!.slice(from, from + limit);
        const next = from + rows.length;
        const { start, end, sealed } = bounds(partition);
        return {
          values: rows.map((row) => row.value),
          times: rows.map((row) => row.time as never),
          next,
          start,
          end,
          sealed: sealed && next === end,
        };
      },
      bounds: async (partition) => bounds(partition),
      ...(this.#grows ? { partitions: async () => this.#partitions.length } : {}),
      close: async () => {},
    };
  }
}
