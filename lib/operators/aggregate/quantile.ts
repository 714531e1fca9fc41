import type { Aggregator } from './aggregator.ts';
import { badArgument, badValue, needFunction } from './bad-value.ts';
import {
  bucketAt,
  bucketOf,
  bucketsOf,
  countIn,
  countOf,
  mergedSketch,
  type QuantileSketch,
  valueIn,
} from './quantile-sketch.ts';

/** How exact a quantile is. */
export interface QuantileOptions {
  /** The largest relative error of the value, 0.0001 to 0.5. Default: 0.01. */
  readonly accuracy?: number;
}

/**
 * The q-quantile of the selected numbers: the value at rank floor(q * (n - 1)) of n in ascending order (0 the smallest, 1 the largest,
 * no interpolation), off by at most `accuracy` of itself (1 % by default; zero and signs are exact). The result depends only on which values
 * there were, not on their order or how they were split and merged. NaN over no records; a value that is not a finite number is a
 * bad record. The state grows with the logarithm of the values' range, not with their number.
 */
export function quantile<T>(
  f: (record: T) => number,
  q: number,
  options: QuantileOptions = {},
): Aggregator<T, QuantileSketch, number> {
  return sketched('quantile', f, [q], options, ([value]) => value!);
}

/** The 0.5-quantile of the selected numbers (of an even number of records the lower of the two in the middle), with the limits of `quantile`. */
export function median<T>(
  f: (record: T) => number,
  options: QuantileOptions = {},
): Aggregator<T, QuantileSketch, number> {
  return sketched('median', f, [0.5], options, ([value]) => value!);
}

/** Several quantiles of the same numbers from one sketch, as a tuple in the order asked for, with the limits of `quantile`. */
export function quantiles<T, const Q extends readonly number[]>(
  f: (record: T) => number,
  qs: Q,
  options: QuantileOptions = {},
): Aggregator<T, QuantileSketch, { -readonly [I in keyof Q]: number }> {
  return sketched('quantiles', f, qs, options, (values) => values as { -readonly [I in keyof Q]: number });
}

function sketched<T, Out>(
  name: string,
  f: (record: T) => number,
  qs: readonly number[],
  options: QuantileOptions,
  yielded: (values: number[]) => Out,
): Aggregator<T, QuantileSketch, Out> {
  needFunction(name, f);
  const accuracy = options.accuracy ?? 0.01;
  if (!(accuracy >= 0.0001 && accuracy <= 0.5))
    throw badArgument(name, 'accuracy must lie between 0.0001 and 0.5', accuracy);
  if (!Array.isArray(qs)) throw badArgument(name, 'it takes a list of quantiles', qs);
  for (const q of qs) if (!(q >= 0 && q <= 1)) throw badArgument(name, 'a quantile must lie between 0 and 1', q);
  const buckets = bucketsOf(accuracy);
  const change = (acc: QuantileSketch, value: T, n: number): QuantileSketch => {
    const x = f(value);
    if (!Number.isFinite(x)) throw badValue(name, 'a finite number', x);
    countIn(acc, bucketOf(x, buckets), n);
    return acc;
  };
  return {
    made: { kind: `quantile within ${accuracy}`, parts: [name, f, qs] },
    create: () => [],
    add: (acc, value) => change(acc, value, 1),
    merge: mergedSketch,
    result(acc) {
      const n = countOf(acc);
      return yielded(qs.map((q) => (n === 0 ? Number.NaN : valueIn(bucketAt(acc, rankOf(q, n)), buckets))));
    },
    clone: (acc) => acc.slice(),
    retract: (acc, value) => change(acc, value, -1),
  };
}

/** The rank floor(q * (n - 1)), where a product that is whole but for rounding counts as whole. */
function rankOf(q: number, n: number): number {
  const exact = q * (n - 1);
  const whole = Math.round(exact);
  return Math.abs(exact - whole) <= n * 2 ** -50 ? whole : Math.floor(exact);
}
