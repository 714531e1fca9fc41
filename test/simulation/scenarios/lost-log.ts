import { epochMillis, milliseconds } from '../../../lib/model/index.ts';
import { count } from '../../../lib/operators/index.ts';
import { boundedOutOfOrderness, pipeline } from '../../../lib/pipeline/index.ts';
import { simSink, simSource } from '../../../lib/testing/simulation/index.ts';
import type { Scenario } from '../scenario.ts';
import { difference, type Event, eventsIn, liveRows } from './rows.ts';

/** A topic between stages is deleted and made anew, or loses messages that nobody has read: either nothing was lost, or somebody says so. */
export const lostLog: Scenario = {
  name: 'lost-log',
  make(random) {
    const source = { partitions: liveRows(random, { partitions: 2, rows: 40, keys: 5, span: 20_000, bound: 2_000 }) };
    const code = pipeline(
      'lost-log',
      (p) => {
        p.source('in', simSource<Event>(source), {
          eventTime: (e) => epochMillis(e.time),
          watermark: boundedOutOfOrderness(milliseconds(2_000)),
        })
          .keyBy('by-key', (e) => e.key)
          .aggregate('totals', { count: count() })
          .to('out', simSink());
      },
      { parallelism: 2 },
    );
    const recreate = random.next() < 0.5;
    const partition = random.below(2);
    const topic = code.plan.stages.find(({ id }) => id === 'totals')!.topic;
    return {
      pipelines: [code],
      sources: { in: source },
      mayStop: true,
      repeatable: false,
      happenings: [
        {
          at: 3_000 + random.below(15_000),
          act({ log, commits, tell }) {
            if (recreate) {
              tell('log', `${topic} is made anew`);
              log.recreate(topic);
              return;
            }
            const read = commits.newest({ stage: 'totals', partition })?.header.nextOffset ?? 0;
            const end = log.messages(topic, partition).length;
            if (end <= read) return;
            tell('log', `${topic}/${partition} loses ${read}..${end - 1}`);
            log.truncate(topic, partition, read);
          },
        },
      ],
      check({ sinks, sources, alarms }) {
        if (alarms.length > 0) {
          if (!recreate || alarms.some((alarm) => /anew|again|gap/.test(alarm))) return undefined;
          return `nobody says that the topic was made anew: ${alarms}`;
        }
        const events = eventsIn(sources['in']!.partitions);
        const counts = [...new Set(events.map((e) => e.key))].flatMap((key) =>
          events.filter((e) => e.key === key).map((_, i) => ({ key, count: i + 1 })),
        );
        const wrong = difference(
          sinks['out']!.map((r) => r.value),
          counts,
        );
        return wrong === undefined ? undefined : `nobody says that records were lost: ${wrong}`;
      },
    };
  },
};
