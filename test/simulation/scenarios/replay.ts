import { epochMillis, milliseconds } from '../../../lib/model/index.ts';
import { count, tumbling } from '../../../lib/operators/index.ts';
import { boundedOutOfOrderness, pipeline } from '../../../lib/pipeline/index.ts';
import { SIM_START, type SimRow, simSink, simSource } from '../../../lib/testing/simulation/index.ts';
import type { Scenario } from '../scenario.ts';
import { difference, type Event, eventsIn, grouped, rowOf } from './rows.ts';

const BOUND = 60_000;
const SIZE = 300_000;
const BACK = 30 * 86_400_000;
/** Milliseconds of event time that pass in one. */
const SPEED = 100;
const IDLE_AFTER = 6_000;

/**
 * A month-old hour replayed a hundred times as fast, from partitions that begin one after the other and pause, but never for as long as it takes to be called idle: nothing
 * is late, however slow their tasks are.
 */
export const replay: Scenario = {
  name: 'replay',
  make(random) {
    const partitions = Array.from({ length: 3 }, (_, p) => {
      const rows: SimRow[] = [];
      let at = random.below(IDLE_AFTER - 1_500);
      for (let i = 0; i < 18; i++) {
        const time = SIM_START - BACK + at * SPEED - random.below(BOUND);
        rows.push(rowOf(100 * p + i, at, time, random, 3));
        at += random.next() < 0.1 ? random.below(IDLE_AFTER - 1_500) : random.below(700);
      }
      return rows;
    });
    const source = { partitions };
    const code = pipeline(
      'replay',
      (p) => {
        p.source('in', simSource<Event>(source), {
          eventTime: (e) => epochMillis(e.time),
          watermark: boundedOutOfOrderness(milliseconds(BOUND)),
          idleAfter: milliseconds(IDLE_AFTER),
          idleDrift: milliseconds(20_000),
        })
          .keyBy('by-key', (e) => e.key)
          .window(tumbling(milliseconds(SIZE)))
          .aggregate('windows', { count: count() }, (key, { start }, all) => ({ key, start, ...all }))
          .to('out', simSink());
      },
      { parallelism: 2 },
    );
    return {
      pipelines: [code],
      sources: { in: source },
      inBound: true,
      slowSource: 15_000,
      check({ sinks, sources }) {
        const events = eventsIn(sources['in']!.partitions);
        const windows = grouped(events, (e) => [e.key, Math.floor(e.time / SIZE) * SIZE]);
        return difference(
          sinks['out']!.map((r) => r.value),
          windows.map(([[key, start], list]) => ({ key, start, count: list.length })),
        );
      },
    };
  },
};
