import type { Aggregator, Slots } from './aggregator.ts';

/** An aggregator whose accumulator is one array of doubles, made from its slots alone. */
export function slotted<In, Out>(slots: Slots<In, Out>): Aggregator<In, number[], Out> {
  const { add, merge, result, retract, made } = slots;
  const empty = doubles(slots);
  const aggregator: Aggregator<In, number[], Out> = {
    create: () => empty.slice(),
    add(acc, value, time) {
      add(acc, 0, value, time);
      return acc;
    },
    merge(a, b) {
      merge(a, 0, b, 0);
      return a;
    },
    result: (acc) => result(acc, 0),
    clone: (acc) => acc.slice(),
    slots,
    ...(made === undefined ? {} : { made }),
  };
  if (retract === undefined) return aggregator;
  return {
    ...aggregator,
    retract(acc, value, time) {
      retract(acc, 0, value, time);
      return acc;
    },
  };
}

/** The slots' initial numbers. Written once as fractions, so that engines that specialise arrays keep all slices as bare doubles. */
function doubles(slots: Slots<never, unknown>): number[] {
  const array = Array.from({ length: slots.width }, () => 0.5);
  slots.init(array, 0);
  return array.slice();
}
