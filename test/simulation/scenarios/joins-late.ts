import { epochMillis, milliseconds } from '../../../lib/model/index.ts';
import { session, sideOutput } from '../../../lib/operators/index.ts';
import { boundedOutOfOrderness, pipeline } from '../../../lib/pipeline/index.ts';
import { SIM_START, type SimRow, simSink, simSource } from '../../../lib/testing/simulation/index.ts';
import type { Scenario } from '../scenario.ts';
import { type Event, rowOf } from './rows.ts';

const BOUND = 1_500;

/**
 * Both sides of joins from one stream far out of order, and a stream joined with itself: which records are late, what is matched and when the unmatched come out is the
 * same, in the same order, however batches were cut and whatever went wrong.
 */
export const joinsLate: Scenario = {
  name: 'joins-late',
  make(random) {
    const rows: SimRow[] = [];
    let at = 0;
    for (let id = 0; id < 40; id++) {
      at += random.below(700);
      const delay = random.next() < 0.3 ? random.below(12_000) : random.below(BOUND);
      rows.push(rowOf(id, at, SIM_START + at - delay, random, 3));
      if (random.next() < 0.15) rows.push({ value: undefined, at, hole: true });
    }
    const source = { partitions: [rows], bounded: true };
    const lateLeft = sideOutput<Event>('late-left');
    const lateRight = sideOutput<Event>('late-right');
    const code = pipeline(
      'joins-late',
      (p) => {
        const all = p
          .source('in', simSource<Event>(source), {
            eventTime: (e) => epochMillis(e.time),
            watermark: boundedOutOfOrderness(milliseconds(BOUND)),
            idle: 'hold',
          })
          .keyBy('by-key', (e) => e.key);
        const even = all.filter((e) => e.n % 2 === 0);
        const odd = all.filter((e) => e.n % 2 === 1);
        const near = even
          .intervalJoin(odd)
          .between(milliseconds(-900), milliseconds(2_500), {
            allowedLateness: milliseconds(700),
            lowerExclusive: true,
            ...{ lateLeft, lateRight },
          })
          .outerJoin('near', (l, r, { key, eventTime }) => ({
            key,
            left: l?.id,
            right: r?.id,
            at: eventTime - SIM_START,
          }));
        near.to('near-out', simSink());
        near.sideOutput(lateLeft).to('late-left-out', simSink());
        near.sideOutput(lateRight).to('late-right-out', simSink());
        all
          .intervalJoin(all)
          .between(milliseconds(0), milliseconds(1_000), { upperExclusive: true })
          .join('with-itself', (l, r) => [l.id, r.id])
          .to('with-itself-out', simSink());
        even
          .coGroup(odd, session(milliseconds(1_200)), { allowedLateness: milliseconds(2_000) })
          .process('visits', (key, { start, end }, lefts, rights) => ({
            key,
            from: start - SIM_START,
            to: end - SIM_START,
            lefts: lefts.map((e) => e.id),
            rights: rights.map((e) => e.id),
          }))
          .to('visits-out', simSink());
      },
      { parallelism: 2 },
    );
    return { pipelines: [code], sources: { in: source }, sameOrder: true };
  },
};
