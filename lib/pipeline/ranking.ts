/** One record of each key, and the best of each key or group, as authors ask for them. Types only. */
import type { Key } from '../model/index.ts';
import type { DeduplicateSpec, TopOfRecordsSpec, TopSpec } from '../operators/index.ts';
import type { OperatorOptions } from './graph.ts';
import type { RowsOf, Table } from './tables.ts';

/** The key of a row that has a rank in its group, counted from 1. */
export type RankKey<K> = { readonly key: K; readonly rank: number };
/** The key of a row that is an entry of a group. */
export type EntryKey<K, E> = { readonly key: K; readonly entry: E };

type Lists = { readonly rows?: 'lists' };
type Ranks = { readonly rows: 'ranks' };
type Entries = { readonly rows: 'entries' };
/** One record, its key remembered, as a stream or a table. */
type First = Pick<DeduplicateSpec, 'ttl' | 'ttlBy'> & { readonly keep?: 'first'; readonly by?: 'arrival' };
type AsRows = DeduplicateSpec & ({ readonly keep: 'last' } | { readonly by: 'event' });

declare module './streams.ts' {
  interface KeyedStream<K, T> {
    /**
     * The first record of each key, by arrival, at once; later ones are dropped, and counted as `duplicates`. With `ttl` a key is forgotten: the next record that is at least so much younger
     * than the first comes out again (and any at all, once the watermark has gone so far beyond it; `ttlBy: 'processing'`: any, after so much processing time). Without it state grows with the keys.
     */
    deduplicate(id: string, options?: First & OperatorOptions): KeyedStream<K, T>;
    /**
     * The last record of each key, or with `by: 'event'` the first or last by event time, as a table: an older record does not take the place of a newer, and of equal times the later arrival is the
     * last. Those that come to nothing are counted as `duplicates`. With `ttl` a row is deleted so much after it was put there. `null` and `undefined` delete.
     */
    deduplicate(id: string, options: AsRows & OperatorOptions): Table<K, RowsOf<T>>;
    /**
     * The best `n` records of each key, as a table that changes as better ones come: a row for each key, the list of the best, best first; or with `rows: 'ranks'` a row for each rank. Of records
     * that rank alike the earlier by event time comes first, then by arrival; with `unique` the one of the lesser entity. Keeps `n` records a key, with `unique` one of each entity.
     */
    top(id: string, n: number, options: TopOfRecordsSpec<T> & Lists & OperatorOptions): Table<K, readonly T[]>;
    top(id: string, n: number, options: TopOfRecordsSpec<T> & Ranks & OperatorOptions): Table<RankKey<K>, T>;
    /** With `rows: 'entries'` a row for each entity that is among the best, whatever its rank: fewest changes. */
    top<E extends Key>(
      id: string,
      n: number,
      options: TopOfRecordsSpec<T> & Entries & { readonly unique: (record: T) => E } & OperatorOptions,
    ): Table<EntryKey<K, E>, T>;
  }
}

declare module './tables.ts' {
  interface GroupedTable<G, V, K> {
    /**
     * The best `n` rows of each group, kept right as rows change, come and go: when one goes, the next moves up. As with streams a row is a list, a rank or an entry (under the key of the table
     * that was grouped). Of rows that rank alike the one with the lesser key comes first. Keeps all rows of each group; a change costs their logarithm.
     */
    top(id: string, n: number, options: TopSpec<V> & Lists & OperatorOptions): Table<G, readonly V[]>;
    top(id: string, n: number, options: TopSpec<V> & Ranks & OperatorOptions): Table<RankKey<G>, V>;
    top(id: string, n: number, options: TopSpec<V> & Entries & OperatorOptions): Table<EntryKey<G, K>, V>;
  }
}
