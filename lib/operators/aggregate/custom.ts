import { MillraceError } from '../../model/index.ts';
import { settings } from '../author-code.ts';
import type { Aggregator } from './aggregator.ts';
import { needFunction } from './bad-value.ts';

/** An aggregator without the parts that can be made up for it. */
export type Fold<In, Acc, Out> = Omit<Aggregator<In, Acc, Out>, 'clone'> &
  Partial<Pick<Aggregator<In, Acc, Out>, 'clone'>>;

/**
 * The author's own aggregator. Without a `clone` the accumulator is copied in depth whenever a copy is needed, which costs its whole
 * size: give one where it can be cheaper, for instance `(acc) => acc` where `add` and `merge` always return a new value.
 */
export function aggregator<In, Acc, Out>(fold: Fold<In, Acc, Out>): Aggregator<In, Acc, Out> {
  const { create, add, merge, result, clone, retract } = settings(fold);
  for (const [name, fn] of Object.entries({ create, add, merge, result }))
    needFunction(`the ${name} of an aggregator`, fn);
  return {
    create,
    add,
    merge,
    result,
    clone: clone ?? copyOf,
    ...(retract === undefined ? {} : { retract }),
    made: { kind: 'custom', parts: [create, add, merge, result] },
  };
}

/** A copy in depth of plain data: primitives, Dates, arrays, plain objects, Maps, Sets, typed arrays. Throws on anything else. */
export function copyOf<T>(value: T): T {
  return copied(value) as T;
}

function copied(value: unknown): unknown {
  if (typeof value === 'function' || typeof value === 'symbol') throw notPlain(typeof value);
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(copied);
  if (value instanceof Map) return new Map(Array.from(value, ([key, held]) => [copied(key), copied(held)]));
  if (value instanceof Set) return new Set(Array.from(value, copied));
  if (value instanceof Date) return new Date(value);
  if (value instanceof Uint8Array) return new Uint8Array(value);
  if (ArrayBuffer.isView(value) && 'slice' in value) return (value as Float64Array).slice();
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) throw notPlain(`a ${value.constructor.name}`);
  return Object.fromEntries(Object.entries(value).map(([name, held]) => [name, copied(held)]));
}

function notPlain(what: string): MillraceError {
  return new MillraceError('operator-failed', `an accumulator must be plain data, not ${what}`, {
    hint: 'use null, numbers, strings, booleans, bigints, Dates, arrays, plain objects, Maps, Sets and typed arrays, or give the aggregator a clone',
  });
}
