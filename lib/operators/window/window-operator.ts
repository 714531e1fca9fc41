import type { Json } from '../../ports/index.ts';
import { type Aggregation, collect } from '../aggregate/index.ts';
import { aggregationMistakes } from '../aggregation-mistakes.ts';
import { definition, faulty, functionMistakes, objectMistakes, optionalMistakes } from '../author-code.ts';
import type { Mistake, OperatorDefinition } from '../definition.ts';
import { type StateDescriptors, stateFunctions, stateMistakes, stateOptions, stateVersions } from '../keyed/index.ts';
import { aggregateKinds, type NamedAggregation, namedAggregation, nameMistakes } from '../named-results.ts';
import type { Operator, OperatorContext } from '../operator.ts';
import { sideNames } from '../side-output.ts';
import { assignerMistakes, LONGEST, type WindowAssigner } from './assigner.ts';
import { type AnyWindowFunction, emission, WINDOW_STATE } from './emission.ts';
import { type AnyEvictor, type Evictor, evictorMistakes, keepLast } from './evictor.ts';
import { generalPath } from './general-path.ts';
import { lateness } from './lateness.ts';
import { panePath } from './pane-path.ts';
import { type Panes, panesOf } from './panes.ts';
import { sessionPath } from './session-path.ts';
import { slidingPath } from './sliding-path.ts';
import { endOfWindow, everyCount, type Trigger, triggerMistakes } from './trigger.ts';
import { tumblingPath } from './tumbling-path.ts';
import type { WindowTime } from './window.ts';

/** Of what a window operator is made. */
export interface WindowSpec {
  readonly assigner: WindowAssigner<never>;
  /** How long after its end a window still takes records and emits updated results. Default: 0. Only for windows by event time. */
  readonly allowedLateness?: number | undefined;
  /** The side output for records too late for all of their windows, as they came. Without it they are only counted. */
  readonly lateSide?: string | undefined;
  /** Default: `endOfWindow()`; of count windows, their count. */
  readonly trigger?: Trigger<never, never> | undefined;
  readonly evictor?: AnyEvictor | undefined;
  /** Without it, a window holds all its records and its result is their list, in order of arrival. */
  readonly aggregation?: Aggregation<never, unknown> | undefined;
  /** Without it, a result is `{ key, windowStart, windowEnd, ...aggregates }`; with `value` or `records` in place of named aggregates. */
  readonly windowFunction?: AnyWindowFunction | undefined;
  /** The author has to give a window function. */
  readonly takesFunction?: boolean | undefined;
  /** States of the window function that belong to the key. */
  readonly state?: StateDescriptors | undefined;
  /** States of the window function that belong to a window, and are cleared with it. */
  readonly windowState?: StateDescriptors | undefined;
  /** Side outputs that the window function emits to. */
  readonly outputs?: readonly { readonly side: string }[] | undefined;
  /** The key stands for nothing: it is left out of results, and the window function is called without it. */
  readonly keyless?: boolean | undefined;
  /** Sessions that are merged emit their former bounds, `[start, end]`, before the result of the merged one. */
  readonly tellsMerged?: boolean | undefined;
}

/** The spec, its defaults filled in. */
interface Windowing {
  readonly assigner: WindowAssigner;
  readonly windowTime: WindowTime;
  readonly allowed: number;
  readonly trigger: Trigger;
  /** Whether the trigger sets timers of the time that its windows do not run by. */
  readonly otherTimers: boolean;
  readonly evictor: Evictor | undefined;
  readonly named: NamedAggregation | undefined;
  readonly path: Path;
}

type Path =
  | { readonly kind: 'tumbling' | 'session' | 'sliding' | 'general' }
  | { readonly kind: 'panes'; readonly panes: Panes };

/**
 * Windows by key, with Flink's semantics: a window emits when its trigger says so, by default once the watermark has reached its last millisecond; its results
 * have that millisecond as their time, so that windows chain. A record that comes when the watermark is at or past the last millisecond plus the allowed lateness
 * of each of its windows is late (counted as `late`); one that comes before that, but after a window's end, updates the result at once
 * (counted as `refired`).
 */
export function windowOperator(spec: WindowSpec): OperatorDefinition {
  const unknown = partMistakes(spec);
  if (unknown.length > 0) return faulty('window', unknown);
  const windowing = windowingOf(spec);
  const { assigner, trigger, evictor, windowTime, otherTimers } = windowing;
  const { aggregation, windowFunction, lateSide, state = {}, windowState = {} } = spec;
  const outputs = sideNames(spec.outputs);
  const endless = assigner.kind === 'count' || assigner.kind === 'global';
  const byEvent = windowTime === 'event' && (!endless || trigger.onEventTime !== undefined);
  const ofEvent = byEvent || (otherTimers && trigger.onEventTime !== undefined);
  const gap = assigner.kind === 'session' && typeof assigner.gap === 'function' ? [assigner.gap] : [];
  const handlers = [trigger.onRecord, trigger.onEventTime, trigger.onProcessingTime, trigger.onMerge].filter(
    isFunction,
  );
  return definition({
    type: 'window',
    options: optionsOf(spec, windowing),
    needsKey: true,
    stateful: true,
    eventTime: ofEvent,
    processingTime: windowTime === 'processing' || (otherTimers && trigger.onProcessingTime !== undefined),
    steps: stepsOf(windowing, ofEvent),
    state: {
      ...Object.fromEntries(tablesOf(windowing).map((table) => [table, 1])),
      ...stateVersions(state),
      ...stateVersions(windowState, WINDOW_STATE),
    },
    sides: [...new Set([...(lateSide === undefined ? [] : [lateSide]), ...outputs])],
    functions: [
      ...(spec.trigger === undefined ? [] : [...handlers, ...(trigger.functions ?? [])]),
      ...(evictor === undefined ? [] : [evictor.keep, ...(evictor.functions ?? [])]),
      ...gap,
      ...(aggregation === undefined ? [] : [aggregation]),
      ...(windowFunction === undefined ? [] : [windowFunction]),
      ...stateFunctions(state),
      ...stateFunctions(windowState),
    ],
    mistakes: [...mistakesIn(spec, windowing), ...functionMistakesIn(spec), ...optionalMistakes('a window', ...gap)],
    code: { create: (context) => create(context, spec, windowing, outputs) },
  });
}

/** What makes it impossible to say more. */
function partMistakes({ assigner, trigger, evictor, aggregation }: WindowSpec): Mistake[] {
  return [
    ...objectMistakes('what says which windows there are', assigner, 'give tumbling(hours(1)) or another'),
    ...(trigger === undefined ? [] : objectMistakes('its trigger', trigger, 'give earlyByCount(10) or another')),
    ...(evictor === undefined ? [] : objectMistakes('its evictor', evictor, 'give keepLast(10) or another')),
    ...(aggregation === undefined ? [] : aggregationMistakes(aggregation)),
  ];
}

function functionMistakesIn({ windowFunction, takesFunction = false, trigger, evictor }: WindowSpec): Mistake[] {
  const of = (what: string, functions: readonly unknown[]): Mistake[] =>
    functions.flatMap((fn) => functionMistakes(what, fn));
  const mistakes = of('a window', takesFunction || windowFunction !== undefined ? [windowFunction] : []);
  if (trigger !== undefined) {
    const { name, onRecord, onEventTime, onProcessingTime, onMerge, functions = [] } = trigger;
    mistakes.push(...of(`the trigger ${name}`, [onRecord, ...functions]));
    mistakes.push(...optionalMistakes(`the trigger ${name}`, onEventTime, onProcessingTime, onMerge));
  }
  if (evictor !== undefined) {
    mistakes.push(...of(`the evictor ${evictor.name}`, [evictor.keep, ...(evictor.functions ?? [])]));
  }
  return mistakes;
}

function windowingOf(spec: WindowSpec): Windowing {
  const assigner = spec.assigner as WindowAssigner;
  const count = assigner.kind === 'count' ? assigner : undefined;
  const sliding = count !== undefined && count.slide !== count.size;
  const trigger =
    count !== undefined
      ? everyCount(count.slide, { purge: !sliding })
      : ((spec.trigger as Trigger | undefined) ?? endOfWindow());
  const windowTime = 'time' in assigner ? assigner.time : 'event';
  const { timers } = trigger;
  const other = windowTime === 'event' ? trigger.onProcessingTime : trigger.onEventTime;
  const evictor = sliding ? keepLast(count.size) : (spec.evictor as Evictor | undefined);
  const named = spec.aggregation === undefined ? undefined : namedAggregation(spec.aggregation);
  const slides = assigner.kind === 'sliding';
  const lean =
    slides ||
    (evictor === undefined &&
      named !== undefined &&
      windowTime === 'event' &&
      isPlainEnd(trigger) &&
      spec.tellsMerged !== true);
  return {
    assigner,
    windowTime,
    allowed: spec.allowedLateness ?? 0,
    trigger,
    otherTimers: timers === undefined ? other !== undefined : timers !== 'ends' && timers !== `ends-and-${windowTime}`,
    evictor,
    named,
    path: lean ? leanPath(assigner) : { kind: 'general' },
  };
}

function leanPath(assigner: WindowAssigner): Path {
  switch (assigner.kind) {
    case 'tumbling':
    case 'session':
    case 'sliding':
      return { kind: assigner.kind };
    case 'hopping':
    case 'cumulating': {
      const panes = panesOf(assigner);
      return panes === undefined ? { kind: 'general' } : { kind: 'panes', panes };
    }
    default:
      return { kind: 'general' };
  }
}

const isPlainEnd = (trigger: Trigger): boolean =>
  trigger.name === 'endOfWindow' && trigger.options?.['purge'] === false;

const isEveryRecord = ({ name, options }: Trigger): boolean =>
  name === 'everyCount' && options?.['n'] === 1 && options['purge'] === false;

function create(
  context: OperatorContext,
  spec: WindowSpec,
  windowing: Windowing,
  outputs: readonly string[],
): Operator {
  const { assigner, windowTime, allowed, path, named, trigger } = windowing;
  const { windowFunction, keyless = false, state = {}, windowState = {}, tellsMerged = false } = spec;
  const late = lateness(context, allowed, spec.lateSide);
  const to = emission(context, {
    windowFunction,
    keyless,
    named,
    state,
    windowState,
    outputs,
    windowTime,
    tellsMerged,
  });
  const aggregator = named?.aggregator;
  if (assigner.kind === 'sliding') {
    return slidingPath(context, assigner, isEveryRecord(trigger), aggregator ?? collect(), late, to);
  }
  if (aggregator !== undefined) {
    if (path.kind === 'tumbling' && assigner.kind === 'tumbling') {
      return tumblingPath(context, assigner, aggregator, late, to);
    }
    if (path.kind === 'session' && assigner.kind === 'session') {
      return sessionPath(context, assigner, aggregator, late, to);
    }
    if (path.kind === 'panes') return panePath(context, path.panes, aggregator, late, to);
  }
  return generalPath(context, { ...windowing, assigner, aggregator }, late, to);
}

/** The tables that the path of a window keeps. */
function tablesOf({ path, otherTimers, evictor, named }: Windowing): string[] {
  if (path.kind === 'panes') return ['$panes', '$windows'];
  if (path.kind !== 'general') return ['$windows'];
  return [
    '$windows',
    ...(otherTimers ? ['$trigger-timers'] : []),
    ...(named === undefined || evictor !== undefined ? ['$elements'] : []),
  ];
}

function stepsOf({ assigner, trigger, windowTime, allowed }: Windowing, ofEvent: boolean): OperatorDefinition['steps'] {
  if (!ofEvent) return 'none';
  const { timers } = trigger;
  const free = (timers === undefined || timers === 'ends-and-event') && trigger.onEventTime !== undefined;
  if (windowTime === 'processing' || free) return 'every';
  const spans = ((): number[] | undefined => {
    switch (assigner.kind) {
      case 'tumbling':
        return [assigner.size, assigner.offset];
      case 'hopping':
        return [assigner.size, assigner.slide, assigner.offset];
      case 'cumulating':
        return [assigner.size, assigner.step, assigner.offset];
      default:
        return undefined;
    }
  })();
  return spans === undefined ? 'every' : [...spans, allowed].map(Math.abs).filter((span) => span !== 0);
}

function optionsOf(spec: WindowSpec, { assigner, path, trigger, evictor, allowed }: Windowing): Json {
  const window: Record<string, Json> = {};
  for (const [name, given] of Object.entries(assigner))
    window[name] = typeof given === 'function' ? 'per record' : given;
  return {
    window,
    allowedLateness: allowed,
    late: spec.lateSide ?? null,
    trigger: { name: trigger.name, ...trigger.options },
    evictor: evictor === undefined ? null : { name: evictor.name, ...evictor.options, when: evictor.when ?? 'before' },
    aggregates: spec.aggregation === undefined ? null : aggregateKinds(spec.aggregation),
    state: stateOptions(spec.state ?? {}),
    windowState: stateOptions(spec.windowState ?? {}),
    layout: path.kind,
    ...(spec.keyless === true ? { keyless: true } : {}),
    ...(spec.tellsMerged === true ? { tellsMerged: true } : {}),
  };
}

function mistakesIn(spec: WindowSpec, windowing: Windowing): Mistake[] {
  const { assigner, trigger, evictor, allowed, windowTime } = windowing;
  const { lateSide, aggregation, windowFunction, keyless, windowState = {}, state = {} } = spec;
  const mistakes = [
    ...assignerMistakes(assigner),
    ...triggerMistakes(trigger, assigner.kind === 'session'),
    ...(evictor === undefined ? [] : evictorMistakes(evictor)),
    ...stateMistakes(state),
    ...stateMistakes(windowState),
  ];
  const add = (rule: string, fix: string): void => void mistakes.push({ rule, fix });
  if (!(Number.isSafeInteger(allowed) && allowed >= 0 && allowed <= LONGEST)) {
    add(
      `the allowed lateness must be a whole number of milliseconds of at least 0, not ${allowed}`,
      'use minutes(...) or leave it out',
    );
  }
  const timeless = windowTime === 'processing' || assigner.kind === 'count' || assigner.kind === 'global';
  if (timeless && (allowed > 0 || lateSide !== undefined)) {
    add('records are never late for windows that do not end by event time', 'leave out allowedLateness and late');
  }
  if (assigner.kind === 'count' && (spec.trigger !== undefined || spec.evictor !== undefined)) {
    add('a count window has a trigger and evictor of its own', 'use globalWindow() with that trigger and evictor');
  }
  if (assigner.kind === 'sliding' && !(isPlainEnd(trigger) || isEveryRecord(trigger))) {
    add(
      'sliding windows emit at their end or with every record',
      'use endOfWindow() or everyCount(1), without purging',
    );
  }
  if (assigner.kind === 'sliding' && evictor !== undefined) {
    add('sliding windows share their records and have no evictor', 'leave records out in the window function');
  }
  if (assigner.kind === 'session' && Object.keys(windowState).length > 0) {
    add('windows that merge have no state of their own', 'use state of the key, or the aggregation');
  }
  if (windowFunction === undefined && Object.keys({ ...state, ...windowState }).length > 0) {
    add('states are declared but there is no window function to use them', 'add the function or leave out the states');
  }
  if (aggregation !== undefined && windowFunction === undefined) {
    mistakes.push(...nameMistakes(aggregation, [...(keyless === true ? [] : ['key']), 'windowStart', 'windowEnd']));
  }
  return mistakes;
}

function isFunction<T>(given: T | undefined): given is T {
  return given !== undefined;
}
