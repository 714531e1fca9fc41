import { epochMillis, milliseconds } from '../../../lib/model/index.ts';
import { collect, sideOutput, tumbling } from '../../../lib/operators/index.ts';
import { boundedOutOfOrderness, pipeline } from '../../../lib/pipeline/index.ts';
import { SIM_START, type SimRow, simSink, simSource } from '../../../lib/testing/simulation/index.ts';
import type { Scenario } from '../scenario.ts';
import { difference, type Event, eventsIn, liveRows, rowOf } from './rows.ts';

const BOUND = 2_000;
const MONTH = 30 * 86_400_000;

/**
 * Partitions that bring history and fall silent, beside live ones: history holds nobody back for long, what is live is never late, whoever had fallen silent, and
 * each record is counted or late.
 */
export const drift: Scenario = {
  name: 'drift',
  make(random) {
    const live = liveRows(random, { partitions: 2, rows: 30, keys: 3, span: 40_000, bound: BOUND, holes: 0.05 });
    const old: SimRow[] = [];
    const back = 1_000_000 + random.below(MONTH);
    let at = random.below(4_000);
    for (let id = 5_000; id < 5_012; id++) {
      at += random.next() < 0.15 ? random.below(15_000) : random.below(300);
      old.push(rowOf(id, at, SIM_START + at - back - random.below(BOUND), random, 3));
    }
    // Some time after its history, it goes on live.
    if (random.next() < 0.6) {
      at += random.below(25_000);
      for (let id = 6_000; id < 6_006; id++) {
        at += random.below(1_500);
        old.push(rowOf(id, at, SIM_START + at - random.below(BOUND), random, 3));
      }
    }
    const source = { partitions: [...live, old] };
    // Who excludes silent partitions has declared that what they bring may be late, live or not.
    const excludes = random.next() < 0.2;
    const tooLate = sideOutput<Event>('too-late');
    const code = pipeline(
      'drift',
      (p) => {
        const windows = p
          .source('in', simSource<Event>(source), {
            eventTime: (e) => epochMillis(e.time),
            watermark: boundedOutOfOrderness(milliseconds(BOUND)),
            ...(excludes
              ? ({ idle: 'exclude', idleAfter: milliseconds(5_000) } as const)
              : { idleAfter: milliseconds(5_000), idleDrift: milliseconds(20_000) }),
          })
          .keyBy('by-key', (e) => e.key)
          .window(tumbling(milliseconds(5_000)), { late: tooLate })
          .aggregate('windows', { ids: collect((e: Event) => e.id) });
        windows.to('out', simSink());
        windows.sideOutput(tooLate).to('late-out', simSink());
      },
      { parallelism: 2 },
    );
    return {
      pipelines: [code],
      sources: { in: source },
      slowSource: 8_000,
      check({ sinks, sources }) {
        const events = eventsIn(sources['in']!.partitions);
        const refused = sinks['late-out']!.map((r) => r.value as Event);
        const counted = sinks['out']!.flatMap((r) => (r.value as { ids: number[] }).ids);
        const alive = refused.find(({ time }) => time > SIM_START - 100_000);
        if (alive !== undefined && !excludes) return `the live record ${alive.id} is late`;
        return difference(
          [...counted, ...refused.map((e) => e.id)],
          events.map((e) => e.id),
        );
      },
    };
  },
};
