import * as v from 'valibot';
import { expectTypeOf, test } from 'vitest';
import { z } from 'zod';
import {
  boundedOutOfOrderness,
  collection,
  count,
  type EventTime,
  earlyByCount,
  hours,
  type KeyedStream,
  keepLast,
  maxBy,
  mean,
  minutes,
  type Pipeline,
  type PipelineBuilder,
  pipeline,
  process,
  quantile,
  type SinkConnector,
  type SourceConnector,
  type Stream,
  session,
  sideOutput,
  tumbling,
  type,
  value,
  watermarkGenerator,
} from '../../lib/index.ts';

interface Flight {
  readonly date: EventTime;
  readonly delay: number;
  readonly origin: string;
}
interface Other {
  readonly name: string;
}

declare const rows: SourceConnector<unknown>;
declare const flightRows: SourceConnector<Flight>;
declare const sinkOf: <T>() => SinkConnector<T>;
declare const p: PipelineBuilder;
declare const flights: Stream<Flight>;
declare const byOrigin: KeyedStream<string, Flight>;

test('a pipeline is built from a name and a function', () => {
  expectTypeOf(pipeline('x', (b) => expectTypeOf(b).toEqualTypeOf<PipelineBuilder>())).toEqualTypeOf<Pipeline>();
});

test('a source without a schema has the rows of its connector', () => {
  expectTypeOf(p.source('a', flightRows)).toEqualTypeOf<Stream<Flight>>();
  expectTypeOf(p.source('a', rows)).toEqualTypeOf<Stream<unknown>>();
  expectTypeOf(p.source('a', collection([{ a: 1 }]))).toEqualTypeOf<Stream<{ a: number }>>();
  p.source('a', flightRows, { eventTime: (f) => f.date, watermark: boundedOutOfOrderness(minutes(5)) });
  // @ts-expect-error: a field that does not exist
  p.source('a', flightRows, { eventTime: (f) => f.time });
  // @ts-expect-error: a number is no event time
  p.source('a', flightRows, { eventTime: (f) => f.delay });
});

test('a source with a schema has what the schema makes of its rows', () => {
  const Row = z.object({ at: z.string().transform((text) => new Date(text)), n: z.number() });
  const stream = p.source('a', rows, { schema: Row, eventTime: (row) => row.at });
  expectTypeOf(stream).toEqualTypeOf<Stream<{ at: Date; n: number }>>();
  const other = p.source('a', rows, { schema: v.object({ n: v.number() }) });
  expectTypeOf(other).toEqualTypeOf<Stream<{ n: number }>>();
  // @ts-expect-error: a field that the schema does not have
  p.source('a', rows, { schema: Row, eventTime: (row) => row.time });
});

test('a watermark generator sees its own state and the record', () => {
  p.source('a', flightRows, {
    eventTime: (f) => f.date,
    watermark: watermarkGenerator({
      create: () => ({ max: 0 }),
      onRecord(state, time, record: Flight) {
        state.max = record.delay;
        return time;
      },
    }),
  });
  // @ts-expect-error: a generator for other records
  p.source('a', flightRows, { watermark: watermarkGenerator({ create: () => 0, onRecord: (_s, t, _r: Other) => t }) });
});

test('functions get the record, and streams have what they return', () => {
  expectTypeOf(flights.map((f) => f.delay)).toEqualTypeOf<Stream<number>>();
  expectTypeOf(flights.map('delays', (f) => f.delay)).toEqualTypeOf<Stream<number>>();
  expectTypeOf(byOrigin.mapValues((f) => f.delay)).toEqualTypeOf<KeyedStream<string, number>>();
  expectTypeOf(byOrigin.mapValues('delays', (f) => f.delay)).toEqualTypeOf<KeyedStream<string, number>>();
  expectTypeOf(byOrigin.flatMapValues((f) => [f.delay, f.origin])).toEqualTypeOf<
    KeyedStream<string, string | number>
  >();
  // @ts-expect-error: records without a key have none to keep
  flights.mapValues((f) => f.delay);
  expectTypeOf(flights.flatMap((f) => [f.delay, f.origin])).toEqualTypeOf<Stream<string | number>>();
  expectTypeOf(flights.filter((f) => f.delay > 0)).toEqualTypeOf<Stream<Flight>>();
  expectTypeOf(flights.rebalance()).toEqualTypeOf<Stream<Flight>>();
  // @ts-expect-error: a field that does not exist
  flights.map((f) => f.delayed);
  // @ts-expect-error: a field that does not exist, with an id
  flights.filter('x', (f) => f.delayed > 0);
});

test('a filter that is a type guard narrows', () => {
  const mixed = flights.map((f): Flight | Other => f);
  expectTypeOf(mixed.filter((r): r is Other => 'name' in r)).toEqualTypeOf<Stream<Other>>();
});

test('a split has a stream for each branch, narrowed where it is a type guard', () => {
  const mixed = flights.map((f): Flight | Other => f);
  const parts = mixed.split('kinds', { other: (r): r is Other => 'name' in r, all: (r) => r !== undefined });
  expectTypeOf(parts.other).toEqualTypeOf<Stream<Other>>();
  expectTypeOf(parts.all).toEqualTypeOf<Stream<Flight | Other>>();
  expectTypeOf(parts.otherwise).toEqualTypeOf<Stream<Flight | Other>>();
  // @ts-expect-error: a branch that there is not
  parts.another;
});

test('a stream of asynchronous results has what is awaited', () => {
  const looked = flights.async('look', async (f, { signal }) => ({ f, aborted: signal.aborted }), { capacity: 5 });
  expectTypeOf(looked).toEqualTypeOf<Stream<{ f: Flight; aborted: boolean }>>();
  // @ts-expect-error: needs an id
  flights.async(async (f) => f);
});

test('keys are strings, numbers, bigints, tuples and plain objects', () => {
  expectTypeOf(flights.keyBy('k', (f) => f.origin)).toEqualTypeOf<KeyedStream<string, Flight>>();
  flights.keyBy('k', (f) => [f.origin, f.delay] as const);
  flights.keyBy('k', (f) => ({ origin: f.origin }));
  // @ts-expect-error: a date is no key
  flights.keyBy('k', () => new Date(0));
  // @ts-expect-error: undefined is no key
  flights.keyBy('k', () => undefined);
  // @ts-expect-error: needs an id
  flights.keyBy((f) => f.origin);
});

test('windows and other state are behind a key only', () => {
  // @ts-expect-error: no key
  flights.window(tumbling(hours(1)));
  // @ts-expect-error: no key
  flights.reduce('r', (a: Flight) => a);
  // @ts-expect-error: a map takes the key away
  byOrigin.map((f) => f).window(tumbling(hours(1)));
  expectTypeOf(byOrigin.filter((f) => f.delay > 0)).toEqualTypeOf<KeyedStream<string, Flight>>();
  byOrigin.filter((f) => f.delay > 0).window(tumbling(hours(1)));
});

test('aggregates have their names, beside the key and the bounds of the window', () => {
  const stats = byOrigin
    .window(tumbling(hours(1)), { allowedLateness: minutes(1), late: sideOutput<Flight>('late') })
    .aggregate('stats', { flights: count(), mean: mean((f) => f.delay), p95: quantile((f) => f.delay, 0.95) });
  stats.map((r) => {
    expectTypeOf(r.key).toEqualTypeOf<string>();
    expectTypeOf(r.windowStart).toEqualTypeOf<EventTime>();
    expectTypeOf(r.flights).toEqualTypeOf<number>();
    expectTypeOf(r.p95).toEqualTypeOf<number>();
    return r;
  });
  // @ts-expect-error: an aggregate that there is not
  stats.map((r) => r.p99);
  // @ts-expect-error: a field that does not exist
  byOrigin.window(tumbling(hours(1))).aggregate('stats', { mean: mean((f) => f.delayed) });
  // @ts-expect-error: an aggregator of other records
  byOrigin.window(tumbling(hours(1))).aggregate('stats', { mean: mean((o: Other) => o.name.length) });
  // @ts-expect-error: late data of another type
  byOrigin.window(tumbling(hours(1)), { late: sideOutput<Other>('late') });
  // @ts-expect-error: a bare number is no duration
  byOrigin.window(tumbling(3_600_000));
});

test('triggers and evictors are those of the records, or of any', () => {
  byOrigin.window(tumbling(hours(1)), { trigger: earlyByCount(10), evictor: keepLast(3) });
  byOrigin.window(tumbling(hours(1)), {
    trigger: { name: 'late', onRecord: (flight) => (flight.delay > 60 ? 'fire' : 'continue') },
    evictor: { name: 'early', keep: (elements) => elements.filter(({ value }) => value.delay < 60) },
  });
  byOrigin.window(tumbling(hours(1)), {
    // @ts-expect-error: a field that does not exist
    evictor: { name: 'early', keep: (elements) => elements.filter(({ value }) => value.delayed < 60) },
  });
});

test('a single aggregator is called value', () => {
  const latest = byOrigin.window(tumbling(hours(1))).aggregate(
    'latest',
    mean((f) => f.delay),
  );
  latest.map((r) => expectTypeOf(r.value).toEqualTypeOf<number>());
  const rolling = byOrigin.aggregate('max', { most: maxBy((f) => f.delay) });
  rolling.map((r) => {
    expectTypeOf(r.key).toEqualTypeOf<string>();
    expectTypeOf(r.most?.origin).toEqualTypeOf<string | undefined>();
    return r;
  });
});

test('a window function sees the key, the bounds and what was aggregated', () => {
  const windowed = byOrigin.window(session((f) => minutes(f.delay)));
  const results = windowed.aggregate('x', { n: count() }, (key, window, input) => {
    expectTypeOf(key).toEqualTypeOf<string>();
    expectTypeOf(window.end).toEqualTypeOf<EventTime>();
    expectTypeOf(input).toEqualTypeOf<{ n: number }>();
    return { airport: key, n: input.n };
  });
  expectTypeOf(results).toEqualTypeOf<Stream<{ airport: string; n: number }>>();
  const single = windowed.aggregate(
    'x',
    mean((f) => f.delay),
    (_key, _window, input) => input.toFixed(1),
  );
  expectTypeOf(single).toEqualTypeOf<Stream<string>>();
  const all = windowed.process('x', (_key, _window, records) => (records.length > 1 ? records.length : undefined));
  expectTypeOf(all).toEqualTypeOf<Stream<number>>();
  const many = windowed.process('x', function* (_key, _window, records) {
    for (const record of records) yield record.origin;
  });
  expectTypeOf(many).toEqualTypeOf<Stream<string>>();
  const reduced = windowed.reduce('x', (a, b) => (a.delay > b.delay ? a : b));
  reduced.map((r) => expectTypeOf(r.value).toEqualTypeOf<Flight>());
  const counted = windowed.process(
    'x',
    (_key, _window, records, ctx) => {
      expectTypeOf(ctx.state.seen.get()).toEqualTypeOf<number | undefined>();
      return records.length + (ctx.state.seen.get() ?? 0);
    },
    { state: { seen: value<number>() } },
  );
  expectTypeOf(counted).toEqualTypeOf<Stream<number>>();
  const emitted = windowed.process('x', (key, _window, _records, ctx) => ctx.emit(key), { out: type<string>() });
  expectTypeOf(emitted).toEqualTypeOf<Stream<string>>();
  // @ts-expect-error: what is emitted must be said
  windowed.process('x', (key, _window, _records, ctx) => ctx.emit(key));
});

test('a process operator fits the record and the key', () => {
  const inactivity = process('inactivity', {
    in: type<Flight>(),
    key: type<string>(),
    out: type<{ airport: string }>(),
    state: { last: value<EventTime>() },
    onRecord(_flight, ctx) {
      expectTypeOf(ctx.key).toEqualTypeOf<string>();
      expectTypeOf(ctx.state.last.get()).toEqualTypeOf<EventTime | undefined>();
      ctx.emit({ airport: ctx.key });
      // @ts-expect-error: not what it says it emits
      ctx.emit({ port: ctx.key });
    },
  });
  expectTypeOf(byOrigin.process(inactivity)).toEqualTypeOf<Stream<{ airport: string }>>();
  expectTypeOf(byOrigin.process('again', inactivity)).toEqualTypeOf<Stream<{ airport: string }>>();
  // @ts-expect-error: keys are numbers here
  flights.keyBy('k', (f) => f.delay).process(inactivity);
  const others = flights.map((f): Other => ({ name: f.origin })).keyBy('k', (o) => o.name);
  // @ts-expect-error: other records
  others.process(inactivity);
  // @ts-expect-error: no key
  flights.process(inactivity);
});

test('a union is of streams of one type', () => {
  expectTypeOf(flights.union(flights, byOrigin)).toEqualTypeOf<Stream<Flight>>();
  // @ts-expect-error: another type
  flights.union(flights.map((f) => f.delay));
});

test('a sink takes the records of its stream, or more general ones', () => {
  flights.to('s', sinkOf<Flight>());
  flights.to('s', sinkOf<unknown>());
  flights.to('s', sinkOf<{ readonly delay: number }>());
  // @ts-expect-error: a sink for other records
  flights.to('s', sinkOf<Other>());
  // @ts-expect-error: a sink for records with more to them
  flights.to('s', sinkOf<Flight & Other>());
});

test('a side output has the type of its tag', () => {
  expectTypeOf(flights.sideOutput(sideOutput<Other>('x'))).toEqualTypeOf<Stream<Other>>();
});
