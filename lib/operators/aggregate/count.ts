import type { Aggregator } from './aggregator.ts';
import { needFunction } from './bad-value.ts';
import { slotted } from './slotted.ts';

/** How many records there were. */
export function count(): Aggregator<unknown, number[], number> {
  return slotted<unknown, number>({
    made: { kind: 'count', parts: [] },
    width: 1,
    init(array, at) {
      array[at] = 0;
    },
    add(array, at) {
      array[at]!++;
    },
    merge(array, at, other, from) {
      array[at]! += other[from]!;
    },
    result: (array, at) => array[at]!,
    retract(array, at) {
      array[at]!--;
    },
  });
}

/** The fraction, 0 to 1, of the records for which the predicate holds. NaN over no records. */
export function share<T>(predicate: (record: T) => boolean): Aggregator<T, number[], number> {
  needFunction('share', predicate);
  return slotted<T, number>({
    made: { kind: 'share', parts: [predicate] },
    width: 2,
    init(array, at) {
      array[at] = 0;
      array[at + 1] = 0;
    },
    add(array, at, value) {
      if (predicate(value)) array[at + 1]!++;
      array[at]!++;
    },
    merge(array, at, other, from) {
      array[at]! += other[from]!;
      array[at + 1]! += other[from + 1]!;
    },
    result: (array, at) => array[at + 1]! / array[at]!,
    retract(array, at, value) {
      if (predicate(value)) array[at + 1]!--;
      array[at]!--;
    },
  });
}
