import { epochMillis, milliseconds } from '../../../lib/model/index.ts';
import { collect, count, sideOutput, tumbling } from '../../../lib/operators/index.ts';
import { boundedOutOfOrderness, pipeline } from '../../../lib/pipeline/index.ts';
import { SIM_START, type SimRow, simSink, simSource } from '../../../lib/testing/simulation/index.ts';
import type { Scenario } from '../scenario.ts';
import { type Event, eventsIn, rowOf } from './rows.ts';

const BOUND = 1_000;

/**
 * Windows alone, so that the watermark travels by the grid of their sizes and lateness, also to a further stage: what is late and what is updated is as if every
 * change of it had been told. Records are large, so that batches are cut into several frames.
 */
export const grid: Scenario = {
  name: 'grid',
  make(random) {
    const rows: SimRow[] = [];
    let at = 0;
    for (let id = 0; id < 50; id++) {
      at += random.below(600);
      const delay = random.next() < 0.35 ? random.below(9_000) : random.below(BOUND);
      const row = rowOf(id, at, SIM_START + at - delay, random, 4);
      rows.push({ ...row, value: { ...(row.value as Event), pad: 'x'.repeat(random.below(120)) } });
    }
    const source = { partitions: [rows], bounded: true };
    const tooLate = sideOutput<Event>('too-late');
    const code = pipeline(
      'grid',
      (p) => {
        const sums = p
          .source('in', simSource<Event>(source), {
            eventTime: (e) => epochMillis(e.time),
            watermark: boundedOutOfOrderness(milliseconds(BOUND)),
            idle: 'hold',
          })
          .keyBy('by-key', (e) => e.key)
          .window(tumbling(milliseconds(3_000)), { allowedLateness: milliseconds(2_000), late: tooLate })
          .aggregate('sums', { ids: collect((e: Event) => e.id) }, (key, { start }, all) => ({ key, start, ...all }));
        sums.to('sums-out', simSink());
        sums.sideOutput(tooLate).to('late-out', simSink());
        sums
          .filter((w) => w.key !== 'k3')
          .keyBy('by-start', (w) => w.start)
          .window(tumbling(milliseconds(6_000)), { allowedLateness: milliseconds(1_500) })
          .aggregate('updates', { count: count() }, (start, _, all) => ({ start, ...all }))
          .to('updates-out', simSink());
      },
      { parallelism: 1 },
    );
    return {
      pipelines: [code],
      sources: { in: source },
      sizes: random.next() < 0.6 ? { maxMessageBytes: 500, sourceRows: 50 } : {},
      sameOrder: true,
      check({ sinks, sources }) {
        const events = eventsIn(sources['in']!.partitions);
        const last = new Map<string, number>();
        for (const { value: row } of sinks['sums-out']!) {
          const { key, start, ids } = row as { key: string; start: number; ids: number[] };
          last.set(`${key} ${start}`, ids.length);
        }
        const counted = [...last.values()].reduce((a, b) => a + b, 0);
        const refused = sinks['late-out']!.length;
        return counted + refused === events.length
          ? undefined
          : `${counted} counted and ${refused} late of ${events.length}`;
      },
    };
  },
};
