import { describe, expectTypeOf, it } from 'vitest';
import {
  type Aggregation,
  aggregator,
  collect,
  composite,
  count,
  distinct,
  distinctApprox,
  first,
  last,
  max,
  maxBy,
  mean,
  median,
  quantile,
  quantiles,
  share,
  stddev,
  sum,
  topK,
} from '../../lib/operators/aggregate/index.ts';

interface Flight {
  readonly delay: number;
  readonly origin: string;
  readonly date: Date;
}
interface Windowed<In> {
  aggregate<Out>(id: string, aggregation: Aggregation<In, Out>): { readonly out: Out };
}
declare const flights: Windowed<Flight>;

describe('an aggregation of a stream', () => {
  it('types inline selectors from the stream and its result from the parts', () => {
    const { out } = flights.aggregate('stats', {
      flights: count(),
      mean: mean((f) => f.delay),
      total: sum((f) => f.delay),
      spread: stddev((f) => f.delay, { sample: true }),
      worst: max((f) => f.delay),
      latest: maxBy((f) => f.date),
      late: share((f) => f.delay > 15),
      p95: quantile((f) => f.delay, 0.95),
      middle: median((f) => f.delay),
      both: quantiles((f) => f.delay, [0.5, 0.95]),
      top: topK((f) => f.delay, 3),
      start: first((f) => f.origin),
      end: last(),
      list: collect((f) => f.origin, { limit: 3 }),
      all: collect(),
      origins: distinct((f) => f.origin),
      about: distinctApprox((f) => [f.origin, f.delay], { precision: 10 }),
      nested: composite({ n: count(), mean: mean((f) => f.delay) }),
    });
    expectTypeOf(out.flights).toEqualTypeOf<number>();
    expectTypeOf(out.mean).toEqualTypeOf<number>();
    expectTypeOf(out.latest).toEqualTypeOf<Flight | null>();
    expectTypeOf(out.both).toEqualTypeOf<[number, number]>();
    expectTypeOf(out.top).toEqualTypeOf<Flight[]>();
    expectTypeOf(out.start).toEqualTypeOf<string | null>();
    expectTypeOf(out.end).toEqualTypeOf<Flight | null>();
    expectTypeOf(out.list).toEqualTypeOf<string[]>();
    expectTypeOf(out.all).toEqualTypeOf<Flight[]>();
    expectTypeOf(out.nested).toEqualTypeOf<{ n: number; mean: number }>();
    // @ts-expect-error there is no such name
    out.median;
  });

  it('may be a single one', () => {
    expectTypeOf(
      flights.aggregate(
        'mean',
        mean((f) => f.delay),
      ).out,
    ).toEqualTypeOf<number>();
    expectTypeOf(
      flights.aggregate(
        'first',
        first((f) => f.origin),
      ).out,
    ).toEqualTypeOf<string | null>();
    const own = aggregator<Flight, string[], number>({
      create: () => [],
      add: (acc, f) => [...acc, f.origin],
      merge: (a, b) => [...a, ...b],
      result: (acc) => acc.length,
    });
    expectTypeOf(flights.aggregate('own', own).out).toEqualTypeOf<number>();
  });

  it('refuses a field that does not exist, or of the wrong kind', () => {
    // @ts-expect-error no such field
    flights.aggregate('a', { mean: mean((f) => f.delai) });
    flights.aggregate(
      'b',
      // @ts-expect-error no such field
      mean((f) => f.delai),
    );
    // @ts-expect-error a string has no mean
    flights.aggregate('c', { mean: mean((f) => f.origin) });
    // @ts-expect-error a date is no key
    flights.aggregate('d', { n: distinct((f) => f.date) });
    // @ts-expect-error a selector over other records
    flights.aggregate('e', { n: mean((f: string) => f.length) });
    // @ts-expect-error not an aggregator
    flights.aggregate('f', { n: 5 });
  });
});
