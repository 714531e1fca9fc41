import type { Aggregation, Aggregator } from './aggregator.ts';
import { needFunction } from './bad-value.ts';
import { aggregatorOf } from './composite.ts';

declare const out: unique symbol;

/** An aggregation of some of the records, which another step folds in with those of the rest: plain data, of a form that only `whole` knows. */
export interface Share<Out> {
  /** Never present at run time: carries the type of the whole's result. */
  readonly [out]?: () => Out;
}

/**
 * The first of two steps of an aggregation: what comes of it is no result but a share, for `whole` to put together. With a key that spreads the records, many tasks aggregate before one task
 * sees one record for each of them and window:
 * `stream.keyBy('spread', spread).window(w).aggregate('shares', partial(stats)).windowAll(w).aggregate('all', whole(stats, (s) => s.value))`. Where
 * the order of records matters, it is that of time, and of records of equal time any.
 */
export function partial<In, Out>(aggregation: Aggregation<In, Out>): Aggregator<In, unknown, Share<Out>> {
  const { create, add, merge, clone } = aggregatorOf(aggregation);
  return {
    ...{ create, add, merge, clone },
    result: (acc) => clone(acc) as Share<Out>,
    made: { kind: 'partial', parts: [aggregation] },
  };
}

/** The second step: folds in shares that `partial` made with the same aggregation, and gives its result. */
export function whole<In, Out>(
  aggregation: Aggregation<never, Out>,
  share: (record: In) => Share<Out>,
): Aggregator<In, unknown, Out> {
  needFunction('whole', share);
  const { create, merge, result, clone } = aggregatorOf(aggregation as Aggregation<unknown, Out>);
  return {
    ...{ create, merge, result, clone },
    add: (acc, record) => merge(acc, clone(share(record))),
    made: { kind: 'whole', parts: [aggregation, share] },
  };
}
