import type { SeededRandom } from '../../../lib/testing/index.ts';
import type { SimRow } from '../../../lib/testing/simulation/index.ts';
import { SIM_START } from '../../../lib/testing/simulation/index.ts';

/** What scenarios' sources hold. `id` is unique in a simulation. */
export interface Event {
  readonly id: number;
  readonly key: string;
  readonly time: number;
  readonly n: number;
}

export interface RowOptions {
  readonly partitions: number;
  readonly rows: number;
  readonly keys: number;
  /** Milliseconds over which the rows arrive. */
  readonly span: number;
  /** How long a record takes from its event to the log, at most. */
  readonly bound: number;
  /** Share of places in the log that are holes. */
  readonly holes?: number;
  /** First id. */
  readonly from?: number;
}

/** Rows whose event time follows the wall clock within a bound, with silences. Some partitions may have none. */
export function liveRows(random: SeededRandom, options: RowOptions): SimRow[][] {
  const { partitions, rows, keys, span, bound, holes = 0.15, from = 0 } = options;
  const lists: SimRow[][] = Array.from({ length: partitions }, () => []);
  const speakers = lists.filter((_, p) => p === 0 || random.next() < 0.85);
  let id = from;
  for (const list of speakers) {
    const count = Math.max(1, Math.round(rows / speakers.length));
    let at = random.below(Math.round(span / 4));
    for (let i = 0; i < count; i++) {
      at += random.next() < 0.08 ? random.below(Math.round(span / 3)) : random.below(Math.round((1.5 * span) / count));
      const delay = random.below(bound);
      list.push(rowOf(id++, at, SIM_START + at - delay, random, keys));
      while (random.next() < holes) list.push({ value: undefined, at, hole: true });
    }
  }
  return lists;
}

export function rowOf(id: number, at: number, time: number, random: SeededRandom, keys: number): SimRow {
  return { at, value: { id, key: `k${random.below(keys)}`, time, n: 1 + random.below(9) } satisfies Event };
}

/** The events in a source's rows. */
export const eventsIn = (partitions: readonly (readonly SimRow[])[]): Event[] =>
  partitions.flatMap((rows) => rows.filter((row) => row.hole !== true).map((row) => row.value as Event));

/** How two multisets of things differ, by their JSON; undefined if they do not. */
export function difference(actual: readonly unknown[], expected: readonly unknown[]): string | undefined {
  const counts = new Map<string, number>();
  for (const value of expected) counts.set(JSON.stringify(value), (counts.get(JSON.stringify(value)) ?? 0) + 1);
  for (const value of actual) counts.set(JSON.stringify(value), (counts.get(JSON.stringify(value)) ?? 0) - 1);
  const wrong = [...counts].filter(([, n]) => n !== 0);
  if (wrong.length === 0) return undefined;
  return wrong
    .slice(0, 6)
    .map(([value, n]) => `${n > 0 ? `${n} missing` : `${-n} too many`}: ${value}`)
    .join('; ');
}

/** Items by a pair, in the order of their first. */
export function grouped<T, K extends readonly [string | number, number]>(
  items: readonly T[],
  by: (item: T) => K,
): [K, T[]][] {
  const groups = new Map<string, [K, T[]]>();
  for (const item of items) {
    const key = by(item);
    const group = groups.get(key.join());
    if (group === undefined) groups.set(key.join(), [key, [item]]);
    else group[1].push(item);
  }
  return [...groups.values()];
}
