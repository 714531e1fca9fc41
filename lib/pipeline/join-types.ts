/** What an author holds while two streams become one. Types only; made by `joined.ts`. */
import type { Duration } from '../model/index.ts';
import type {
  BroadcastProcess,
  ConnectedProcess,
  IntervalJoinContext,
  SideOutput,
  StateDescriptors,
  Trigger,
  WindowBounds,
  WindowFunctionContext,
} from '../operators/index.ts';
import type { OperatorOptions } from './graph.ts';
import type { Stream, WindowFunctionOptions } from './streams.ts';

/** Which records of a joined pair of streams are late, and where they go. */
export interface JoinOptions<L, R> {
  /** How far behind the watermark a record may come and still be joined. Default none. State and unmatched records wait as much longer. */
  readonly allowedLateness?: Duration;
  /** Where late records of the left stream go, as they came: read it by `sideOutput(tag)` of the results. Without it they are only counted. */
  readonly lateLeft?: SideOutput<L>;
  /** Where late records of the right stream go. */
  readonly lateRight?: SideOutput<R>;
}

/** How the bounds of an interval join are meant. */
export interface IntervalOptions<L, R> extends JoinOptions<L, R> {
  /** The lower bound itself does not match. Default: it does. */
  readonly lowerExclusive?: boolean;
  /** The upper bound itself does not match. Default: it does. */
  readonly upperExclusive?: boolean;
}

/** How windows of two streams treat time and when they emit. */
export interface TwoInputWindowing<L, R> extends JoinOptions<L, R> {
  /** When a window emits; it is told of the records of both sides. Default `endOfWindow()`. */
  readonly trigger?: Trigger<L | R, never>;
}

/** Two streams under one key that wait to hear how far apart matches may be. */
export interface IntervalJoining<K, L, R> {
  /** Matches are right records no earlier than `lower` and no later than `upper` after a left one; negative spans lie before it. */
  between(lower: Duration, upper: Duration, options?: IntervalOptions<L, R>): Joining<L, R, IntervalJoinContext<K>>;
}

/** What comes of a join's function: nothing where it returns undefined. */
type Results<O> = Stream<Exclude<O, undefined | void>>;

/**
 * Two streams that wait to hear what is made of matches. The function is called once for each pair, and in joins that keep a side once for each of its records that
 * had no match, with undefined for the other, when no match can come any more.
 */
export interface Joining<L, R, C> {
  /** Pairs only. */
  join<O>(id: string, fn: (left: L, right: R, ctx: C) => O, options?: OperatorOptions): Results<O>;
  /** Pairs, and left records without a match. */
  leftJoin<O>(id: string, fn: (left: L, right: R | undefined, ctx: C) => O, options?: OperatorOptions): Results<O>;
  /** Pairs, and right records without a match. */
  rightJoin<O>(id: string, fn: (left: L | undefined, right: R, ctx: C) => O, options?: OperatorOptions): Results<O>;
  /** Pairs, and records of either side without a match. */
  outerJoin<O>(
    id: string,
    fn: (left: L | undefined, right: R | undefined, ctx: C) => O,
    options?: OperatorOptions,
  ): Results<O>;
}

type None = Record<never, never>;

/** Two streams by key, in windows together. */
export interface CoGrouped<K, L, R> {
  /**
   * Hands the records of both sides that share a key and a window to the function when the window fires, in order of arrival, also if one side has none. Results are
   * what it returns (nothing if undefined), each result of a generator, and what is given to `ctx.emit`, with the window's last millisecond as their time.
   */
  process<O = never, E = never, S extends StateDescriptors = None, W extends StateDescriptors = None>(
    id: string,
    fn: (
      key: K,
      window: WindowBounds,
      lefts: readonly L[],
      rights: readonly R[],
      ctx: WindowFunctionContext<E, S, W>,
    ) => O | Generator<O, void, void> | void,
    options?: WindowFunctionOptions<E, S, W>,
  ): Stream<Exclude<O, undefined | void> | E>;
}

/** Two streams that wait for the operator which handles both. */
export interface Connected<K, L, R> {
  /** An operator written as handlers of both inputs, made by `connectedProcess(id, { onLeft, onRight ... })`. */
  process<O>(process: ConnectedProcess<L, R, K, O>, options?: OperatorOptions): Stream<O>;
  /** The same operator under another id. */
  process<O>(id: string, process: ConnectedProcess<L, R, K, O>, options?: OperatorOptions): Stream<O>;
}

/** A stream and what is broadcast beside it, which wait for the operator that handles both. */
export interface BroadcastConnected<K, T, B> {
  /** An operator made by `broadcastProcess(id, { broadcastState, onRecord, onBroadcast ... })`. */
  process<O>(process: BroadcastProcess<T, B, K, O>, options?: OperatorOptions): Stream<O>;
  /** The same operator under another id. */
  process<O>(id: string, process: BroadcastProcess<T, B, K, O>, options?: OperatorOptions): Stream<O>;
}

declare const everywhere: unique symbol;

/** Records that come to every task of the operator that reads them: `records.connect(rules.broadcast())`. */
export interface BroadcastStream<T> {
  /** Never present at run time: carries the record's type. */
  readonly [everywhere]: () => T;
}
