import { aggregationMistakes } from '../aggregation-mistakes.ts';
import type { Aggregation, Aggregator, Parts, Slots } from './aggregator.ts';
import { badArgument } from './bad-value.ts';
import { slotted } from './slotted.ts';

/**
 * Several aggregators as one, whose result is an object of the same names. Parts made of numbers share one array of
 * doubles, which is the whole accumulator where all parts are such (count, sum, mean, min, max, variance, share); otherwise it is
 * the accumulator's first item and those of the other parts follow in the order of their names.
 */
export function composite<In, Out>(parts: Parts<In, Out>): Aggregator<In, unknown[], Out> {
  const entries = Object.entries<Aggregator<In, unknown, unknown>>(parts);
  const flat: [name: string, slots: Slots<In, unknown>][] = [];
  const rest: [name: string, part: Aggregator<In, unknown, unknown>][] = [];
  for (const [name, part] of entries) {
    if (part.slots === undefined) rest.push([name, part]);
    else flat.push([name, part.slots]);
  }
  const names = entries.map(([name]) => name);
  const numbers = slotted(joined<In>(flat));
  if (rest.length === 0) return numbers as Aggregator<In, unknown[], unknown> as Aggregator<In, unknown[], Out>;
  return beside(names, flat.length === 0 ? undefined : numbers, rest) as Aggregator<In, unknown[], Out>;
}

/** One aggregator as it is, several under names as their composite. Throws `invalid-pipeline` for what is none. */
export function aggregatorOf<In, Out>(aggregation: Aggregation<In, Out>): Aggregator<In, unknown, Out> {
  const [wrong] = aggregationMistakes(aggregation);
  if (wrong !== undefined) throw badArgument('an aggregation', wrong.rule, aggregation);
  return isAggregator(aggregation) ? aggregation : composite(aggregation);
}

function isAggregator<In, Out>(aggregation: Aggregation<In, Out>): aggregation is Aggregator<In, unknown, Out> {
  return typeof (aggregation as Partial<Aggregator<In, unknown, Out>>).create === 'function';
}

/** All slots behind one another. */
function joined<In>(parts: readonly [name: string, slots: Slots<In, unknown>][]): Slots<In, Record<string, unknown>> {
  const slots = parts.map(([, part]) => part);
  const names = parts.map(([name]) => name);
  const starts: number[] = [];
  let width = 0;
  for (const part of slots) {
    starts.push(width);
    width += part.width;
  }
  const all: Slots<In, Record<string, unknown>> = {
    width,
    init(array, at) {
      for (let i = 0; i < slots.length; i++) slots[i]!.init(array, at + starts[i]!);
    },
    add: addToAll(
      slots.map((part) => part.add),
      starts,
    ),
    merge(array, at, other, from) {
      for (let i = 0; i < slots.length; i++) slots[i]!.merge(array, at + starts[i]!, other, from + starts[i]!);
    },
    result(array, at) {
      const out: Record<string, unknown> = {};
      for (let i = 0; i < slots.length; i++) out[names[i]!] = slots[i]!.result(array, at + starts[i]!);
      return out;
    },
  };
  if (!slots.every((part) => part.retract !== undefined)) return all;
  return {
    ...all,
    retract(array, at, value, time) {
      for (let i = 0; i < slots.length; i++) slots[i]!.retract!(array, at + starts[i]!, value, time);
    },
  };
}

/** Adds to each of the slots at its start: written out for a few, as this runs for every record and a loop costs a third more. */
function addToAll<In>(
  adds: readonly Slots<In, unknown>['add'][],
  starts: readonly number[],
): Slots<In, unknown>['add'] {
  const [a, b, c, d] = adds;
  const [, atB = 0, atC = 0, atD = 0] = starts;
  if (a === undefined) return () => {};
  if (b === undefined) return (array, at, value, time) => a(array, at, value, time);
  if (c === undefined) {
    return (array, at, value, time) => {
      a(array, at, value, time);
      b(array, at + atB, value, time);
    };
  }
  if (d === undefined) {
    return (array, at, value, time) => {
      a(array, at, value, time);
      b(array, at + atB, value, time);
      c(array, at + atC, value, time);
    };
  }
  const others = addToAll(
    adds.slice(4),
    starts.slice(4).map((start) => start - (starts[4] ?? 0)),
  );
  const atOthers = starts[4] ?? 0;
  return (array, at, value, time) => {
    a(array, at, value, time);
    b(array, at + atB, value, time);
    c(array, at + atC, value, time);
    d(array, at + atD, value, time);
    others(array, at + atOthers, value, time);
  };
}

/** Aggregators of any kind behind the numbers of those that have slots. */
function beside<In>(
  names: readonly string[],
  numbers: Aggregator<In, number[], Record<string, unknown>> | undefined,
  rest: readonly [name: string, part: Aggregator<In, unknown, unknown>][],
): Aggregator<In, unknown[], Record<string, unknown>> {
  const parts = rest.map(([, part]) => part);
  if (numbers !== undefined) parts.unshift(numbers);
  const size = parts.length;
  const offset = size - rest.length;
  const empty = Object.fromEntries(names.map((name) => [name, undefined]));
  const all: Aggregator<In, unknown[], Record<string, unknown>> = {
    create: () => parts.map((part) => part.create()),
    add(acc, value, time) {
      for (let i = 0; i < size; i++) acc[i] = parts[i]!.add(acc[i], value, time);
      return acc;
    },
    merge(a, b) {
      for (let i = 0; i < size; i++) a[i] = parts[i]!.merge(a[i], b[i]);
      return a;
    },
    result(acc) {
      const out: Record<string, unknown> = { ...empty };
      if (numbers !== undefined) Object.assign(out, numbers.result(acc[0] as number[]));
      for (let i = 0; i < rest.length; i++) out[rest[i]![0]] = rest[i]![1].result(acc[offset + i]);
      return out;
    },
    clone: (acc) => acc.map((part, i) => parts[i]!.clone(part)),
  };
  if (!parts.every((part) => part.retract !== undefined)) return all;
  return {
    ...all,
    retract(acc, value, time) {
      for (let i = 0; i < size; i++) acc[i] = parts[i]!.retract!(acc[i], value, time);
      return acc;
    },
  };
}
