/** Windows of a stream without keys. Types only; they are made by `windowed.ts`. */
import type { EventTime } from '../model/index.ts';
import type {
  Aggregator,
  Parts,
  Reduce,
  SideOutputFor,
  StateDescriptors,
  WindowAssigner,
  WindowBounds,
  WindowFunctionContext,
} from '../operators/index.ts';
import type { OperatorOptions } from './graph.ts';
import type { Aggregated, Single, Stream, WindowFunctionOptions, WindowingOptions } from './streams.ts';

type None = Record<never, never>;
type Results<R, E> = Stream<Exclude<R, undefined | void> | E>;

/** A result of windows without keys: the window's bounds and what was made of it. */
export type WindowAllResult<A> = { readonly windowStart: EventTime; readonly windowEnd: EventTime } & A;

/** How windows without keys treat time and when they emit. */
export type WindowAllOptions<T> = Omit<WindowingOptions<T>, 'late'> & {
  /** Where records go that are too late, as they came: read it by `sideOutput(tag)` of the results. Without it they are only counted. */
  readonly late?: SideOutputFor<T>;
};

/** Makes a window's results: what it returns (nothing if undefined), each result of a generator, and what is given to `ctx.emit`. */
export type MakeAllResults<In, R, E, S extends StateDescriptors, W extends StateDescriptors> = (
  window: WindowBounds,
  input: In,
  ctx: WindowFunctionContext<E, S, W>,
) => R | Generator<R, void, void> | void;

/**
 * All records in windows together. As windows by key, but that results have no key: `{ windowStart, windowEnd, ...aggregates }`, or what the function makes of them.
 */
export interface WindowedAllStream<T> {
  /** Folds each record in as it comes: one aggregator (`value` in the result) or several under names. */
  aggregate<One = never, Many = never>(
    id: string,
    aggregation: Aggregator<T, unknown, One> | Parts<T, Many>,
    options?: OperatorOptions,
  ): Stream<WindowAllResult<Aggregated<One, Many>>>;
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
    fn: MakeAllResults<Single<One, Many>, R, E, S, W>,
    options?: WindowFunctionOptions<E, S, W>,
  ): Results<R, E>;
  /** Folds records into one of the same type, in the order of their arrival. */
  reduce(id: string, fn: Reduce<T>, options?: OperatorOptions): Stream<WindowAllResult<{ readonly value: T }>>;
  reduce<R = never, E = never, S extends StateDescriptors = None, W extends StateDescriptors = None>(
    id: string,
    fn: Reduce<T>,
    windowFunction: MakeAllResults<T, R, E, S, W>,
    options?: WindowFunctionOptions<E, S, W>,
  ): Results<R, E>;
  /** Keeps all records of a window and hands them to the function, in order of arrival. */
  process<R = never, E = never, S extends StateDescriptors = None, W extends StateDescriptors = None>(
    id: string,
    fn: MakeAllResults<readonly T[], R, E, S, W>,
    options?: WindowFunctionOptions<E, S, W>,
  ): Results<R, E>;
}

declare module './streams.ts' {
  interface Flow<T> {
    /**
     * Groups all records, whatever their key, as Flink's windowAll: every record goes to one task, so that nothing behind `keyBy` scales. Aggregate by key first where that can
     * be: `partial(...)` and `whole(...)` make two steps of any aggregation. The exchange is called `<id>-all`, after what is made of the windows.
     */
    windowAll(assigner: WindowAssigner<T>, options?: WindowAllOptions<T>): WindowedAllStream<T>;
  }
}
