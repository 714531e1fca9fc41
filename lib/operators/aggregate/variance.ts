import type { Aggregator } from './aggregator.ts';
import { badValue, needFunction } from './bad-value.ts';
import { slotted } from './slotted.ts';

/** How spread is measured. */
export interface SpreadOptions {
  /** Divide by n - 1 (the estimate from a sample, NaN for a single record) rather than by n. Default: false. */
  readonly sample?: boolean;
}

/**
 * The variance of the selected numbers, by Welford's recurrence (1962), merged as Chan, Golub and LeVeque (1979) say: stable where the
 * mean is large beside the spread. The order of the records can change the last places. NaN over no records; a value that is not
 * a finite number is a bad record.
 */
export function variance<T>(f: (record: T) => number, options: SpreadOptions = {}): Aggregator<T, number[], number> {
  return spread('variance', f, options, (v) => v);
}

/** The standard deviation of the selected numbers: the root of `variance`, with its options and limits. */
export function stddev<T>(f: (record: T) => number, options: SpreadOptions = {}): Aggregator<T, number[], number> {
  return spread('stddev', f, options, Math.sqrt);
}

/** Slots: how many, their mean, the sum of squared distances from it. */
function spread<T>(
  name: string,
  f: (record: T) => number,
  options: SpreadOptions,
  yielded: (variance: number) => number,
): Aggregator<T, number[], number> {
  needFunction(name, f);
  const lost = options.sample === true ? 1 : 0;
  const select = (value: T): number => {
    const x = f(value);
    if (!Number.isFinite(x)) throw badValue(name, 'a finite number', x);
    return x;
  };
  return slotted<T, number>({
    made: { kind: 'variance', parts: [name, f, lost] },
    width: 3,
    init(array, at) {
      array[at] = 0;
      array[at + 1] = 0;
      array[at + 2] = 0;
    },
    add(array, at, value) {
      const x = select(value);
      const n = array[at]! + 1;
      const distance = x - array[at + 1]!;
      const mean = array[at + 1]! + distance / n;
      array[at] = n;
      array[at + 1] = mean;
      array[at + 2]! += distance * (x - mean);
    },
    merge(array, at, other, from) {
      const n = array[at]!;
      const m = other[from]!;
      if (m === 0) return;
      const distance = other[from + 1]! - array[at + 1]!;
      array[at] = n + m;
      array[at + 1]! += (distance * m) / (n + m);
      array[at + 2]! += other[from + 2]! + distance * distance * ((n * m) / (n + m));
    },
    result(array, at) {
      const n = array[at]! - lost;
      return n <= 0 ? Number.NaN : yielded(Math.max(0, array[at + 2]!) / n);
    },
    retract(array, at, value) {
      const x = select(value);
      const n = array[at]! - 1;
      if (n <= 0) {
        for (let i = 0; i < 3; i++) array[at + i] = 0;
        return;
      }
      const distance = x - array[at + 1]!;
      const mean = array[at + 1]! - distance / n;
      array[at] = n;
      array[at + 1] = mean;
      array[at + 2]! -= distance * (x - mean);
    },
  });
}
