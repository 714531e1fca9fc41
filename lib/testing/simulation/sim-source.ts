/** A simulated source: rows that arrive in partitions at given times, at offsets with holes. */
import { MillraceError, type WallTime } from '../../model/index.ts';
import type { SourceConnector, SourceLog, SourceSlice } from '../../ports/index.ts';
import type { Schedule } from './schedule.ts';
import type { SimProcess } from './sim-process.ts';

export interface SimRow {
  readonly value: unknown;
  /** When the log takes it in, in milliseconds from the simulation's start; never falls within a partition. */
  readonly at: number;
  /** A place that no reader gets: a transaction's marker, or a record compacted away. */
  readonly hole?: boolean;
}

export interface SimSourceSpec {
  readonly partitions: readonly (readonly SimRow[])[];
  /** If the source gains partitions: when each comes into being, in milliseconds from the simulation's start; never falls, 0 for those it begins with. */
  readonly since?: readonly number[];
  /** True if nothing follows the last row and the source says so. */
  readonly bounded?: boolean;
}

export class StoredSource {
  readonly spec: SimSourceSpec;
  readonly id: string;
  readonly #schedule: Schedule;
  readonly #start: number;

  constructor(id: string, spec: SimSourceSpec, schedule: Schedule) {
    this.id = id;
    this.spec = spec;
    this.#schedule = schedule;
    this.#start = schedule.now;
  }

  /** How many partitions there are by now. */
  count(): number {
    const { partitions, since } = this.spec;
    if (since === undefined) return partitions.length;
    return since.filter((at) => at <= this.#schedule.now - this.#start).length;
  }

  /** First offset not written yet. */
  end(partition: number): number {
    const rows = this.spec.partitions[partition]!;
    const now = this.#schedule.now - this.#start;
    let low = 0;
    let high = rows.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (rows[middle]!.at <= now) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  sealed(partition: number): boolean {
    return this.spec.bounded === true && this.end(partition) === this.spec.partitions[partition]!.length;
  }

  bounds(partition: number): { start: number; end: number; sealed: boolean } {
    return { start: 0, end: this.end(partition), sealed: this.sealed(partition) };
  }

  /** Rows from an offset on, as far as `end`. */
  slice(partition: number, from: number, limit: number, end: number, sealed: boolean): SourceSlice {
    if (from > end) throw new MillraceError('data-lost', `the source has ${end} rows, and ${from} were read`);
    const rows = this.spec.partitions[partition]!;
    const values: unknown[] = [];
    const offsets: number[] = [];
    const times: WallTime[] = [];
    let next = from;
    for (; next < end && values.length < limit; next++) {
      const row = rows[next]!;
      if (row.hole === true) continue;
      values.push(row.value);
      offsets.push(next);
      times.push((this.#start + row.at) as WallTime);
    }
    return { values, offsets, times, next, cursor: { at: next }, start: 0, end, sealed: sealed && next === end };
  }
}

/** A connector for pipelines that only ever run simulated: each process binds it to its own calls. */
export function simSource<T>(spec: SimSourceSpec): SourceConnector<T> {
  const first = spec.since?.filter((at) => at === 0).length ?? spec.partitions.length;
  const rows = spec.partitions.slice(0, first).map((list) => list.length);
  return {
    kind: 'simulated',
    options: { rows },
    bounded: spec.bounded === true,
    open: () => Promise.reject(new MillraceError('internal', 'a simulated source is opened by its simulation')),
  };
}

/** The source as one process reads it. */
export function simSourceLog(stored: StoredSource, process: SimProcess): SourceLog {
  return {
    info: {
      id: stored.id,
      partitions: stored.count(),
      bounded: stored.spec.bounded === true,
      resumable: true,
    },
    read: (partition, from, limit, cursor) => {
      const at = (cursor as { at?: number } | undefined)?.at;
      if (at !== undefined && at !== from) {
        throw new MillraceError('internal', `the cursor is for offset ${at}, not ${from}`);
      }
      const most = process.random.next() < 0.5 ? limit : Math.min(limit, 1 + process.random.below(5));
      return process.read(`read source ${stored.id}/${partition}`, () =>
        stored.slice(partition, from, most, stored.end(partition), stored.sealed(partition)),
      );
    },
    bounds: (partition) => process.read(`bounds of source ${stored.id}/${partition}`, () => stored.bounds(partition)),
    ...(stored.spec.since === undefined
      ? {}
      : { partitions: () => process.read(`count partitions of source ${stored.id}`, () => stored.count()) }),
    close: async () => {},
  };
}
