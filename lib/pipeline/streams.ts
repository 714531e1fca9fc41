/** What an author holds between a source and a sink. Types only; the streams are made by `stream.ts`. */
import type { Duration, Key } from '../model/index.ts';
import type {
  Aggregator,
  AsyncCall,
  AsyncOptions,
  BroadcastProcess,
  ConnectedProcess,
  Evictor,
  EvictorContext,
  FlatMap,
  IntervalJoinContext,
  Parts,
  Process,
  Reduce,
  SideOutput,
  StateDescriptors,
  Trigger,
  Type,
  WindowAssigner,
  WindowBounds,
  WindowElement,
  WindowFunctionContext,
  WindowJoinContext,
  WindowResult,
} from '../operators/index.ts';
import type { SinkConnector } from '../ports/index.ts';
import type { OperatorOptions } from './graph.ts';

declare const element: unique symbol;

/** How many tasks work behind an exchange. */
export interface ExchangeOptions {
  /** Default: the pipeline's. Changing it later means moving state. */
  readonly parallelism?: number;
}

/** Streams by the names of a split's branches, and `otherwise` for records that no branch took. */
export type Branches<T, B> = { readonly [N in keyof B]: Stream<Taken<T, B[N]>> } & { readonly otherwise: Stream<T> };
type Taken<T, P> = P extends Guard<T, infer S> ? S : T;
type Guard<T, S extends T> = (record: T) => record is S;

/** What an aggregation's result is called: its own names, or `value` where it is a single aggregator. */
export type Aggregated<One, Many> = [One] extends [never] ? Many : { readonly value: One };
/** The result of a rolling aggregation: the aggregates, with the key they belong to. */
export type KeyedResult<K, A> = { readonly key: K } & A;

/**
 * What every stream can do. Functions are synchronous, change neither the record nor anything outside, and take time and randomness from no clock;
 * for I/O there is `async`. Operators without state may go without an id, and are then called `map-1`, `map-2`, ...
 */
export interface Flow<T> {
  /** Never present at run time: carries the record's type. */
  readonly [element]?: () => T;
  /** One result for each record. */
  map<R>(fn: (record: T) => R, options?: OperatorOptions): Stream<R>;
  map<R>(id: string, fn: (record: T) => R, options?: OperatorOptions): Stream<R>;
  /** Any number of results for each record: an iterable returned, or calls of `emit`. */
  flatMap<R>(fn: FlatMap<T, R>, options?: OperatorOptions): Stream<R>;
  flatMap<R>(id: string, fn: FlatMap<T, R>, options?: OperatorOptions): Stream<R>;
  /**
   * Sends records on by key: all of one key meet at one task, in the order of their partition. `id` names the exchange. A record whose key is not a
   * `Key` (undefined, NaN, a date) is a failure of this operator.
   */
  keyBy<K extends Key>(id: string, selector: (record: T) => K, options?: ExchangeOptions): KeyedStream<K, T>;
  /** This and other streams of the same type as one, in no order between them. Its watermark is the least of theirs. */
  union(...others: readonly Flow<T>[]): Stream<T>;
  /** Spreads records evenly over the next stage's tasks, the same way at every replay. */
  rebalance(options?: ExchangeOptions): Stream<T>;
  rebalance(id: string, options?: ExchangeOptions): Stream<T>;
  /** Brings every record to every task of the operator that reads it: `records.connect(rules.broadcast()).process(...)`. */
  broadcast(id?: string): BroadcastStream<T>;
  /** Leads each record to the first branch whose predicate holds, or to `otherwise`. Records of branches that nobody reads are counted and dropped. */
  split<B extends Readonly<Record<string, (record: T) => boolean>>>(
    id: string,
    branches: B,
    options?: OperatorOptions,
  ): Branches<T, B>;
  /**
   * One awaited result for each record, up to `capacity` calls at once; results keep the order of their records. Its results are committed before
   * they are sent, so that everybody sees the same one.
   */
  async<R, C = undefined, F = never>(
    id: string,
    fn: (record: T, call: AsyncCall<C>) => Promise<R> | R,
    options?: AsyncOptions<T, F, C> & OperatorOptions,
  ): Stream<R | F>;
  /** As `async`, with any number of results for each record. */
  asyncFlatMap<R, C = undefined, F = never>(
    id: string,
    fn: (record: T, call: AsyncCall<C>) => Promise<Iterable<R>> | Iterable<R>,
    options?: AsyncOptions<T, Iterable<F>, C> & OperatorOptions,
  ): Stream<R | F>;
  /** Records that the operator just before emits to a side output: late data of a window, say. */
  sideOutput<S>(tag: SideOutput<S>): Stream<S>;
  /** Ends here, at a sink. A host may bind another connector to the id. */
  to(id: string, sink: SinkConnector<T>): void;
}

/** Records of one type, in order within each partition. */
export interface Stream<T> extends Flow<T> {
  /** This stream and another, for an operator that handles both. With keys on both sides it may have state. */
  connect<R>(right: Stream<R>): Connected<unknown, T, R>;
  /** This stream and rules that come to every task. */
  connect<B>(rules: BroadcastStream<B>): BroadcastConnected<unknown, T, B>;
  /** Lets the records through for which the predicate holds. */
  filter<S extends T>(predicate: (record: T) => record is S, options?: OperatorOptions): Stream<S>;
  filter<S extends T>(id: string, predicate: (record: T) => record is S, options?: OperatorOptions): Stream<S>;
  filter(predicate: (record: T) => boolean, options?: OperatorOptions): Stream<T>;
  filter(id: string, predicate: (record: T) => boolean, options?: OperatorOptions): Stream<T>;
  /** An operator written as a handler, usually in a file of its own. One with a `key` belongs behind `keyBy`. */
  process<R>(process: Process<T, unknown, R>, options?: OperatorOptions): Stream<R>;
  process<R>(id: string, process: Process<T, unknown, R>, options?: OperatorOptions): Stream<R>;
}

/** How windows treat time and when they emit. */
export interface WindowingOptions<T> {
  /** How long after its end a window still takes records and emits updated results. Default none. Only for windows by event time. */
  readonly allowedLateness?: Duration;
  /** Where records go that are too late even for that, as they came: read it by `sideOutput(tag)` of the results. Without it they are only counted. */
  readonly late?: SideOutput<T>;
  /** When a window emits. Default `endOfWindow()`; of count windows, their count. */
  readonly trigger?: Trigger<T, never>;
  /** Takes records out of a window when it emits. The window then holds its records one by one. */
  readonly evictor?: EvictorOf<T>;
}

/** An evictor for these records or more general ones. */
export type EvictorOf<T> = Omit<Evictor<T>, 'keep'> & {
  keep(elements: readonly WindowElement<T>[], ctx: EvictorContext): readonly WindowElement<unknown>[];
};

/** What a window function uses beside the window's content. */
export interface WindowFunctionOptions<E, S extends StateDescriptors, W extends StateDescriptors>
  extends OperatorOptions {
  /** The type of what is given to `ctx.emit`: `out: type<Alert>()`. Not needed for what the function returns. */
  readonly out?: Type<E>;
  /** States that belong to the key and outlive its windows. */
  readonly state?: S;
  /** States that belong to a window and are cleared with it. */
  readonly windowState?: W;
  /** Side outputs that the function emits to. */
  readonly outputs?: readonly { readonly side: string }[];
}

/**
 * Makes a window's results: what it returns (nothing if undefined), each result of a generator, and what is given to `ctx.emit`. Called for every firing,
 * so also for early and updated results. `input` is what was aggregated, or all records in order of arrival.
 */
export type MakeResults<K, In, R, E, S extends StateDescriptors, W extends StateDescriptors> = (
  key: K,
  window: WindowBounds,
  input: In,
  ctx: WindowFunctionContext<E, S, W>,
) => R | Generator<R, void, void> | void;

type None = Record<never, never>;
/** What an aggregation comes to: its own names, or the result of a single aggregator. */
export type Single<One, Many> = [One] extends [never] ? Many : One;
type Results<R, E> = Stream<Exclude<R, undefined | void> | E>;

/**
 * Records by key, in windows. Results have the window's last millisecond as their event time, so that windows chain. Without a window function a result
 * is `{ key, windowStart, windowEnd, ...aggregates }`, as an aggregate without its key and window would say nothing; with one, what the function makes of
 * them.
 */
export interface WindowedStream<K, T> {
  /** Folds each record in as it comes: one aggregator (`value` in the result) or several under names. The window keeps only the aggregates. */
  aggregate<One = never, Many = never>(
    id: string,
    aggregation: Aggregator<T, unknown, One> | Parts<T, Many>,
    options?: OperatorOptions,
  ): Stream<WindowResult<K, Aggregated<One, Many>>>;
  aggregate<
    R = never,
    One = never,
    Many = never,
    E = never,
    S extends StateDescriptors = None,
    W extends StateDescriptors = None,
  >(
    id: string,
    aggregation: Aggregator<T, unknown, One> | Parts<T, Many>,
    fn: MakeResults<K, Single<One, Many>, R, E, S, W>,
    options?: WindowFunctionOptions<E, S, W>,
  ): Results<R, E>;
  /** Folds records into one of the same type, in the order of their arrival; sessions that merge fold theirs in the order of time. */
  reduce(id: string, fn: Reduce<T>, options?: OperatorOptions): Stream<WindowResult<K, { readonly value: T }>>;
  reduce<R = never, E = never, S extends StateDescriptors = None, W extends StateDescriptors = None>(
    id: string,
    fn: Reduce<T>,
    windowFunction: MakeResults<K, T, R, E, S, W>,
    options?: WindowFunctionOptions<E, S, W>,
  ): Results<R, E>;
  /** Keeps all records of a window and hands them to the function, in order of arrival. The state grows with them: prefer `aggregate`. */
  process<R = never, E = never, S extends StateDescriptors = None, W extends StateDescriptors = None>(
    id: string,
    fn: MakeResults<K, readonly T[], R, E, S, W>,
    options?: WindowFunctionOptions<E, S, W>,
  ): Results<R, E>;
}

/** Records by key. `filter`, `mapValues` and `flatMapValues` keep the key; what else changes the record does not, and needs another `keyBy` before state. */
export interface KeyedStream<K, T> extends Flow<T> {
  /** As `map`, with the results under the key of their record: for code that makes another value of the same key, without another exchange. */
  mapValues<R>(fn: (record: T) => R, options?: OperatorOptions): KeyedStream<K, R>;
  mapValues<R>(id: string, fn: (record: T) => R, options?: OperatorOptions): KeyedStream<K, R>;
  /** As `flatMap`, with the results under the key of their record. */
  flatMapValues<R>(fn: FlatMap<T, R>, options?: OperatorOptions): KeyedStream<K, R>;
  flatMapValues<R>(id: string, fn: FlatMap<T, R>, options?: OperatorOptions): KeyedStream<K, R>;
  /** Lets the records through for which the predicate holds, under the same key. */
  filter<S extends T>(predicate: (record: T) => record is S, options?: OperatorOptions): KeyedStream<K, S>;
  filter<S extends T>(id: string, predicate: (record: T) => record is S, options?: OperatorOptions): KeyedStream<K, S>;
  filter(predicate: (record: T) => boolean, options?: OperatorOptions): KeyedStream<K, T>;
  filter(id: string, predicate: (record: T) => boolean, options?: OperatorOptions): KeyedStream<K, T>;
  /** An operator written as a handler, with state and timers by key. */
  process<R>(process: Process<T, K, R>, options?: OperatorOptions): Stream<R>;
  /** The same handler under another id: it may run in several places. */
  process<R>(id: string, process: Process<T, K, R>, options?: OperatorOptions): Stream<R>;
  /** Groups each key's records: `tumbling(hours(1))`, `hopping`, `session`, `cumulating`, `countWindow`, `globalWindow`. */
  window(assigner: WindowAssigner<T>, options?: WindowingOptions<T>): WindowedStream<K, T>;
  /** Pairs of this stream's records (left) and another's (right) of one key by how far apart their times are: `.between(minutes(-5), minutes(5)).join(id, fn)`. */
  intervalJoin<R>(right: KeyedStream<K, R>): IntervalJoining<K, T, R>;
  /** Pairs of this stream's records (left) and another's (right) that share a key and a window. */
  windowJoin<R>(
    right: KeyedStream<K, R>,
    assigner: WindowAssigner<T | R>,
    options?: TwoInputWindowing<T, R>,
  ): Joining<T, R, WindowJoinContext<K>>;
  /** The records of this stream (left) and another (right) that share a key and a window, all at once. */
  coGroup<R>(
    right: KeyedStream<K, R>,
    assigner: WindowAssigner<T | R>,
    options?: TwoInputWindowing<T, R>,
  ): CoGrouped<K, T, R>;
  /** This stream and another under one key, for an operator that handles both with shared state and timers. */
  connect<R>(right: KeyedStream<K, R>): Connected<K, T, R>;
  /** This stream and rules that come to every task. */
  connect<B>(rules: BroadcastStream<B>): BroadcastConnected<K, T, B>;
  /** Each key's records so far reduced to one, emitted after every record. */
  reduce(id: string, fn: Reduce<T>, options?: OperatorOptions): Stream<T>;
  /** Each key's records so far aggregated, emitted after every record: `{ key, ...aggregates }`, or `{ key, value }` of a single aggregator. */
  aggregate<One = never, Many = never>(
    id: string,
    aggregation: Aggregator<T, unknown, One> | Parts<T, Many>,
    options?: OperatorOptions,
  ): Stream<KeyedResult<K, Aggregated<One, Many>>>;
}

/** Which records of a joined pair of streams are late, and where they go. */
export interface JoinOptions<L, R> {
  /** How far behind the watermark a record may come and still be joined. Default none. State and unmatched records wait as much longer. */
  readonly allowedLateness?: Duration;
  /** Where late records of the left stream go, as they came: read it by `sideOutput(tag)` of the results. Without it they are only counted. */
  readonly lateLeft?: SideOutput<L>;
  /** Where late records of the right stream go. */
  readonly lateRight?: SideOutput<R>;
}

/** How the bounds of an interval join are meant. */
export interface IntervalOptions<L, R> extends JoinOptions<L, R> {
  /** The lower bound itself does not match. Default: it does. */
  readonly lowerExclusive?: boolean;
  /** The upper bound itself does not match. Default: it does. */
  readonly upperExclusive?: boolean;
}

/** How windows of two streams treat time and when they emit. */
export interface TwoInputWindowing<L, R> extends JoinOptions<L, R> {
  /** When a window emits; it is told of the records of both sides. Default `endOfWindow()`. */
  readonly trigger?: Trigger<L | R, never>;
}

/** Two streams under one key that wait to hear how far apart matches may be. */
export interface IntervalJoining<K, L, R> {
  /** Matches are right records no earlier than `lower` and no later than `upper` after a left one; negative spans lie before it. */
  between(lower: Duration, upper: Duration, options?: IntervalOptions<L, R>): Joining<L, R, IntervalJoinContext<K>>;
}

/**
 * Two streams that wait to hear what is made of matches. The function is called once for each pair, and in joins that keep a side once for each of its records that
 * had no match, with undefined for the other, when no match can come any more.
 */
export interface Joining<L, R, C> {
  /** Pairs only. */
  join<O>(id: string, fn: (left: L, right: R, ctx: C) => O, options?: OperatorOptions): Results<O, never>;
  /** Pairs, and left records without a match. */
  leftJoin<O>(
    id: string,
    fn: (left: L, right: R | undefined, ctx: C) => O,
    options?: OperatorOptions,
  ): Results<O, never>;
  /** Pairs, and right records without a match. */
  rightJoin<O>(
    id: string,
    fn: (left: L | undefined, right: R, ctx: C) => O,
    options?: OperatorOptions,
  ): Results<O, never>;
  /** Pairs, and records of either side without a match. */
  outerJoin<O>(
    id: string,
    fn: (left: L | undefined, right: R | undefined, ctx: C) => O,
    options?: OperatorOptions,
  ): Results<O, never>;
}

/** Two streams by key, in windows together. */
export interface CoGrouped<K, L, R> {
  /**
   * Hands the records of both sides that share a key and a window to the function when the window fires, in order of arrival, also if one side has none. Results are
   * what it returns (nothing if undefined), each result of a generator, and what is given to `ctx.emit`, with the window's last millisecond as their time.
   */
  process<O = never, E = never, S extends StateDescriptors = None, W extends StateDescriptors = None>(
    id: string,
    fn: (
      key: K,
      window: WindowBounds,
      lefts: readonly L[],
      rights: readonly R[],
      ctx: WindowFunctionContext<E, S, W>,
    ) => O | Generator<O, void, void> | void,
    options?: WindowFunctionOptions<E, S, W>,
  ): Stream<Exclude<O, undefined | void> | E>;
}

/** Two streams that wait for the operator which handles both. */
export interface Connected<K, L, R> {
  /** An operator written as handlers of both inputs, made by `connectedProcess(id, { onLeft, onRight ... })`. */
  process<O>(process: ConnectedProcess<L, R, K, O>, options?: OperatorOptions): Stream<O>;
  /** The same operator under another id. */
  process<O>(id: string, process: ConnectedProcess<L, R, K, O>, options?: OperatorOptions): Stream<O>;
}

/** A stream and what is broadcast beside it, which wait for the operator that handles both. */
export interface BroadcastConnected<K, T, B> {
  /** An operator made by `broadcastProcess(id, { broadcastState, onRecord, onBroadcast ... })`. */
  process<O>(process: BroadcastProcess<T, B, K, O>, options?: OperatorOptions): Stream<O>;
  /** The same operator under another id. */
  process<O>(id: string, process: BroadcastProcess<T, B, K, O>, options?: OperatorOptions): Stream<O>;
}

declare const everywhere: unique symbol;

/** Records that come to every task of the operator that reads them: `records.connect(rules.broadcast())`. */
export interface BroadcastStream<T> {
  /** Never present at run time: carries the record's type. */
  readonly [everywhere]: () => T;
}
