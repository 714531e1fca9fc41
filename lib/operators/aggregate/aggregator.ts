/**
 * How records are folded into one value per key (and window). Acc must be plain data that the value codec encodes
 * (null, numbers, strings, booleans, bigints, Dates, arrays, plain objects, Maps, Sets, typed arrays).
 *
 * An `add` that throws may leave the accumulator half changed: whoever goes on after it restores a clone.
 */
export interface Aggregator<In, Acc, Out> {
  create(): Acc;
  /** Folds the record in and returns the accumulator: the same object changed, or a new one. `time` is the record's event time. */
  add(acc: Acc, value: In, time: number): Acc;
  /** Folds `b` into `a` (session merging, panes): as if all records of both had been added, in time order where order matters. */
  merge(a: Acc, b: Acc): Acc;
  /** Never changes the accumulator. */
  result(acc: Acc): Out;
  /** A copy that later adds do not change: what undo restores. Must be cheap. */
  clone(acc: Acc): Acc;
  /** Takes back a record that was added before. Only on aggregators whose accumulator allows it. */
  retract?(acc: Acc, value: In, time: number): Acc;
  /** The same fold over a few numbers in an array shared with other aggregators, where the state is only numbers. */
  readonly slots?: Slots<In, Out>;
  readonly made?: Made;
}

/** What plans compare of an aggregator. */
export interface Made {
  /** Aggregators of one kind lay out their accumulators alike. */
  readonly kind: string;
  /** The author's functions and numbers in it. */
  readonly parts: readonly unknown[];
}

/** An array of doubles, of whatever kind. */
export interface Doubles {
  [index: number]: number;
}

/** An accumulator of `width` numbers that lie at `at`, `at + 1`, ... of an array which other accumulators share. */
export interface Slots<In, Out> {
  readonly width: number;
  readonly made?: Made;
  init(this: void, array: Doubles, at: number): void;
  add(this: void, array: Doubles, at: number, value: In, time: number): void;
  /** Folds the numbers at `from` of `other` into those at `at`. */
  merge(this: void, array: Doubles, at: number, other: Readonly<Doubles>, from: number): void;
  result(this: void, array: Readonly<Doubles>, at: number): Out;
  retract?(this: void, array: Doubles, at: number, value: In, time: number): void;
}

/** Aggregators under names, yielding an object of the same names. Inline selectors get their parameter's type from `In`. */
export type Parts<In, Out> = { readonly [K in keyof Out]: Aggregator<In, unknown, Out[K]> };

/**
 * What an `aggregate` operator takes: one aggregator, or several under names. Declared as
 * `aggregate<Out>(id: string, aggregation: Aggregation<In, Out>): Stream<Out>`, it types inline selectors and the result.
 */
export type Aggregation<In, Out> = Aggregator<In, unknown, Out> | Parts<In, Out>;
