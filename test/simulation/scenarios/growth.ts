import { epochMillis, milliseconds, seconds } from '../../../lib/model/index.ts';
import { count, sum, tumbling } from '../../../lib/operators/index.ts';
import { boundedOutOfOrderness, pipeline } from '../../../lib/pipeline/index.ts';
import type { SeededRandom } from '../../../lib/testing/index.ts';
import {
  SIM_START,
  type SimRow,
  type SimSourceSpec,
  simSink,
  simSource,
} from '../../../lib/testing/simulation/index.ts';
import type { Scenario } from '../scenario.ts';
import { difference, type Event, eventsIn, grouped, liveRows, type RowOptions, rowOf } from './rows.ts';

const BOUND = 3_000;
const SIZE = 5_000;
const SPAN = 30_000;

/**
 * A source that gains partitions in mid-life, beside one that does not: a sink in its own stage, which grows with it; an asynchronous stage before which records keep
 * their partition, and which does not; two windows; and now and then new code on the way, which sends records elsewhere. All records are in bound, so none may be
 * late, also of a partition that speaks as soon as it is there.
 */
export const growth: Scenario = {
  name: 'growth',
  make(random) {
    const a = growing(random, { rows: 24, keys: 4, span: SPAN, bound: BOUND });
    const b = {
      partitions: liveRows(random, { partitions: 1, rows: 12, keys: 4, span: SPAN, bound: BOUND, from: 10_000 }),
    };
    const waits = random.next() < 0.4;
    const upgrades = random.next() < 0.35 ? [2_000 + random.below(20_000)] : [];
    const keys = [(e: Event) => e.key, (e: Event) => `${e.key}${e.id % 3}`] as const;
    const options = {
      eventTime: (e: Event) => epochMillis(e.time),
      watermark: boundedOutOfOrderness(milliseconds(BOUND)),
      idleAfter: milliseconds(3_000 + random.below(8_000)),
    };
    const code = (version: 0 | 1) =>
      pipeline(
        'growth',
        (p) => {
          const read = p.source('a', simSource<Event>(a), options);
          read.to('raw', simSink());
          const perKey = (waits ? read.async('enrich', async (e) => e) : read.map((e) => e))
            .union(p.source('b', simSource<Event>(b), options))
            .keyBy('by-key', keys[version])
            .window(tumbling(milliseconds(SIZE)), { allowedLateness: seconds(2) })
            .aggregate('by-window', { count: count(), sum: sum((e) => e.n) }, (key, { start }, all) => ({
              key,
              start,
              ...all,
            }));
          perKey.to('keys', simSink());
          perKey
            .keyBy('by-start', (w) => w.start % (4 * SIZE))
            .window(tumbling(milliseconds(2 * SIZE)))
            .aggregate('by-span', { windows: count(), sum: sum((w) => w.sum) }, (key, { start }, all) => ({
              key,
              start,
              ...all,
            }))
            .to('overall', simSink());
        },
        { parallelism: 2 },
      );
    return {
      pipelines: upgrades.length > 0 ? [code(0), code(1)] : [code(0)],
      upgrades,
      sources: { a, b },
      slowSource: 12_000,
      inBound: true,
      sameResults: upgrades.length === 0,
      check({ sinks, sources, heads }) {
        const own = eventsIn(sources['a']!.partitions);
        const raw = difference(
          sinks['raw']!.map(({ value }) => (value as Event).id),
          own.map(({ id }) => id),
        );
        if (raw !== undefined) return `raw: ${raw}`;
        const stages = new Map(grouped(heads, ({ task }) => [task.stage, 0]).map(([[stage], list]) => [stage, list]));
        if (stages.get('a')!.length !== a.partitions.length) return `a has ${stages.get('a')!.length} tasks`;
        const events = [...own, ...eventsIn(sources['b']!.partitions)];
        const perKey = upgrades.length > 0 ? () => '' : (e: Event) => e.key;
        const windows = grouped(events, (e) => [perKey(e), floor(e.time, SIZE)]).map(([[key, start], list]) => ({
          key,
          start,
          count: list.length,
          sum: total(list.map((e) => e.n)),
        }));
        const overall = grouped(windows, (w) => [w.start % (4 * SIZE), floor(w.start + SIZE - 1, 2 * SIZE)]).map(
          ([[key, start], list]) => ({ key, start, sum: total(list.map((w) => w.sum)) }),
        );
        const found = sinks['keys']!.map((r) => r.value as (typeof windows)[number]);
        // New code keys otherwise, so that a window may close in two parts.
        const asOne = grouped(found, (w) => [upgrades.length > 0 ? '' : w.key, w.start]).map(
          ([[key, start], list]) => ({
            key,
            start,
            count: total(list.map((w) => w.count)),
            sum: total(list.map((w) => w.sum)),
          }),
        );
        return (
          difference(upgrades.length > 0 ? asOne : found, windows) ??
          difference(
            sinks['overall']!.map((r) => {
              const { key, start, sum: all } = r.value as (typeof overall)[number];
              return { key, start, sum: all };
            }),
            overall,
          )
        );
      },
    };
  },
};

/** Live rows, in some partitions that are there from the beginning and some that come later: with rows at once, later, or with none. */
export function growing(random: SeededRandom, live: Omit<RowOptions, 'partitions'>): SimSourceSpec {
  const { span, bound, keys } = live;
  const first = liveRows(random, { ...live, partitions: 1 + random.below(2) });
  const since = first.map(() => 0);
  const partitions = [...first];
  let from = 1_000 + random.below(span / 2);
  for (let more = 1 + random.below(3); more > 0; more--) {
    const rows: SimRow[] = [];
    let at = from + (random.next() < 0.6 ? random.below(20) : random.below(6_000));
    for (let n = random.next() < 0.2 ? 0 : 1 + random.below(10); n > 0; n--) {
      rows.push(rowOf(1_000 * partitions.length + n, at, SIM_START + at - random.below(bound), random, keys));
      if (random.next() < 0.1) rows.push({ value: undefined, at, hole: true });
      at += random.next() < 0.1 ? random.below(12_000) : random.below(1_500);
    }
    since.push(from);
    partitions.push(rows);
    if (random.next() < 0.7) from += 1 + random.below(span / 3);
  }
  return { partitions, since };
}

const floor = (time: number, size: number): number => Math.floor(time / size) * size;
const total = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);
