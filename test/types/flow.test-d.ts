import { expectTypeOf, test } from 'vitest';
import {
  count,
  type KeyedStream,
  minutes,
  type PipelineBuilder,
  type Stream,
  seconds,
  sideOutput,
} from '../../lib/index.ts';

interface Flight {
  readonly id: number;
  readonly to: string;
  readonly gate: string | undefined;
}
interface Airport {
  readonly name: string;
}
class Client {
  get(_code: string): Promise<Airport | undefined> {
    return Promise.resolve(undefined);
  }
  getMany(codes: readonly string[]): Promise<Map<string, Airport>> {
    return Promise.resolve(new Map(codes.map((code) => [code, { name: code }])));
  }
  end(): void {}
}

declare const p: PipelineBuilder;
declare const flights: Stream<Flight>;
declare const byGate: KeyedStream<number, Flight>;

test('a lookup knows record, key, value and client', () => {
  const named = flights.lookupJoin(
    'airport',
    {
      key: (f) => f.to,
      open: () => new Client(),
      close: (client) => {
        expectTypeOf(client).toEqualTypeOf<Client>();
      },
      fetch: (code, { client, signal }) => {
        expectTypeOf(code).toEqualTypeOf<string>();
        expectTypeOf(client).toEqualTypeOf<Client>();
        expectTypeOf(signal).toEqualTypeOf<AbortSignal>();
        return client.get(code);
      },
      cache: { ttl: minutes(5) },
    },
    (f, airport, code) => {
      expectTypeOf(f).toEqualTypeOf<Flight>();
      expectTypeOf(airport).toEqualTypeOf<Airport>();
      expectTypeOf(code).toEqualTypeOf<string>();
      return { id: f.id, to: airport.name };
    },
  );
  named.map((record) => expectTypeOf(record).toEqualTypeOf<{ id: number; to: string }>());
  expectTypeOf(named).toEqualTypeOf<Stream<{ id: number; to: string }>>();
  const left = flights.leftLookupJoin(
    'gate',
    { key: (f) => f.gate, open: async () => new Client(), fetchMany: (gates, { client }) => client.getMany(gates) },
    (f, gate, name) => {
      expectTypeOf(gate).toEqualTypeOf<Airport | undefined>();
      expectTypeOf(name).toEqualTypeOf<string | null | undefined>();
      return f.id;
    },
  );
  expectTypeOf(left).toEqualTypeOf<Stream<number>>();
});

test('a lookup without a client has none, and takes one function that asks', () => {
  flights.lookupJoin(
    'x',
    { key: (f) => f.to, fetch: async (_, { client }) => expectTypeOf(client).toEqualTypeOf<undefined>() },
    (f) => f,
  );
  // @ts-expect-error: a flight is no key
  flights.lookupJoin('x', { key: (f) => f.gate === undefined, fetch: async () => 1 }, (f) => f);
  // @ts-expect-error: nobody asks
  flights.lookupJoin('x', { key: (f) => f.to }, (f) => f);
  // @ts-expect-error: two ask
  flights.lookupJoin('x', { key: (f) => f.to, fetch: async () => 1, fetchMany: async () => [1] }, (f) => f);
  // @ts-expect-error: a cache needs a time to live
  flights.lookupJoin('x', { key: (f) => f.to, fetch: async () => 1, cache: { maxEntries: 5 } }, (f) => f);
  // @ts-expect-error: state comes from no lookup without a key
  flights.lookupJoin('x', { key: (f) => f.to, fetch: async () => 1 }, (f) => f).aggregate('n', count());
});

test('lookups, limits and samples keep the key', () => {
  const looked = byGate.lookupJoin('x', { key: (f) => f.to, fetch: async () => 1 }, (_, n) => n);
  expectTypeOf(looked).toEqualTypeOf<KeyedStream<number, number>>();
  expectTypeOf(byGate.rateLimit('r', { limit: 1, per: seconds(1), excess: 'drop' })).toEqualTypeOf<
    KeyedStream<number, Flight>
  >();
  expectTypeOf(byGate.sample({ fraction: 0.1 })).toEqualTypeOf<KeyedStream<number, Flight>>();
  expectTypeOf(flights.sample('s', { every: 10 })).toEqualTypeOf<Stream<Flight>>();
  expectTypeOf(flights.sample({ fraction: 0.1, by: (f) => f.to })).toEqualTypeOf<Stream<Flight>>();
  const dropped = sideOutput<Flight>('dropped');
  const limited = flights.rateLimit('r', { limit: 1, per: seconds(1), excess: 'delay', dropped });
  expectTypeOf(limited).toEqualTypeOf<Stream<Flight>>();
  expectTypeOf(limited.sideOutput(dropped)).toEqualTypeOf<Stream<Flight>>();
  // @ts-expect-error: either a share or every so many
  flights.sample({ fraction: 0.1, every: 2 });
  // @ts-expect-error: what becomes of the excess must be said
  flights.rateLimit('r', { limit: 1, per: seconds(1) });
  // @ts-expect-error: what a partitioner leads to tasks has no key
  byGate.partitionBy('to', (f, tasks) => f.id % tasks).aggregate('n', count());
  // @ts-expect-error: a task is a number
  flights.partitionBy('to', (f) => f.to);
});

test('streams of what is more special serve as streams of what is more general', () => {
  const some = p.source('a', {} as never) as Stream<Flight>;
  expectTypeOf(some).toExtend<Stream<{ readonly id: number }>>();
});

test('what stands in for a failed call is of the results', () => {
  const asked = flights.async('ask', async (f, { client }) => client.get(f.to), {
    open: () => new Client(),
    close: (client) => client.end(),
    onFailure: (f, error) => {
      expectTypeOf(f).toEqualTypeOf<Flight>();
      expectTypeOf(error).toEqualTypeOf<unknown>();
      return null;
    },
    retryIf: (error) => error instanceof TypeError,
  });
  expectTypeOf(asked).toEqualTypeOf<Stream<Airport | undefined | null>>();
  expectTypeOf(flights.async('ask', async (f) => f.id)).toEqualTypeOf<Stream<number>>();
  const several = flights.asyncFlatMap('ask', async (f) => [f.id], { onFailure: () => ['none'] });
  expectTypeOf(several).toEqualTypeOf<Stream<number | string>>();
});
