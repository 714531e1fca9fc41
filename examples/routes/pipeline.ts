import { boundedOutOfOrderness, count, days, minutes, pipeline, sum, type Table, untilTimeLimit } from 'millrace';
import { csv, jsonArray, toJsonl } from 'millrace/files';
import { Airport, dataset, Flight, KNOWN_SINCE } from './records.ts';

export { summary } from './summary.ts';

export default pipeline('routes', (p) => {
  const flights = p.source('flights', jsonArray({ path: () => dataset('flights-20k.json') }), {
    schema: Flight,
    eventTime: (flight) => flight.date,
    watermark: boundedOutOfOrderness(minutes(5)),
  });
  const airports = p
    .source('airports', csv({ path: () => dataset('airports.csv') }), {
      schema: Airport,
      eventTime: () => KNOWN_SINCE,
    })
    .keyBy('by-iata', (airport) => airport.iata)
    .toTable('airports-by-iata');

  // A table by aggregation: a row for each route, which every flight of the route changes.
  const routes = flights
    .keyBy('by-route', ({ origin, destination }) => [origin, destination] as const)
    .toTable('route-totals', { flights: count(), delay: sum((flight: Flight) => flight.delay) });

  // Two joins by foreign key: a route names the airports at both its ends. Whichever comes first, flight or airport, the result is right in the end.
  const named = routes
    .join(
      'from-airport',
      airports,
      (_, [origin]) => origin,
      (route, { city, state }) => ({ ...route, from: city, state }),
    )
    .join(
      'to-airport',
      airports,
      (_, [, destination]) => destination,
      (route, { city }) => ({ ...route, to: city }),
    );
  final('final-routes', named)
    .map(({ key: [origin, destination], value: { from, to, flights, delay } }) => ({
      ...{ origin, destination, from, to, flights },
      meanDelay: Math.round((10 * delay) / flights) / 10,
    }))
    .to('routes', toJsonl({ path: 'out/routes/routes.jsonl' }));

  // Tables by another key: when a route's row changes, what it was is subtracted before what it is is added.
  const departures = named
    .groupBy('by-state', (route) => route.state)
    .aggregate('departures', {
      init: () => ({ departures: 0, routes: 0 }),
      add: (total, { flights }) => ({ departures: total.departures + flights, routes: total.routes + 1 }),
      subtract: (total, { flights }) => ({ departures: total.departures - flights, routes: total.routes - 1 }),
    });
  const fields = airports.groupBy('by-airport-state', (airport) => airport.state).count('airports-per-state');

  // Two tables of one key.
  const states = departures.join('states', fields, (flown, airports) => ({ ...flown, airports }));
  final('final-states', states)
    .map(({ key: state, value }) => ({ state, ...value }))
    .to('states-out', toJsonl({ path: 'out/routes/states.jsonl' }));

  // A stream beside a table that every task has: flights keep their place, and find both their airports.
  const everywhere = airports.global();
  flights
    .filter((flight) => flight.delay > 240)
    .leftJoin(
      'origin',
      everywhere,
      (flight) => flight.origin,
      (flight, from) => ({ ...flight, from: from?.city ?? null }),
    )
    .leftJoin(
      'destination',
      everywhere,
      ({ destination }) => destination,
      (flight, to) => ({ ...flight, to: to?.city ?? null }),
    )
    .to('very-late', toJsonl({ path: 'out/routes/very-late.jsonl' }));
});

/** Only the last row of each key: the file that they go to can take nothing back. */
function final<K, V>(id: string, table: Table<K, V>) {
  return table
    .suppress(id, untilTimeLimit(days(1_000)))
    .toStream()
    .flatMap(({ key, value }) => (value === null ? [] : [{ key, value }]));
}
