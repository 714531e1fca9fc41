import {
  boundedOutOfOrderness,
  count,
  days,
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
import { jsonArray, toCsv, toJsonl } from 'millrace/files';
import { dataset, Flight, LATE } from './flight.ts';
import { inactivity } from './operators/inactivity.ts';

export { summary } from './summary.ts';

export default pipeline('flight-delays', (p) => {
  const flights = p.source('flights', jsonArray({ path: () => dataset('flights-20k.json') }), {
    schema: Flight,
    eventTime: (flight) => flight.date,
    watermark: boundedOutOfOrderness(minutes(5)),
    badRecords: 'dead-letter',
  });
  const byOrigin = flights.keyBy('by-origin', (flight) => flight.origin);

  const airportDays = byOrigin.window(tumbling(days(1))).aggregate(
    'delay-stats',
    {
      departures: count(),
      late: sum((flight) => (flight.delay > LATE ? 1 : 0)),
      lateShare: share((flight) => flight.delay > LATE),
      mean: mean((flight) => flight.delay),
      median: median((flight) => flight.delay),
      p95: quantile((flight) => flight.delay, 0.95),
    },
    (airport, { start }, delays) => ({ airport, day: dayOf(start), ...delays }),
  );
  airportDays.to('airport-days', toJsonl({ path: 'out/flights/airport-days.jsonl' }));

  airportDays
    .keyBy('by-day', (airportDay) => airportDay.day)
    .window(tumbling(days(1)))
    .aggregate(
      'daily-ranking',
      topK((airportDay) => rankOf(airportDay), 10),
      function* (day, _, ten) {
        for (const [i, { airport, late, departures }] of ten.entries())
          yield { day, rank: i + 1, airport, late, departures };
      },
    )
    .to('ten-latest', toCsv({ path: 'out/flights/ten-latest.csv' }));

  byOrigin.process(inactivity).to('alerts', toJsonl({ path: 'out/flights/alerts.jsonl' }));
});

const dayOf = (time: number): string => new Date(time).toISOString().slice(0, 10);

/** More late departures first; where two airports have as many, the later in the alphabet. */
const rankOf = ({ late, airport }: { readonly late: number; readonly airport: string }): string =>
  `${String(late).padStart(6, '0')} ${airport}`;
