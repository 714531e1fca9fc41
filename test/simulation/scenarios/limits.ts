import { epochMillis, milliseconds } from '../../../lib/model/index.ts';
import { sideOutput } from '../../../lib/operators/index.ts';
import { boundedOutOfOrderness, pipeline } from '../../../lib/pipeline/index.ts';
import { simSink, simSource } from '../../../lib/testing/simulation/index.ts';
import type { Scenario } from '../scenario.ts';
import { difference, type Event, eventsIn, liveRows } from './rows.ts';

const TASKS = 3;
const LIMIT = 2;
const BURST = 2;
const PER = 3_000;

/**
 * Records that are dropped or held back by a limit of their key, samples of them, and records led to tasks by a function. By event time all of it is the same as if nothing had gone
 * wrong. By processing time what waits goes on once, in order.
 */
export const limits: Scenario = {
  name: 'limits',
  make(random) {
    const by = random.next() < 0.6 ? 'event' : 'processing';
    const source = { partitions: liveRows(random, { partitions: 1, rows: 40, keys: 3, span: 25_000, bound: 2_000 }) };
    const rate = { limit: LIMIT, burst: BURST, per: milliseconds(PER), by } as const;
    const dropped = sideOutput<Event>('dropped');
    const code = pipeline(
      'limits',
      (p) => {
        const events = p.source('in', simSource<Event>(source), {
          eventTime: (e) => epochMillis(e.time),
          watermark: boundedOutOfOrderness(milliseconds(2_000)),
        });
        const keyed = events.keyBy('by-key', (e) => e.key);
        const few = keyed.rateLimit('few', { ...rate, excess: 'drop', dropped });
        few.to('few-out', simSink());
        few.sideOutput(dropped).to('dropped-out', simSink());
        keyed.rateLimit('slow', { ...rate, excess: 'delay' }).to('slow-out', simSink());
        keyed.sample('second', { every: 2 }).to('second-out', simSink());
        events.sample('some', { fraction: 0.5 }).to('some-out', simSink());
        events.sample('ones', { fraction: 0.5, by: (e) => e.key }).to('ones-out', simSink());
        events
          .partitionBy('place', (e, tasks) => e.id % tasks)
          .map('placed', (e) => e)
          .to('placed-out', simSink());
      },
      { parallelism: TASKS },
    );
    return {
      pipelines: [code],
      sources: { in: source },
      inBound: true,
      sameResults: by === 'event',
      check({ sinks, sources }) {
        const events = eventsIn(sources['in']!.partitions);
        const of = (sink: string): Event[] => sinks[sink]!.map(({ value }) => value as Event);
        const wrong =
          difference([...of('few-out'), ...of('dropped-out')], events) ??
          difference(of('slow-out'), events) ??
          difference(of('placed-out'), events);
        if (wrong !== undefined) return wrong;
        const misplaced = sinks['placed-out']!.find(({ task, value }) => task !== (value as Event).id % TASKS);
        if (misplaced !== undefined) return `${JSON.stringify(misplaced.value)} came to task ${misplaced.task}`;
        for (const key of new Set(events.map((e) => e.key))) {
          const all = events.filter((e) => e.key === key);
          const slow = sinks['slow-out']!.filter(({ value }) => (value as Event).key === key);
          if (slow.map(({ value }) => (value as Event).id).join() !== all.map(({ id }) => id).join())
            return `records of ${key} overtook one another`;
          const ones = of('ones-out').filter((e) => e.key === key).length;
          if (ones !== 0 && ones !== all.length) return `of ${key} ${ones} of ${all.length} are in the sample`;
          const second = of('second-out').filter((e) => e.key === key);
          const every = difference(
            second,
            all.filter((_, i) => i % 2 === 0),
          );
          if (every !== undefined) return every;
        }
        return undefined;
      },
    };
  },
};
