import { epochMillis, milliseconds } from '../../../lib/model/index.ts';
import { count, sum } from '../../../lib/operators/index.ts';
import { boundedOutOfOrderness, fixedDelay, noRestart, pipeline } from '../../../lib/pipeline/index.ts';
import { simSink, simSource } from '../../../lib/testing/simulation/index.ts';
import type { Scenario } from '../scenario.ts';
import { difference, type Event, eventsIn, liveRows } from './rows.ts';

const poison = (e: Event): boolean => e.id % 9 === 4;

/** Poison in a source's stage and behind an exchange: given up at once or after retries, each exactly once, and everything else as if it had not been there. */
export const letters: Scenario = {
  name: 'letters',
  make(random) {
    const source = { partitions: liveRows(random, { partitions: 2, rows: 50, keys: 4, span: 25_000, bound: 2_000 }) };
    const restart = random.next() < 0.5 ? noRestart() : fixedDelay(1 + random.below(2), milliseconds(700));
    const code = pipeline(
      'letters',
      (p) => {
        p.source('in', simSource<Event>(source), {
          eventTime: (e) => epochMillis(e.time),
          watermark: boundedOutOfOrderness(milliseconds(2_000)),
        })
          .map('first', (e) => {
            if (poison(e) && e.n > 5) throw new Error(`first ${e.id}`);
            return e;
          })
          .keyBy('by-key', (e) => e.key)
          .aggregate('totals', {
            count: count(),
            sum: sum((e: Event) => {
              if (poison(e)) throw new Error(`second ${e.id}`);
              return e.n;
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
      check({ sinks, deadLetters, sources }) {
        const events = eventsIn(sources['in']!.partitions);
        const good = events.filter((e) => !poison(e));
        const counts = [...new Set(good.map((e) => e.key))].flatMap((key) =>
          good.filter((e) => e.key === key).map((_, i) => ({ key, count: i + 1 })),
        );
        const values = sinks['out']!.map(({ value }) => value as { key: string; count: number; sum: number });
        return (
          difference(
            values.map(({ key, count: n }) => ({ key, count: n })),
            counts,
          ) ??
          difference(
            deadLetters.map(({ error }) => error.message),
            events.filter(poison).map((e) => `${e.n > 5 ? 'first' : 'second'} ${e.id}`),
          )
        );
      },
    };
  },
};
