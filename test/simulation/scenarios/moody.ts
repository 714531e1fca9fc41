import { epochMillis, milliseconds } from '../../../lib/model/index.ts';
import { collect } from '../../../lib/operators/index.ts';
import { boundedOutOfOrderness, fixedDelay, noRestart, pipeline } from '../../../lib/pipeline/index.ts';
import { simSink, simSource } from '../../../lib/testing/simulation/index.ts';
import type { Scenario } from '../scenario.ts';
import { difference, type Event, eventsIn, liveRows } from './rows.ts';

/**
 * Code that throws at some attempts and not at others, and does not say so, in a stage whose results go to sinks alone: each record is counted or a dead letter, and
 * never both.
 */
export const moody: Scenario = {
  name: 'moody',
  make(random) {
    const source = { partitions: liveRows(random, { partitions: 2, rows: 50, keys: 4, span: 25_000, bound: 2_000 }) };
    const restart = random.next() < 0.7 ? noRestart() : fixedDelay(1, milliseconds(700));
    let calls = 0;
    const code = pipeline(
      'moody',
      (p) => {
        p.source('in', simSource<Event>(source), {
          eventTime: (e) => epochMillis(e.time),
          watermark: boundedOutOfOrderness(milliseconds(2_000)),
        })
          .keyBy('by-key', (e) => e.key)
          .aggregate('totals', {
            ids: collect((e: Event) => {
              if (e.id % 3 === 1 && ++calls % 4 < 3) throw new Error(String(e.id));
              return e.id;
            }),
          })
          .to('out', simSink());
      },
      { parallelism: 2, restart, fallback: 'dead-letter' },
    );
    return {
      pipelines: [code],
      sources: { in: source },
      inBound: true,
      repeatable: false,
      check({ sinks, sources, deadLetters }) {
        const last = new Map<string, number[]>();
        for (const { value } of sinks['out']!) {
          const { key, ids } = value as { key: string; ids: number[] };
          last.set(key, ids);
        }
        const counted = [...last.values()].flat();
        if (counted.length !== sinks['out']!.length) {
          return `${sinks['out']!.length} results of ${counted.length} records`;
        }
        return difference(
          [...counted, ...deadLetters.map(({ error }) => Number(error.message))],
          eventsIn(sources['in']!.partitions).map((e) => e.id),
        );
      },
    };
  },
};
