/** Departures with the names of their airports: a stream beside a table, as of each departure's time. */
import {
  boundedOutOfOrderness,
  count,
  days,
  type EventTime,
  epochMillis,
  last,
  mean,
  minutes,
  pipeline,
  tumbling,
} from 'millrace';
import { csv, jsonArray, toJsonl } from 'millrace/files';
import { z } from 'zod';
import { dataset, Flight } from './flight.ts';

const Airport = z.object({ iata: z.string(), name: z.string(), city: z.string(), state: z.string() });

/** What the file of airports says has been so since before the first departure. */
const SINCE: EventTime = epochMillis(Date.UTC(2001, 0, 1));

export default pipeline('flights-named', (p) => {
  const flights = p.source('flights', jsonArray({ path: () => dataset('flights-20k.json') }), {
    schema: Flight,
    eventTime: (flight) => flight.date,
    watermark: boundedOutOfOrderness(minutes(5)),
  });
  const airports = p
    .source('airports', csv({ path: () => dataset('airports.csv') }), { schema: Airport, eventTime: () => SINCE })
    .keyBy('by-iata', (airport) => airport.iata)
    .toVersionedTable(({ name, city, state }) => ({ name, place: `${city}, ${state}` }));

  flights
    .keyBy('by-origin', (flight) => flight.origin)
    .leftTemporalJoin('named', airports, (flight, airport) => ({ ...flight, airport }))
    .keyBy('by-airport', ({ origin }) => origin)
    .window(tumbling(days(7)))
    .aggregate(
      'weekly',
      { departures: count(), meanDelay: mean(({ delay }) => delay), place: last(({ airport }) => airport?.place) },
      (origin, { start }, { departures, meanDelay, place }) => ({
        ...{ origin, place: place ?? null, week: new Date(start).toISOString().slice(0, 10) },
        ...{ departures, meanDelay: Math.round((meanDelay ?? 0) * 10) / 10 },
      }),
    )
    .to('weeks', toJsonl({ path: 'out/flights/weeks.jsonl' }));
});
