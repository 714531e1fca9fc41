/**
 * The interval join by its documentation: every record ever taken is kept in one list, and each is compared with all. Slow and plain.
 */
import { MAX_TIME, MIN_TIME } from '../../../lib/model/index.ts';
import type { JoinKind } from '../../../lib/operators/index.ts';

export type Happening =
  | { readonly input: 0 | 1; readonly id: number; readonly key: string; readonly time: number }
  | { readonly watermark: number };

export interface PlainJoin {
  readonly kind: JoinKind;
  readonly lower: number;
  readonly upper: number;
  readonly allowed: number;
}

export interface Result {
  readonly left: number | undefined;
  readonly right: number | undefined;
  readonly time: number;
  readonly key: string;
}

interface Taken {
  readonly input: 0 | 1;
  readonly id: number;
  readonly key: string;
  readonly time: number;
  /** When the watermark is here, no match can come any more. */
  readonly due: number;
  open: boolean;
}

export function intervalReference(happenings: readonly Happening[], { kind, lower, upper, allowed }: PlainJoin) {
  const results: Result[] = [];
  const late: number[] = [];
  const taken: Taken[] = [];
  let watermark: number = MIN_TIME;
  const keeps = [kind === 'left' || kind === 'outer', kind === 'right' || kind === 'outer'];
  const alone = (record: Taken, time: number): void => {
    record.open = false;
    const { input, id, key } = record;
    results.push({ left: input === 0 ? id : undefined, right: input === 1 ? id : undefined, time, key });
  };
  for (const happening of happenings) {
    if ('watermark' in happening) {
      watermark = Math.max(watermark, happening.watermark);
      const order = (a: Taken, b: Taken): number =>
        a.due - b.due || (a.key < b.key ? -1 : a.key > b.key ? 1 : 0) || a.input - b.input || a.time - b.time;
      const due = taken.filter((record) => record.open && keeps[record.input] && record.due <= watermark);
      for (const record of due.sort(order)) alone(record, Math.max(record.time, record.due));
      continue;
    }
    const { input, id, key, time } = happening;
    if (time + allowed <= watermark) {
      late.push(id);
      continue;
    }
    const due = Math.min(time + (input === 0 ? upper : -lower) + allowed, MAX_TIME);
    const record: Taken = { input, id, key, time, due, open: true };
    const matches = taken.filter((other) => {
      const apart = input === 0 ? other.time - time : time - other.time;
      return other.input !== input && other.key === key && lower <= apart && apart <= upper;
    });
    for (const other of matches.sort((a, b) => a.time - b.time)) {
      record.open = false;
      other.open = false;
      const [left, right] = input === 0 ? [id, other.id] : [other.id, id];
      results.push({ left, right, time: Math.max(time, other.time), key });
    }
    taken.push(record);
    if (record.open && keeps[input] && due <= watermark) alone(record, time);
  }
  /** How many records could still have a match. */
  const waiting = taken.filter((record) => record.due > watermark).length;
  return { results, late, waiting };
}
