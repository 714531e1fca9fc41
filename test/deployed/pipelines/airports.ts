/** As the flights of the examples, small: event time, two keyed stages one behind the other, timers, and results of several kinds. */
import {
  after,
  before,
  boundedOutOfOrderness,
  collection,
  count,
  days,
  type EventTime,
  epochMillis,
  hours,
  list,
  mean,
  median,
  minutes,
  type PipelineBuilder,
  process,
  toMemory,
  topK,
  tumbling,
  type,
} from 'millrace';

export interface Flight {
  readonly date: string;
  readonly delay: number;
  readonly origin: string;
}

const GAP = hours(6);

/** Of each airport the hours without departures, and how many it had in the day before: the same in whatever order flights of several partitions come. */
const gaps = process('gaps', {
  in: type<Flight>(),
  key: type<string>(),
  out: type<{ readonly airport: string; readonly since: number; readonly departures: number }>(),
  state: { times: list<EventTime>() },
  onRecord(_, { eventTime, state, timers }) {
    state.times.add(eventTime);
    timers.onEventTime(after(eventTime, GAP));
  },
  onTimer(at, { key, state, emit }) {
    const since = before(at, GAP);
    const times = state.times.get().filter((time) => time <= at);
    if (times.some((time) => time > since)) return;
    emit({ airport: key, since, departures: times.filter((time) => time > before(at, days(1))).length });
  },
});

/** Builds it under any name. */
export function airports(p: PipelineBuilder): void {
  const byOrigin = p
    .source('flights', collection<Flight>([]), {
      eventTime: ({ date }) => epochMillis(Date.parse(`${date.replaceAll('/', '-').replace(' ', 'T')}Z`)),
      watermark: boundedOutOfOrderness(minutes(5)),
    })
    .filter('known', ({ origin }) => origin !== '')
    .keyBy('by-origin', ({ origin }) => origin);
  const perDay = byOrigin
    .window(tumbling(days(1)))
    .aggregate(
      'per-day',
      { departures: count(), mean: mean(({ delay }) => delay), median: median(({ delay }) => delay) },
      (airport, { start }, delays) => ({
        airport,
        day: new Date(start).toISOString().slice(0, 10),
        ...delays,
      }),
    );
  perDay.to('days', toMemory());
  perDay
    .keyBy('by-day', ({ day }) => day)
    .window(tumbling(days(1)))
    .aggregate(
      'ranking',
      topK(({ departures, airport }) => `${String(departures).padStart(6, '0')} ${airport}`, 3),
      (day, _, ten) => ({
        day,
        airports: ten.map(({ airport }) => airport),
      }),
    )
    .to('busiest', toMemory());
  byOrigin.process(gaps).to('silence', toMemory());
}

/** Ids of its sinks. */
export const airportSinks = ['days', 'busiest', 'silence'] as const;
