import type { Key } from '../../model/index.ts';
import { isObject } from '../author-code.ts';
import type { Mistake, OperatorDefinition } from '../definition.ts';
import type { StateDescriptors } from '../keyed/index.ts';
import type { OperatorCode, Receiver } from '../operator.ts';
import { sideNames } from '../side-output.ts';
import type {
  AnyWindowFunction,
  Trigger,
  WindowAssigner,
  WindowBounds,
  WindowFunctionContext,
} from '../window/index.ts';
import { windowOperator } from '../window/index.ts';
import { type JoinKind, keepsLeft, keepsRight } from './join-kind.ts';

/** What the function of a window join gets beside the two records. */
export interface WindowJoinContext<K = Key> {
  readonly key: K;
  readonly window: WindowBounds;
}

/** How two streams are put into windows together. */
export interface TwoInputWindows {
  readonly assigner: WindowAssigner<never>;
  readonly allowedLateness?: number | undefined;
  /** Is told of the records of both sides. */
  readonly trigger?: Trigger<never, never> | undefined;
  readonly lateLeft?: string | undefined;
  readonly lateRight?: string | undefined;
}

/** Of what a window join is made. */
export interface WindowJoinSpec extends TwoInputWindows {
  readonly kind: JoinKind;
  /** Makes the result of a pair, or of a record whose window has none of the other side. Nothing comes out where it returns undefined. */
  readonly join: (left: never, right: never, ctx: never) => unknown;
}

/** Of what a co-group is made. */
export interface CoGroupSpec extends TwoInputWindows {
  /** Called with key, window, the left and the right records in order of arrival, and the context. */
  readonly fn: (key: never, window: WindowBounds, lefts: never, rights: never, ctx: never) => unknown;
  readonly state?: StateDescriptors | undefined;
  readonly windowState?: StateDescriptors | undefined;
  readonly outputs?: readonly { readonly side: string }[] | undefined;
}

/**
 * Every pair of a left and a right record that share a key and a window, when the window fires: for each left record in order of arrival each right one. The kind says
 * whether records come out whose window holds none of the other side. Results have the window's last millisecond as their time. As in Flink, sessions span both
 * sides, and each late record within the allowed lateness makes its window emit all its pairs anew.
 */
export function windowJoinOperator(spec: WindowJoinSpec): OperatorDefinition {
  const { kind, join } = spec;
  const alone = [undefined];
  const pairs: CoGroup = (key, window, lefts, rights, { emit }) => {
    const context: WindowJoinContext = { key, window };
    for (const left of lefts.length === 0 && keepsRight(kind) ? alone : lefts) {
      for (const right of rights.length === 0 && keepsLeft(kind) ? alone : rights) {
        const result = join(left as never, right as never, context as never);
        if (result !== undefined) emit(result);
      }
    }
  };
  const made = twoInputWindows({ ...spec, fn: pairs as CoGroupSpec['fn'] }, join);
  return {
    ...made,
    type: 'window-join',
    options: { ...(made.options as object), join: kind },
  };
}

/**
 * The records of both sides that share a key and a window, handed to a function when the window fires, also if one side has none. Otherwise as a window join.
 */
export function coGroupOperator(spec: CoGroupSpec): OperatorDefinition {
  return { ...twoInputWindows(spec, spec.fn), type: 'co-group' };
}

type CoGroup = (
  key: Key,
  window: WindowBounds,
  lefts: readonly unknown[],
  rights: readonly unknown[],
  ctx: WindowFunctionContext<unknown>,
) => unknown;

/** A record with its side: 0 for the left, 1 for the right. */
type Tagged = readonly [side: 0 | 1, record: unknown];

/** The side output of the windows inside, for late records of both sides. */
const LATE = '$late';

const SLIDING: Mistake = {
  rule: 'sliding windows overlap, so that two streams in them would meet again and again',
  fix: 'use left.intervalJoin(right).between(lower, upper), which matches records by how far apart they are',
};

const COUNT: Mistake = {
  rule: 'a count window would count the records of both sides as one',
  fix: 'use tumbling(...), hopping(...), cumulating(...) or session(...), or .connect(...) and count by your own code',
};

/** Assigners that are not for two streams. */
const UNFIT: Readonly<Record<string, Mistake>> = { sliding: SLIDING, count: COUNT };

/** Windows of records tagged with their side, as Flink's CoGroupedStreams makes them. */
function twoInputWindows(spec: CoGroupSpec, code: unknown): OperatorDefinition {
  const { lateLeft, lateRight, assigner, trigger, allowedLateness, state, windowState, outputs } = spec;
  const late = lateLeft === undefined && lateRight === undefined ? undefined : LATE;
  const common = { allowedLateness, state, windowState, outputs };
  const fn = spec.fn as CoGroup;
  const windowFunction: AnyWindowFunction = (key, window, records: readonly Tagged[], ctx) => {
    const sides: [unknown[], unknown[]] = [[], []];
    for (const [side, record] of records) sides[side].push(record);
    return fn(key, window, ...sides, ctx);
  };
  const told = windowOperator({
    ...common,
    assigner,
    trigger,
    lateSide: late,
    windowFunction: code as AnyWindowFunction,
    takesFunction: true,
  });
  if (!isObject(assigner)) return told;
  const inside = windowOperator({
    ...common,
    assigner: ofTagged(assigner),
    trigger: trigger === undefined ? undefined : toldOfTagged(trigger),
    lateSide: late,
    windowFunction,
  });
  const sides = [lateLeft, lateRight, ...sideNames(outputs)].filter((side) => side !== undefined);
  return {
    ...told,
    mistakes: [...(told.mistakes ?? []), ...(Object.hasOwn(UNFIT, assigner.kind) ? [UNFIT[assigner.kind]!] : [])],
    inputs: ['key', 'key'],
    options: { ...(told.options as object), late: [lateLeft ?? null, lateRight ?? null] },
    sides: [...new Set(sides)],
    code: tagging(inside.code, late, [lateLeft, lateRight]),
  };
}

/** Code of two inputs, made of code of one that takes tagged records. */
function tagging(code: OperatorCode, late: string | undefined, sides: readonly (string | undefined)[]): OperatorCode {
  return {
    create(context) {
      const lates = sides.map((side) => (side === undefined ? undefined : context.output(side)));
      const lateRecords: Receiver = {
        record(value, time, key) {
          const [side, record] = value as Tagged;
          lates[side]?.record(record, time, key);
        },
      };
      const { operator, time } = context;
      const [windows] = code.create({
        ...{ operator, time },
        table: (name, options) => context.table(name, options),
        rows: (name, layout) => context.rows(name, layout),
        output: (side) => (side !== undefined && side === late ? lateRecords : context.output(side)),
        count: (metric, n) => context.count(metric, n),
      }).inputs;
      const input = (side: 0 | 1): Receiver => ({
        record: (value, at, key) => windows!.record([side, value], at, key),
      });
      return { inputs: [input(0), input(1)] };
    },
  };
}

function ofTagged(assigner: WindowAssigner<never>): WindowAssigner<never> {
  if (assigner.kind !== 'session' || typeof assigner.gap !== 'function') return assigner;
  const gap = assigner.gap as (record: unknown) => number;
  return { ...assigner, gap: ([, record]: Tagged) => gap(record) } as WindowAssigner<never>;
}

function toldOfTagged(trigger: Trigger<never, never>): Trigger<never, never> {
  return {
    ...trigger,
    onRecord: (tagged, time, ctx) => trigger.onRecord((tagged as Tagged)[1] as never, time, ctx),
  };
}
