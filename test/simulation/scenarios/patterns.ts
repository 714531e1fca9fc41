import { epochMillis, milliseconds } from '../../../lib/model/index.ts';
import { begin, sideOutput, skipPastLastEvent, skipToLast, type } from '../../../lib/operators/index.ts';
import { boundedOutOfOrderness, pipeline } from '../../../lib/pipeline/index.ts';
import { SIM_START, type SimRow, simSink, simSource } from '../../../lib/testing/simulation/index.ts';
import type { Scenario } from '../scenario.ts';
import { type Event, rowOf } from './rows.ts';

const BOUND = 1_500;
const ids = (events: readonly Event[]): number[] => events.map(({ id }) => id);

/**
 * Patterns in one stream far out of order: which records are late, what is matched, what runs out of time and when it comes out is the same, in the same order, however batches
 * were cut and whatever went wrong.
 */
export const patterns: Scenario = {
  name: 'patterns',
  make(random) {
    const rows: SimRow[] = [];
    let at = 0;
    for (let id = 0; id < 45; id++) {
      at += random.below(700);
      const delay = random.next() < 0.25 ? random.below(9_000) : random.below(BOUND);
      rows.push(rowOf(id, at, SIM_START + at - delay, random, 3));
      if (random.next() < 0.15) rows.push({ value: undefined, at, hole: true });
    }
    const source = { partitions: [rows], bounded: true };
    const late = sideOutput<Event>('late');
    const unanswered = sideOutput<readonly [string, number[], number]>('unanswered');
    const low = begin('low', type<Event>()).where((e) => e.n < 5);
    const code = pipeline(
      'patterns',
      (p) => {
        const keyed = p
          .source('in', simSource<Event>(source), {
            eventTime: (e) => epochMillis(e.time),
            watermark: boundedOutOfOrderness(milliseconds(BOUND)),
            idle: 'hold',
          })
          .keyBy('by-key', (e) => e.key);
        const rising = low
          .followedByAny('higher')
          .where((e, ctx) => e.n > Math.max(ctx.taken('low')[0]!.n, ...ctx.taken('higher').map(({ n }) => n)))
          .times(1, 2)
          .notFollowedBy('nine')
          .where((e) => e.n === 9)
          .followedBy('last')
          .where((e) => e.n < 3)
          .within(milliseconds(5_000));
        const rises = keyed.match(
          'rising',
          rising,
          (m, { eventTime }) => [ids([...m.low, ...m.higher, ...m.last]), eventTime],
          {
            late,
            timedOut: {
              to: unanswered,
              make: (m, ctx) => [ctx.key, ids([...m.low, ...m.higher]), ctx.eventTime] as const,
            },
          },
        );
        rises.to('rising-out', simSink());
        rises.sideOutput(late).to('late-out', simSink());
        rises.sideOutput(unanswered).to('unanswered-out', simSink());
        const runs = low
          .oneOrMore()
          .greedy()
          .next('end')
          .where((e) => e.n > 6)
          .within(milliseconds(8_000));
        keyed
          .match('runs', runs, (m, { firstTime, lastTime }) => [ids(m.low), lastTime - firstTime], {
            afterMatch: skipPastLastEvent(),
            maxPartialMatches: 6,
          })
          .to('runs-out', simSink());
        const wave = begin('down', type<Event>())
          .where((e) => e.n < 5)
          .followedBy('up')
          .where((e) => e.n > 5);
        const waves = begin(wave)
          .oneOrMore()
          .followedBy('high')
          .where((e) => e.n === 9)
          .within(milliseconds(7_000));
        keyed
          .match('waves', waves, (m, { key }) => [key, ids(m.down), ids(m.up), ids(m.high)], {
            afterMatch: skipToLast('up'),
            maxPartialMatches: 40,
          })
          .to('waves-out', simSink());
        const quiet = low
          .oneOrMore()
          .notFollowedBy('high')
          .where((e) => e.n > 6)
          .within(milliseconds(2_000));
        keyed
          .match('quiet', quiet, (m, { key, eventTime }) => [key, ids(m.low), eventTime], {
            afterMatch: skipToLast('low'),
          })
          .to('quiet-out', simSink());
      },
      { parallelism: 2 },
    );
    return { pipelines: [code], sources: { in: source }, sameOrder: true };
  },
};
