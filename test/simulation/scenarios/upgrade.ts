import { epochMillis, milliseconds } from '../../../lib/model/index.ts';
import { count } from '../../../lib/operators/index.ts';
import { boundedOutOfOrderness, pipeline } from '../../../lib/pipeline/index.ts';
import type { SeededRandom } from '../../../lib/testing/index.ts';
import { type SimRow, type SimSpec, simSink, simSource } from '../../../lib/testing/simulation/index.ts';
import type { Scenario } from '../scenario.ts';
import { difference, type Event, eventsIn, liveRows } from './rows.ts';

/** Ways for records to go, each another code. */
const first = [(e: Event) => e.key, (e: Event) => `${e.key}${e.id % 3}`] as const;
const second: readonly ((e: Event) => string | number)[] = [(e) => e.id % 7, (e) => `x${e.id % 5}`, (e) => -(e.id % 6)];

/** The later rows come when a source's old code has been led to its end and the new one goes on, a minute after the first. */
const interrupted = (rows: readonly SimRow[]): SimRow[] =>
  rows.map((row) => {
    if (row.at < 10_000) return row;
    const value = row.hole === true ? undefined : { ...(row.value as Event), time: (row.value as Event).time + LATER };
    return { ...row, at: row.at + LATER, value };
  });

const LATER = 36_000;

/** Changed routing takes over while records are on their way: each goes one way, once. The source's code changes, or that of the stage behind it, or both, and one of them twice. */
export const upgrade: Scenario = { name: 'upgrade', make: (random) => upgraded(random, false) };

/** The same while nobody holds calls of the source's old code back: its tasks look whether newer code is there. */
export const upgradeLooking: Scenario = { name: 'upgrade-looking', make: (random) => upgraded(random, true) };

function upgraded(random: SeededRandom, looks: boolean): SimSpec {
  const [sources, stages] = random.next() < 0.3 ? [1, 1] : looks || random.next() < 0.5 ? [1, 0] : [0, 1];
  const rows = liveRows(random, { partitions: 2, rows: 50, keys: 5, span: 30_000, bound: 2_000 });
  const source = { partitions: sources === 1 && !looks ? rows.map(interrupted) : rows };
  const versions = stages === 1 && random.next() < 0.3 ? 3 : 2;
  const journaled = random.next() < 0.3;
  const code = (version: number) =>
    pipeline(
      'upgrade',
      (p) => {
        p.source('in', simSource<Event>(source), {
          eventTime: (e) => epochMillis(e.time),
          watermark: boundedOutOfOrderness(milliseconds(2_000)),
        })
          .keyBy('first', first[Math.min(1, version * sources)]!)
          .map('pass', (e) => e, { deterministic: !journaled })
          .keyBy('second', second[version * stages]!)
          .aggregate('totals', { count: count() }, {})
          .to('counts', simSink());
      },
      { parallelism: 3 },
    );
  const at = 4_000 + random.below(sources === 1 && !looks ? 6_000 : 22_000);
  return {
    looks,
    pipelines: Array.from({ length: versions }, (_, version) => code(version)),
    sources: { in: source },
    upgrades: [at, at + random.below(12_000)].slice(0, versions - 1),
    inBound: true,
    check({ sinks, sources: given }) {
      const counts = sinks['counts']!.map(({ value }) => value as { key: string | number; count: number });
      const keys = [...new Set(counts.map(({ key }) => key))];
      const wrong = difference(
        counts,
        keys.flatMap((key) =>
          Array.from({ length: counts.filter((c) => c.key === key).length }, (_, i) => ({ key, count: i + 1 })),
        ),
      );
      if (wrong !== undefined) return wrong;
      const events = eventsIn(given['in']!.partitions).length;
      return counts.length === events ? undefined : `${counts.length} results of ${events} records`;
    },
  };
}
