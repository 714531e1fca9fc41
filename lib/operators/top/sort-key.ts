import { compareKeyIds, MillraceError } from '../../model/index.ts';
import type { Rank } from '../aggregate/index.ts';
import type { Mistake } from '../definition.ts';

/** What entries are ranked by: one criterion, or several of which each decides where all before it are equal. */
export type SortKey = Rank | readonly Rank[];

/** Which comes first: `descending` the largest, `ascending` the smallest. */
export type Order = 'descending' | 'ascending';

type PlainRank = number | bigint | string;

/** A sort key as it is stored: dates as their milliseconds, no NaN, no negative zero. */
export type Sortable = PlainRank | readonly PlainRank[];

/** Negative if the first ranks before the second, zero if they are equal. */
export type Comparison = (a: Sortable, b: Sortable) => number;

/** What the author's function gave, as it is stored. Throws `bad-record` for what cannot be ranked. */
export function sortableOf(given: unknown, criteria: number | undefined): Sortable {
  if (typeof given === 'number' && criteria === undefined && !Number.isNaN(given)) return given === 0 ? 0 : given;
  if (!Array.isArray(given)) {
    if (criteria === undefined) return plainRankOf(given);
  } else if (given.length > 0 && (criteria ?? given.length) === given.length) return given.map(plainRankOf);
  const wanted = criteria === undefined ? 'criteria' : `a tuple of ${criteria}, as many as there are orders`;
  throw unranked(wanted, given);
}

/** How sort keys compare: numbers by value, then bigints, then strings by UTF-16 code unit; tuples by their first difference, a shorter one first. */
export function comparison(order: Order | readonly Order[]): Comparison {
  const signs = [order].flat().map(signOf);
  const every = signs[0]!;
  const one = typeof order === 'string';
  return (a, b) => {
    if (typeof a === 'number' && typeof b === 'number') return a < b ? -every : a > b ? every : 0;
    if (typeof a !== 'object' && typeof b !== 'object') return every * compareKeyIds(a, b);
    const [left, right] = [listOf(a), listOf(b)];
    const both = Math.min(left.length, right.length);
    for (let i = 0; i < both; i++) {
      const compared = compareKeyIds(left[i]!, right[i]!);
      if (compared !== 0) return (one ? every : signs[i]!) * compared;
    }
    return left.length - right.length;
  };
}

export function orderMistakes(order: unknown): Mistake[] {
  const orders = [order].flat();
  if (orders.length > 0 && orders.every((each) => each === 'descending' || each === 'ascending')) return [];
  return [
    {
      rule: `its order is ${JSON.stringify(order)}`,
      fix: `give 'descending', 'ascending', or one of them for each criterion`,
    },
  ];
}

const signOf = (order: Order): 1 | -1 => (order === 'ascending' ? 1 : -1);
const listOf = (key: Sortable): readonly PlainRank[] => (typeof key === 'object' ? key : [key]);

function plainRankOf(rank: unknown): PlainRank {
  const plain = rank instanceof Date ? rank.getTime() : rank;
  if (typeof plain === 'number') {
    if (!Number.isNaN(plain)) return plain === 0 ? 0 : plain;
  } else if (typeof plain === 'string' || typeof plain === 'bigint') return plain;
  throw unranked('a number, bigint, string or valid date', rank);
}

function unranked(wanted: string, given: unknown): MillraceError {
  const got = Array.isArray(given)
    ? `${given.length} criteria`
    : typeof given === 'object'
      ? 'an object'
      : `${given as never}`;
  return new MillraceError('bad-record', `top needs ${wanted} to rank by, not ${given === null ? 'null' : got}`, {
    hint: 'filter such records out before, or give them a rank in `by`',
  });
}
