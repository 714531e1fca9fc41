import { after, epochMillis, milliseconds } from '../../../lib/model/index.ts';
import {
  collect,
  count,
  hopping,
  process,
  session,
  sideOutput,
  tumbling,
  type,
  value,
} from '../../../lib/operators/index.ts';
import { boundedOutOfOrderness, pipeline } from '../../../lib/pipeline/index.ts';
import { SIM_START, type SimRow, simSink, simSource } from '../../../lib/testing/simulation/index.ts';
import type { Scenario } from '../scenario.ts';
import { type Event, eventsIn, rowOf } from './rows.ts';

const BOUND = 1_500;

/**
 * Records far out of order, on one partition: which are late, what is updated, in which order results leave and when timers fire is the same however batches
 * were cut and whatever went wrong, and each record is counted or late.
 */
export const late: Scenario = {
  name: 'late',
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
    const tooLate = sideOutput<Event>('too-late');
    const tooLateForHops = sideOutput<Event>('too-late-for-hops');
    const tooLateForVisits = sideOutput<Event>('too-late-for-visits');
    const watch = process('watch', {
      in: type<Event>(),
      key: type<string>(),
      out: type<object>(),
      state: { last: value<number>({ ttl: milliseconds(3_000) }) },
      onRecord(e, { state, timers, eventTime, watermark, emit }) {
        state.last.set(e.id);
        timers.onEventTime(after(eventTime, milliseconds(900)));
        if (eventTime <= watermark) emit({ late: e.id });
      },
      onTimer(time, { key, state, emit }) {
        emit({ key, time: time - SIM_START, last: state.last.get() });
      },
    });
    const code = pipeline(
      'late',
      (p) => {
        const byKey = p
          .source('in', simSource<Event>(source), {
            eventTime: (e) => epochMillis(e.time),
            watermark: boundedOutOfOrderness(milliseconds(BOUND)),
            idle: 'hold',
          })
          .keyBy('by-key', (e) => e.key);
        const sums = byKey
          .window(tumbling(milliseconds(3_000)), { allowedLateness: milliseconds(2_000), late: tooLate })
          .aggregate('sums', { ids: collect((e: Event) => e.id) }, (key, { start }, all) => ({ key, start, ...all }));
        sums.to('sums-out', simSink());
        sums.sideOutput(tooLate).to('late-out', simSink());
        const hops = byKey
          .window(hopping(milliseconds(3_000), milliseconds(1_000)), { late: tooLateForHops })
          .aggregate('hops', { count: count() }, (key, { start }, all) => ({ key, start, ...all }));
        hops.to('hops-out', simSink());
        hops.sideOutput(tooLateForHops).to('late-hops-out', simSink());
        const visits = byKey
          .window(session(milliseconds(800)), { late: tooLateForVisits })
          .aggregate('visits', { count: count() }, (key, { start, end }, all) => ({ key, start, end, ...all }));
        visits.to('visits-out', simSink());
        visits.sideOutput(tooLateForVisits).to('late-visits-out', simSink());
        byKey.process(watch).to('watch-out', simSink());
      },
      { parallelism: 2 },
    );
    return {
      pipelines: [code],
      sources: { in: source },
      sameOrder: true,
      check({ sinks, sources }) {
        const events = eventsIn(sources['in']!.partitions);
        const last = new Map<string, number>();
        for (const { value: row } of sinks['sums-out']!) {
          const { key, start, ids } = row as { key: string; start: number; ids: number[] };
          last.set(`${key} ${start}`, ids.length);
        }
        const counted = [...last.values()].reduce((a, b) => a + b, 0);
        const refused = sinks['late-out']!.length;
        if (counted + refused !== events.length) return `${counted} counted and ${refused} late of ${events.length}`;
        const visited = sinks['visits-out']!.reduce((n, r) => n + (r.value as { count: number }).count, 0);
        const unvisited = sinks['late-visits-out']!.length;
        if (visited + unvisited === events.length) return undefined;
        return `${visited} in sessions and ${unvisited} late of ${events.length}`;
      },
    };
  },
};
