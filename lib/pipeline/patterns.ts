/** How an author has a pattern looked for. Types, and how what is said becomes an operator. */
import type { Key } from '../model/index.ts';
import {
  type MatchCode,
  type MatchContext,
  matchOperator,
  noSkip,
  type OperatorDefinition,
  type PartialMatch,
  type Pattern,
  type SideOutput,
  type SkipStrategy,
  settings,
  sideName,
} from '../operators/index.ts';
import type { OperatorOptions } from './graph.ts';
import type { Stream } from './streams.ts';

/** Where partial matches go that ran out of time, and as what. */
export interface TimedOut<K, M, First, O> {
  /** Read it by `sideOutput(to)` of the results. */
  readonly to: SideOutput<O>;
  /** Called once for each, with the time at which it was given up as `ctx.eventTime`. Nothing goes where it returns undefined. */
  readonly make: (partial: PartialMatch<M, First>, ctx: MatchContext<K>) => NoInfer<O> | undefined;
}

/** How a pattern is looked for. */
export interface MatchOptions<K, T, M, First, O> extends OperatorOptions {
  /** What becomes of other matches after one. Default `noSkip()`. */
  readonly afterMatch?: SkipStrategy<keyof M & string>;
  /** Where records go that come at or before the watermark, as they came: read it by `sideOutput(tag)` of the results. Without it they are only counted. */
  readonly late?: SideOutput<T>;
  /** Without it, partial matches that run out of time are only counted (`timed-out`). */
  readonly timedOut?: TimedOut<K, M, First, O>;
  /** How many partial matches a key may have, completed ones that still wait included. The oldest are given up beyond that, and counted (`dropped-partial-matches`). Default 10,000. */
  readonly maxPartialMatches?: number;
  /** True: partial matches may be kept without limit of time, as of a pattern without `within`. Each key then keeps what began and never came to an end. */
  readonly waitForever?: boolean;
}

declare module './streams.ts' {
  interface KeyedStream<K, T> {
    /**
     * Looks for a pattern in the records of each key, in the order of their event time: Flink's CEP. The function is called once for each match, with the records by the names of
     * their steps; nothing comes out where it returns undefined.
     */
    match<M, First extends string, R, O = never>(
      id: string,
      pattern: Pattern<T, M, First>,
      fn: (match: M, ctx: MatchContext<K>) => R,
      options?: MatchOptions<K, T, M, First, O>,
    ): Stream<Exclude<R, undefined | void>>;
  }
}

/** The operator that looks for a pattern, as the author said it. */
export function matchedBy(
  pattern: Pattern<never, unknown>,
  fn: MatchCode,
  options?: MatchOptions<Key, never, unknown, string, never>,
): OperatorDefinition {
  const { afterMatch = noSkip(), late, timedOut, maxPartialMatches = 10_000, waitForever = false } = settings(options);
  return matchOperator({
    ...{ pattern: settings(pattern).shape, fn, skip: afterMatch, maxPartialMatches, waitForever },
    lateSide: sideName(late),
    timedOut: timedOut === undefined ? undefined : timedOutOf(settings(timedOut)),
  });
}

const timedOutOf = ({ to, make }: TimedOut<Key, unknown, string, never>) => ({ side: sideName(to) ?? '', make });
