import { epochMillis, milliseconds } from '../../../lib/model/index.ts';
import { boundedOutOfOrderness, pipeline } from '../../../lib/pipeline/index.ts';
import { SIM_START, simSink, simSource } from '../../../lib/testing/simulation/index.ts';
import { rowsOf } from '../../operators/table/changelog.ts';
import type { Scenario } from '../scenario.ts';
import { type Event, eventsIn, liveRows } from './rows.ts';

const isRow = (event: Event): boolean => event.n % 4 !== 3;
const rowOf = (event: Event): Event | null => (isRow(event) ? event : null);
const groupOf = (event: Event): number => event.n % 3;
const byTime = (a: Event, b: Event): number => a.time - b.time || a.id - b.id;
const byRank = (a: Event, b: Event): number => b.n - a.n || byTime(a, b);

/** One record of each key, and the best of streams and tables: rows go and sink while processes crash, and at the end the tables are what all records at once come to. */
export const ranks: Scenario = {
  name: 'ranks',
  make(random) {
    const source = { partitions: liveRows(random, { partitions: 1, rows: 30, keys: 9, span: 20_000, bound: 2_000 }) };
    const times = new Set<number>();
    for (const { value } of source.partitions.flat()) {
      const event = value as { time: number } | undefined;
      while (event !== undefined && times.has(event.time)) event.time++;
      if (event !== undefined) times.add(event.time);
    }
    const code = pipeline(
      'ranks',
      (p) => {
        const events = p.source('in', simSource<Event>(source), {
          eventTime: (e) => epochMillis(e.time),
          watermark: boundedOutOfOrderness(milliseconds(2_000)),
        });
        const keyed = events.keyBy('by-key', (e) => e.key);
        const byN = events.keyBy('by-n', groupOf);
        const groups = keyed.toTable('rows', rowOf).groupBy('groups', groupOf);
        keyed.deduplicate('first').to('first-out', simSink());
        keyed
          .deduplicate('again', { ttl: milliseconds(3_000) })
          .map((e) => [e.id, e.time - SIM_START])
          .to('again-out', simSink());
        keyed.deduplicate('earliest', { by: 'event' }).changes().to('earliest-out', simSink());
        keyed.deduplicate('latest', { keep: 'last', by: 'event' }).changes().to('latest-out', simSink());
        byN
          .top('lists', 3, { by: (e) => e.n })
          .changes()
          .to('lists-out', simSink());
        byN
          .top('last-known', 2, { by: (e) => e.n, unique: (e) => e.key, rows: 'ranks' })
          .changes()
          .to('last-known-out', simSink());
        groups
          .top('ranks', 2, { by: (e) => e.n, rows: 'ranks' })
          .changes()
          .to('ranks-out', simSink());
        groups
          .top('entries', 2, { by: (e) => [e.n, e.key], order: ['descending', 'ascending'], rows: 'entries' })
          .changes()
          .to('entries-out', simSink());
      },
      { parallelism: 2 },
    );
    return {
      pipelines: [code],
      sources: { in: source },
      inBound: true,
      check({ sinks, sources }) {
        const events = eventsIn(sources['in']!.partitions);
        const keys = [...new Set(events.map((e) => e.key))];
        const of = (key: string): Event[] => events.filter((e) => e.key === key);
        const grouped = (all: readonly Event[], sort: (a: Event, b: Event) => number): [number, Event[]][] =>
          [...new Set(all.map(groupOf))].map((group) => [group, all.filter((e) => groupOf(e) === group).sort(sort)]);
        const ranked = (lists: readonly [unknown, readonly Event[]][]): [unknown, unknown][] =>
          lists.flatMap(([key, list]) => list.slice(0, 2).map((e, i): [unknown, unknown] => [{ key, rank: i + 1 }, e]));
        const byKey = (a: Event, b: Event): number => b.n - a.n || (a.key < b.key ? -1 : 1);
        const current = keys.map((key) => of(key).at(-1)!).filter(isRow);
        const known = [0, 1, 2].flatMap((group) =>
          keys
            .map((key) => events.findLast((e) => e.key === key && groupOf(e) === group))
            .filter((e) => e !== undefined),
        );
        const firsts = keys.map((key) => of(key)[0]!);
        const found = (sinks['first-out'] ?? []).map(({ value }) => value);
        if (sorted(found) !== sorted(firsts)) return `the first are ${sorted(found)}, not ${sorted(firsts)}`;
        const again = (sinks['again-out'] ?? []).map(({ value }) => value);
        const anew = keys.flatMap((key) => firstsWithin(of(key), 3_000)).map((e) => [e.id, e.time - SIM_START]);
        if (sorted(again) !== sorted(anew)) return `the first within a span are ${sorted(again)}, not ${sorted(anew)}`;
        const expected: Record<string, [unknown, unknown][]> = {
          earliest: keys.map((key) => [key, of(key).sort(byTime)[0]]),
          latest: keys.map((key) => [key, of(key).sort(byTime).at(-1)]),
          lists: grouped(events, byRank).map(([group, list]) => [group, list.slice(0, 3)]),
          'last-known': ranked(grouped(known, byKey)),
          ranks: ranked(grouped(current, byKey)),
          entries: grouped(current, byKey).flatMap(([key, list]) =>
            list.slice(0, 2).map((e): [unknown, unknown] => [{ entry: e.key, key }, e]),
          ),
        };
        for (const [name, rows] of Object.entries(expected)) {
          const is = sorted([...rowsOf((sinks[`${name}-out`] ?? []).map(({ value }) => value))]);
          const was = sorted(rows.map(([key, row]) => [JSON.stringify(key), row]));
          if (is !== was) return `${name} are ${is}, not ${was}`;
        }
        return undefined;
      },
    };
  },
};

/** Of records of a key in bound, those that are at least so much younger than the one before that came out. */
function firstsWithin(events: readonly Event[], span: number): Event[] {
  const firsts: Event[] = [];
  for (const event of events) {
    const last = firsts.at(-1);
    if (last === undefined || event.time >= last.time + span) firsts.push(event);
  }
  return firsts;
}

const sorted = (values: readonly unknown[]): string =>
  JSON.stringify(values.map((each) => JSON.stringify(each)).sort());
