import { epochMillis, keyIdOf, milliseconds, partitionOf } from '../../../lib/model/index.ts';
import { boundedOutOfOrderness, pipeline } from '../../../lib/pipeline/index.ts';
import { simSink, simSource } from '../../../lib/testing/simulation/index.ts';
import type { Scenario } from '../scenario.ts';
import { difference, type Event, eventsIn, grouped, liveRows } from './rows.ts';

const isWild = (e: { readonly id: number }): boolean => e.id % 5 < 2;

interface Result {
  readonly id: number;
  readonly part: number;
  readonly of: number;
  readonly turn: number;
  readonly key: string;
}

const keyOf = (id: number, part: number, turn: number): string => `k${(id + part + turn) % 5}`;
const channelOf = (key: string): number => partitionOf(keyIdOf(key), 3);

/**
 * Code that does something else at each attempt and does not say so: of such a record each channel gets one attempt's results, whole, and all others come through once, whole. Records
 * with many results, so that frames are cut, also within a message.
 */
export const wild: Scenario = {
  name: 'wild',
  make(random) {
    const source = { partitions: liveRows(random, { partitions: 2, rows: 60, keys: 4, span: 6_000, bound: 2_000 }) };
    let attempts = 0;
    const code = pipeline(
      'wild',
      (p) => {
        p.source('in', simSource<Event>(source), {
          eventTime: (e) => epochMillis(e.time),
          watermark: boundedOutOfOrderness(milliseconds(2_000)),
        })
          .flatMap('many', (e) => {
            const n = isWild(e) ? ++attempts % 6 : 1 + e.n;
            const turn = isWild(e) ? attempts : 0;
            return Array.from({ length: n }, (_, i) => ({
              id: e.id,
              part: i,
              of: n,
              turn,
              key: keyOf(e.id, i, turn),
              pad: `${e.id} ${i} ${turn} `.repeat(3),
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
      faults: { fail: 2, lost: 2 },
      sizes:
        random.next() < 0.5 ? { maxMessageBytes: 600, sourceRows: 50, batchMessages: 20 } : { maxMessageBytes: 2_000 },
      check({ sinks, sources }) {
        const rows = sinks['out']!.map((r) => r.value as Result);
        for (const [[id, channel], list] of grouped(rows.filter(isWild), (r) => [r.id, channelOf(r.key)])) {
          const { turn, of } = list[0]!;
          const right = Array.from({ length: of }, (_, i) => i).filter(
            (i) => channelOf(keyOf(id, i, turn)) === channel,
          );
          const wrong = difference(
            list.map((r) => [r.turn, r.part]),
            right.map((i) => [turn, i]),
          );
          if (wrong !== undefined) return `results of ${id} are not those of one attempt: ${wrong}`;
        }
        const tame = eventsIn(sources['in']!.partitions).filter((e) => !isWild(e));
        return difference(
          rows.filter((r) => !isWild(r)).map(({ id, part }) => [id, part]),
          tame.flatMap((e) => Array.from({ length: 1 + e.n }, (_, i) => [e.id, i])),
        );
      },
    };
  },
};
