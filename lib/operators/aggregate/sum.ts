import type { Aggregator, Doubles } from './aggregator.ts';
import { badValue, needFunction } from './bad-value.ts';
import { slotted } from './slotted.ts';

/**
 * The sum of the selected numbers; 0 over no records. Kept with Neumaier's compensation (Neumaier 1974, "Rundungsfehleranalyse
 * einiger Verfahren zur Summation endlicher Summen"), so rounding does not pile up: whole numbers are exact up to 2^53, and for
 * others the order of the records matters at most in the last place unless they all but cancel. A sum beyond the range of a
 * double is infinite. A selected value that is not a finite number is a bad record.
 */
export function sum<T>(f: (record: T) => number): Aggregator<T, number[], number> {
  needFunction('sum', f);
  return slotted<T, number>({
    made: { kind: 'sum', parts: [f] },
    width: 2,
    init(array, at) {
      array[at] = 0;
      array[at + 1] = 0;
    },
    add(array, at, value) {
      const x = f(value);
      if (!Number.isFinite(x)) throw badValue('sum', 'a finite number', x);
      accumulate(array, at, x);
    },
    merge(array, at, other, from) {
      mergeSums(array, at, other, from);
    },
    result: totalOf,
    retract(array, at, value) {
      const x = f(value);
      if (!Number.isFinite(x)) throw badValue('sum', 'a finite number', x);
      accumulate(array, at, -x);
    },
  });
}

/** The arithmetic mean of the selected numbers, as exact as `sum`; NaN over no records. A value that is not a finite number is a bad record. */
export function mean<T>(f: (record: T) => number): Aggregator<T, number[], number> {
  needFunction('mean', f);
  return slotted<T, number>({
    made: { kind: 'mean', parts: [f] },
    width: 3,
    init(array, at) {
      array[at] = 0;
      array[at + 1] = 0;
      array[at + 2] = 0;
    },
    add(array, at, value) {
      const x = f(value);
      if (!Number.isFinite(x)) throw badValue('mean', 'a finite number', x);
      array[at]!++;
      accumulate(array, at + 1, x);
    },
    merge(array, at, other, from) {
      array[at]! += other[from]!;
      mergeSums(array, at + 1, other, from + 1);
    },
    result: (array, at) => totalOf(array, at + 1) / array[at]!,
    retract(array, at, value) {
      const x = f(value);
      if (!Number.isFinite(x)) throw badValue('mean', 'a finite number', x);
      array[at]!--;
      accumulate(array, at + 1, -x);
    },
  });
}

/** Adds `x` to the sum at `at`, whose lost low bits gather at `at + 1`: found without a branch by Knuth's two-sum. */
function accumulate(array: Doubles, at: number, x: number): void {
  const before = array[at]!;
  const total = before + x;
  array[at] = total;
  const taken = total - before;
  array[at + 1]! += before - (total - taken) + (x - taken);
}

function mergeSums(array: Doubles, at: number, other: Readonly<Doubles>, from: number): void {
  accumulate(array, at, other[from]!);
  array[at + 1]! += other[from + 1]!;
}

function totalOf(array: Readonly<Doubles>, at: number): number {
  const total = array[at]!;
  return Number.isFinite(total) ? total + array[at + 1]! : total;
}
