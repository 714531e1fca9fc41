import fc from 'fast-check';
import type { Aggregator } from '../../../lib/operators/aggregate/index.ts';

/** A record as it arrived: `id` is its place in the order of arrival. */
export interface Arrival {
  readonly id: number;
  readonly time: number;
  readonly x: number;
  readonly name: string;
}

/** Whole numbers in tenths: with many equal times, values and names. */
export const arrivals: fc.Arbitrary<Arrival[]> = fc
  .array(
    fc.record({
      time: fc.integer({ min: 0, max: 8 }),
      x: fc.integer({ min: -60, max: 60 }).map((n) => n / 10),
      name: fc.constantFrom('a', 'b', 'c', 'd'),
    }),
    { maxLength: 40 },
  )
  .map((items) => items.map((item, id) => ({ ...item, id })));

/** The accumulator after these records. */
export function fold<In extends { readonly time: number }, Acc, Out>(
  aggregator: Aggregator<In, Acc, Out>,
  records: readonly In[],
): Acc {
  return records.reduce((acc, record) => aggregator.add(acc, record, record.time), aggregator.create());
}

/** The result over these records. */
export function resultOver<In extends { readonly time: number }, Acc, Out>(
  aggregator: Aggregator<In, Acc, Out>,
  records: readonly In[],
): Out {
  return aggregator.result(fold(aggregator, records));
}

/** In order of event time, then arrival. */
export const inOrder = (records: readonly Arrival[]): Arrival[] =>
  [...records].sort((a, b) => a.time - b.time || a.id - b.id);
