import { boundedOutOfOrderness, hours, minutes, pipeline } from 'millrace';
import { jsonArray, toJsonl } from 'millrace/files';
import { dataset, Flight } from './flight.ts';

/** Each departure with those of the opposite direction one to twelve hours after it, which may be the same aircraft on its way back; and departures without any. */
export default pipeline('round-trips', (p) => {
  const flights = p.source('flights', jsonArray({ path: () => dataset('flights-20k.json') }), {
    schema: Flight,
    eventTime: (flight) => flight.date,
    watermark: boundedOutOfOrderness(minutes(5)),
    badRecords: 'dead-letter',
  });
  const out = flights.keyBy('out', ({ origin, destination }) => [origin, destination] as const);
  const back = flights.keyBy('back', ({ origin, destination }) => [destination, origin] as const);

  out
    .intervalJoin(back)
    .between(hours(1), hours(12))
    .leftJoin('round-trips', (flight, returned) => ({
      from: flight.origin,
      to: flight.destination,
      departed: timeOf(flight),
      delay: flight.delay,
      returned: returned === undefined ? null : timeOf(returned),
      returnDelay: returned?.delay ?? null,
    }))
    .to('trips', toJsonl({ path: 'out/flights/round-trips.jsonl' }));
});

const timeOf = ({ date }: Flight): string => new Date(date).toISOString();
