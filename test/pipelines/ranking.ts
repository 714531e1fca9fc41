/** One record of each key, and the best of groups, of streams and of tables. */
import { boundedOutOfOrderness, epochMillis, seconds } from '../../lib/index.ts';
import { changeRows } from '../operators/table/changelog.ts';
import { type Row, rowTo, type SuiteCase } from './case.ts';

/** Offers of items in shops, at most five seconds out of order, no two at one time; each partition has items of its own. Nothing is the price of what is gone. */
const offers = [
  [
    ...[rowTo('a', 3, 30, 's'), rowTo('b', 1, 10, 's'), rowTo('a', 0, 50, 's'), rowTo('b', 5, 0, 't')],
    ...[rowTo('a', 6, 20, 't'), rowTo('c', 4, 40, 't'), rowTo('b', 8, 70, 't'), rowTo('c', 12, 41, 's')],
    ...[rowTo('a', 9.5, 25, 's'), rowTo('b', 7.5, 11, 's'), rowTo('c', 20, 0, 't'), rowTo('a', 24, 60, 's')],
  ],
  [
    ...[rowTo('d', 2, 40, 's'), rowTo('e', 2.5, 15, 't'), rowTo('d', 5.5, 42, 't'), rowTo('e', 3.5, 90, 'u')],
    ...[rowTo('f', 7, 70, 't'), rowTo('d', 6.5, 0, 's'), rowTo('e', 14, 16, 's'), rowTo('f', 13, 33, 'u')],
  ],
];
const all = offers.flat();
const keys = [...new Set(all.map(({ key }) => key))];
const of = (key: string): Row[] => all.filter((r) => r.key === key);

/** The first of each item, and again what is at least four seconds younger than the one before that came out. */
function anew(): Row[] {
  return keys.flatMap((key) => {
    const found: Row[] = [];
    for (const r of of(key)) if (found.length === 0 || r.at! >= found.at(-1)!.at! + 4_000) found.push(r);
    return found;
  });
}

/** Each change of the latest offers by event time. */
const latest = (): object[] =>
  keys.flatMap((key) => {
    let row: Row | undefined;
    return of(key).flatMap((r) => {
      if (row !== undefined && r.at! < row.at!) return [];
      const before = row;
      row = r;
      return changeRows(key, before, r);
    });
  });

const grouped = (rows: readonly Row[], by: (r: Row) => string, order: (a: Row, b: Row) => number): [string, Row[]][] =>
  [...new Set(rows.map(by))].map((group) => [group, rows.filter((r) => by(r) === group).sort(order)]);

/** The two dearest offers of each shop. */
const dearest = (): Record<string, Row> =>
  Object.fromEntries(
    grouped(
      all,
      (r) => r.to!,
      (a, b) => b.n - a.n || a.at! - b.at!,
    ).flatMap(([key, rows]) => rows.slice(0, 2).map((r, i) => [JSON.stringify({ key, rank: i + 1 }), r])),
  );

const byTime = (a: Row, b: Row): number => a.at! - b.at!;
/** What is offered last of each item that is not gone, by arrival. */
const standing = keys.map((key) => of(key).at(-1)!).filter(({ n }) => n > 0);
const byPrice = (a: Row, b: Row): number => a.n - b.n || (a.key < b.key ? -1 : 1);

/** The two cheapest items of each shop. */
const cheapest = (): Record<string, Row[]> =>
  Object.fromEntries(grouped(standing, (r) => r.to!, byPrice).map(([shop, rows]) => [shop, rows.slice(0, 2)]));

export const ranking: readonly SuiteCase[] = [
  {
    name: 'ranking',
    shows: 'keep one record of each key, and the best of groups while they change',
    rows: { offers },
    build(p, ends) {
      const given = p.source('offers', ends.source('offers'), {
        eventTime: (r) => epochMillis(r.at!),
        watermark: boundedOutOfOrderness(seconds(5)),
        idle: 'hold',
      });
      const byItem = given.keyBy('by-item', (r) => r.key);
      byItem.deduplicate('first').to('first-out', ends.sink('first-out'));
      byItem.deduplicate('anew', { ttl: seconds(4) }).to('anew-out', ends.sink('anew-out'));
      byItem
        .deduplicate('latest', { keep: 'last', by: 'event' })
        .changes('latest-changes')
        .to('latest-out', ends.sink('latest-out'));
      byItem.deduplicate('earliest', { by: 'event' }).to('earliest-out', ends.sink('earliest-out'));
      given
        .keyBy('by-shop', (r) => r.to!)
        .top('dearest', 2, { by: (r) => r.n, rows: 'ranks' })
        .to('dearest-out', ends.sink('dearest-out'));
      const shops = byItem.toTable('items', (r) => (r.n === 0 ? null : r)).groupBy('shops', (r) => r.to!);
      shops.top('cheapest', 2, { by: (r) => r.n, order: 'ascending' }).to('cheapest-out', ends.sink('cheapest-out'));
      shops
        .top('entries', 2, { by: (r) => r.n, order: 'ascending', rows: 'entries' })
        .to('entries-out', ends.sink('entries-out'));
    },
    results: {
      'first-out': keys.map((key) => of(key)[0]!),
      'anew-out': anew(),
      'latest-out': latest(),
    },
    tables: {
      'earliest-out': Object.fromEntries(keys.map((key) => [key, of(key).sort(byTime)[0]])),
      'dearest-out': dearest(),
      'cheapest-out': cheapest(),
      'entries-out': Object.fromEntries(
        Object.entries(cheapest()).flatMap(([key, rows]) =>
          rows.map((r) => [JSON.stringify({ entry: r.key, key }), r]),
        ),
      ),
    },
  },
];
