/** What an author holds while two streams become one. Types only; made by `joined.ts`. */
import type { Duration } from '../model/index.ts';
import type { IntervalJoinContext, SideOutput } from '../operators/index.ts';
import type { OperatorOptions } from './graph.ts';
import type { Stream } from './streams.ts';

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
