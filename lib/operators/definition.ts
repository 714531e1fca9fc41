import type { KeyId } from '../model/index.ts';
import type { Json } from '../ports/index.ts';
import type { OperatorCode } from './operator.ts';

/** A mistake in how an operator was authored, found without running it. The plan adds the operator's id and reports all at once. */
export interface Mistake {
  /** The rule that is broken, lower case: `a window's size must be positive, not 0 ms`. */
  readonly rule: string;
  /** What to do about it. */
  readonly fix: string;
}

/** How a state's cells are rows of a table. */
export interface TableRows {
  readonly state: string;
  /** Cells are told apart by the beginning of their window, and have its `end`; the table's keys are key and window. */
  readonly windows?: boolean;
  /** A cell's row; undefined if it stands for none. */
  row(value: unknown, key: KeyId): unknown;
}

/**
 * An operator as its factory made it, before it has an id: what the plan must know of it as data, and the code that runs. Factories never
 * throw for what an author got wrong but list it under `mistakes`, so that it is reported together with everything else.
 */
export interface OperatorDefinition {
  /** What it is: `map`, `filter`, `window`, `process` ... */
  readonly type: string;
  /** Its options as data, complete enough to tell one window or policy from another. No secrets, no functions. */
  readonly options: Json;
  readonly code: OperatorCode;
  /** It keeps state or timers by key, so that a `keyBy` must come before it. */
  readonly needsKey: boolean;
  /**
   * If it has several inputs, what each must be, in the order of `Operator.inputs`: records with a key (of one kind for all inputs), records that
   * come to every task, or any. Without it, there is one input and `needsKey` says what it must be.
   */
  readonly inputs?: readonly ('key' | 'broadcast' | 'any')[];
  /** Its results are changes of a table, which update and delete: a sink that only appends cannot take them. */
  readonly updates?: boolean;
  /** Where its state holds the rows of a table, for those who read them from outside, together with the watermark. */
  readonly rows?: TableRows;
  /** It has tables: its id names data that outlives the code. */
  readonly stateful: boolean;
  readonly async: boolean;
  /** Its outputs may differ from attempt to attempt, so its stage is journaled. Always true of async. */
  readonly nondeterministic: boolean;
  /** Uses event-time timers or the watermark, so that its sources need an event time. */
  readonly eventTime: boolean;
  /** Uses processing-time timers. */
  readonly processingTime: boolean;
  /** Its results, which keep their key, may have times that the watermark of its own task has passed: what works by event time stands behind an exchange. */
  readonly holdsBack?: boolean;
  /**
   * Which steps of the watermark it must see: none; the multiples of each of these milliseconds (sizes, slides, offsets and lateness of windows); or
   * every one (sessions, free timers, code that reads the watermark).
   */
  readonly steps: 'none' | 'every' | readonly number[];
  /** Schema versions of its state tables, by name. */
  readonly state: Readonly<Record<string, number>>;
  /** Side outputs that it may emit to. */
  readonly sides: readonly string[];
  /** The author's functions in it, whose source text is part of its fingerprint. Anything that is not a function counts by its JSON. */
  readonly functions: readonly unknown[];
  /** What the author got wrong in it. */
  readonly mistakes?: readonly Mistake[];
}
