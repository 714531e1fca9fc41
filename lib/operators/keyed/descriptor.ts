/** Keyed state as an author declares it: typed descriptors, from which each task makes handles of the same names. */
import type { Duration, Key } from '../../model/index.ts';
import type { Aggregation } from '../aggregate/index.ts';
import { aggregationMistakes } from '../aggregation-mistakes.ts';
import { functionMistakes, isObject, objectMistakes, optionalMistakes, settings } from '../author-code.ts';
import type { Mistake } from '../definition.ts';
import type { AggregatingState, ListState, MapState, ReducingState, ValueState } from './handle.ts';

/** What can be said of every kind of state. */
export interface StateOptions {
  /**
   * How long what was written stays: then it reads as absent and is removed. Writing begins the span anew, reading does not. In a list each item, in a map
   * each entry has a span of its own. Without it, state stays until it is cleared.
   */
  readonly ttl?: Duration;
  /**
   * The time that `ttl` counts in. By event time (the default) it runs from the later of the record's time and the watermark (in an event-time timer, from the
   * timer's, or the watermark before it), until the watermark has passed: so it does not depend on when data is processed. By processing time it runs from the task's processing time.
   */
  readonly ttlBy?: 'event' | 'processing';
  /** Version of the values' schema, a whole number. Default: 1. Raise it together with `migrate`. */
  readonly version?: number;
  /** Brings a value (a list's item, a map's value, an accumulator) of an older version to this one. */
  readonly migrate?: (value: unknown, version: number) => unknown;
}

/** One value. */
export interface ValueDescriptor<T> extends StateOptions {
  readonly kind: 'value';
  readonly handle?: ValueState<T>;
}

/** A list to append to. */
export interface ListDescriptor<T> extends StateOptions {
  readonly kind: 'list';
  readonly handle?: ListState<T>;
}

/** Values under keys of their own. */
export interface MapDescriptor<K extends Key, V> extends StateOptions {
  readonly kind: 'map';
  readonly handle?: MapState<K, V>;
}

/** One value that others are folded into. */
export interface ReducingDescriptor<T> extends StateOptions {
  readonly kind: 'reducing';
  readonly reduce: (reduced: T, value: T) => T;
  readonly handle?: ReducingState<T>;
}

/** An aggregation's accumulator. */
export interface AggregatingDescriptor<In, Out> extends StateOptions {
  readonly kind: 'aggregating';
  readonly aggregation: Aggregation<In, Out>;
  readonly handle?: AggregatingState<In, Out>;
}

/** Any kind of state, whatever it holds. */
export type StateDescriptor = StateOptions & { readonly handle?: unknown } & (
    | { readonly kind: 'value' | 'list' | 'map' }
    | { readonly kind: 'reducing'; readonly reduce: (reduced: never, value: never) => unknown }
    | { readonly kind: 'aggregating'; readonly aggregation: Aggregation<never, unknown> }
  );

/** States under the names by which the author's code sees them. */
export type StateDescriptors = Readonly<Record<string, StateDescriptor>>;

/** The handles of states under the same names. */
export type StatesOf<S extends StateDescriptors> = { readonly [N in keyof S]: NonNullable<S[N]['handle']> };

/** One value per key (or window). `get` hands out the stored object itself: put back a new one with `set`, never change it in place. */
export const value = <T>(options: StateOptions = {}): ValueDescriptor<T> => ({ kind: 'value', ...options });

/** A list per key (or window), stored in chunks: adding an item to a long list costs little. */
export const list = <T>(options: StateOptions = {}): ListDescriptor<T> => ({ kind: 'list', ...options });

/** Entries per key (or window), each stored by itself: changing one of many costs little. */
export const map = <K extends Key, V>(options: StateOptions = {}): MapDescriptor<K, V> => ({ kind: 'map', ...options });

/** One value per key (or window) that added values are folded into. The function must not change its arguments. */
export const reducing = <T>(
  reduce: (reduced: T, value: T) => T,
  options: StateOptions = {},
): ReducingDescriptor<T> => ({ kind: 'reducing', reduce, ...options });

/** An aggregation per key (or window). */
export const aggregating = <In, Out>(
  aggregation: Aggregation<In, Out>,
  options: StateOptions = {},
): AggregatingDescriptor<In, Out> => ({ kind: 'aggregating', aggregation, ...options });

/** What is wrong with declared states. */
export function stateMistakes(states: StateDescriptors): Mistake[] {
  const mistakes = objectMistakes('the states', states, 'give them by name: { seen: value() }');
  for (const [name, state] of Object.entries(settings(states))) {
    if (!isState(state)) {
      mistakes.push({ rule: `state "${name}" is none`, fix: 'make it by value(), list(), map() or another' });
      continue;
    }
    const { ttl, version, migrate } = state;
    mistakes.push(...optionalMistakes(`migrate of state "${name}"`, migrate));
    if (state.kind === 'reducing') mistakes.push(...functionMistakes(`state "${name}"`, state.reduce));
    if (state.kind === 'aggregating') mistakes.push(...aggregationMistakes(state.aggregation));
    if (name === '' || name.startsWith('$')) {
      mistakes.push({
        rule: `a state cannot have the name "${name}"`,
        fix: 'give it a name that does not begin with $',
      });
    }
    if (ttl !== undefined && !(Number.isSafeInteger(ttl) && ttl > 0)) {
      mistakes.push({
        rule: `the ttl of state "${name}" must be a positive whole number of milliseconds, not ${ttl}`,
        fix: 'use seconds(...), minutes(...), hours(...) or days(...), or leave it out',
      });
    }
    if (version !== undefined && !(Number.isSafeInteger(version) && version >= 1)) {
      mistakes.push({
        rule: `the version of state "${name}" must be a whole number of at least 1, not ${version}`,
        fix: 'count versions from 1',
      });
    }
  }
  return mistakes;
}

/** Schema versions of declared states, by their tables' names. */
export function stateVersions(states: StateDescriptors, prefix = ''): Record<string, number> {
  return Object.fromEntries(statesIn(states).map(([name, { version }]) => [prefix + name, version ?? 1]));
}

/** The author's functions in declared states. */
export function stateFunctions(states: StateDescriptors): unknown[] {
  return statesIn(states).flatMap(([, state]) => [
    ...(state.migrate === undefined ? [] : [state.migrate]),
    ...(state.kind === 'reducing' ? [state.reduce] : state.kind === 'aggregating' ? [state.aggregation] : []),
  ]);
}

/** What of the declared states belongs to an operator's options. */
export function stateOptions(states: StateDescriptors): Record<string, Record<string, string | number>> {
  return Object.fromEntries(
    statesIn(states).map(([name, { kind, ttl, ttlBy }]) => [
      name,
      { kind, ...(ttl === undefined ? {} : { ttl, ttlBy: ttlBy ?? 'event' }) },
    ]),
  );
}

/** Whether what is kept of any of them expires by event time. */
export function expireByEvent(states: StateDescriptors): boolean {
  return statesIn(states).some(([, { ttl, ttlBy }]) => ttl !== undefined && ttlBy !== 'processing');
}

const KINDS = ['value', 'list', 'map', 'reducing', 'aggregating'];

const isState = (given: unknown): boolean => isObject(given) && KINDS.includes(given['kind'] as string);

/** Those that are states; what else was given is a mistake. */
const statesIn = (states: StateDescriptors): [string, StateDescriptor][] =>
  Object.entries(settings(states)).filter(([, state]) => isState(state));
