import { MillraceError } from '../../model/index.ts';
import type { Json, SourceConnector, SourceHost, SourceLog, SourceSlice } from '../../ports/index.ts';

/** Numbers that look random and are the same at every run. */
export interface GeneratorRandom {
  /** Uniform in [0, 1). */
  next(): number;
  /** A whole number from `low` to `high`, both included. */
  integer(low: number, high: number): number;
  /** One of these. */
  pick<T>(items: readonly T[]): T;
}

export interface GeneratorOptions<T> {
  /** Makes row `n` of a partition from nothing but its arguments: called again for the same row it must give the same. */
  readonly record: (n: number, random: GeneratorRandom, partition: number) => T;
  /** How many rows in all, dealt to the partitions one by one. Default: without end. */
  readonly count?: number;
  /** Rows a second in all, by the host's clock. Default: as many as are asked for. */
  readonly rate?: number;
  /** Another seed, other rows. Default 0. */
  readonly seed?: number;
  /** Default 1. */
  readonly partitions?: number;
}

/**
 * A source that makes its rows: row n of a partition is a function of (seed, partition, n), so it can be read again at any time.
 * With a rate, rows become readable from the first read on, and after a restart go on at that rate from where reading stopped.
 */
export function generator<T>(options: GeneratorOptions<T>): SourceConnector<T> {
  const { count, rate, seed = 0, partitions = 1 } = options;
  const described: { [key: string]: Json } = { seed, partitions };
  if (count !== undefined) described['count'] = count;
  if (rate !== undefined) described['rate'] = rate;
  return {
    kind: 'generator',
    options: described,
    bounded: count !== undefined,
    open: async (host) => new GeneratorLog(options, host),
  };
}

class GeneratorLog implements SourceLog {
  readonly info;
  readonly #options: GeneratorOptions<unknown>;
  readonly #host: SourceHost;
  readonly #random = new SplitMix();
  /** Per partition: the row and the time from which the rate counts. */
  readonly #anchors: ({ readonly row: number; readonly time: number } | undefined)[];

  constructor(options: GeneratorOptions<unknown>, host: SourceHost) {
    const { count, seed = 0, partitions = 1 } = options;
    this.#options = options;
    this.#host = host;
    this.#anchors = new Array(partitions);
    const id = `generator-${seed}-${partitions}-${count ?? 'endless'}`;
    this.info = { id, partitions, bounded: count !== undefined, resumable: true };
  }

  async read(partition: number, from: number, limit: number): Promise<SourceSlice> {
    const end = this.#length(partition);
    if (end !== undefined && from > end) {
      throw new MillraceError('data-lost', `the generator makes ${end} rows, and ${from} were read from it`, {
        where: { partition, offset: from },
      });
    }
    const next = Math.max(
      from,
      Math.min(from + limit, end ?? Number.POSITIVE_INFINITY, this.#readable(partition, from)),
    );
    const { record, seed = 0 } = this.#options;
    const values = new Array<unknown>(next - from);
    for (let n = from; n < next; n++) {
      this.#random.restart(seed, partition, n);
      values[n - from] = record(n, this.#random, partition);
    }
    return { values, next, start: 0, end, sealed: next === end };
  }

  async bounds(partition: number): Promise<{ start: number; end: number | undefined; sealed: boolean }> {
    const end = this.#length(partition);
    const anchor = this.#anchors[partition];
    if (end === undefined && this.#options.rate !== undefined && anchor !== undefined) {
      return { start: 0, end: this.#readable(partition, anchor.row), sealed: false };
    }
    return { start: 0, end, sealed: end !== undefined };
  }

  async close(): Promise<void> {}

  #length(partition: number): number | undefined {
    const { count, partitions = 1 } = this.#options;
    return count === undefined ? undefined : Math.floor((count + partitions - 1 - partition) / partitions);
  }

  /** One past the last row that may be read by now. */
  #readable(partition: number, from: number): number {
    const { rate, partitions = 1 } = this.#options;
    if (rate === undefined) return Number.POSITIVE_INFINITY;
    const now = this.#host.clock.now();
    let anchor = this.#anchors[partition];
    if (anchor === undefined) {
      anchor = { row: from, time: now };
      this.#anchors[partition] = anchor;
    }
    return anchor.row + Math.floor(((now - anchor.time) * rate) / partitions / 1_000);
  }
}

/** SplitMix32 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014, with MurmurHash3's finaliser). */
class SplitMix implements GeneratorRandom {
  #state = 0;

  restart(seed: number, partition: number, row: number): void {
    const low = mix(Math.imul(row | 0, 0x9e3779b1) ^ mix(partition + 0x7f4a7c15));
    const high = mix(
      Math.floor(row / 4_294_967_296) ^ mix(seed | 0) ^ mix(Math.floor(seed / 4_294_967_296) + 0x51ed270b),
    );
    this.#state = mix(low ^ Math.imul(high, 0x85ebca6b));
  }

  next(): number {
    this.#state = (this.#state + 0x9e3779b9) | 0;
    return (mix(this.#state) >>> 0) / 4_294_967_296;
  }

  integer(low: number, high: number): number {
    return low + Math.floor(this.next() * (high - low + 1));
  }

  pick<T>(items: readonly T[]): T {
    if (items.length === 0) throw new RangeError('nothing to pick from');
    return items[this.integer(0, items.length - 1)] as T;
  }
}

function mix(n: number): number {
  let h = n | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
