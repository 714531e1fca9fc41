import { after, before, days, type EventTime, hours, list, process, type, value } from 'millrace';
import type { Flight } from '../flight.ts';

/** A busy airport has gone quiet. Times are ISO 8601 in UTC. */
export interface Alert {
  readonly airport: string;
  /** Its last departure. */
  readonly silentSince: string;
  /** When the silence became an alert. */
  readonly at: string;
  /** How many departures it had in the seven days before that. */
  readonly departures: number;
}

const SILENCE = hours(18);
const BUSY = 40;

/**
 * Alerts once when an airport with at least 40 departures in its last seven days has had none for 18 hours. Departures come a little out of order: when
 * the alert is due, some that are later than it may be there already, and one may have come after a later one.
 */
export const inactivity = process('inactivity', {
  in: type<Flight>(),
  key: type<string>(),
  out: type<Alert>(),
  state: {
    last: value<EventTime>(),
    recent: list<EventTime>({ ttl: days(7) }),
  },

  onRecord(_flight, { eventTime, state, timers }) {
    state.recent.add(eventTime);
    const last = state.last.get();
    if (last !== undefined && last >= eventTime) return;
    if (last !== undefined && eventTime <= after(last, SILENCE)) timers.cancelEventTime(after(last, SILENCE));
    state.last.set(eventTime);
    timers.onEventTime(after(eventTime, SILENCE));
  },

  onTimer(at, { key, state, emit }) {
    const since = before(at, SILENCE);
    const times = state.recent.get().filter((time) => time <= at);
    if (times.length < BUSY || times.some((time) => time > since)) return;
    emit({ airport: key, silentSince: iso(since), at: iso(at), departures: times.length });
  },
});

const iso = (time: EventTime): string => new Date(time).toISOString();
