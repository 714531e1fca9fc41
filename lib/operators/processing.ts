import { type EventTime, type Key, type KeyId, keyOf, MillraceError, type WallTime } from '../model/index.ts';
import { functionMistakes, misspeltMistakes, optionalMistakes, returnedPromise } from './author-code.ts';
import { AuthorCounters } from './author-counters.ts';
import type { Mistake } from './definition.ts';
import {
  expireByEvent,
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
import { type SideOutput, sideNames } from './side-output.ts';

/** What operators written as handlers have in common, their types forgotten. */
export interface HandlerSpec {
  readonly key?: unknown;
  readonly state?: StateDescriptors | undefined;
  readonly outputs?: readonly { readonly side: string }[] | undefined;
  onTimer?(time: EventTime, ctx: never, name: string | undefined): void;
  onProcessingTimer?(time: WallTime, ctx: never, name: string | undefined): void;
}

/** Handlers that may be left out. */
const OPTIONAL = ['onTimer', 'onProcessingTimer'] satisfies readonly (keyof HandlerSpec)[];

/** What a plan must know of an operator written as handlers: of records, in the order of its inputs, and of timers. */
export function handlerFacts(type: string, spec: HandlerSpec, onRecords: readonly unknown[]) {
  const states = spec.state ?? {};
  const keyed = spec.key !== undefined;
  const { onTimer, onProcessingTimer } = spec;
  const sides = sideNames(spec.outputs);
  const handlers = [...onRecords, onTimer, onProcessingTimer].filter((handler) => handler !== undefined);
  return {
    options: { keyed, states: stateOptions(states), outputs: sides },
    sides,
    needsKey: keyed,
    stateful: keyed,
    eventTime: onTimer !== undefined || expireByEvent(states),
    processingTime: onProcessingTimer !== undefined,
    steps: 'every' as const,
    state: {
      ...stateVersions(states),
      ...(onTimer === undefined ? {} : { [timerTable('event')]: 1 }),
      ...(onProcessingTimer === undefined ? {} : { [timerTable('processing')]: 1 }),
    },
    functions: [...handlers, ...stateFunctions(states)],
    mistakes: [
      ...mistakesIn(spec, keyed),
      ...misspeltMistakes(spec, OPTIONAL),
      ...stateMistakes(states),
      ...onRecords.flatMap((onRecord) => functionMistakes(type, onRecord)),
      ...optionalMistakes(type, onTimer, onProcessingTimer),
    ],
  };
}

function mistakesIn(spec: HandlerSpec, keyed: boolean): Mistake[] {
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

/** What all contexts of handlers have. */
interface AnyContext {
  readonly key: Key | undefined;
  readonly state: StatesOf<StateDescriptors>;
  readonly timers: Timers;
}

/** A process operator of one task; itself the context that the author's code gets. */
export class Processing implements Operator, AnyContext {
  readonly inputs: readonly Receiver[];
  readonly state: AnyContext['state'];
  readonly timers: Timers;
  readonly #scope: Scope;
  readonly #keyed: boolean;
  readonly #main: Receiver;
  readonly #counters: AuthorCounters;
  readonly #sides: ReadonlyMap<string, Receiver>;

  /** `onRecords`: what is called for records, for each input. */
  constructor(
    context: OperatorContext,
    spec: HandlerSpec,
    onRecords: readonly ((record: never, ctx: never) => unknown)[],
  ) {
    const scope = new Scope(context.time);
    this.#scope = scope;
    this.#keyed = spec.key !== undefined;
    this.#main = context.output();
    this.#counters = new AuthorCounters(context);
    this.#sides = new Map((spec.outputs ?? []).map(({ side }) => [side, context.output(side)]));
    this.state = openStates(context, spec.state ?? {}, scope, WHOLE_KEY).handles;
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
    this.inputs = onRecords.map((onRecord) => ({
      record: (value, time, key) => {
        scope.record(key as KeyId, time);
        checkDone(onRecord.call(spec, value as never, this as never));
      },
    }));
  }

  /** The states of a key, for those who go through several while they handle a record of this time. */
  standAt(key: KeyId, time: EventTime): AnyContext['state'] {
    this.#scope.record(key, time);
    return this.state;
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

  readonly count = (name: string, n = 1): void => this.#counters.count(name, n);

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
