import { epochMillis, milliseconds } from '../../../lib/model/index.ts';
import { untilTimeLimit } from '../../../lib/operators/index.ts';
import { boundedOutOfOrderness, pipeline } from '../../../lib/pipeline/index.ts';
import { simSink, simSource } from '../../../lib/testing/simulation/index.ts';
import { rowsOf } from '../../operators/table/changelog.ts';
import type { Scenario } from '../scenario.ts';
import { type Event, eventsIn, liveRows } from './rows.ts';

const pair = (a: Event | undefined, b: Event | undefined): string => `${a?.id ?? '-'}/${b?.id ?? '-'}`;
const named = (event: Event): string | null => (event.n === 9 ? null : `k${event.n % 4}`);
const rowOf = (event: Event): Event | null => (event.n % 4 === 3 ? null : event);

/** Tables joined by their key and by another, counted in groups, and summed in groups that are let out late: messages of one change take several ways. */
export const tables: Scenario = {
  name: 'tables',
  make(random) {
    const options = { partitions: 1, rows: 18, keys: 4, span: 20_000, bound: 2_000 };
    const left = { partitions: liveRows(random, options) };
    const right = { partitions: liveRows(random, { ...options, from: 1_000 }) };
    const time = {
      eventTime: (e: Event) => epochMillis(e.time),
      watermark: boundedOutOfOrderness(milliseconds(2_000)),
    };
    const code = pipeline(
      'tables',
      (p) => {
        const [lefts, rights] = [left, right].map((source, i) =>
          p
            .source(['left', 'right'][i]!, simSource<Event>(source), time)
            .keyBy(`by-key-${i}`, (e) => e.key)
            .toTable(`rows-${i}`, rowOf),
        );
        lefts!.outerJoin('pairs', rights!, pair).changes().to('pairs-out', simSink());
        lefts!.leftJoin('named', rights!, named, pair).changes().to('named-out', simSink());
        lefts!
          .groupBy('by-n', (e) => e.n)
          .count('counts')
          .changes()
          .to('counts-out', simSink());
        lefts!
          .filter((e) => e.n % 2 === 0)
          .groupBy('by-half', (e) => e.id % 2)
          .aggregate('sums', { init: () => 0, add: (sum, e) => sum + e.id, subtract: (sum, e) => sum - e.id })
          .suppress('calm', untilTimeLimit(milliseconds(1_500)))
          .changes()
          .to('sums-out', simSink());
      },
      { parallelism: 2 },
    );
    return {
      pipelines: [code],
      sources: { left, right },
      inBound: true,
      check({ sinks, sources }) {
        const latest = (source: string): Map<string, Event> => {
          const rows = new Map<string, Event>();
          for (const event of eventsIn(sources[source]!.partitions)) {
            if (rowOf(event) === null) rows.delete(event.key);
            else rows.set(event.key, event);
          }
          return rows;
        };
        const [lefts, rights] = [latest('left'), latest('right')];
        const keys = [...new Set([...lefts.keys(), ...rights.keys()])];
        const counts = new Map<number, number>();
        const sums = new Map<number, number>();
        for (const { id, n } of lefts.values()) {
          counts.set(n, (counts.get(n) ?? 0) + 1);
          if (n % 2 === 0) sums.set(id % 2, (sums.get(id % 2) ?? 0) + id);
        }
        const expected: Record<string, [unknown, unknown][]> = {
          pairs: keys.map((key) => [key, pair(lefts.get(key), rights.get(key))]),
          named: [...lefts].map(([key, row]) => [key, pair(row, rights.get(named(row) ?? ''))]),
          counts: [...counts],
          sums: [...sums],
        };
        for (const [name, rows] of Object.entries(expected)) {
          const found = [...rowsOf((sinks[`${name}-out`] ?? []).map(({ value }) => value))];
          const [is, was] = [found, rows.map(([key, row]) => [JSON.stringify(key), row])].map((list) =>
            JSON.stringify(list.sort()),
          );
          if (is !== was) return `${name} are ${is}, not ${was}`;
        }
        return undefined;
      },
    };
  },
};
