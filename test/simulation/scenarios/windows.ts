import { epochMillis, milliseconds, seconds } from '../../../lib/model/index.ts';
import { count, sum, tumbling } from '../../../lib/operators/index.ts';
import { boundedOutOfOrderness, pipeline } from '../../../lib/pipeline/index.ts';
import { simSink, simSource } from '../../../lib/testing/simulation/index.ts';
import type { Scenario } from '../scenario.ts';
import { difference, type Event, eventsIn, grouped, liveRows } from './rows.ts';

const BOUND = 3_000;
const SIZE = 5_000;

/** Two live sources as one, two exchanges, a window after each: all in bound, so nothing may be late, and the last windows close although nothing follows. */
export const windows: Scenario = {
  name: 'windows',
  make(random) {
    const a = { partitions: liveRows(random, { partitions: 2, rows: 30, keys: 4, span: 30_000, bound: BOUND }) };
    const b = {
      partitions: liveRows(random, { partitions: 1, rows: 15, keys: 4, span: 30_000, bound: BOUND, from: 1_000 }),
    };
    const options = {
      eventTime: (e: Event) => epochMillis(e.time),
      watermark: boundedOutOfOrderness(milliseconds(BOUND)),
    };
    const code = pipeline(
      'windows',
      (p) => {
        const perKey = p
          .source('a', simSource<Event>(a), options)
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
      check({ sinks, sources }) {
        const events = [...eventsIn(sources['a']!.partitions), ...eventsIn(sources['b']!.partitions)];
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

const floor = (time: number, size: number): number => Math.floor(time / size) * size;
const total = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);
