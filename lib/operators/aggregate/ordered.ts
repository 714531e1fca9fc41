import type { Aggregator } from './aggregator.ts';
import { badArgument, needFunction } from './bad-value.ts';

/** One value with the event time of its record; empty before the first. */
export type Timed<V> = [] | [time: number, value: V];

/** The earliest record by event time, among equals the first to arrive. Null over no records. */
export function first<T>(): Aggregator<T, Timed<T>, NoInfer<T> | null>;
/** What the selector yields for the earliest record by event time, among equals the first to arrive. Null over no records. */
export function first<T, V>(f: (record: T) => V): Aggregator<T, Timed<V>, V | null>;
export function first<T, V>(f?: (record: T) => V): Aggregator<T, Timed<V>, V | null> {
  return end<T, V>('first', f ?? itself, (time, held) => time < held);
}

/** The latest record by event time, among equals the last to arrive. Null over no records. */
export function last<T>(): Aggregator<T, Timed<T>, NoInfer<T> | null>;
/** What the selector yields for the latest record by event time, among equals the last to arrive. Null over no records. */
export function last<T, V>(f: (record: T) => V): Aggregator<T, Timed<V>, V | null>;
export function last<T, V>(f?: (record: T) => V): Aggregator<T, Timed<V>, V | null> {
  return end<T, V>('last', f ?? itself, (time, held) => time >= held);
}

/** Values with the event times of their records, in order of time, then arrival. */
export type Listed<V> = [times: number[], values: V[]];

/** How much `collect` keeps. */
export interface CollectOptions {
  /** Keep only the first so many by event time, then arrival. Default: all. */
  readonly limit?: number;
}

/** All records as a list, in order of event time, then arrival. The state grows with them; a limit bounds it. */
export function collect<T>(): Aggregator<T, Listed<T>, NoInfer<T>[]>;
/** What the selector yields for each record, as a list in order of event time, then arrival. The state grows with it; a limit bounds it. */
export function collect<T, V>(f: (record: T) => V, options?: CollectOptions): Aggregator<T, Listed<V>, V[]>;
export function collect<T, V>(f?: (record: T) => V, options: CollectOptions = {}): Aggregator<T, Listed<V>, V[]> {
  const select = f ?? itself<T, V>;
  needFunction('collect', select);
  const limit = options.limit ?? Number.POSITIVE_INFINITY;
  if (!(limit >= 1) || (limit !== Number.POSITIVE_INFINITY && !Number.isSafeInteger(limit))) {
    throw badArgument('collect', 'limit must be a whole number of at least 1', limit);
  }
  return {
    made: { kind: 'collect', parts: [f, options.limit] },
    create: () => [[], []],
    add(acc, value, time) {
      const [times, values] = acc;
      if (times.length >= limit && time >= times[times.length - 1]!) return acc;
      const at = placeAfter(times, time);
      const selected = select(value);
      if (at === times.length) {
        times.push(time);
        values.push(selected);
        return acc;
      }
      times.splice(at, 0, time);
      values.splice(at, 0, selected);
      if (times.length > limit) {
        times.pop();
        values.pop();
      }
      return acc;
    },
    merge: (a, b) => interleaved(a, b, limit),
    result: (acc) => acc[1].slice(),
    clone: (acc) => [acc[0].slice(), acc[1].slice()],
  };
}

function end<T, V>(
  name: string,
  select: (record: T) => V,
  wins: (time: number, held: number) => boolean,
): Aggregator<T, Timed<V>, V | null> {
  needFunction(name, select);
  return {
    made: { kind: name, parts: [select] },
    create: () => [],
    add(acc, value, time) {
      if (acc.length === 0) return [time, select(value)];
      if (wins(time, acc[0])) {
        acc[1] = select(value);
        acc[0] = time;
      }
      return acc;
    },
    merge: (a, b) => (b.length === 0 || (a.length > 0 && !wins(b[0], a[0]!)) ? a : [b[0], b[1]]),
    result: (acc) => (acc.length === 0 ? null : acc[1]),
    clone: (acc) => (acc.length === 0 ? [] : [acc[0], acc[1]]),
  };
}

/** The index behind every time that is not later than `time`. */
function placeAfter(times: readonly number[], time: number): number {
  let from = 0;
  let to = times.length;
  if (to === 0 || times[to - 1]! <= time) return to;
  while (from < to) {
    const middle = (from + to) >>> 1;
    if (times[middle]! <= time) from = middle + 1;
    else to = middle;
  }
  return from;
}

/** Both lists as one, `a` first among equal times. */
function interleaved<V>(a: Listed<V>, b: Listed<V>, limit: number): Listed<V> {
  const follows = b[0].length > 0 && (a[0].length === 0 || a[0].at(-1)! <= b[0][0]!);
  if (follows && a[0].length + b[0].length <= limit) {
    for (let i = 0; i < b[0].length; i++) {
      a[0].push(b[0][i]!);
      a[1].push(b[1][i]!);
    }
    return a;
  }
  const times: number[] = [];
  const values: V[] = [];
  let i = 0;
  let j = 0;
  while (times.length < limit && (i < a[0].length || j < b[0].length)) {
    const fromA = j >= b[0].length || (i < a[0].length && a[0][i]! <= b[0][j]!);
    const source = fromA ? a : b;
    const at = fromA ? i++ : j++;
    times.push(source[0][at]!);
    values.push(source[1][at]!);
  }
  return [times, values];
}

const itself = <T, V>(record: T): V => record as unknown as V;
