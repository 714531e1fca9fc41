import type { Aggregator, Doubles } from './aggregator.ts';
import { badValue, needFunction } from './bad-value.ts';
import { slotted } from './slotted.ts';

/** The smallest of the selected numbers; NaN over no records. A value that is not a number, or NaN, is a bad record. */
export function min<T>(f: (record: T) => number): Aggregator<T, number[], number> {
  return extreme('min', f, -1);
}

/** The largest of the selected numbers; NaN over no records. A value that is not a number, or NaN, is a bad record. */
export function max<T>(f: (record: T) => number): Aggregator<T, number[], number> {
  return extreme('max', f, 1);
}

/** What records can be ranked by: all of one kind within an aggregation. Strings compare by their UTF-16 code units. */
export type Rank = number | bigint | string | Date;

/** The best record so far with its rank and time; empty before the first. */
export type Best<T> = [] | [rank: Exclude<Rank, Date>, time: number, record: T];

/** The whole record with the smallest rank; among equals the earliest by event time, then by arrival. Null over no records. */
export function minBy<T>(f: (record: T) => Rank): Aggregator<T, Best<T>, NoInfer<T> | null> {
  return extremeBy('minBy', f, -1);
}

/** The whole record with the largest rank; among equals the earliest by event time, then by arrival. Null over no records. */
export function maxBy<T>(f: (record: T) => Rank): Aggregator<T, Best<T>, NoInfer<T> | null> {
  return extremeBy('maxBy', f, 1);
}

function extreme<T>(name: string, f: (record: T) => number, sign: 1 | -1): Aggregator<T, number[], number> {
  needFunction(name, f);
  const take = (array: Doubles, at: number, x: number): void => {
    if (!(x * sign <= array[at]! * sign)) array[at] = x;
  };
  return slotted<T, number>({
    made: { kind: name, parts: [f] },
    width: 1,
    init(array, at) {
      array[at] = Number.NaN;
    },
    add(array, at, value) {
      const x = f(value);
      if (typeof x !== 'number' || Number.isNaN(x)) throw badValue(name, 'a number', x);
      take(array, at, x === 0 ? 0 : x);
    },
    merge(array, at, other, from) {
      if (!Number.isNaN(other[from]!)) take(array, at, other[from]!);
    },
    result: (array, at) => array[at]!,
  });
}

function extremeBy<T>(name: string, f: (record: T) => Rank, sign: 1 | -1): Aggregator<T, Best<T>, T | null> {
  needFunction(name, f);
  const take = (acc: Best<T>, rank: Exclude<Rank, Date>, time: number, record: T): Best<T> => {
    if (acc.length === 0) return [rank, time, record];
    const best = acc[0];
    if (typeof rank !== typeof best) throw badValue(name, `a ${typeof best}, as the records before`, rank);
    if (rank === best ? time < acc[1] : rank > best === sign > 0) {
      acc[0] = rank;
      acc[1] = time;
      acc[2] = record;
    }
    return acc;
  };
  return {
    made: { kind: name, parts: [f] },
    create: () => [],
    add: (acc, value, time) => take(acc, rankOf(name, f(value)), time, value),
    merge: (a, b) => (b.length === 0 ? a : take(a, b[0], b[1], b[2])),
    result: (acc) => (acc.length === 0 ? null : acc[2]),
    clone: (acc) => (acc.length === 0 ? [] : [acc[0], acc[1], acc[2]]),
  };
}

/** The rank as a value that `<` compares and the codec keeps: dates as their milliseconds, no NaN, no negative zero. */
export function rankOf(aggregation: string, rank: Rank): Exclude<Rank, Date> {
  const plain = rank instanceof Date ? rank.getTime() : rank;
  if (typeof plain === 'number') {
    if (!Number.isNaN(plain)) return plain === 0 ? 0 : plain;
  } else if (typeof plain === 'string' || typeof plain === 'bigint') return plain;
  throw badValue(aggregation, 'a number, bigint, string or valid date', rank);
}
