/** As the flights of the examples, small: event time, two keyed stages one behind the other, timers, and results of several kinds. */
import {
  boundedOutOfOrderness,
  collection,
  count,
  days,
  epochMillis,
  hours,
  mean,
  median,
  minutes,
  type PipelineBuilder,
  process,
  toMemory,
  topK,
  tumbling,
  type,
  value,
} from 'millrace';

export interface Flight {
  readonly date: string;
  readonly delay: number;
  readonly origin: string;
}

/** Counts departures of an airport until six hours have passed without one. */
const streaks = process('streaks', {
  in: type<Flight>(),
  key: type<string>(),
  out: type<{ readonly airport: string; readonly until: number; readonly departures: number }>(),
  state: { departures: value<number>(), last: value<number>() },
  onRecord(_, { eventTime, state, timers }) {
    state.departures.set((state.departures.get() ?? 0) + 1);
    const last = state.last.get();
    if (last !== undefined && last >= eventTime) return;
    if (last !== undefined) timers.cancelEventTime(epochMillis(last + hours(6)));
    state.last.set(eventTime);
    timers.onEventTime(epochMillis(eventTime + hours(6)));
  },
  onTimer(at, { key, state, emit }) {
    emit({ airport: key, until: at, departures: state.departures.get() ?? 0 });
    state.departures.clear();
    state.last.clear();
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
  byOrigin.process(streaks).to('endings', toMemory());
}

/** Ids of its sinks. */
export const airportSinks = ['days', 'busiest', 'endings'] as const;
