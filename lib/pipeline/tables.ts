/** What an author holds of tables, and how streams become tables and meet them. Types only; the tables are made by `table.ts`. */
import type { Duration, EventTime, Key } from '../model/index.ts';
import type {
  Aggregator,
  ChangeRow,
  GroupAggregation,
  GroupOptions,
  Parts,
  SideOutput,
  Suppression,
} from '../operators/index.ts';
import type { UpsertConnector } from '../ports/index.ts';
import type { OperatorOptions } from './graph.ts';
import type { ExchangeOptions, Single, Stream } from './streams.ts';

declare const row: unique symbol;

/** A function of one row of a table. */
export type OfRow<K, V, R> = (value: V, key: K) => R;
/** Makes a row of two rows; `null` or `undefined` for none. */
export type JoinRows<K, V, W, R> = (left: V, right: W, key: K) => R;
/** What remains of a function's results as rows. */
export type RowsOf<R> = Exclude<R, null | undefined | void>;

/**
 * A changelog seen as its latest row per key, Kafka Streams' KTable. It changes row by row: each change says what stood before and what stands now (`changes()`), so that
 * whatever is made of a table is kept right as rows are updated and deleted. The results of a table operator are tables again, under the same key.
 *
 * `null` and `undefined` are no rows: a function that returns them deletes. Functions must be deterministic, as what stood before is worked out anew from the former row.
 */
export interface Table<K, V> {
  /** Never present at run time: carries the types of key and row. */
  readonly [row]?: () => readonly [K, V];
  /** The rows for which the predicate holds. */
  filter<S extends V>(predicate: (value: V, key: K) => value is S, options?: OperatorOptions): Table<K, S>;
  filter<S extends V>(id: string, predicate: (value: V, key: K) => value is S, options?: OperatorOptions): Table<K, S>;
  filter(predicate: OfRow<K, V, boolean>, options?: OperatorOptions): Table<K, V>;
  filter(id: string, predicate: OfRow<K, V, boolean>, options?: OperatorOptions): Table<K, V>;
  /** Each row made into another; none where the function returns `null` or `undefined`. */
  mapValues<R>(fn: OfRow<K, V, R>, options?: OperatorOptions): Table<K, RowsOf<R>>;
  mapValues<R>(id: string, fn: OfRow<K, V, R>, options?: OperatorOptions): Table<K, RowsOf<R>>;
  /** The rows by another key, to be aggregated. `id` names the exchange. */
  groupBy<G extends Key>(id: string, selector: OfRow<K, V, G>, options?: ExchangeOptions): GroupedTable<G, V, K>;
  /** Rows that both tables have for a key. Either side's changes change the result at once. */
  join<W, R>(
    id: string,
    other: Table<K, W>,
    joiner: JoinRows<K, V, W, R>,
    options?: OperatorOptions,
  ): Table<K, RowsOf<R>>;
  /**
   * Each row with the row of the other table that it names by `foreignKey`; rows that name none, or one that is not there, are left out. Many rows may name one. Answers to
   * changes of this table come by way of the other's tasks: until then the former result stands.
   */
  join<F extends Key, W, R>(
    id: string,
    other: Table<F, W>,
    foreignKey: OfRow<K, V, F | null | undefined>,
    joiner: JoinRows<K, V, W, R>,
    options?: OperatorOptions,
  ): Table<K, RowsOf<R>>;
  /** As `join`, also of rows that the other table has none for. */
  leftJoin<W, R>(
    id: string,
    other: Table<K, W>,
    joiner: JoinRows<K, V, W | undefined, R>,
    options?: OperatorOptions,
  ): Table<K, RowsOf<R>>;
  leftJoin<F extends Key, W, R>(
    id: string,
    other: Table<F, W>,
    foreignKey: OfRow<K, V, F | null | undefined>,
    joiner: JoinRows<K, V, W | undefined, R>,
    options?: OperatorOptions,
  ): Table<K, RowsOf<R>>;
  /** As `join`, of keys that either table has. */
  outerJoin<W, R>(
    id: string,
    other: Table<K, W>,
    joiner: JoinRows<K, V | undefined, W | undefined, R>,
    options?: OperatorOptions,
  ): Table<K, RowsOf<R>>;
  /**
   * Holds changes back and lets out their sum, with the event time of the latest: `untilWindowCloses()`, of tables of windows, or `untilTimeLimit(seconds(10))`. A window behind it finds
   * that late unless it allows as much lateness as changes are held back.
   */
  suppress(id: string, suppression: Suppression, options?: OperatorOptions): Table<K, V>;
  /** Records that came too late for the windows of which the table was made: `window(..., { late }).toTable(...)`, also behind `suppress`. */
  sideOutput<S>(tag: SideOutput<S>): Stream<S>;
  /** The whole table in every task that reads it, for streams to join wherever their records are. `id` names the exchange. */
  global(id?: string): GlobalTable<K, V>;
  /** Each change as a record of the row that stands now; its value is `null` where none does. */
  toStream(options?: OperatorOptions): Stream<TableRow<K, V | null>>;
  toStream(id: string, options?: OperatorOptions): Stream<TableRow<K, V | null>>;
  /** Each change as rows of a changelog: an update is an `update-before` and an `update-after`. A sink that only appends can take it. */
  changes(options?: OperatorOptions): Stream<ChangeRow<K, V>>;
  changes(id: string, options?: OperatorOptions): Stream<ChangeRow<K, V>>;
  /** Ends here, at a sink that upserts: each row under its key, `null` for a deletion. A host may bind another connector of that kind. */
  to(id: string, sink: UpsertConnector<V | null>): void;
}

/** A row of a table with its key. */
export interface TableRow<K, V> {
  readonly key: K;
  readonly value: V;
}

/** A table of which every task has all rows: Kafka Streams' GlobalKTable. */
export interface GlobalTable<K, V> {
  /** Never present at run time: carries the types of key and row. */
  readonly [row]?: () => readonly [K, V, 'global'];
}

/** A changelog whose rows are looked up as they were at a time. */
export interface VersionedTable<K, V> {
  /** Never present at run time: carries the types of key and row. */
  readonly [row]?: () => readonly [K, V, 'versioned'];
}

/** The key of a row that belongs to a window: `start` is in it, `end` is not. */
export type WindowKey<K> = {
  readonly key: K;
  readonly start: EventTime;
  readonly end: EventTime;
};

/** How records meet a table as of their time. */
export interface TemporalOptions<T> {
  /** How far behind the watermark a record may come and still find the row of its time. Default none; versions are kept as long. */
  readonly grace?: Duration;
  /** Where records go that come later than that, as they came: read it by `sideOutput(tag)` of the results. Without it they are only counted. */
  readonly late?: SideOutput<T>;
}

/** A table's rows by another key: Kafka Streams' KGroupedTable. `K` is the table's own. */
export interface GroupedTable<G, V, K = Key> {
  /** Never present at run time: carries the type of the table's key. */
  readonly [row]?: () => K;
  /** How many rows each group has. */
  count(id: string, options?: GroupOptions & OperatorOptions): Table<G, number>;
  /**
   * Each group's rows folded into one of their kind: `adder` takes a row in, `subtractor` takes out what stood before, first. Both return a new row and change none.
   */
  reduce(
    id: string,
    adder: (reduced: V, value: V) => V,
    subtractor: (reduced: V, value: V) => V,
    options?: GroupOptions & OperatorOptions,
  ): Table<G, V>;
  /** Each group's rows aggregated. Functions return new values and change none. */
  aggregate<A>(
    id: string,
    aggregation: GroupAggregation<V, A, G>,
    options?: GroupOptions & OperatorOptions,
  ): Table<G, RowsOf<A>>;
}

/** Makes a record of a record and the row of its key. */
export type JoinRow<K, T, V, R> = (record: T, value: V, key: K) => R;

declare module './streams.ts' {
  interface Flow<T> {
    /**
     * Each record with the row that it names in a table that every task has; the record stays where it is. Records that name no row are left out, and counted as `unmatched`.
     * Each task sees the table's changes where they stand in its own log.
     */
    join<G extends Key, V, R>(
      id: string,
      table: GlobalTable<G, V>,
      key: (record: T) => G | null | undefined,
      joiner: JoinRow<G, T, V, R>,
      options?: OperatorOptions,
    ): Stream<R>;
    /** As `join`, also of records that name no row. */
    leftJoin<G extends Key, V, R>(
      id: string,
      table: GlobalTable<G, V>,
      key: (record: T) => G | null | undefined,
      joiner: JoinRow<G | null | undefined, T, V | undefined, R>,
      options?: OperatorOptions,
    ): Stream<R>;
  }

  interface WindowedStream<K, T> {
    /**
     * Each window's aggregates so far, as a table by key and window that changes with every record; `suppress(id, untilWindowCloses())` lets only final rows out. A row is kept, to
     * be read and compared, until `retention` after its window's end; default: as long as late records are allowed.
     */
    toTable<One = never, Many = never>(
      id: string,
      aggregation: Aggregator<T, unknown, One> | Parts<T, Many>,
      options?: { readonly retention?: Duration } & OperatorOptions,
    ): Table<WindowKey<K>, Single<One, Many>>;
  }

  interface KeyedStream<K, T> {
    /** Each key's records so far aggregated, as a table: rows are the aggregates, or the result of a single aggregator. */
    toTable<One = never, Many = never>(
      id: string,
      aggregation: Aggregator<T, unknown, One> | Parts<T, Many>,
      options?: OperatorOptions,
    ): Table<K, Single<One, Many>>;
    /**
     * The latest record of each key, in order of arrival, as a table; with a function, what it makes of it. `null` and `undefined` are tombstones: they
     * delete the row.
     */
    toTable(id: string, row?: undefined, options?: OperatorOptions): Table<K, RowsOf<T>>;
    toTable<V>(id: string, row: (record: T) => V, options?: OperatorOptions): Table<K, RowsOf<V>>;
    /** The records as versions of rows, by their event time, for `temporalJoin`; with a function, what it makes of them. `null` and `undefined` delete. */
    toVersionedTable(row?: undefined): VersionedTable<K, RowsOf<T>>;
    toVersionedTable<V>(row: (record: T) => V): VersionedTable<K, RowsOf<V>>;
    /**
     * Each record with the row that the table has for its key when the record comes: both are in the order of their task's log, whatever their times. Records without a row are
     * left out, and counted as `unmatched`. Changes of the table emit nothing. For the row as of the record's time see `temporalJoin`.
     */
    join<V, R>(
      id: string,
      table: Table<K, V>,
      joiner: JoinRow<K, T, V, R>,
      options?: OperatorOptions,
    ): KeyedStream<K, R>;
    join<G extends Key, V, R>(
      id: string,
      table: GlobalTable<G, V>,
      key: (record: T) => G | null | undefined,
      joiner: JoinRow<G, T, V, R>,
      options?: OperatorOptions,
    ): KeyedStream<K, R>;
    /** As `join`, also of records without a row. */
    leftJoin<V, R>(
      id: string,
      table: Table<K, V>,
      joiner: JoinRow<K, T, V | undefined, R>,
      options?: OperatorOptions,
    ): KeyedStream<K, R>;
    leftJoin<G extends Key, V, R>(
      id: string,
      table: GlobalTable<G, V>,
      key: (record: T) => G | null | undefined,
      joiner: JoinRow<G | null | undefined, T, V | undefined, R>,
      options?: OperatorOptions,
    ): KeyedStream<K, R>;
    /**
     * Each record with the row that the versioned table had for its key at the record's event time. Records wait until the watermark has reached their time. Those without a row
     * are left out, and counted as `unmatched`.
     */
    temporalJoin<V, R>(
      id: string,
      versions: VersionedTable<K, V>,
      joiner: JoinRow<K, T, V, R>,
      options?: TemporalOptions<T> & OperatorOptions,
    ): Stream<R>;
    /** As `temporalJoin`, also of records without a row. */
    leftTemporalJoin<V, R>(
      id: string,
      versions: VersionedTable<K, V>,
      joiner: JoinRow<K, T, V | undefined, R>,
      options?: TemporalOptions<T> & OperatorOptions,
    ): Stream<R>;
  }
}
