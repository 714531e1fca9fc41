import { epochMillis, milliseconds } from '../../../lib/model/index.ts';
import { process, type, value } from '../../../lib/operators/index.ts';
import { boundedOutOfOrderness, pipeline } from '../../../lib/pipeline/index.ts';
import { SIM_START, type SimRow, simSink, simSource } from '../../../lib/testing/simulation/index.ts';
import type { Scenario } from '../scenario.ts';
import { difference, type Event, eventsIn, rowOf } from './rows.ts';

/** State that is large beside what each batch changes of it, and few slots: snapshots are made of several runs, again and again, and garbage is collected beside. */
export const heavy: Scenario = {
  name: 'heavy',
  make(random) {
    const rows: SimRow[] = [];
    let at = 0;
    for (let id = 0; id < 90; id++) {
      at += id < 40 ? random.below(60) : random.below(500);
      rows.push(rowOf(id, at, SIM_START + at - random.below(1_000), random, 30));
    }
    const source = { partitions: [rows] };
    const keep = process('keep', {
      in: type<Event>(),
      key: type<string>(),
      out: type<{ key: string; seen: number; before: number }>(),
      state: { last: value<{ seen: number; id: number; pad: string }>() },
      onRecord(e, { key, state, emit, random: draw }) {
        const last = state.last.get();
        const seen = (last?.seen ?? 0) + 1;
        const pad = Array.from({ length: 60 }, () => draw().toString(36)).join('');
        state.last.set({ seen, id: e.id, pad });
        emit({ key, seen, before: last?.id ?? -1 });
      },
    });
    const code = pipeline(
      'heavy',
      (p) => {
        p.source('in', simSource<Event>(source), {
          eventTime: (e) => epochMillis(e.time),
          watermark: boundedOutOfOrderness(milliseconds(1_000)),
        })
          .keyBy('by-key', (e) => e.key)
          .process(keep)
          .to('out', simSink());
      },
      { parallelism: 1 },
    );
    return {
      pipelines: [code],
      sources: { in: source },
      inBound: true,
      sizes: {
        slots: 2 + random.below(5),
        batchMessages: 3,
        sourceRows: 3,
        inlineBytes: random.next() < 0.5 ? 400 : 200_000,
      },
      faults: { garbage: 2 },
      check({ sinks, sources }) {
        const last = new Map<string, { seen: number; before: number }>();
        const expected = eventsIn(sources['in']!.partitions).map(({ id, key }) => {
          const { seen, before } = last.get(key) ?? { seen: 0, before: -1 };
          last.set(key, { seen: seen + 1, before: id });
          return { key, seen: seen + 1, before };
        });
        return difference(
          sinks['out']!.map((r) => r.value),
          expected,
        );
      },
    };
  },
};
