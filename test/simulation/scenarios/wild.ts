import { epochMillis, milliseconds } from '../../../lib/model/index.ts';
import { boundedOutOfOrderness, pipeline } from '../../../lib/pipeline/index.ts';
import { simSink, simSource } from '../../../lib/testing/simulation/index.ts';
import type { Scenario } from '../scenario.ts';
import { difference, type Event, eventsIn, liveRows } from './rows.ts';

const isWild = (e: { readonly id: number }): boolean => e.id % 4 === 1;

/**
 * Code that does something else at each attempt and does not say so: the records concerned are undefined, all others come through once, whole. Records
 * with many results, so that frames are cut, also within a message.
 */
export const wild: Scenario = {
  name: 'wild',
  make(random) {
    const source = { partitions: liveRows(random, { partitions: 2, rows: 36, keys: 4, span: 20_000, bound: 2_000 }) };
    let attempts = 0;
    const code = pipeline(
      'wild',
      (p) => {
        p.source('in', simSource<Event>(source), {
          eventTime: (e) => epochMillis(e.time),
          watermark: boundedOutOfOrderness(milliseconds(2_000)),
        })
          .flatMap('many', (e) => {
            const n = isWild(e) ? ++attempts % 4 : 1 + e.n;
            const turn = isWild(e) ? attempts : 0;
            return Array.from({ length: n }, (_, i) => ({
              id: e.id,
              part: i,
              key: `k${(e.id + i + turn) % 5}`,
              pad: 'x'.repeat(20),
            }));
          })
          .keyBy('by-key', (r) => r.key)
          .filter('pass', (r) => r.id >= 0)
          .keyBy('by-id', (r) => r.id)
          .filter('pass-again', (r) => r.id >= 0)
          .to('out', simSink());
      },
      { parallelism: 3 },
    );
    return {
      pipelines: [code],
      sources: { in: source },
      inBound: true,
      repeatable: false,
      check({ sinks, sources }) {
        const tame = eventsIn(sources['in']!.partitions).filter((e) => !isWild(e));
        return difference(
          sinks['out']!.map((r) => r.value as { id: number; part: number })
            .filter((r) => !isWild(r))
            .map(({ id, part }) => [id, part]),
          tame.flatMap((e) => Array.from({ length: 1 + e.n }, (_, i) => [e.id, i])),
        );
      },
    };
  },
};
