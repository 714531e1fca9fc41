import { epochMillis, milliseconds } from '../../../lib/model/index.ts';
import { count, sum } from '../../../lib/operators/index.ts';
import { boundedOutOfOrderness, pipeline } from '../../../lib/pipeline/index.ts';
import { simSink, simSource } from '../../../lib/testing/simulation/index.ts';
import type { Scenario } from '../scenario.ts';
import { difference, type Event, eventsIn, liveRows } from './rows.ts';

/** Filter, one exchange, rolling aggregates: each record counts once, in the order of its key. */
export const rolling: Scenario = {
  name: 'rolling',
  make(random) {
    const partitions = liveRows(random, { partitions: 2, rows: 40, keys: 5, span: 20_000, bound: 3_000 });
    const source = { partitions };
    const code = pipeline(
      'rolling',
      (p) => {
        p.source('in', simSource<Event>(source), {
          eventTime: (e) => epochMillis(e.time),
          watermark: boundedOutOfOrderness(milliseconds(3_000)),
        })
          .filter((e) => e.n !== 3)
          .keyBy('by-key', (e) => e.key)
          .aggregate('totals', { count: count(), sum: sum((e: Event) => e.n) })
          .to('out', simSink());
      },
      { parallelism: 2 },
    );
    return {
      pipelines: [code],
      sources: { in: source },
      inBound: true,
      check({ sinks, sources }) {
        const events = eventsIn(sources['in']!.partitions).filter((e) => e.n !== 3);
        const keys = [...new Set(events.map((e) => e.key))];
        const counts = keys.flatMap((key) =>
          events.filter((e) => e.key === key).map((_, i) => ({ key, count: i + 1 })),
        );
        const values = sinks['out']!.map(({ value }) => value as { key: string; count: number; sum: number });
        const wrong = difference(
          values.map(({ key, count }) => ({ key, count })),
          counts,
        );
        if (wrong !== undefined) return wrong;
        for (const key of keys) {
          const rows = values.filter((v) => v.key === key);
          if (rows.some((row, i) => row.count !== i + 1)) return `${key} counts ${rows.map((r) => r.count)}`;
          const total = events.filter((e) => e.key === key).reduce((s, e) => s + e.n, 0);
          if (rows.at(-1)!.sum !== total) return `${key} sums up to ${rows.at(-1)!.sum}, not ${total}`;
        }
        return undefined;
      },
    };
  },
};
