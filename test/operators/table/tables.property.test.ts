/** Views, groups and joins of tables against an account of them that keeps all input and works everything out anew at each record. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Stream } from '../../../lib/index.ts';
import { changeRows, emitted, feedings, rowsOf } from './changelog.ts';

interface Upsert {
  readonly time: number;
  readonly side: 'left' | 'right';
  readonly key: string;
  readonly value: { readonly n: number; readonly group: number } | null;
}
type Row = NonNullable<Upsert['value']>;

const even = (row: Row): boolean => row.n % 2 === 0;
const doubled = (row: Row): number | null => (row.n > 6 ? null : row.n * 2);
const pair = (left: Row | undefined, right: Row | undefined): string => `${left?.n ?? '-'}/${right?.n ?? '-'}`;
const odd = (left: Row, right: Row): number | null => ((left.n + right.n) % 2 === 1 ? left.n + right.n : null);

function build(input: Stream<Upsert>) {
  const keyed = input.keyBy('by-key', (record) => record.key);
  const table = (side: Upsert['side']) => keyed.filter((r) => r.side === side).toTable(side, (r) => r.value);
  const left = table('left');
  const right = table('right');
  const groups = left.groupBy('by-group', (row) => row.group);
  return {
    even: left.filter(even),
    doubled: left.mapValues(doubled),
    inner: left.join('inner', right, pair),
    left: left.leftJoin('left-outer', right, pair),
    outer: left.outerJoin('outer', right, pair),
    odd: left.join('odd', right, odd),
    self: left.join('self', left, pair),
    count: groups.count('count'),
    kept: groups.count('kept', { whenEmpty: 'keep' }),
    sum: groups.aggregate('sum', {
      init: () => 0,
      add: (sum, row) => sum + row.n,
      subtract: (sum, row) => sum - row.n,
    }),
    reduced: groups.reduce(
      'reduced',
      (a, b) => ({ n: a.n + b.n, group: b.group }),
      (a, b) => ({ n: a.n - b.n, group: b.group }),
    ),
  };
}

/** What the tables are, given all rows. */
type Rows = { readonly left: ReadonlyMap<string, Row>; readonly right: ReadonlyMap<string, Row> };

const byKey: Record<string, (key: string, rows: Rows) => unknown> = {
  even: (key, { left }) => (left.has(key) && even(left.get(key)!) ? left.get(key) : undefined),
  doubled: (key, { left }) => (left.has(key) ? (doubled(left.get(key)!) ?? undefined) : undefined),
  inner: (key, { left, right }) => (left.has(key) && right.has(key) ? pair(left.get(key), right.get(key)) : undefined),
  left: (key, { left, right }) => (left.has(key) ? pair(left.get(key), right.get(key)) : undefined),
  outer: (key, { left, right }) => (left.has(key) || right.has(key) ? pair(left.get(key), right.get(key)) : undefined),
  odd: (key, { left, right }) =>
    left.has(key) && right.has(key) ? (odd(left.get(key)!, right.get(key)!) ?? undefined) : undefined,
};
const sides: Record<string, readonly Upsert['side'][]> = { even: ['left'], doubled: ['left'] };

/** The value of a group, given its rows; of none: nothing. */
const byGroup: Record<string, (rows: readonly Row[], group: number) => unknown> = {
  count: (rows) => (rows.length === 0 ? undefined : rows.length),
  sum: (rows) => (rows.length === 0 ? undefined : rows.reduce((sum, row) => sum + row.n, 0)),
  reduced: (rows, group) => (rows.length === 0 ? undefined : { n: rows.reduce((sum, row) => sum + row.n, 0), group }),
};

/** What each table emits at each record. */
function reference(records: readonly Upsert[]): Record<string, unknown[][]> {
  const found: Record<string, unknown[][]> = {};
  const left = new Map<string, Row>();
  const right = new Map<string, Row>();
  const had = new Set<number>();
  for (const { side, key, value } of records) {
    const was = { left: new Map(left), right: new Map(right) };
    const mine = side === 'left' ? left : right;
    const known = mine.has(key) || value !== null;
    if (value === null) mine.delete(key);
    else mine.set(key, value);
    const now = { left: new Map(left), right: new Map(right) };
    for (const [name, of] of Object.entries(byKey)) {
      const reads = known && (sides[name] ?? ['left', 'right']).includes(side);
      found[name] ??= [];
      found[name].push(reads ? changeRows(key, of(key, was), of(key, now)) : []);
    }
    found['self'] ??= [];
    found['self'].push(side === 'left' && known ? selfJoined(key, was.left.get(key), value ?? undefined) : []);
    const from = side === 'left' ? was.left.get(key)?.group : undefined;
    const to = side === 'left' ? value?.group : undefined;
    const touched = [...new Set([from, to])].filter((group) => group !== undefined);
    const rowsIn = (rows: ReadonlyMap<string, Row>, group: number, but?: string): Row[] =>
      [...rows].filter(([each, row]) => row.group === group && each !== but).map(([, row]) => row);
    for (const [name, of] of Object.entries(byGroup)) {
      found[name] ??= [];
      found[name].push(
        touched.flatMap((group) =>
          changeRows(group, of(rowsIn(was.left, group), group), of(rowsIn(now.left, group), group)),
        ),
      );
    }
    found['kept'] ??= [];
    found['kept'].push(
      touched.flatMap((group) =>
        changeRows(group, had.has(group) ? rowsIn(was.left, group).length : undefined, rowsIn(now.left, group).length),
      ),
    );
    for (const group of touched) had.add(group);
  }
  return found;
}

/** A table joined to itself sees each change twice, first as the left side's. */
function selfJoined(key: string, before: Row | undefined, after: Row | undefined): unknown[] {
  const joined = (a: Row | undefined, b: Row | undefined) => (a && b ? pair(a, b) : undefined);
  return [
    ...changeRows(key, joined(before, before), joined(after, before)),
    ...changeRows(key, joined(after, before), joined(after, after)),
  ];
}

const upsert: fc.Arbitrary<Upsert> = fc.record({
  time: fc.integer({ min: 0, max: 50 }),
  side: fc.constantFrom('left' as const, 'right' as const),
  key: fc.constantFrom('a', 'b', 'c', 'd'),
  value: fc.option(fc.record({ n: fc.integer({ min: 0, max: 9 }), group: fc.integer({ min: 1, max: 3 }) }), {
    freq: 3,
    nil: null,
  }),
});
const upserts = fc.array(upsert, { maxLength: 40 });

describe('tables', () => {
  it('emit at each record what an account of all input says', async () => {
    await fc.assert(
      fc.asyncProperty(upserts, async (records) => {
        expect(await emitted(build, records, { disorder: 100 })).toEqual(complete(reference(records)));
      }),
      { numRuns: 60 },
    );
  });

  it('come to the same rows however records are cut into batches, with restarts and repeats', async () => {
    await fc.assert(
      fc.asyncProperty(upserts, fc.nat(99), async (records, seed) => {
        const expected = finals(complete(reference(records)));
        for (const feeding of feedings(seed)) {
          expect(finals(await emitted(build, records, { ...feeding, disorder: 100 }))).toEqual(expected);
        }
      }),
      { numRuns: 25 },
    );
  });
});

const names = ['even', 'doubled', 'inner', 'left', 'outer', 'odd', 'self', 'count', 'kept', 'sum', 'reduced'];
const complete = (found: Record<string, unknown[][]>) =>
  Object.fromEntries(names.map((name) => [name, found[name] ?? []]));
const finals = (found: Readonly<Record<string, unknown[][]>>) =>
  Object.fromEntries(Object.entries(found).map(([name, chunks]) => [name, sorted(rowsOf(chunks.flat()))]));
const sorted = (rows: Map<string, unknown>) => [...rows].sort(([a], [b]) => (a < b ? -1 : 1));
