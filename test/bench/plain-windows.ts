/**
 * Count and mean by key and window as one would write them by hand for a single file: a Map, the greatest time so far less the known disorder, and no word of
 * state, restarts or late records.
 */
import { BID_DISORDER, type Bid } from './data.ts';
import type { LineFile } from './plain-loop.ts';

export interface PlainWindows {
  add(bid: Bid): void;
  /** All input has been seen. */
  end(): void;
}

export type Key = string | number;
type Make = (key: (bid: Bid) => Key, file: LineFile) => PlainWindows;

interface Total {
  count: number;
  sum: number;
}

export const plainTumbling =
  (size: number): Make =>
  (keyOf, file) => {
    const windows = new Map<number, Map<Key, Total>>();
    let time = 0;
    let next = Number.POSITIVE_INFINITY;
    let current = new Map<Key, Total>();
    let currentEnd = 0;
    const fire = (until: number): void => {
      for (const [end, totals] of windows) {
        if (end > until) continue;
        for (const [key, { count, sum }] of totals) {
          file.write({ key, windowStart: end - size, windowEnd: end, count, mean: sum / count });
        }
        windows.delete(end);
      }
      next = Math.min(...windows.keys());
    };
    return {
      add(bid) {
        const { dateTime } = bid;
        if (dateTime < currentEnd - size || dateTime >= currentEnd) {
          currentEnd = dateTime - (dateTime % size) + size;
          current = windows.get(currentEnd) ?? new Map();
          windows.set(currentEnd, current);
          next = Math.min(next, currentEnd);
        }
        const key = keyOf(bid);
        const total = current.get(key);
        if (total === undefined) current.set(key, { count: 1, sum: bid.price });
        else {
          total.count++;
          total.sum += bid.price;
        }
        if (dateTime <= time) return;
        time = dateTime;
        if (time - BID_DISORDER >= next) fire(time - BID_DISORDER);
      },
      end: () => fire(Number.POSITIVE_INFINITY),
    };
  };

/** Each key has a ring of slides, which a window adds up. */
export const plainHopping =
  (size: number, slide: number): Make =>
  (keyOf, file) => {
    const overlaps = size / slide;
    const ring = overlaps + 2;
    const keys = new Map<Key, Float64Array>();
    let time = 0;
    let next = 0;
    const fire = (end: number): void => {
      const last = end / slide;
      const leaving = (last - overlaps + 1) % ring;
      for (const [key, slides] of keys) {
        let count = 0;
        let sum = 0;
        for (let n = last - overlaps + 1; n <= last; n++) {
          const at = (n % ring) * 2;
          count += slides[at] as number;
          sum += slides[at + 1] as number;
        }
        slides[leaving * 2] = 0;
        slides[leaving * 2 + 1] = 0;
        if (count > 0) file.write({ key, windowStart: end - size, windowEnd: end, count, mean: sum / count });
      }
    };
    return {
      add(bid) {
        const { dateTime } = bid;
        const at = ((Math.floor(dateTime / slide) + 1) % ring) * 2;
        const key = keyOf(bid);
        let slides = keys.get(key);
        if (slides === undefined) {
          slides = new Float64Array(ring * 2);
          keys.set(key, slides);
        }
        slides[at] = (slides[at] as number) + 1;
        slides[at + 1] = (slides[at + 1] as number) + bid.price;
        if (dateTime <= time) return;
        time = dateTime;
        if (next === 0) next = dateTime - BID_DISORDER - ((dateTime - BID_DISORDER) % slide) + slide;
        for (; time - BID_DISORDER >= next; next += slide) fire(next);
      },
      end() {
        for (const until = time + size; next <= until; next += slide) fire(next);
      },
    };
  };

interface PlainSession extends Total {
  start: number;
  last: number;
  before: PlainSession | undefined;
}

/** Each key has its latest session, and the one before while a record could still join them. Closed ones are looked for every `gap`. */
export const plainSessions =
  (gap: number): Make =>
  (keyOf, file) => {
    const sessions = new Map<Key, PlainSession>();
    let time = 0;
    let next = 0;
    const write = (key: Key, { start, last, count, sum }: PlainSession): void => {
      file.write({ key, windowStart: start, windowEnd: last + gap, count, mean: sum / count });
    };
    const fire = (until: number): void => {
      for (const [key, session] of sessions) {
        if (session.before !== undefined && session.before.last + gap <= until) {
          write(key, session.before);
          session.before = undefined;
        }
        if (session.last + gap > until) continue;
        write(key, session);
        sessions.delete(key);
      }
    };
    const open = (key: Key, at: number, price: number, before: PlainSession | undefined): void => {
      sessions.set(key, { start: at, last: at, count: 1, sum: price, before });
    };
    return {
      add(bid) {
        const { dateTime, price } = bid;
        const key = keyOf(bid);
        const session = sessions.get(key);
        if (session === undefined) open(key, dateTime, price, undefined);
        else if (dateTime > session.last + gap) {
          if (session.before !== undefined) write(key, session.before);
          session.before = undefined;
          open(key, dateTime, price, session);
        } else {
          session.count++;
          session.sum += price;
          if (dateTime > session.last) session.last = dateTime;
          if (dateTime < session.start) {
            session.start = dateTime;
            const { before } = session;
            if (before !== undefined && dateTime <= before.last + gap) {
              session.start = before.start;
              session.count += before.count;
              session.sum += before.sum;
              session.before = undefined;
            }
          }
        }
        if (dateTime <= time) return;
        time = dateTime;
        if (time - BID_DISORDER < next) return;
        fire(time - BID_DISORDER);
        next = time - BID_DISORDER + gap;
      },
      end: () => fire(Number.POSITIVE_INFINITY),
    };
  };
