import type { KeyId, WallTime } from '../model/index.ts';
import type { Connections } from './connections.ts';
import type { Json } from './source.ts';
import type { Clock } from './system.ts';

/** What a sink promises for its destination, each record of the input being applied once by the engine. */
export type Guarantee = 'exactly-once' | 'idempotent' | 'at-least-once';

/** Records for one sink task, in order; columns of one length. Record i was caused at (causes[i], ks[i]) in the task's log. */
export interface SinkBatch {
  readonly values: readonly unknown[];
  readonly times: readonly number[];
  readonly keys: readonly (KeyId | undefined)[];
  readonly causes: readonly number[];
  readonly ks: readonly number[];
  /** The task's next offset once these are written. */
  readonly upTo: number;
  /** The task's watermark then; MAX_TIME at the end of its input. Absent in what a journaled commit of an older version owes. */
  readonly watermark?: number;
  /**
   * No attempt can have written any of the batch before: the later of the task's last commit and of when the log took in the first message that the batch
   * follows from, where it says so. Absent in what a journaled commit of an older version owes.
   */
  readonly since?: WallTime;
}

/**
 * One task's end of a sink. `write` makes the batch visible, or ready to become so, and returns what the commit must remember;
 * the commit follows. If the process dies in between, the next writer is opened with the older state and must put the
 * destination back to it; it may be some batches back. After an error the writer is closed and a new one opened.
 */
export interface SinkWriter {
  write(batch: SinkBatch): Promise<Json>;
  /** The commit that remembers `state`, which `write` returned, is in the store for good: no writer will be opened with an older one. Several writes may lie between. */
  committed?(state: Json): void;
  /** The input has ended and everything is committed: finish the destination (close files, move them into place). May be called again after a restart. */
  finish(): Promise<void>;
  close(): Promise<void>;
}

export interface SinkHost {
  readonly sink: string;
  readonly pipeline: string;
  readonly run: string;
  /** This task among how many. */
  readonly task: number;
  readonly tasks: number;
  /** Whether state survives the process. */
  readonly durable: boolean;
  readonly connections: Connections;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** A sink that takes a record as the row of its key, and `null` as its deletion. */
export interface UpsertConnector<in T> extends SinkConnector<T> {
  readonly upserts: true;
}

/** Where records go. `T` is the type of record it takes. */
export interface SinkConnector<in T> {
  readonly kind: string;
  readonly options: Json;
  readonly guarantee: Guarantee;
  /** True if there must be one writer only (one file): the plan gathers all tasks' records into one. */
  readonly single: boolean;
  /**
   * True if a writer puts its destination back to the state it is opened with, however old that is. Where it does not, and promises more than
   * `at-least-once`, another attempt must bring the same records: each batch then waits until all that it follows from is in the store for good.
   */
  readonly goesBack?: boolean;
  /** True if it takes a record as the row of its key: it replaces the one before, and deletes it for `null`. Otherwise it only appends, and refuses a table's changes. */
  readonly upserts?: boolean;
  /** `state` is what the last commit remembers of this task's sink, undefined at birth. */
  open(host: SinkHost, state: Json | undefined): Promise<SinkWriter>;
  /** Never present at run time: carries the record's type. */
  readonly record?: (record: T) => void;
}
