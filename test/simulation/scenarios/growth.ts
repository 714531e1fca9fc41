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
import { difference, type Event, eventsIn, grouped, liveRows, rowOf } from './rows.ts';

const BOUND = 3_000;
const SIZE = 5_000;
const SPAN = 30_000;

/**
 * A source that gains partitions in mid-life, beside one that does not: a sink in its own stage, which grows with it; an asynchronous stage before which records keep
 * their partition, and which does not; and two windows. All records are in bound, so none may be late, also of a partition that speaks as soon as it is there.
 */
export const growth: Scenario = {
  name: 'growth',
  make(random) {
    const a = growing(random);
    const b = {
      partitions: liveRows(random, { partitions: 1, rows: 12, keys: 4, span: SPAN, bound: BOUND, from: 10_000 }),
    };
    const waits = random.next() < 0.4;
    const options = {
      eventTime: (e: Event) => epochMillis(e.time),
      watermark: boundedOutOfOrderness(milliseconds(BOUND)),
      idleAfter: milliseconds(3_000 + random.below(8_000)),
    };
    const code = pipeline(
      'growth',
      (p) => {
        const read = p.source('a', simSource<Event>(a), options);
        read.to('raw', simSink());
        const perKey = (waits ? read.async('enrich', async (e) => e) : read.map((e) => e))
          .union(p.source('b', simSource<Event>(b), options))
          .keyBy('by-key', (e) => e.key)
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
      pipelines: [code],
      sources: { a, b },
      slowSource: 12_000,
      inBound: true,
      sameResults: true,
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
        const keys = grouped(events, (e) => [e.key, floor(e.time, SIZE)]).map(([[key, start], list]) => ({
          key,
          start,
          count: list.length,
          sum: total(list.map((e) => e.n)),
        }));
        const overall = grouped(keys, (w) => [w.start % (4 * SIZE), floor(w.start + SIZE - 1, 2 * SIZE)]).map(
          ([[key, start], list]) => ({ key, start, windows: list.length, sum: total(list.map((w) => w.sum)) }),
        );
        return (
          difference(
            sinks['keys']!.map((r) => r.value),
            keys,
          ) ??
          difference(
            sinks['overall']!.map((r) => r.value),
            overall,
          )
        );
      },
    };
  },
};

/** Live rows, in some partitions that are there from the beginning and some that come later: with rows at once, later, or with none. */
function growing(random: SeededRandom): SimSourceSpec {
  const first = liveRows(random, { partitions: 1 + random.below(2), rows: 24, keys: 4, span: SPAN, bound: BOUND });
  const since = first.map(() => 0);
  const partitions = [...first];
  let from = 1_000 + random.below(SPAN / 2);
  for (let more = 1 + random.below(3); more > 0; more--) {
    const rows: SimRow[] = [];
    let at = from + (random.next() < 0.6 ? random.below(20) : random.below(6_000));
    for (let n = random.next() < 0.2 ? 0 : 1 + random.below(10); n > 0; n--) {
      rows.push(rowOf(1_000 * partitions.length + n, at, SIM_START + at - random.below(BOUND), random, 4));
      if (random.next() < 0.1) rows.push({ value: undefined, at, hole: true });
      at += random.next() < 0.1 ? random.below(12_000) : random.below(1_500);
    }
    since.push(from);
    partitions.push(rows);
    if (random.next() < 0.7) from += 1 + random.below(SPAN / 3);
  }
  return { partitions, since };
}

const floor = (time: number, size: number): number => Math.floor(time / size) * size;
const total = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);
