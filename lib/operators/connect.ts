import type { EventTime, Key, WallTime } from '../model/index.ts';
import { definition, isObject, unfit } from './author-code.ts';
import type { OperatorDefinition } from './definition.ts';
import type { StateDescriptors } from './keyed/index.ts';
import type { KeyedContext, ProcessContext } from './process.ts';
import { type HandlerSpec, handlerFacts, Processing } from './processing.ts';
import type { Type } from './type.ts';

/** An operator written as handlers of two inputs, on records as they come. */
export interface ConnectSpec<L, R, Out> {
  readonly left?: Type<L>;
  readonly right?: Type<R>;
  readonly out?: Type<Out>;
  readonly key?: undefined;
  readonly state?: undefined;
  /** The side outputs that it emits to. */
  readonly outputs?: readonly { readonly side: string }[];
  onLeft(record: L, ctx: ProcessContext<Out>): void;
  onRight(record: R, ctx: ProcessContext<Out>): void;
}

/** An operator written as handlers of two inputs under one key, which share state and timers. */
export interface KeyedConnectSpec<L, R, K extends Key, Out, S extends StateDescriptors> {
  readonly left?: Type<L>;
  readonly right?: Type<R>;
  readonly key: Type<K>;
  readonly out?: Type<Out>;
  readonly state?: S;
  /** The side outputs that it emits to. */
  readonly outputs?: readonly { readonly side: string }[];
  onLeft(record: L, ctx: KeyedContext<K, Out, S>): void;
  onRight(record: R, ctx: KeyedContext<K, Out, S>): void;
  /** An event-time timer fires, set by either handler: the least of both inputs' watermarks has reached its time. */
  onTimer?(time: EventTime, ctx: KeyedContext<K, Out, S>, name: string | undefined): void;
  /** A processing-time timer fires. */
  onProcessingTimer?(time: WallTime, ctx: KeyedContext<K, Out, S>, name: string | undefined): void;
}

declare const types: unique symbol;

/** An operator of two inputs with its id, for `left.connect(right).process(...)`. */
export interface ConnectedProcess<L, R, K, Out> {
  readonly id: string;
  readonly definition: OperatorDefinition;
  /** Never present at run time. */
  readonly [types]?: {
    readonly left: (record: L) => void;
    readonly right: (record: R) => void;
    readonly key: (key: K) => void;
    readonly out: () => Out;
  };
}

/**
 * An operator written as handlers of two inputs: Flink's (Keyed)CoProcessFunction. With a `key` both inputs come from a `keyBy` of the same key, and both handlers see
 * that key's state and timers; without, they see records as they come. Records of the two inputs come in the order of the task's log, which is fixed, but not the
 * order of their times.
 */
export function connectedProcess<L, R, Out>(
  id: string,
  spec: ConnectSpec<L, R, Out>,
): ConnectedProcess<L, R, unknown, Out>;
export function connectedProcess<L, R, K extends Key, Out, S extends StateDescriptors = Record<never, never>>(
  id: string,
  spec: KeyedConnectSpec<L, R, K, Out, S>,
): ConnectedProcess<L, R, K, Out>;
export function connectedProcess(id: string, spec: AnySpec): ConnectedProcess<never, never, never, unknown> {
  return { id, definition: connectedProcessOperator(spec) };
}

interface AnySpec extends HandlerSpec {
  onLeft(record: never, ctx: never): void;
  onRight(record: never, ctx: never): void;
}

function connectedProcessOperator(spec: AnySpec): OperatorDefinition {
  if (!isObject(spec)) return unfit('connected-process', spec, 'give it { onLeft, onRight }');
  const handlers = [spec.onLeft, spec.onRight];
  const need = spec.key === undefined ? 'any' : 'key';
  return definition({
    type: 'connected-process',
    inputs: [need, need],
    ...handlerFacts('a connected process', spec, handlers),
    code: { create: (context) => new Processing(context, spec, handlers) },
  });
}
