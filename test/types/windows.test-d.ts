import { describe, expectTypeOf, it } from 'vitest';
import {
  count,
  deltaEvictor,
  deltaTrigger,
  type EventTime,
  globalWindow,
  type KeyedStream,
  mean,
  partial,
  type Share,
  type Stream,
  seconds,
  session,
  sideOutput,
  sliding,
  type Table,
  tumbling,
  type WindowKey,
  whole,
} from '../../lib/index.ts';

interface Flight {
  readonly origin: string;
  readonly delay: number;
}
declare const flights: Stream<Flight>;
declare const byOrigin: KeyedStream<string, Flight>;

describe('windows without a key', () => {
  it('have results without one', () => {
    expectTypeOf(flights.windowAll(tumbling(seconds(1))).aggregate('n', count())).toEqualTypeOf<
      Stream<{ readonly windowStart: EventTime; readonly windowEnd: EventTime } & { readonly value: number }>
    >();
    expectTypeOf(
      byOrigin.windowAll(session(seconds(1))).process('p', ({ start }, list) => [start, list] as const),
    ).toEqualTypeOf<Stream<readonly [EventTime, readonly Flight[]]>>();
    // @ts-expect-error a key to group tables by
    flights.windowAll(tumbling(seconds(1))).toTable('t', count());
  });

  it('leave a stream one of more general records as well', () => {
    expectTypeOf(flights).toExtend<Stream<{ readonly origin: string }>>();
  });

  it('lead late records to a side output that can take them', () => {
    flights.windowAll(tumbling(seconds(1)), { late: sideOutput<Flight>('late') });
    // @ts-expect-error no flights
    flights.windowAll(tumbling(seconds(1)), { late: sideOutput<number>('late') });
  });
});

describe('windows whose bounds come of records', () => {
  it('are typed by them', () => {
    expectTypeOf(byOrigin.window(sliding(seconds(1))).toTable('t', count())).toEqualTypeOf<
      Table<WindowKey<string>, number>
    >();
    byOrigin.window(session((flight) => seconds(flight.delay)));
    byOrigin.window(globalWindow(), {
      trigger: deltaTrigger(5, (a, b) => b.delay - a.delay),
      evictor: deltaEvictor(5, (a, b) => b.delay - a.delay),
    });
    // @ts-expect-error a delta is a number
    deltaTrigger<Flight>(5, (a) => a.origin);
  });
});

describe('an aggregation in two steps', () => {
  it('has the type of the whole', () => {
    const stats = { n: count(), mean: mean((flight: Flight) => flight.delay) };
    const shares = byOrigin.window(tumbling(seconds(1))).aggregate('shares', partial(stats));
    expectTypeOf(shares).toExtend<Stream<{ readonly value: Share<{ n: number; mean: number }> }>>();
    expectTypeOf(
      shares.windowAll(tumbling(seconds(1))).aggregate(
        'all',
        whole(stats, (share) => share.value),
      ),
    ).toExtend<Stream<{ readonly value: { n: number; mean: number } }>>();
    // @ts-expect-error a share of something else
    whole(count(), (share: { value: Share<{ n: number }> }) => share.value);
  });
});
