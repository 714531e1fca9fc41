import { type EventTime, type Key, type KeyId, keyOf, MillraceError, type WallTime } from '../model/index.ts';
import { asyncMistakes, definition, returnedPromise } from './author-code.ts';
import type { Mistake, OperatorDefinition } from './definition.ts';
import {
  openStates,
  openTimers,
  Scope,
  type StateDescriptors,
  type StatesOf,
  stateFunctions,
  stateMistakes,
  stateOptions,
  stateVersions,
  type Timers,
  timerTable,
  WHOLE_KEY,
} from './keyed/index.ts';
import type { Operator, OperatorContext, Receiver } from './operator.ts';
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

type AnyContext = KeyedContext<Key | undefined, unknown, StateDescriptors>;

/** A spec of either kind, its types forgotten. */
interface AnySpec {
  readonly key?: unknown;
  readonly state?: StateDescriptors | undefined;
  readonly outputs?: readonly { readonly side: string }[];
  onRecord(record: never, ctx: never): void;
  onTimer?(time: EventTime, ctx: never, name: string | undefined): void;
  onProcessingTimer?(time: WallTime, ctx: never, name: string | undefined): void;
}

/** The definition of a process operator. */
export function processOperator(spec: AnySpec): OperatorDefinition {
  const states = spec.state ?? {};
  const keyed = spec.key !== undefined;
  const { onTimer, onProcessingTimer } = spec;
  const handlers = [spec.onRecord, onTimer, onProcessingTimer].filter((handler) => handler !== undefined);
  const sides = (spec.outputs ?? []).map(({ side }) => side);
  const byEvent = Object.values(states).some(({ ttl, ttlBy }) => ttl !== undefined && ttlBy !== 'processing');
  return definition({
    type: 'process',
    options: { keyed, states: stateOptions(states), outputs: sides },
    needsKey: keyed,
    stateful: keyed,
    eventTime: onTimer !== undefined || byEvent,
    processingTime: onProcessingTimer !== undefined,
    steps: 'every',
    state: {
      ...stateVersions(states),
      ...(onTimer === undefined ? {} : { [timerTable('event')]: 1 }),
      ...(onProcessingTimer === undefined ? {} : { [timerTable('processing')]: 1 }),
    },
    sides,
    functions: [...handlers, ...stateFunctions(states)],
    mistakes: [...mistakesIn(spec, keyed), ...stateMistakes(states), ...asyncMistakes('process', ...handlers)],
    code: { create: (context) => new Processing(context, spec, states, sides) },
  });
}

function mistakesIn(spec: AnySpec, keyed: boolean): Mistake[] {
  if (keyed) return [];
  const without: Mistake[] = [];
  const needs = (what: string): void => {
    without.push({
      rule: `${what} of a process operator need a key`,
      fix: 'add key: type<...>() to it and put a keyBy before it',
    });
  };
  if (Object.keys(spec.state ?? {}).length > 0) needs('the states');
  if (spec.onTimer !== undefined || spec.onProcessingTimer !== undefined) needs('the timers');
  return without;
}

/** A process operator of one task; itself the context that the author's code gets. */
class Processing implements Operator, AnyContext {
  readonly inputs: readonly Receiver[];
  readonly state: AnyContext['state'];
  readonly timers: Timers;
  readonly #scope: Scope;
  readonly #keyed: boolean;
  readonly #main: Receiver;
  readonly #sides: ReadonlyMap<string, Receiver>;

  constructor(context: OperatorContext, spec: AnySpec, states: StateDescriptors, sides: readonly string[]) {
    const scope = new Scope(context.time);
    this.#scope = scope;
    this.#keyed = spec.key !== undefined;
    this.#main = context.output();
    this.#sides = new Map(sides.map((side) => [side, context.output(side)]));
    this.state = openStates(context, states, scope, WHOLE_KEY).handles;
    const { onTimer, onProcessingTimer } = spec;
    this.timers = openTimers(context, scope, {
      event:
        onTimer &&
        ((key, time, name) => {
          scope.timer(key, time, 'event');
          checkDone(onTimer.call(spec, time as EventTime, this as never, name));
        }),
      processing:
        onProcessingTimer &&
        ((key, time, name) => {
          scope.timer(key, time, 'processing');
          checkDone(onProcessingTimer.call(spec, time as WallTime, this as never, name));
        }),
    });
    this.inputs = [
      {
        record: (value, time, key) => {
          scope.record(key as KeyId, time);
          checkDone(spec.onRecord(value as never, this as never));
        },
      },
    ];
  }

  get key(): Key | undefined {
    return this.#keyed ? keyOf(this.#scope.key) : undefined;
  }

  get eventTime(): EventTime {
    return this.#scope.at as EventTime;
  }

  get watermark(): EventTime {
    return this.#scope.time.watermark as EventTime;
  }

  get processingTime(): WallTime {
    return this.#scope.time.processingTime as WallTime;
  }

  readonly random = (): number => this.#scope.time.random();

  readonly emit = (result: unknown, time?: EventTime): void => {
    this.#main.record(result, this.#timeOf(time), this.#scope.key);
  };

  readonly output = <T>(side: SideOutput<T>, record: T, time?: EventTime): void => {
    const receiver = this.#sides.get(side.side);
    if (receiver === undefined) {
      throw new MillraceError('operator-failed', `the operator has no side output "${side.side}"`, {
        hint: 'list it in the outputs of the process operator',
      });
    }
    receiver.record(record, this.#timeOf(time), this.#scope.key);
  };

  #timeOf(time: EventTime | undefined): number {
    if (time === undefined) return this.#scope.at;
    if (Number.isSafeInteger(time)) return time;
    throw new MillraceError(
      'operator-failed',
      `a result's time must be whole milliseconds since the epoch, not ${time}`,
      { hint: 'leave it out to use the time of the record or timer' },
    );
  }
}

function checkDone(returned: unknown): void {
  if (returned instanceof Promise) throw returnedPromise('process');
}
