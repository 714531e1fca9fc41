/** The same questions by the hour, over the three million flights of the first half of 2001. */
import {
  boundedOutOfOrderness,
  count,
  hours,
  mean,
  median,
  minutes,
  pipeline,
  quantile,
  share,
  sum,
  topK,
  tumbling,
} from 'millrace';
import { parquet, toCsv, toJsonl } from 'millrace/files';
import { dataset, Flight, LATE } from './flight.ts';
import { inactivity } from './operators/inactivity.ts';

export default pipeline('flight-delays-long', (p) => {
  const flights = p.source('flights', parquet({ path: () => dataset('flights-3m.parquet') }), {
    schema: Flight,
    eventTime: (flight) => flight.date,
    watermark: boundedOutOfOrderness(minutes(5)),
    badRecords: 'dead-letter',
  });
  const byOrigin = flights.keyBy('by-origin', (flight) => flight.origin);

  const airportHours = byOrigin.window(tumbling(hours(1))).aggregate(
    'delay-stats',
    {
      departures: count(),
      late: sum((flight) => (flight.delay > LATE ? 1 : 0)),
      lateShare: share((flight) => flight.delay > LATE),
      mean: mean((flight) => flight.delay),
      median: median((flight) => flight.delay),
      p95: quantile((flight) => flight.delay, 0.95),
    },
    (airport, { start }, delays) => ({ airport, hour: iso(start), ...delays }),
  );
  airportHours.to('airport-hours', toCsv({ path: 'out/flights-long/airport-hours.csv' }));

  airportHours
    .keyBy('by-day', ({ hour }) => hour.slice(0, 10))
    .window(tumbling(hours(24)))
    .aggregate(
      'daily-ranking',
      topK(({ late, airport, hour }) => `${String(late).padStart(6, '0')} ${airport} ${hour}`, 10),
      function* (day, _, ten) {
        for (const [i, { airport, hour, late, departures }] of ten.entries())
          yield { day, rank: i + 1, airport, hour, late, departures };
      },
    )
    .to('ten-worst-hours', toCsv({ path: 'out/flights-long/ten-worst-hours.csv' }));

  byOrigin.process(inactivity).to('alerts', toJsonl({ path: 'out/flights-long/alerts.jsonl' }));
});

const iso = (time: number): string => new Date(time).toISOString();
