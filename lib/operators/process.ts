import type { EventTime, Key, WallTime } from '../model/index.ts';
import { definition, isObject, unfit } from './author-code.ts';
import type { OperatorDefinition } from './definition.ts';
import type { StateDescriptors, StatesOf, Timers } from './keyed/index.ts';
import { type HandlerSpec, handlerFacts, Processing } from './processing.ts';
import type { SideOutput } from './side-output.ts';
import type { Type } from './type.ts';

/** What a process operator's code gets beside the record or timer. One object for all calls: it must not be kept. */
export interface ProcessContext<Out> {
  /** The record's event time; in a timer, the timer's time. */
  readonly eventTime: EventTime;
  /** No record with an event time at or before this is expected any more. While timers fire, already the time that let them. */
  readonly watermark: EventTime;
  /** The task's processing time: the same at every replay. */
  readonly processingTime: WallTime;
  /** Uniform in [0, 1), the same at every replay. */
  random(): number;
  /** Emits a result, with `eventTime` if no time is given. Results earlier than the watermark are late downstream. */
  emit(result: Out, time?: EventTime): void;
  /** Emits to one of the declared side outputs. */
  output<T>(side: SideOutput<T>, record: NoInfer<T>, time?: EventTime): void;
  /**
   * Adds to a counter of the operator: `millrace.counted.<name>` among the metrics, with pipeline, stage, partition and operator as labels. What is counted becomes visible
   * with the commit of the record's effects, never twice, and what is undone is not counted; a process that is killed may take with it what it had counted last. Names are few and fixed: a letter, then letters, digits, `_`, `.` or `-`; others throw `operator-failed`.
   */
  count(name: string, n?: number): void;
}

/** As `ProcessContext`, behind a `keyBy`. */
export interface KeyedContext<K, Out, S extends StateDescriptors> extends ProcessContext<Out> {
  readonly key: K;
  /** The declared states, of the key in force. */
  readonly state: StatesOf<S>;
  readonly timers: Timers;
}

/** An operator written as a handler, on records as they come. */
export interface ProcessSpec<In, Out> {
  readonly in?: Type<In>;
  readonly out?: Type<Out>;
  readonly key?: undefined;
  readonly state?: undefined;
  /** The side outputs that it emits to. */
  readonly outputs?: readonly { readonly side: string }[];
  onRecord(record: In, ctx: ProcessContext<Out>): void;
}

/** An operator written as a handler, with state and timers by key. */
export interface KeyedProcessSpec<In, K extends Key, Out, S extends StateDescriptors> {
  readonly in?: Type<In>;
  readonly key: Type<K>;
  readonly out?: Type<Out>;
  readonly state?: S;
  /** The side outputs that it emits to. */
  readonly outputs?: readonly { readonly side: string }[];
  onRecord(record: In, ctx: KeyedContext<K, Out, S>): void;
  /** An event-time timer fires: the watermark has reached its time. Timers fire in the order of time, then key. */
  onTimer?(time: EventTime, ctx: KeyedContext<K, Out, S>, name: string | undefined): void;
  /** A processing-time timer fires. */
  onProcessingTimer?(time: WallTime, ctx: KeyedContext<K, Out, S>, name: string | undefined): void;
}

declare const types: unique symbol;

/** A process operator with its id, for `stream.process(...)`. */
export interface Process<In, K, Out> {
  readonly id: string;
  readonly definition: OperatorDefinition;
  /** Never present at run time. */
  readonly [types]?: {
    readonly in: (record: In) => void;
    readonly key: (key: K) => void;
    readonly out: () => Out;
  };
}

/**
 * An operator written as a handler, usually in a file of its own. With a `key` it runs behind a `keyBy`, and may have state and timers; without, it sees
 * records as they come. The handlers are synchronous; time and randomness come from `ctx`, so that a replay does the same.
 */
export function process<In, Out>(id: string, spec: ProcessSpec<In, Out>): Process<In, unknown, Out>;
export function process<In, K extends Key, Out, S extends StateDescriptors = Record<never, never>>(
  id: string,
  spec: KeyedProcessSpec<In, K, Out, S>,
): Process<In, K, Out>;
export function process(id: string, spec: AnySpec): Process<never, never, unknown> {
  return { id, definition: processOperator(spec) };
}

/** A spec of either kind, its types forgotten. */
interface AnySpec extends HandlerSpec {
  onRecord(record: never, ctx: never): void;
}

/** The definition of a process operator. */
export function processOperator(spec: AnySpec): OperatorDefinition {
  if (!isObject(spec)) return unfit('process', spec, 'give it { onRecord(record, ctx) { ... } }');
  return definition({
    type: 'process',
    ...handlerFacts('process', spec, [spec.onRecord]),
    code: { create: (context) => new Processing(context, spec, [spec.onRecord]) },
  });
}
