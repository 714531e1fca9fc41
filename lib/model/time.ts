/**
 * Times as branded numbers: milliseconds since 1970-01-01T00:00:00Z (or a span of them), never bare numbers
 * in a public signature, so that an event time cannot be passed where a wall clock's time is meant.
 */
declare const brand: unique symbol;

/** When something happened, by the record's own account: milliseconds since the epoch, UTC. */
export type EventTime = number & { readonly [brand]: 'EventTime' };
/** What a clock on the wall says: milliseconds since the epoch, UTC. */
export type WallTime = number & { readonly [brand]: 'WallTime' };
/** A span of time in milliseconds. */
export type Duration = number & { readonly [brand]: 'Duration' };

/** Before every event: the watermark of a task that has not heard from every channel. */
export const MIN_TIME = Number.MIN_SAFE_INTEGER as EventTime;
/** After every event: the watermark of a source that has ended. */
export const MAX_TIME = Number.MAX_SAFE_INTEGER as EventTime;
/** The latest time a record may carry (year 9999); anything beyond is a bad record. */
export const MAX_EVENT_TIME = 253_402_300_799_999 as EventTime;

/** A span of `n` milliseconds. */
export const milliseconds = (n: number): Duration => span(n, 1);
/** A span of `n` seconds. */
export const seconds = (n: number): Duration => span(n, 1_000);
/** A span of `n` minutes. */
export const minutes = (n: number): Duration => span(n, 60_000);
/** A span of `n` hours. */
export const hours = (n: number): Duration => span(n, 3_600_000);
/** A span of `n` days of 24 hours. */
export const days = (n: number): Duration => span(n, 86_400_000);

/** Reads a number as milliseconds since the epoch. */
export const epochMillis = (n: number): EventTime => n as EventTime;
/** Reads a number as seconds since the epoch. */
export const epochSeconds = (n: number): EventTime => (n * 1_000) as EventTime;
/** The time a span after another. */
export const after = <T extends EventTime | WallTime>(time: T, span: Duration): T => (time + span) as T;
/** The time a span before another. */
export const before = <T extends EventTime | WallTime>(time: T, span: Duration): T => (time - span) as T;

function span(n: number, unit: number): Duration {
  if (!Number.isFinite(n)) throw new RangeError(`a duration must be a finite number, not ${n}`);
  return Math.round(n * unit) as Duration;
}
