/** What the Kafka benchmarks read: made-up events of 200 bytes as JSON, their times in order. */
import type { EventTime } from '../../lib/index.ts';

export interface Event {
  readonly id: number;
  readonly key: string;
  readonly time: EventTime;
  readonly value: number;
  readonly note: string;
}

const KEYS = 5_000;
const BYTES = 200;
const FIRST = Date.UTC(2025, 0, 1);

/** Event time of windows, in milliseconds: ten events of each key fall into one. */
export const WINDOW = 60_000;
const PACE = WINDOW / (10 * KEYS);

/** The n-th event. */
export function event(n: number): Event {
  const made = {
    id: n,
    key: `user-${(Math.imul(n, 0x9e3779b1) >>> 0) % KEYS}`,
    time: Math.floor(FIRST + n * PACE) as EventTime,
    value: (n % 10_000) / 4,
    note: '',
  };
  return { ...made, note: 'n'.repeat(Math.max(0, BYTES - JSON.stringify(made).length)) };
}
