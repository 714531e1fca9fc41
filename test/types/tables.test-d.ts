import { describe, expectTypeOf, it } from 'vitest';
import {
  type ChangeRow,
  count,
  type GlobalTable,
  type KeyedStream,
  mean,
  type SinkConnector,
  type Stream,
  seconds,
  type Table,
  type TableRow,
  toMemory,
  tumbling,
  type VersionedTable,
  type WindowKey,
} from '../../lib/index.ts';

interface Flight {
  readonly origin: string;
  readonly delay: number;
}
interface Airport {
  readonly name: string;
  readonly country: string | null;
}

declare const flights: KeyedStream<string, Flight>;
declare const unkeyed: Stream<Flight>;
declare const airports: Table<string, Airport>;
declare const countries: Table<number, { readonly id: number }>;
declare const everywhere: GlobalTable<string, Airport>;
declare const versions: VersionedTable<string, Airport>;
declare const appendOnly: SinkConnector<unknown>;

describe('tables', () => {
  it('are typed by the key of their stream and what the row is made of', () => {
    expectTypeOf(flights.toTable('latest')).toEqualTypeOf<Table<string, Flight>>();
    expectTypeOf(flights.toTable('delays', (f) => (f.delay < 0 ? null : f.delay))).toEqualTypeOf<
      Table<string, number>
    >();
    expectTypeOf(flights.toTable('count', count())).toEqualTypeOf<Table<string, number>>();
    expectTypeOf(flights.toTable('stats', { flights: count(), mean: mean((f) => f.delay) })).toEqualTypeOf<
      Table<string, { flights: number; mean: number }>
    >();
    expectTypeOf(flights.window(tumbling(seconds(1))).toTable('per-second', count())).toEqualTypeOf<
      Table<WindowKey<string>, number>
    >();
  });

  it('type rows through views and joins', () => {
    expectTypeOf(airports.mapValues((airport) => airport.country)).toEqualTypeOf<Table<string, string>>();
    expectTypeOf(airports.join('twice', airports, (a, b, code) => [a.name, b.country, code] as const)).toEqualTypeOf<
      Table<string, readonly [string, string | null, string]>
    >();
    airports.leftJoin('left', airports, (_, b) => expectTypeOf(b).toEqualTypeOf<Airport | undefined>());
    airports.outerJoin('outer', airports, (a) => expectTypeOf(a).toEqualTypeOf<Airport | undefined>());
    expectTypeOf(
      airports.join(
        'by-country',
        countries,
        (a) => (a.country === null ? null : 7),
        (a, c) => `${a.name} ${c.id}`,
      ),
    ).toEqualTypeOf<Table<string, string>>();
    expectTypeOf(airports.groupBy('g', (a) => a.name.length).count('n')).toEqualTypeOf<Table<number, number>>();
    expectTypeOf(airports.toStream()).toEqualTypeOf<Stream<TableRow<string, Airport | null>>>();
    expectTypeOf(airports.changes()).toEqualTypeOf<Stream<ChangeRow<string, Airport>>>();
  });

  it('type what streams make of them', () => {
    expectTypeOf(flights.join('j', airports, (f, a) => `${a.name} ${f.delay}`)).toEqualTypeOf<
      KeyedStream<string, string>
    >();
    flights.leftJoin('l', airports, (_, airport) => expectTypeOf(airport).toEqualTypeOf<Airport | undefined>());
    expectTypeOf(
      unkeyed.join(
        'g',
        everywhere,
        (f) => f.origin,
        (_, a) => a.name,
      ),
    ).toEqualTypeOf<Stream<string>>();
    expectTypeOf(flights.temporalJoin('t', versions, (_, a) => a.name)).toEqualTypeOf<Stream<string>>();
  });

  it('refuse what cannot be', () => {
    airports.to('upserts', toMemory<Airport | null>());
    // @ts-expect-error it only appends
    airports.to('appends', appendOnly);
    // @ts-expect-error it does not take deletions
    airports.to('airports', toMemory<Airport>());
    // @ts-expect-error keys of another kind
    airports.join('j', countries, (a) => a.name);
    const name = (airport: Airport) => airport.name;
    // @ts-expect-error a foreign key of another kind
    airports.join('j', countries, name, name);
    // @ts-expect-error no key
    unkeyed.join('j', airports, (f) => f.delay);
    // @ts-expect-error a field that no airport has
    airports.filter((a) => a.city === '');
  });
});
