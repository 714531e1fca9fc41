import { describe, expectTypeOf, it } from 'vitest';
import { type EntryKey, type KeyedStream, minutes, type RankKey, type Table } from '../../lib/index.ts';

interface Sale {
  readonly item: number;
  readonly amount: number;
}

declare const sales: KeyedStream<string, Sale>;
declare const maybe: KeyedStream<string, Sale | null>;
declare const table: Table<number, Sale>;

describe('deduplication', () => {
  it('is a stream of first records, and a table of all else', () => {
    expectTypeOf(sales.deduplicate('a')).toEqualTypeOf<KeyedStream<string, Sale>>();
    expectTypeOf(sales.deduplicate('a', { keep: 'first', ttl: minutes(1), ttlBy: 'processing' })).toEqualTypeOf<
      KeyedStream<string, Sale>
    >();
    expectTypeOf(sales.deduplicate('b', { keep: 'last' })).toEqualTypeOf<Table<string, Sale>>();
    expectTypeOf(sales.deduplicate('c', { by: 'event' })).toEqualTypeOf<Table<string, Sale>>();
    expectTypeOf(maybe.deduplicate('d', { keep: 'last', by: 'event', ttl: minutes(1) })).toEqualTypeOf<
      Table<string, Sale>
    >();
    // @ts-expect-error There is no best of them.
    sales.deduplicate('e', { keep: 'best' });
  });
});

describe('a top', () => {
  it('is typed by what its rows are', () => {
    const by = ({ amount }: Sale) => amount;
    expectTypeOf(sales.top('a', 3, { by })).toEqualTypeOf<Table<string, readonly Sale[]>>();
    expectTypeOf(
      sales.top('a', 3, { by: ({ amount, item }) => [amount, item], order: ['descending', 'ascending'] }),
    ).toEqualTypeOf<Table<string, readonly Sale[]>>();
    expectTypeOf(sales.top('b', 3, { by, rows: 'ranks' })).toEqualTypeOf<Table<RankKey<string>, Sale>>();
    expectTypeOf(sales.top('c', 3, { by, rows: 'entries', unique: ({ item }) => item })).toEqualTypeOf<
      Table<EntryKey<string, number>, Sale>
    >();
    // @ts-expect-error Records of a stream have no identity of their own.
    sales.top('d', 3, { by, rows: 'entries' });
    // @ts-expect-error A flag is nothing to rank by.
    sales.top('e', 3, { by: ({ amount }) => amount > 1 });
  });

  it('of a table knows its keys', () => {
    const groups = table.groupBy('groups', ({ item }) => String(item));
    const by = ({ amount }: Sale) => amount;
    expectTypeOf(groups.top('a', 3, { by })).toEqualTypeOf<Table<string, readonly Sale[]>>();
    expectTypeOf(groups.top('b', 3, { by, rows: 'ranks' })).toEqualTypeOf<Table<RankKey<string>, Sale>>();
    expectTypeOf(groups.top('c', 3, { by, rows: 'entries' })).toEqualTypeOf<Table<EntryKey<string, number>, Sale>>();
  });
});
