/** Tables: rows that change and go, what is made of them, and final rows. */
import { expect } from 'vitest';
import {
  ascendingTimestamps,
  count,
  epochMillis,
  type PipelineBuilder,
  seconds,
  sum,
  tumbling,
  untilTimeLimit,
  untilWindowCloses,
} from '../../lib/index.ts';
import { rowsOf } from '../operators/table/changelog.ts';
import { type Ends, type Row, row, rowTo, START, type SuiteCase } from './case.ts';

const inOrder = { eventTime: (r: Row) => epochMillis(r.at!), watermark: ascendingTimestamps(), idle: 'hold' } as const;
const keyed = (p: PipelineBuilder, ends: Ends, id: string) =>
  p.source(id, ends.source(id), inOrder).keyBy(`${id}-key`, (r) => r.key);
/** A row of 0 is none. */
const rowOf = (r: Row): Row | null => (r.n === 0 ? null : r);

/** Items in shops: each partition has items of its own. */
const items = [
  [
    ...[rowTo('a', 0, 5, 's'), rowTo('b', 1, 7, 't'), rowTo('a', 3, 6, 's'), rowTo('x', 4, 0, 's')],
    ...[rowTo('a', 5, 2, 't'), rowTo('b', 6, 0, 't'), rowTo('b', 9, 8, 'u'), rowTo('b', 13, 9, 'u')],
  ],
  [
    ...[rowTo('c', 0.5, 1, 'u'), rowTo('d', 2, 3, 's'), rowTo('c', 3, 4, 'none'), rowTo('d', 3.5, 3, 's')],
    ...[rowTo('e', 5, 11, 's'), rowTo('c', 8, 0, 'none'), rowTo('d', 8, 0, 's'), rowTo('f', 14, 12, 't')],
  ],
];
const shops = [[row('s', 0, 1), row('t', 1, 2), row('v', 2, 3), row('s', 4, 4), row('t', 7, 0), row('u', 15, 5)]];

function latest(partitions: readonly (readonly Row[])[]): Map<string, Row> {
  const rows = new Map<string, Row>();
  for (const r of partitions.flat()) {
    if (r.n === 0) rows.delete(r.key);
    else rows.set(r.key, r);
  }
  return rows;
}

const [item, shop] = [latest(items), latest(shops)];
const place = (r: Row, at: Row | undefined): string => `${r.n} at ${at?.n ?? '-'}`;
const both = (total: number | undefined, at: Row | undefined): string => `${total ?? '-'} at ${at?.n ?? '-'}`;
const mapped = <V, R>(rows: Iterable<readonly [string, V]>, fn: (row: V, key: string) => R): Record<string, R> =>
  Object.fromEntries([...rows].map(([key, value]) => [key, fn(value, key)]));

const shopOf = (r: Row): Row | undefined => shop.get(r.to!);
const totals = new Map<string, number>();
for (const { to, n } of item.values()) totals.set(to!, (totals.get(to!) ?? 0) + n);

/** The number of records of each item and four seconds, and their sum. */
function counts(): object[] {
  const found = new Map<string, { key: string; start: number; records: number; sum: number }>();
  for (const { key, at, n } of items.flat()) {
    const start = START + Math.floor((at! - START) / 4_000) * 4_000;
    const { records, sum } = found.get(`${key} ${start}`) ?? { records: 0, sum: 0 };
    found.set(`${key} ${start}`, { key, start, records: records + 1, sum: sum + n });
  }
  return [...found.values()].map(({ key, start, ...value }) => ({
    ...{ kind: 'insert', key: { key, start, end: start + 4_000 }, value },
  }));
}

/** Changes that fit one another, whatever they are, and lead to these rows. */
const leadTo = (rows: Readonly<Record<string, unknown>>) => (found: readonly never[]) =>
  expect(mapped(rowsOf(found), String)).toEqual(mapped(Object.entries(rows), String));
const quoted = <V>(rows: Readonly<Record<string, V>>): Record<string, V> =>
  Object.fromEntries(Object.entries(rows).map(([key, value]) => [JSON.stringify(key), value]));

export const tables: readonly SuiteCase[] = [
  {
    name: 'tables',
    shows: 'keep groups and joins of tables right, by their keys and by others, while rows change and go',
    rows: { items, shops },
    build(p, ends) {
      const rows = keyed(p, ends, 'items').toTable('rows', rowOf);
      const places = keyed(p, ends, 'shops').toTable('places', rowOf);
      const sums = rows
        .groupBy('by-shop', (r) => r.to!)
        .aggregate('totals', { init: () => 0, add: (total, r) => total + r.n, subtract: (total, r) => total - r.n });
      sums.to('totals-out', ends.sink('totals-out'));
      sums
        .suppress('calm', untilTimeLimit(seconds(4)))
        .changes('calm-changes')
        .to('calm-out', ends.sink('calm-out'));
      sums.outerJoin('both', places, both).to('both-out', ends.sink('both-out'));
      rows.join('placed', places, (r) => r.to, place).to('placed-out', ends.sink('placed-out'));
      rows
        .leftJoin('perhaps', places, (r) => (r.to === 'none' ? null : r.to), place)
        .changes('perhaps-changes')
        .to('perhaps-out', ends.sink('perhaps-out'));
      rows
        .filter('dear', (r) => r.n > 5)
        .mapValues('prices', (r, key) => `${key} for ${r.n}`)
        .to('dear-out', ends.sink('dear-out'));
    },
    results: {},
    tables: {
      'totals-out': mapped(totals, (total) => total),
      'both-out': Object.fromEntries(
        [...new Set([...totals.keys(), ...shop.keys()])].map((key) => [key, both(totals.get(key), shop.get(key))]),
      ),
      'placed-out': mapped(
        [...item].filter(([, r]) => shopOf(r) !== undefined),
        (r) => place(r, shopOf(r)),
      ),
      'dear-out': mapped(
        [...item].filter(([, r]) => r.n > 5),
        (r, key) => `${key} for ${r.n}`,
      ),
    },
    judged: {
      'calm-out': leadTo(quoted(mapped(totals, (total) => total))),
      'perhaps-out': leadTo(quoted(mapped(item, (r) => place(r, shopOf(r))))),
    },
  },
  {
    name: 'final',
    shows: 'let only final rows out of a table of windows',
    rows: { items },
    build(p, ends) {
      keyed(p, ends, 'items')
        .window(tumbling(seconds(4)), { allowedLateness: seconds(1) })
        .toTable('counts', { records: count(), sum: sum((r: Row) => r.n) })
        .suppress('final', untilWindowCloses())
        .changes('changes')
        .to('out', ends.sink('out'));
    },
    results: { out: counts() },
  },
];
