import type { Duration, Json, MillraceError, WallTime } from '../model/index.ts';
import type { Connections } from './connections.ts';
import type { Clock } from './system.ts';

export type { Json };

/** What a source is, once opened. */
export interface SourceInfo {
  /** Names this incarnation of the data: a topic id, or a fingerprint of what a file set is. Another id = other data. */
  readonly id: string;
  /** How many there were when it was opened. */
  readonly partitions: number;
  /** True if it will end. */
  readonly bounded: boolean;
  /** False where records cannot be read again after the process ends (standard input without a spool). */
  readonly resumable: boolean;
}

/**
 * A run of rows of one partition. Row i is `values[i]`, at offset `offsets === undefined ? from + i : offsets[i]`.
 * A row that could not be decoded holds an `Undecodable` in its place.
 */
export interface SourceSlice {
  readonly values: readonly unknown[];
  /** Present where offsets have holes. */
  readonly offsets?: readonly number[];
  /** The log's own timestamps, where it has them; 0 or less for a row without. */
  readonly times?: readonly WallTime[];
  /** Position after these rows: everything below it has been looked at. */
  readonly next: number;
  /** Resumes faster at `next`: whatever the connector needs, stored in the commit and handed back. */
  readonly cursor?: Json;
  /** First offset that can still be read. */
  readonly start: number;
  /** End offset if known: with `sealed`, nothing will ever follow. */
  readonly end: number | undefined;
  /** Bytes behind these rows that are there and were not read, where the rows in them are not known. For people. */
  readonly bytesLeft?: number | undefined;
  readonly sealed: boolean;
}

/** Stands in the place of a row that could not be decoded. */
export class Undecodable {
  readonly error: MillraceError;
  /** The row as it was, cut to a sensible length. */
  readonly raw: string;
  constructor(error: MillraceError, raw: string) {
    this.error = error;
    this.raw = raw;
  }
}

/**
 * The log of a source's tasks: rows in partitions, readable again from any offset, each time the same.
 * A file, a collection or a generator is its own log. Nothing is copied first.
 */
export interface SourceLog {
  readonly info: SourceInfo;
  /**
   * Rows from offset `from` on, at most `limit`; an empty slice means none are there now. `cursor` is what an earlier slice gave for `from`,
   * or undefined. Throws `data-lost` if the data below `from` has been changed or shortened.
   */
  read(partition: number, from: number, limit: number, cursor: Json | undefined): Promise<SourceSlice>;
  /** First readable offset and end offset now; `sealed` if nothing will ever follow. An unknown end (not yet read that far) is undefined. */
  bounds(
    partition: number,
  ): Promise<{ readonly start: number; readonly end: number | undefined; readonly sealed: boolean }>;
  /**
   * Where a new run begins to read a partition, and where it is to end, if it is: asked once, when the run is created. Absent: from the first
   * readable offset on.
   */
  birth?(partition: number): Promise<{ readonly start: number; readonly end?: number }>;
  /**
   * How many partitions there are now: only of an unbounded source that may gain some while it is open; absent, it keeps `info.partitions`. Counts
   * every partition that any record had been written to when it was asked, and never falls: records of one that is left out may be called late.
   * It is asked after each read that found something. A partition that is gained is read from its `start`.
   */
  partitions?(): Promise<number>;
  /**
   * Waits up to `patience` for rows at or after an offset in any of these places: for each whether there may be some. May be called while another call
   * waits. Absent where there is nothing to wait with: then it is read again and again.
   */
  awaitRows?(places: readonly SourcePlace[], patience: Duration, signal: AbortSignal): Promise<readonly boolean[]>;
  close(): Promise<void>;
}

/** Where one wants to read a source. */
export interface SourcePlace {
  readonly partition: number;
  readonly from: number;
}

/** What a connector may use when it opens. */
export interface SourceHost {
  readonly source: string;
  /** A folder of this source's own that outlives the process, if the host has one. */
  readonly spool: string | undefined;
  readonly connections: Connections;
  /** For rates and replays; never for what a row holds. */
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/**
 * Where a source's records come from. `T` is the type of a row before validation. Made by the author (`jsonl({path})`) or bound by a host; opening does the I/O.
 */
export interface SourceConnector<out T> {
  readonly kind: string;
  /**
   * Options as data, for the plan: no secrets. A number under `partitions` announces how many there will be; a bounded connector that does not have it is
   * taken to have one, any other an unknown number.
   */
  readonly options: Json;
  readonly bounded: boolean;
  /** True if records come as they happen, so that none can be from far ahead: `maxFuture` of its sources then has a default. */
  readonly live?: boolean;
  open(host: SourceHost): Promise<SourceLog>;
  /** Never present at run time: carries the row's type. */
  readonly row?: T;
}
