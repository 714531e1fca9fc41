import { epochMillis, milliseconds } from '../../../lib/model/index.ts';
import { count, hopping, sum, tumbling } from '../../../lib/operators/index.ts';
import { boundedOutOfOrderness, pipeline } from '../../../lib/pipeline/index.ts';
import { type SimRow, simSink, simSource } from '../../../lib/testing/simulation/index.ts';
import type { Scenario } from '../scenario.ts';
import { difference, type Event, eventsIn, grouped, liveRows } from './rows.ts';

const BOUND = 2_000;
const SIZE = 4_000;

/** Input that ends, by itself or at an offset fixed beforehand while its log goes on: all of it is worked on, nothing behind the end, and every window closes. */
export const bounded: Scenario = {
  name: 'bounded',
  make(random) {
    const partitions = liveRows(random, { partitions: 2, rows: 40, keys: 4, span: 20_000, bound: BOUND });
    const fixed = random.next() < 0.5;
    const ends = partitions.map((rows) => (fixed ? random.below(rows.length + 1) : rows.length));
    const source = { partitions, bounded: !fixed };
    const code = pipeline(
      'bounded',
      (p) => {
        const byKey = p
          .source('in', simSource<Event>(source), {
            eventTime: (e) => epochMillis(e.time),
            watermark: boundedOutOfOrderness(milliseconds(BOUND)),
          })
          .keyBy('by-key', (e) => e.key);
        byKey
          .window(hopping(milliseconds(SIZE), milliseconds(SIZE / 4)))
          .aggregate('hops', { count: count() }, (key, { start }, all) => ({ key, start, ...all }))
          .to('hops-out', simSink());
        byKey
          .window(tumbling(milliseconds(SIZE)))
          .aggregate('sums', { sum: sum((e) => e.n) }, (key, { start }, all) => ({ key, start, ...all }))
          .keyBy('all', () => 'all')
          .window(tumbling(milliseconds(SIZE)))
          .aggregate('totals', { sum: sum((e) => e.sum), keys: count() }, (_, { start }, all) => ({ start, ...all }))
          .to('totals-out', simSink());
      },
      { parallelism: 2 },
    );
    return {
      pipelines: [code],
      sources: { in: source },
      ...(fixed ? { ends: { in: ends } } : {}),
      inBound: true,
      check({ sinks, sources, heads }) {
        const rows: readonly (readonly SimRow[])[] = sources['in']!.partitions.map((list, p) => list.slice(0, ends[p]));
        const events = eventsIn(rows);
        const hops = grouped(
          events.flatMap((e) =>
            Array.from({ length: 4 }, (_, i) => ({ ...e, start: floor(e.time, SIZE / 4) - (i * SIZE) / 4 })),
          ),
          (e) => [e.key, e.start],
        ).map(([[key, start], list]) => ({ key, start, count: list.length }));
        const sums = grouped(events, (e) => [e.key, floor(e.time, SIZE)]);
        const totals = grouped(sums, ([[, start]]) => ['all', start]).map(([[, start], list]) => ({
          start,
          sum: list.flatMap(([, of]) => of).reduce((a, e) => a + e.n, 0),
          keys: list.length,
        }));
        const past = heads.find(({ task, nextOffset }) => task.stage === 'in' && nextOffset > ends[task.partition]!);
        if (past !== undefined) return `in/${past.task.partition} went on to ${past.nextOffset}`;
        const values = (sink: string) => sinks[sink]!.map((r) => r.value);
        return difference(values('hops-out'), hops) ?? difference(values('totals-out'), totals);
      },
    };
  },
};

const floor = (time: number, size: number): number => Math.floor(time / size) * size;
