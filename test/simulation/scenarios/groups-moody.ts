import { epochMillis, milliseconds } from '../../../lib/model/index.ts';
import { boundedOutOfOrderness, pipeline } from '../../../lib/pipeline/index.ts';
import { simSink, simSource } from '../../../lib/testing/simulation/index.ts';
import type { Scenario } from '../scenario.ts';
import { difference, type Event, eventsIn, liveRows } from './rows.ts';

/**
 * Steps written in groups, of an asynchronous stage whose results differ from attempt to attempt in number and in route: what is lost is lost whole, with all that
 * followed from it, so that each record's results come from one attempt, whole and once, also in a destination outside that does not go back.
 */
export const groupsMoody: Scenario = {
  name: 'groups-moody',
  make(random) {
    const source = { partitions: liveRows(random, { partitions: 2, rows: 40, keys: 4, span: 25_000, bound: 2_000 }) };
    let attempt = 0;
    const code = pipeline(
      'groups-moody',
      (p) => {
        const enriched = p
          .source('in', simSource<Event>(source), {
            eventTime: (e) => epochMillis(e.time),
            watermark: boundedOutOfOrderness(milliseconds(2_000)),
          })
          .asyncFlatMap('enrich', async (e) => {
            const n = ++attempt;
            return Array.from({ length: 1 + (n % 3) }, (_, i) => ({
              id: e.id,
              attempt: n,
              i,
              of: 1 + (n % 3),
              key: `k${(n + i) % 5}`,
            }));
          });
        enriched.to('beside', simSink(random.next() < 0.5 ? 'outside' : 'file'));
        enriched
          .keyBy('by-key', (r) => r.key)
          .filter((r) => r.id >= 0)
          .to('out', simSink(random.next() < 0.5 ? 'outside' : 'file'));
      },
      { parallelism: 2 },
    );
    return {
      pipelines: [code],
      sources: { in: source },
      groups: true,
      faults: { crash: 12 },
      inBound: true,
      repeatable: false,
      check({ sinks, sources }) {
        const values = sinks['out']!.map(
          ({ value }) => value as { id: number; attempt: number; i: number; of: number },
        );
        const ids = difference(
          [...new Set(values.map((v) => v.id))].sort((a, b) => a - b),
          eventsIn(sources['in']!.partitions)
            .map((e) => e.id)
            .sort((a, b) => a - b),
        );
        if (ids !== undefined) return ids;
        for (const id of new Set(values.map((v) => v.id))) {
          const rows = values.filter((v) => v.id === id);
          const { of, attempt: n } = rows[0]!;
          if (rows.length !== of || rows.some((r) => r.attempt !== n))
            return `record ${id} has results ${JSON.stringify(rows)}`;
        }
        return difference(
          sinks['beside']!.map((r) => r.value),
          values,
        );
      },
    };
  },
};
