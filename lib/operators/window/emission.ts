import { type EventTime, type Key, type KeyId, keyOf, MillraceError, type WallTime } from '../../model/index.ts';
import { returnedPromise } from '../author-code.ts';
import { AuthorCounters } from '../author-counters.ts';
import {
  type OpenStates,
  openStates,
  Scope,
  type StateDescriptors,
  type StatesOf,
  WHOLE_KEY,
  WindowSubs,
} from '../keyed/index.ts';
import type { NamedAggregation } from '../named-results.ts';
import type { OperatorContext, Receiver } from '../operator.ts';
import type { SideOutput } from '../side-output.ts';
import { lastOf, type WindowBounds, type WindowTime } from './window.ts';

/** What a window function gets beside the window's content. One object for all calls: it must not be kept. */
export interface WindowFunctionContext<
  Out = unknown,
  S extends StateDescriptors = Record<never, never>,
  W extends StateDescriptors = Record<never, never>,
> {
  readonly watermark: EventTime;
  readonly processingTime: WallTime;
  /** Uniform in [0, 1), the same at every replay. */
  random(): number;
  /** The declared states of the key, which outlive its windows. */
  readonly state: StatesOf<S>;
  /** The declared states of this window, cleared with it. */
  readonly windowState: StatesOf<W>;
  /** Emits a result with the window's time, beside what the function returns. */
  emit(result: Out): void;
  /** Emits to one of the declared side outputs. */
  output<T>(side: SideOutput<T>, record: NoInfer<T>): void;
  /** Adds to a counter of the operator, as `ProcessContext.count` does. */
  count(name: string, n?: number): void;
}

/**
 * Makes a window's results: what it returns (nothing if undefined), each result of a generator, and what is given to `ctx.emit`. `input` is the aggregation's
 * result, or without an aggregation all records of the window in order of arrival. Called for every firing, so also for early and updated results.
 */
export type WindowFunction<
  K = Key,
  In = unknown,
  Out = unknown,
  S extends StateDescriptors = Record<never, never>,
  W extends StateDescriptors = Record<never, never>,
> = (
  key: K,
  window: WindowBounds,
  input: In,
  ctx: WindowFunctionContext<Out, S, W>,
) => Out | Generator<Out, void, void> | void;

/** A window function of any types. */
export type AnyWindowFunction = (key: never, window: WindowBounds, input: never, ctx: never) => unknown;

/** What a window's function may use. */
export interface EmissionOptions {
  readonly named: NamedAggregation | undefined;
  readonly windowFunction?: AnyWindowFunction | undefined;
  /** Whether results and window functions go without the key. */
  readonly keyless: boolean;
  /** Whether sessions that are merged emit their former bounds. */
  readonly tellsMerged: boolean;
  readonly state: StateDescriptors;
  readonly windowState: StateDescriptors;
  readonly outputs: readonly string[];
  readonly windowTime: WindowTime;
}

/** Where a window path puts its results. */
export interface Emission {
  /** Emits a window's result. `id` tells windows of a key apart; `at` is the time the result gets. */
  emit(key: KeyId, id: number, start: number, end: number, at: number, input: unknown): void;
  /** The window is over: its states are cleared. */
  cleared(key: KeyId, id: number): void;
  /** Whether `cleared` does anything. */
  readonly clears: boolean;
  /** A session has become part of another. */
  merged(key: KeyId, start: number, end: number): void;
}

/** The former bounds of a session that has become part of another, among the results of windows that tell so. */
export type MergedBounds = readonly [start: number, end: number];

/** The emission for these options: of plain results, or through the author's function. */
export function emission(context: OperatorContext, options: EmissionOptions): Emission {
  if (options.windowFunction !== undefined) return new FunctionEmission(context, options.windowFunction, options);
  const out = context.output();
  const { named, keyless, tellsMerged } = options;
  return {
    emit(id, _window, start, end, at, input) {
      const result = keyless ? keylessResult(start, end, named, input) : resultOf(keyOf(id), start, end, named, input);
      out.record(result, at, id);
    },
    cleared() {},
    clears: false,
    merged(id, start, end) {
      if (tellsMerged) out.record([start, end] satisfies MergedBounds, lastOf(end), id);
    },
  };
}

type Named = NamedAggregation | undefined;

function resultOf(key: Key, start: number, end: number, named: Named, input: unknown): object {
  if (named === undefined) return { key, windowStart: start, windowEnd: end, records: input };
  if (named.many) return { key, windowStart: start, windowEnd: end, ...(input as object) };
  return { key, windowStart: start, windowEnd: end, value: input };
}

function keylessResult(start: number, end: number, named: Named, input: unknown): object {
  if (named === undefined) return { windowStart: start, windowEnd: end, records: input };
  if (named.many) return { windowStart: start, windowEnd: end, ...(input as object) };
  return { windowStart: start, windowEnd: end, value: input };
}

/** A window's result where there is no window function: the key, the window's bounds, and the aggregates under their names. */
export type WindowResult<K, A> = {
  readonly key: K;
  readonly windowStart: EventTime;
  readonly windowEnd: EventTime;
} & A;

/** The author's function between a window's content and its results. */
class FunctionEmission implements Emission {
  readonly clears: boolean;
  readonly #scope: Scope;
  readonly #subs = new WindowSubs();
  readonly #windowStates: OpenStates<StateDescriptors>;
  readonly #function: AnyWindowFunction;
  readonly #keyless: boolean;
  readonly #out: Receiver;
  readonly #domain: WindowTime;
  readonly #context: WindowFunctionContext<unknown, StateDescriptors, StateDescriptors>;
  #at = 0;

  constructor(context: OperatorContext, windowFunction: AnyWindowFunction, options: EmissionOptions) {
    const { time } = context;
    const scope = new Scope(time);
    this.#function = windowFunction;
    this.#keyless = options.keyless;
    this.#domain = options.windowTime;
    this.#scope = scope;
    this.#out = context.output();
    this.#windowStates = openStates(context, options.windowState, scope, this.#subs, WINDOW_STATE);
    this.clears = Object.keys(options.windowState).length > 0;
    const counters = new AuthorCounters(context);
    const sides = new Map(options.outputs.map((side) => [side, context.output(side)]));
    this.#context = {
      get watermark() {
        return time.watermark as EventTime;
      },
      get processingTime() {
        return time.processingTime as WallTime;
      },
      random: () => time.random(),
      count: (name, n = 1) => counters.count(name, n),
      state: openStates(context, options.state, scope, WHOLE_KEY).handles,
      windowState: this.#windowStates.handles,
      emit: (result) => this.#out.record(result, this.#at, scope.key),
      output: ({ side }, record) => {
        const receiver = sides.get(side);
        if (receiver === undefined) throw undeclared(side);
        receiver.record(record, this.#at, scope.key);
      },
    };
  }

  emit(key: KeyId, id: number, start: number, end: number, at: number, input: unknown): void {
    this.#scope.timer(key, at, this.#domain);
    this.#subs.window = id;
    this.#at = at;
    const window: WindowBounds = { start: start as EventTime, end: end as EventTime };
    const fn = this.#function as (...given: unknown[]) => unknown;
    const result = this.#keyless ? fn(window, input, this.#context) : fn(keyOf(key), window, input, this.#context);
    if (result === undefined) return;
    if (result instanceof Promise) throw returnedPromise('a window');
    if (isGenerator(result)) for (const each of result) this.#out.record(each, at, key);
    else this.#out.record(result, at, key);
  }

  cleared(key: KeyId, id: number): void {
    this.#scope.key = key;
    this.#subs.window = id;
    this.#windowStates.clear();
  }

  merged(): void {}
}

/** Before the names of a window function's per-window states in the names of their tables. */
export const WINDOW_STATE = 'window.';

function isGenerator(value: unknown): value is Generator<unknown> {
  return Object.prototype.toString.call(value) === '[object Generator]';
}

function undeclared(side: string): MillraceError {
  return new MillraceError('operator-failed', `the window has no side output "${side}"`, {
    hint: 'list it in the outputs of the window',
  });
}
