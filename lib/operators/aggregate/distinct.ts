import { hash64, type Key, type KeyId, keyIdOf } from '../../model/index.ts';
import type { Aggregator } from './aggregator.ts';
import { badArgument, needFunction } from './bad-value.ts';
import { addHash, emptySketch, estimate, type HyperLogLog, mergeSketches } from './hyper-log-log.ts';

/**
 * How many different keys the selector yields, exactly; keys are equal where `keyBy` takes them for equal. The state holds each
 * different key once: where there are many, see `distinctApprox`.
 */
export function distinct<T>(f: (record: T) => Key): Aggregator<T, Set<KeyId>, number> {
  needFunction('distinct', f);
  return {
    made: { kind: 'distinct', parts: [f] },
    create: () => new Set(),
    add: (acc, value) => acc.add(keyIdOf(f(value))),
    merge(a, b) {
      for (const id of b) a.add(id);
      return a;
    },
    result: (acc) => acc.size,
    clone: (acc) => new Set(acc),
  };
}

/** How exact `distinctApprox` is. */
export interface SketchOptions {
  /** Index bits, 4 to 18: 2^precision bytes of state at most. Default: 12, which is 4 KB and a standard error of 1.6 %. */
  readonly precision?: number;
}

/**
 * About how many different keys the selector yields, by HyperLogLog: the standard error is 1.04 / sqrt(2^precision) of the count
 * (1.6 % by default), far less while there are few. The result depends only on which keys there were, not on their order,
 * their number or how the records were split and merged.
 */
export function distinctApprox<T>(
  f: (record: T) => Key,
  options: SketchOptions = {},
): Aggregator<T, HyperLogLog, number> {
  needFunction('distinctApprox', f);
  const precision = options.precision ?? 12;
  if (!(Number.isInteger(precision) && precision >= 4 && precision <= 18)) {
    throw badArgument('distinctApprox', 'precision must be a whole number from 4 to 18', precision);
  }
  const hash = new Uint32Array(2);
  return {
    made: { kind: `distinctApprox of ${precision} bits`, parts: [f] },
    create: emptySketch,
    add(acc, value) {
      hash64(keyIdOf(f(value)), hash);
      return addHash(acc, precision, hash[0]!, hash[1]!);
    },
    merge: (a, b) => mergeSketches(a, b, precision),
    result: (acc) => Math.round(estimate(acc, precision)),
    clone: (acc) => (acc instanceof Uint8Array ? new Uint8Array(acc) : acc.slice()),
  };
}
