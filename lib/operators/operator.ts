/**
 * What the runtime knows of an operator. Records are pushed through a stage's operators one after another, in one synchronous call;
 * operators keep nothing of their own between records but what their tables hold.
 */
import type { KeyId } from '../model/index.ts';
import type { Clock } from '../ports/index.ts';
import type { CellTable, RowLayout, RowTable, TableOptions } from '../state/index.ts';

/** Takes records: an operator's input, a stage's output, a sink. `key` is the key in force, undefined where there is none. */
export interface Receiver {
  record(value: unknown, time: number, key: KeyId | undefined): void;
}

/** Time as the task sees it now. The same at every replay of the same log. */
export interface TaskTime {
  /** The task's event-time watermark. */
  readonly watermark: number;
  /** The task's processing time: never the clock's, always the log's. */
  readonly processingTime: number;
  /** While timers fire, the watermark and the processing time from before they moved: what had expired by then is gone. */
  readonly watermarkBefore: number;
  readonly processingTimeBefore: number;
  /** Uniform in [0, 1): a function of the task, the message in hand and the count of calls during it. */
  random(): number;
}

/** What an operator gets when its task is built. */
export interface OperatorContext {
  readonly operator: string;
  readonly time: TaskTime;
  /** A table of keyed state, registered under `name`, unique within the operator. Call only during `create`. */
  table<V>(name: string, options: TableOptions<V>): CellTable<V>;
  /** As `table`, for values that are numbers. */
  rows<V>(name: string, layout: RowLayout<V>): RowTable<V>;
  /** Where results go; with a name, a side output (records for one that nobody reads are counted and dropped). */
  output(side?: string): Receiver;
  /** Adds to one of the operator's counters, for instance `late`. */
  count(metric: string, n: number): void;
}

/** A running operator of one task. */
export interface Operator {
  /** One receiver per input, in the plan's order. */
  readonly inputs: readonly Receiver[];
}

/** How an operator of a plan comes to life in a task. */
export interface OperatorCode {
  create(context: OperatorContext): Operator;
  /** Asynchronous operators only: what happens ahead of the stage's synchronous pass, which then finds each record's result in its place. */
  readonly async?: AsyncCode;
}

/**
 * An asynchronous operator begins its stage. Before the stage applies a batch, its records are given to `pass`; then the batch is applied in order, each record's result in
 * its place.
 */
export interface AsyncCode {
  /** The calls of one task in this process. Opens nothing yet. */
  begin(): AsyncCalls;
}

/** The calls of one task; whatever they keep between batches is no part of its state. */
export interface AsyncCalls {
  /** Settles or fails each record, in any order. Rejects with the signal's reason, as soon as the host stops, where some are left. One pass at a time. */
  pass(records: readonly AsyncRecord[], host: AsyncHost): Promise<void>;
  /** Ends what was opened; the next pass opens anew. */
  close(): Promise<void>;
}

/** A record that waits for its result. */
export interface AsyncRecord {
  readonly value: unknown;
  readonly time: number;
  readonly key: KeyId | undefined;
  /** Puts the result in the record's place. */
  settle(result: unknown): void;
  /** The record is one that fails, with this error. */
  fail(error: unknown): void;
}

/** What calls get of their host, for one pass. */
export interface AsyncHost {
  readonly clock: Clock;
  /** Aborted when the host stops. */
  readonly stop: AbortSignal;
  /** Rejects when `stop` is aborted: to race with, whatever the number of calls. */
  readonly stopped: Promise<never>;
  /** Adds to one of the operator's counters. */
  count(metric: string, n: number): void;
}
