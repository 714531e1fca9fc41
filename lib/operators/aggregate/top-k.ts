import type { Aggregator } from './aggregator.ts';
import { badArgument, badValue, needFunction } from './bad-value.ts';
import { type Rank, rankOf } from './extreme.ts';

/** The ranks, times and records held, best first. */
export type Ranked<T> = [ranks: Exclude<Rank, Date>[], times: number[], records: T[]];

/**
 * The `k` records of the highest rank, best first, exactly; among equals the earliest by event time, then by arrival.
 * The state is at most `k` records.
 */
export function topK<T>(f: (record: T) => Rank, k: number): Aggregator<T, Ranked<T>, NoInfer<T>[]> {
  needFunction('topK', f);
  if (!(Number.isSafeInteger(k) && k >= 1)) throw badArgument('topK', 'k must be a whole number of at least 1', k);
  const take = (acc: Ranked<T>, rank: Exclude<Rank, Date>, time: number, record: T): void => {
    const [ranks, times, records] = acc;
    if (ranks.length > 0 && typeof rank !== typeof ranks[0]) {
      throw badValue('topK', `a ${typeof ranks[0]}, as the records before`, rank);
    }
    let at = ranks.length;
    while (at > 0 && (rank > ranks[at - 1]! || (rank === ranks[at - 1] && time < times[at - 1]!))) at--;
    if (at >= k) return;
    ranks.splice(at, 0, rank);
    times.splice(at, 0, time);
    records.splice(at, 0, record);
    if (ranks.length > k) {
      ranks.pop();
      times.pop();
      records.pop();
    }
  };
  return {
    made: { kind: 'topK', parts: [f, k] },
    create: () => [[], [], []],
    add(acc, value, time) {
      take(acc, rankOf('topK', f(value)), time, value);
      return acc;
    },
    merge(a, b) {
      for (let i = 0; i < b[0].length; i++) take(a, b[0][i]!, b[1][i]!, b[2][i]!);
      return a;
    },
    result: (acc) => acc[2].slice(),
    clone: (acc) => [acc[0].slice(), acc[1].slice(), acc[2].slice()],
  };
}
