/** Cases of Flink SQL's Top-N and deduplication, as its own tests have them. */
import { describe, expect, it } from 'vitest';
import { describeKey, type Key, milliseconds } from '../../../lib/model/index.ts';
import {
  type DeduplicateSpec,
  deduplicateOperator,
  type OperatorDefinition,
  topOfEntitiesOperator,
  topOfRecordsOperator,
  topOfTableOperator,
} from '../../../lib/operators/index.ts';
import { Harness } from '../harness.ts';
import { changeRows } from '../table/changelog.ts';

type Row = readonly [group: string, id: number, n: number];
type Said = readonly [kind: '+I' | '-U' | '+U' | '-D', ...row: unknown[]];

const book = (id: number, n: number): Row => ['book', id, n];
const fruit = (id: number, n: number): Row => ['fruit', id, n];
const KINDS = { insert: '+I', 'update-before': '-U', 'update-after': '+U', delete: '-D' } as const;

/** What came out, as Flink's tests write it: of rows with a rank, that stands behind them. */
function said(harness: Harness): Said[] {
  return harness.emitted().flatMap(({ value, key }) => {
    const { before, after } = value as { readonly before: unknown; readonly after: unknown };
    const { rank } = JSON.parse(/^{/.test(describeKey(key!)) ? describeKey(key!) : '{}') as { rank?: number };
    return changeRows(key, before, after).map(({ kind, value: row }): Said => {
      return [KINDS[kind], ...(row as Row), ...(rank === undefined ? [] : [rank])];
    });
  });
}

const ranked = { by: ([, , n]: Row) => n, order: 'ascending', rows: 'ranks' } as const;
const unranked = {
  by: ([, , n]: Row) => n,
  order: 'ascending',
  rows: 'entries',
  unique: ([, id]: Row): Key => id,
} as const;

const run = (operator: OperatorDefinition, rows: readonly Row[]): Harness => {
  const harness = new Harness(operator);
  for (const row of rows) harness.record(row, 0, row[0]);
  return harness;
};

describe('Flink SQL: Top-N', () => {
  const few = [book(1, 12), book(2, 19), book(4, 11), book(5, 11), fruit(4, 33), fruit(3, 44), fruit(5, 22)];

  // apache/flink: TopNFunctionTestBase.testOutputRankNumberWithConstantRankRange
  it('with the rank in the output updates every rank that changed', () => {
    expect(said(run(topOfRecordsOperator(2, ranked), few))).toEqual([
      ['+I', 'book', 1, 12, 1],
      ['+I', 'book', 2, 19, 2],
      ['-U', 'book', 1, 12, 1],
      ['+U', 'book', 4, 11, 1],
      ['-U', 'book', 2, 19, 2],
      ['+U', 'book', 1, 12, 2],
      ['-U', 'book', 1, 12, 2],
      ['+U', 'book', 5, 11, 2],
      ['+I', 'fruit', 4, 33, 1],
      ['+I', 'fruit', 3, 44, 2],
      ['-U', 'fruit', 4, 33, 1],
      ['+U', 'fruit', 5, 22, 1],
      ['-U', 'fruit', 3, 44, 2],
      ['+U', 'fruit', 4, 33, 2],
    ]);
  });

  // apache/flink: TopNFunctionTestBase.testDisableGenerateUpdateBefore, which has no rank in the output
  it('without the rank in the output deletes what falls out and inserts what comes in', () => {
    const rows = [
      book(1, 12),
      book(2, 19),
      book(3, 19),
      book(4, 11),
      book(5, 11),
      fruit(4, 33),
      fruit(3, 44),
      fruit(5, 22),
    ];
    expect(said(run(topOfEntitiesOperator(2, unranked), rows))).toEqual([
      ['+I', 'book', 1, 12],
      ['+I', 'book', 2, 19],
      ['-D', 'book', 2, 19],
      ['+I', 'book', 4, 11],
      ['-D', 'book', 1, 12],
      ['+I', 'book', 5, 11],
      ['+I', 'fruit', 4, 33],
      ['+I', 'fruit', 3, 44],
      ['-D', 'fruit', 3, 44],
      ['+I', 'fruit', 5, 22],
    ]);
  });

  // apache/flink: UpdatableTopNFunctionTest.testSortKeyChangesWhenOutputRankNumber, but that we emit an update rank by rank
  it('moves an entity whose sort key changes', () => {
    const rows = [book(2, 19), book(3, 16), book(2, 11), book(3, 15), book(4, 2), book(2, 1)];
    expect(said(run(topOfEntitiesOperator(2, { ...ranked, unique: ([, id]: Row) => id }), rows))).toEqual([
      ['+I', 'book', 2, 19, 1],
      ['-U', 'book', 2, 19, 1],
      ['+U', 'book', 3, 16, 1],
      ['+I', 'book', 2, 19, 2],
      ['-U', 'book', 3, 16, 1],
      ['+U', 'book', 2, 11, 1],
      ['-U', 'book', 2, 19, 2],
      ['+U', 'book', 3, 16, 2],
      ['-U', 'book', 3, 16, 2],
      ['+U', 'book', 3, 15, 2],
      ['-U', 'book', 2, 11, 1],
      ['+U', 'book', 4, 2, 1],
      ['-U', 'book', 3, 15, 2],
      ['+U', 'book', 2, 11, 2],
      ['-U', 'book', 4, 2, 1],
      ['+U', 'book', 2, 1, 1],
      ['-U', 'book', 2, 11, 2],
      ['+U', 'book', 4, 2, 2],
    ]);
  });

  // apache/flink: UpdatableTopNFunctionTest.testSortKeyChangesWhenNotOutputRankNumber
  it('emits only the entity that changed where the rank is not in the output', () => {
    const rows = [book(2, 19), book(3, 16), book(2, 11), book(3, 15), book(4, 2), book(2, 1)];
    expect(said(run(topOfEntitiesOperator(2, unranked), rows))).toEqual([
      ['+I', 'book', 2, 19],
      ['+I', 'book', 3, 16],
      ['-U', 'book', 2, 19],
      ['+U', 'book', 2, 11],
      ['-U', 'book', 3, 16],
      ['+U', 'book', 3, 15],
      ['-D', 'book', 3, 15],
      ['+I', 'book', 4, 2],
      ['-U', 'book', 2, 11],
      ['+U', 'book', 2, 1],
    ]);
  });

  // apache/flink: RetractableTopNFunctionTest.testProcessRetractMessageWithGenerateUpdateBefore
  it('of a table moves the next row up when one is taken back', () => {
    const harness = new Harness(topOfTableOperator(2, ranked));
    const insert = (row: Row): Harness => harness.record({ before: undefined, after: row, entry: row[1] }, 0, row[0]);
    insert(book(1, 12));
    insert(book(2, 19));
    insert(book(4, 11));
    harness.record({ before: book(1, 12), after: undefined, entry: 1 }, 0, 'book');
    insert(book(5, 11));
    expect(said(harness)).toEqual([
      ['+I', 'book', 1, 12, 1],
      ['+I', 'book', 2, 19, 2],
      ['-U', 'book', 1, 12, 1],
      ['+U', 'book', 4, 11, 1],
      ['-U', 'book', 2, 19, 2],
      ['+U', 'book', 1, 12, 2],
      ['-U', 'book', 1, 12, 2],
      ['+U', 'book', 2, 19, 2],
      ['-U', 'book', 2, 19, 2],
      ['+U', 'book', 5, 11, 2],
    ]);
  });

  // docs/content/docs/dev/table/sql/queries/topn.md, "No Ranking Output Optimization"
  it('writes nine ranks when the ninth becomes the first, or one row where rows are entries', () => {
    const sales = Array.from({ length: 9 }, (_, i): Row => ['books', 1_000 - i, 100 - i]);
    const risen: Row = ['books', 992, 1_000];
    const changes = (rows: 'ranks' | 'entries'): number => {
      const spec = { by: ([, , n]: Row) => n, rows, unique: ([, id]: Row) => id };
      return run(topOfEntitiesOperator(10, spec), [...sales, risen]).emitted().length - sales.length;
    };
    expect(changes('ranks')).toBe(9);
    expect(changes('entries')).toBe(1);
  });
});

describe('Flink SQL: deduplication', () => {
  const dedup = (spec: DeduplicateSpec = {}): Harness => new Harness(deduplicateOperator(spec));

  // apache/flink: ProcTimeDeduplicateKeepFirstRowFunctionTest.test and testWithStateTtl
  it('by processing time keeps the first row, and takes another once the state has expired', () => {
    const harness = dedup({ ttl: milliseconds(10), ttlBy: 'processing' });
    for (const [id, n] of [
      [1, 12],
      [2, 11],
      [1, 13],
    ] as const)
      harness.record(n, 0, id);
    harness.at(30);
    for (const [id, n] of [
      [1, 17],
      [2, 18],
      [1, 19],
    ] as const)
      harness.record(n, 0, id);
    expect(harness.values()).toEqual([12, 11, 17, 18]);
  });

  type Keyed = readonly [key: string, n: number, time: number];
  const feed = (harness: Harness, rows: readonly Keyed[]): void => {
    for (const row of rows) harness.record(row, row[2], row[0]);
  };
  const rowsSaid = (harness: Harness) =>
    harness
      .emitted()
      .flatMap(({ key, value }) => changeRows(key, (value as never)['before'], (value as never)['after']))
      .map(({ kind, value }) => [KINDS[kind], ...(value as Keyed)]);

  // apache/flink: RowTimeDeduplicateFunctionTest.testRowTimeDeduplicateKeepFirstRow, without its expiry
  it('by event time keeps the first row', () => {
    const harness = dedup({ by: 'event' });
    feed(harness, [
      ['key1', 13, 99],
      ['key1', 13, 99],
      ['key1', 12, 100],
      ['key2', 11, 101],
    ]);
    harness.advance(102);
    feed(harness, [
      ['key1', 12, 300],
      ['key2', 11, 301],
      ['key3', 5, 299],
    ]);
    expect(rowsSaid(harness)).toEqual([
      ['+I', 'key1', 13, 99],
      ['+I', 'key2', 11, 101],
      ['+I', 'key3', 5, 299],
    ]);
  });

  // apache/flink: RowTimeDeduplicateFunctionTest.testRowTimeDeduplicateKeepLastRow; there expired state goes without a word, here its rows are deleted
  it('by event time keeps the last row, and deletes it when it expires', () => {
    const harness = dedup({ keep: 'last', by: 'event', ttl: milliseconds(50), ttlBy: 'processing' });
    feed(harness, [
      ['key1', 13, 99],
      ['key1', 12, 100],
      ['key2', 11, 101],
    ]);
    harness.advance(102);
    feed(harness, [
      ['key1', 12, 300],
      ['key2', 11, 301],
      ['key3', 5, 299],
    ]);
    harness.advance(302);
    harness.at(51);
    feed(harness, [
      ['key1', 12, 400],
      ['key2', 11, 401],
    ]);
    expect(rowsSaid(harness)).toEqual([
      ['+I', 'key1', 13, 99],
      ['-U', 'key1', 13, 99],
      ['+U', 'key1', 12, 100],
      ['+I', 'key2', 11, 101],
      ['-U', 'key1', 12, 100],
      ['+U', 'key1', 12, 300],
      ['-U', 'key2', 11, 101],
      ['+U', 'key2', 11, 301],
      ['+I', 'key3', 5, 299],
      ['-D', 'key1', 12, 300],
      ['-D', 'key2', 11, 301],
      ['-D', 'key3', 5, 299],
      ['+I', 'key1', 12, 400],
      ['+I', 'key2', 11, 401],
    ]);
  });
});
