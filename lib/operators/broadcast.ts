import {
  compareKeyIds,
  type EventTime,
  type Key,
  type KeyId,
  keyOf,
  MillraceError,
  type WallTime,
} from '../model/index.ts';
import type { CellTable } from '../state/index.ts';
import { definition, functionMistakes, isObject, unfit } from './author-code.ts';
import type { Mistake, OperatorDefinition } from './definition.ts';
import {
  expireByEvent,
  openStates,
  Scope,
  type StateDescriptors,
  type StatesOf,
  stateFunctions,
  stateMistakes,
  stateOptions,
  stateVersions,
  WHOLE_KEY,
} from './keyed/index.ts';
import type { Operator, OperatorContext, Receiver } from './operator.ts';
import type { KeyedContext, ProcessContext } from './process.ts';
import { type HandlerSpec, handlerFacts, Processing } from './processing.ts';
import type { Type } from './type.ts';

/** What of a state's handle only reads. */
type Reading = 'get' | 'has' | 'entries' | 'keys' | 'values' | 'isEmpty';

/** Broadcast states as the handlers of records and timers see them: they can only be read. */
export type ReadOnlyStates<S extends StateDescriptors> = {
  readonly [N in keyof S]: Pick<NonNullable<S[N]['handle']>, Extract<keyof NonNullable<S[N]['handle']>, Reading>>;
};

/** What a handler of records or timers gets, beside the usual: the broadcast states, to be read. */
export interface Rules<B extends StateDescriptors> {
  readonly broadcast: ReadOnlyStates<B>;
}

/** What the handler of broadcast records gets. It has no key: the record came to every task. */
export interface BroadcastContext<Out, B extends StateDescriptors, K = never, S extends StateDescriptors = None>
  extends ProcessContext<Out> {
  /** This task's copy of the broadcast states. Every task makes the same of the same records, if nothing else goes into it. */
  readonly broadcast: StatesOf<B>;
  /** Calls back for each key of this task that has any of the declared states, in the order of keys, with the states of that key. Costs as much as there are keys. */
  eachKey(visit: (key: K, state: StatesOf<S>) => void): void;
}

type None = Record<never, never>;

/** An operator on records and on what is broadcast to every task beside them. */
export interface BroadcastSpec<In, R, Out, B extends StateDescriptors> {
  readonly in?: Type<In>;
  /** What is broadcast. */
  readonly rule?: Type<R>;
  readonly out?: Type<Out>;
  readonly key?: undefined;
  readonly state?: undefined;
  /** States of which every task has a copy, written by `onBroadcast` only. */
  readonly broadcastState: B;
  readonly outputs?: readonly { readonly side: string }[];
  onRecord(record: In, ctx: ProcessContext<Out> & Rules<B>): void;
  onBroadcast(rule: R, ctx: BroadcastContext<Out, B>): void;
}

/** An operator on records by key, with state and timers, and on what is broadcast to every task beside them. */
export interface KeyedBroadcastSpec<In, R, K extends Key, Out, S extends StateDescriptors, B extends StateDescriptors> {
  readonly in?: Type<In>;
  /** What is broadcast. */
  readonly rule?: Type<R>;
  readonly key: Type<K>;
  readonly out?: Type<Out>;
  readonly state?: S;
  /** States of which every task has a copy, written by `onBroadcast` only. */
  readonly broadcastState: B;
  readonly outputs?: readonly { readonly side: string }[];
  onRecord(record: In, ctx: KeyedContext<K, Out, S> & Rules<B>): void;
  onBroadcast(rule: R, ctx: BroadcastContext<Out, B, K, S>): void;
  onTimer?(time: EventTime, ctx: KeyedContext<K, Out, S> & Rules<B>, name: string | undefined): void;
  onProcessingTimer?(time: WallTime, ctx: KeyedContext<K, Out, S> & Rules<B>, name: string | undefined): void;
}

declare const types: unique symbol;

/** An operator with broadcast state and its id, for `records.connect(rules.broadcast()).process(...)`. */
export interface BroadcastProcess<In, R, K, Out> {
  readonly id: string;
  readonly definition: OperatorDefinition;
  /** Never present at run time. */
  readonly [types]?: {
    readonly in: (record: In) => void;
    readonly rule: (rule: R) => void;
    readonly key: (key: K) => void;
    readonly out: () => Out;
  };
}

/**
 * An operator that handles records by rules which come on a second stream to every task: Flink's (Keyed)BroadcastProcessFunction. A record sees the rules that came
 * before it in its task's log; nothing waits for rules that are still to come.
 */
export function broadcastProcess<In, R, Out, B extends StateDescriptors>(
  id: string,
  spec: BroadcastSpec<In, R, Out, B>,
): BroadcastProcess<In, R, unknown, Out>;
export function broadcastProcess<
  In,
  R,
  K extends Key,
  Out,
  B extends StateDescriptors,
  S extends StateDescriptors = None,
>(id: string, spec: KeyedBroadcastSpec<In, R, K, Out, S, B>): BroadcastProcess<In, R, K, Out>;
export function broadcastProcess(id: string, spec: AnySpec): BroadcastProcess<never, never, never, unknown> {
  return { id, definition: broadcastProcessOperator(spec) };
}

interface AnySpec extends HandlerSpec {
  readonly broadcastState: StateDescriptors;
  onRecord(record: never, ctx: never): void;
  onBroadcast(rule: never, ctx: never): void;
}

/** Before the names of broadcast states in the names of their tables. */
const BROADCAST = 'broadcast.';
/** The key under which a task keeps its copy. */
const TASK: KeyId = '';

function broadcastProcessOperator(spec: AnySpec): OperatorDefinition {
  if (!isObject(spec)) return unfit('broadcast-process', spec, 'give it { broadcastState, onRecord, onBroadcast }');
  const { broadcastState: rules } = spec;
  const facts = handlerFacts('a broadcast process', spec, [spec.onRecord]);
  return definition({
    type: 'broadcast-process',
    ...facts,
    inputs: [spec.key === undefined ? 'any' : 'key', 'broadcast'],
    options: { ...facts.options, broadcastState: stateOptions(rules) },
    stateful: true,
    eventTime: facts.eventTime || expireByEvent(rules),
    state: { ...facts.state, ...stateVersions(rules, BROADCAST) },
    functions: [...facts.functions, spec.onBroadcast, ...stateFunctions(rules)],
    mistakes: [
      ...facts.mistakes,
      ...stateMistakes(rules),
      ...functionMistakes('a broadcast process', spec.onBroadcast),
      ...sharedNames(spec),
    ],
    code: { create: (context) => create(context, spec) },
  });
}

function sharedNames({ state = {} }: AnySpec): Mistake[] {
  const taken = Object.keys(state).filter((name) => name.startsWith(BROADCAST));
  return taken.map((name) => ({
    rule: `a state cannot have the name "${name}"`,
    fix: `give it a name that does not begin with ${BROADCAST}`,
  }));
}

/** Two process operators of one task that share the broadcast states: one of records and timers, one of what is broadcast. */
function create(context: OperatorContext, spec: AnySpec): Operator {
  const scope = new Scope(context.time);
  const { handles } = openStates(context, spec.broadcastState, scope, WHOLE_KEY, BROADCAST);
  const { onTimer, onProcessingTimer } = spec;
  const tables: CellTable<unknown>[] = [];
  const records = new RuledProcessing(
    notingTables(context, Object.keys(spec.state ?? {}), tables),
    {
      ...spec,
      ...(onTimer === undefined
        ? {}
        : {
            onTimer(time, ctx, name) {
              scope.timer(TASK, time, 'event');
              return onTimer.call(spec, time, ctx, name);
            },
          }),
      ...(onProcessingTimer === undefined
        ? {}
        : {
            onProcessingTimer(time, ctx, name) {
              scope.timer(TASK, time, 'processing');
              return onProcessingTimer.call(spec, time, ctx, name);
            },
          }),
    },
    (record, ctx) => {
      scope.record(TASK, (ctx as RuledProcessing).eventTime);
      return spec.onRecord(record, ctx);
    },
    readOnly(handles),
  );
  const rules = new RuledProcessing(
    context,
    { outputs: spec.outputs },
    (rule, ctx) => {
      scope.record(TASK, (ctx as RuledProcessing).eventTime);
      return spec.onBroadcast(rule, ctx);
    },
    handles,
  );
  rules.eachKey = (visit) => {
    const keys = new Set<KeyId>();
    for (const table of tables) for (const key of table.keys()) keys.add(key);
    for (const key of [...keys].sort(compareKeyIds)) visit(keyOf(key), records.standAt(key, rules.eventTime));
  };
  return { inputs: [records.inputs[0] as Receiver, rules.inputs[0] as Receiver] };
}

/** A process operator whose context shows broadcast states. */
class RuledProcessing extends Processing {
  readonly broadcast: object;
  eachKey: (visit: (key: Key, state: StatesOf<StateDescriptors>) => void) => void = () => {};

  constructor(
    context: OperatorContext,
    spec: HandlerSpec,
    onRecord: (record: never, ctx: never) => unknown,
    broadcast: object,
  ) {
    super(context, spec, [onRecord]);
    this.broadcast = broadcast;
  }
}

/** The context, which puts the tables of these names on a list. */
function notingTables(
  context: OperatorContext,
  names: readonly string[],
  tables: CellTable<unknown>[],
): OperatorContext {
  return {
    operator: context.operator,
    time: context.time,
    table(name, options) {
      const table = context.table(name, options);
      if (names.includes(name)) tables.push(table as unknown as CellTable<unknown>);
      return table;
    },
    rows: (name, layout) => context.rows(name, layout),
    output: (side) => context.output(side),
    count: (metric, n) => context.count(metric, n),
  };
}

const WRITING: readonly string[] = ['set', 'add', 'update', 'delete', 'clear'];
const READING: readonly Reading[] = ['get', 'has', 'entries', 'keys', 'values', 'isEmpty'];

/** Handles that only read: what would write throws `operator-failed`. */
function readOnly(handles: StatesOf<StateDescriptors>): ReadOnlyStates<StateDescriptors> {
  const entries = Object.entries(handles).map(([name, handle]) => {
    const methods = handle as Partial<Record<Reading, (...given: readonly unknown[]) => unknown>>;
    const reading = READING.filter((method) => method in methods).map((method) => [
      method,
      methods[method]?.bind(handle),
    ]);
    const writing = WRITING.filter((method) => method in methods).map((method) => [method, () => refused(name)]);
    return [name, Object.fromEntries([...reading, ...writing])];
  });
  return Object.fromEntries(entries);
}

function refused(name: string): never {
  throw new MillraceError('operator-failed', `the broadcast state ${name} can only be read here`, {
    hint: 'write it in onBroadcast: every task then makes the same of it',
  });
}
