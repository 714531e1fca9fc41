/** Streams that meet: by interval, in windows, tables as of a time, and tables as they stand. */
import { expect } from 'vitest';
import {
  ascendingTimestamps,
  epochMillis,
  type KeyedStream,
  type PipelineBuilder,
  seconds,
  session,
  tumbling,
} from '../../lib/index.ts';
import { type Ends, type Row, row, type SuiteCase, secondOf } from './case.ts';

const inOrder = { eventTime: (r: Row) => epochMillis(r.at!), watermark: ascendingTimestamps(), idle: 'hold' } as const;
const keyed = (p: PipelineBuilder, ends: Ends, id: string): KeyedStream<string, Row> =>
  p.source(id, ends.source(id), inOrder).keyBy(`${id}-key`, (r) => r.key);
const second = (r: Row): number => secondOf(r.at!);

const lefts = [
  [row('a', 1, 1), row('b', 2, 2), row('a', 5, 3), row('c', 9, 4), row('a', 16, 5)],
  [row('d', 0.5, 6), row('a', 5, 7), row('b', 8, 8), row('b', 19, 9)],
];
const rights = [
  [row('a', 0.5, 11), row('b', 3, 12), row('b', 4, 13), row('a', 7, 14), row('e', 8, 15), row('b', 19, 16)],
];

interface Pair {
  readonly left: number | null;
  readonly right: number | null;
  readonly at: number;
}

/** Right from one second before left on, and less than two seconds after it; what has no match when none can come any more. */
function nearby(): Pair[] {
  const match = (l: Row, r: Row): boolean =>
    l.key === r.key && second(r) - second(l) >= -1 && second(r) - second(l) < 2;
  const pairs = lefts.flat().flatMap((l) =>
    rights
      .flat()
      .filter((r) => match(l, r))
      .map((r) => ({ left: l.n, right: r.n, at: Math.max(second(l), second(r)) })),
  );
  const alone = (of: Row[][], side: 'left' | 'right'): Row[] =>
    of.flat().filter(({ n }) => pairs.every((pair) => pair[side] !== n));
  return [
    ...pairs,
    ...alone(lefts, 'left').map((l) => ({ left: l.n, right: null, at: secondOf(l.at! + 1_999) })),
    ...alone(rights, 'right').map((r) => ({ left: null, right: r.n, at: second(r) + 1 })),
  ];
}

/** Pairs of one window of four seconds, and what is alone in its. */
function together(): Pair[] {
  const start = (r: Row): number => Math.floor(second(r) / 4) * 4;
  const same = (of: Row[][], r: Row): Row[] => of.flat().filter((o) => o.key === r.key && start(o) === start(r));
  return [
    ...lefts.flat().flatMap((l) => same(rights, l).map((r): Pair => ({ left: l.n, right: r.n, at: start(l) }))),
    ...lefts
      .flat()
      .filter((l) => same(rights, l).length === 0)
      .map((l) => ({ left: l.n, right: null, at: start(l) })),
    ...rights
      .flat()
      .filter((r) => same(lefts, r).length === 0)
      .map((r) => ({ left: null, right: r.n, at: start(r) })),
  ];
}

/** The records of each key, both sides together, cut where three seconds are still. */
function visits(): object[] {
  const all = [...lefts.flat(), ...rights.flat()].sort((a, b) =>
    a.key < b.key ? -1 : a.key > b.key ? 1 : a.at! - b.at!,
  );
  const found: Row[][] = [];
  for (const r of all) {
    const last = found.at(-1)?.at(-1);
    if (last !== undefined && last.key === r.key && second(r) - second(last) < 3) found.at(-1)!.push(r);
    else found.push([r]);
  }
  const sides = (rows: Row[], of: Row[][]): number[] => rows.filter((r) => of.flat().includes(r)).map(({ n }) => n);
  return found.map((rows) => ({
    key: rows[0]!.key,
    from: second(rows[0]!),
    to: second(rows.at(-1)!) + 3,
    lefts: sides(rows, lefts).sort(),
    rights: sides(rows, rights),
  }));
}

const rates = [
  [row('a', 1, 10), row('a', 4, 11), row('a', 7, 0), row('a', 10, 12)],
  [row('c', 2, 30), row('c', 2, 31), row('b', 5, 20), row('c', 12, 0), row('b', 30, 21)],
];
const orders = [
  [row('a', 0.5, 1), row('a', 1, 2), row('b', 4.9, 3), row('b', 20, 4), row('a', 31, 5)],
  [row('a', 4, 6), row('c', 6, 7), row('a', 7, 8), row('d', 8, 9), row('c', 13, 10), row('b', 40, 11)],
];

/** Of each order the rate that stood at its time; 0 is none. */
function rated(): { key: string; n: number; rate: number | null }[] {
  return orders.flat().map(({ key, at, n }) => {
    const versions = rates.flat().filter((r) => r.key === key && r.at! <= at!);
    const latest = versions.reduce<Row | undefined>((a, b) => (a === undefined || b.at! >= a.at! ? b : a), undefined);
    return { key, n, rate: latest?.n || null };
  });
}

/** Rows of a table, below zero (-100 deletes), among records that are joined to it. */
const mixed = [
  [
    ...[row('a', 0, 1), row('a', 0, -1), row('a', 1, 2), row('b', 1, 3), row('b', 1, -2), row('a', 2, -3)],
    ...[row('a', 3, 4), row('b', 3, 5), row('a', 4, -100), row('a', 4, 6), row('a', 5, -4), row('a', 6, 7)],
    ...[row('c', 7, -5), row('d', 8, 8), row('c', 9, 9), row('c', 9, 10), row('b', 9, -100), row('b', 9, 11)],
  ],
];

interface Met {
  readonly key: string;
  readonly n: number;
  readonly row: number | null;
}

/** Each record with the row before it. */
function met(): Met[] {
  const rows = new Map<string, number>();
  return mixed.flat().flatMap(({ key, n }): Met[] => {
    if (n > 0) return [{ key, n, row: rows.get(key) ?? null }];
    if (n === -100) rows.delete(key);
    else rows.set(key, n);
    return [];
  });
}

/** However both interleave: all records, those of a key in order, and each with a row of its key no older than the one before met. */
function mayHaveMet(found: readonly Met[]): void {
  const byNumber = (a: Met, b: Met): number => a.n - b.n;
  const plain = ({ key, n }: Met) => ({ key, n });
  expect(found.toSorted(byNumber).map(plain)).toEqual(met().map(plain));
  for (const key of new Set(found.map((each) => each.key))) {
    const ofKey = found.filter((each) => each.key === key);
    expect(ofKey).toEqual(ofKey.toSorted(byNumber));
    const story = [
      null,
      ...mixed
        .flat()
        .filter((r) => r.key === key && r.n < 0)
        .map(({ n }) => (n === -100 ? null : n)),
    ];
    let from = 0;
    for (const { row: seen } of ofKey) {
      from = story.indexOf(seen, from);
      expect(from, `${seen} of ${key}`).toBeGreaterThanOrEqual(0);
    }
  }
}

export const joins: readonly SuiteCase[] = [
  {
    name: 'pairs',
    shows: 'join two sources by interval, in windows and in sessions, and let out what stays alone',
    rows: { left: lefts, right: rights },
    build(p, ends) {
      const [left, right] = [keyed(p, ends, 'left'), keyed(p, ends, 'right')];
      left
        .intervalJoin(right)
        .between(seconds(-1), seconds(2), { upperExclusive: true })
        .outerJoin('near', (l, r, { eventTime }): Pair => pairOf(l, r, secondOf(eventTime)))
        .to('near-out', ends.sink('near-out'));
      left
        .windowJoin(right, tumbling(seconds(4)))
        .outerJoin('together', (l, r, { window }): Pair => pairOf(l, r, secondOf(window.start)))
        .to('together-out', ends.sink('together-out'));
      left
        .coGroup(right, session(seconds(3)))
        .process('visits', (key, { start, end }, ls, rs) => ({
          ...{ key, from: secondOf(start), to: secondOf(end) },
          ...{ lefts: ls.map(({ n }) => n).sort(), rights: rs.map(({ n }) => n) },
        }))
        .to('visits-out', ends.sink('visits-out'));
    },
    results: { 'near-out': nearby(), 'together-out': together(), 'visits-out': visits() },
  },
  {
    name: 'versions',
    shows: 'join records to the versions of a table that stood at their time',
    rows: { rates, orders },
    build(p, ends) {
      const versions = keyed(p, ends, 'rates').toVersionedTable((r) => (r.n === 0 ? null : r.n));
      const asked = keyed(p, ends, 'orders');
      asked
        .leftTemporalJoin('rated', versions, ({ key, n }, rate) => ({ key, n, rate: rate ?? null }))
        .to('rated-out', ends.sink('rated-out'));
      asked
        .temporalJoin('known', versions, ({ key, n }, rate) => ({ key, n, rate }))
        .to('known-out', ends.sink('known-out'));
    },
    results: { 'rated-out': rated(), 'known-out': rated().filter(({ rate }) => rate !== null) },
  },
  {
    name: 'rows',
    shows: 'join records to a table as it stands, at its tasks and where every task has all of it',
    rows: { in: mixed },
    build(p, ends) {
      const all = keyed(p, ends, 'in');
      const table = all.filter('rows', (r) => r.n < 0).toTable('table', (r) => (r.n === -100 ? null : r.n));
      const records = all.filter('records', (r) => r.n > 0);
      const joiner = ({ key, n }: Row, found: number | undefined): Met => ({ key, n, row: found ?? null });
      records.leftJoin('met', table, joiner).to('met-out', ends.sink('met-out'));
      records
        .leftJoin('everywhere', table.global('all-rows'), (r) => r.key, joiner)
        .to('everywhere-out', ends.sink('everywhere-out'));
    },
    results: {},
    judged: {
      'met-out': (found, fusing) => {
        if (fusing === 'all') expect(found.toSorted(byN)).toEqual(met().toSorted(byN));
        mayHaveMet(found);
      },
      'everywhere-out': mayHaveMet,
    },
  },
];

const byN = (a: Met, b: Met): number => a.n - b.n;

const pairOf = (l: Row | undefined, r: Row | undefined, at: number): Pair => ({
  ...{ left: l?.n ?? null, right: r?.n ?? null, at },
});
