import { after, type EventTime, epochMillis, milliseconds } from '../../../lib/model/index.ts';
import { count, list, process, session, type } from '../../../lib/operators/index.ts';
import { boundedOutOfOrderness, pipeline } from '../../../lib/pipeline/index.ts';
import { simSink, simSource } from '../../../lib/testing/simulation/index.ts';
import type { Scenario } from '../scenario.ts';
import { difference, type Event, eventsIn, liveRows } from './rows.ts';

const BOUND = 2_000;
const GAP = 2_500;

/** Sessions and hand-set timers: what fires depends on every step of the watermark, and the last of them on the pump alone. */
export const quiet: Scenario = {
  name: 'quiet',
  make(random) {
    const source = { partitions: liveRows(random, { partitions: 3, rows: 45, keys: 4, span: 40_000, bound: BOUND }) };
    const silence = process('silence', {
      in: type<Event>(),
      key: type<string>(),
      out: type<{ key: string; silentSince: number }>(),
      state: { times: list<EventTime>() },
      onRecord(_, { state, timers, eventTime }) {
        state.times.add(eventTime);
        timers.onEventTime(after(eventTime, milliseconds(GAP)));
      },
      onTimer(time, { key, state, emit }) {
        const heard = state.times.get();
        if (!heard.some((t) => t > time - GAP && t <= time)) emit({ key, silentSince: time - GAP });
      },
    });
    const code = pipeline(
      'quiet',
      (p) => {
        const byKey = p
          .source('in', simSource<Event>(source), {
            eventTime: (e) => epochMillis(e.time),
            watermark: boundedOutOfOrderness(milliseconds(BOUND)),
          })
          .keyBy('by-key', (e) => e.key);
        byKey
          .window(session(milliseconds(GAP)))
          .aggregate('sessions', { count: count() }, (key, { start, end }, all) => ({ key, start, end, ...all }))
          .to('visits', simSink());
        byKey.process(silence).to('silences', simSink());
      },
      { parallelism: 2 },
    );
    return {
      pipelines: [code],
      sources: { in: source },
      slowSource: 9_000,
      inBound: true,
      check({ sinks, sources }) {
        const visits = eventsIn(sources['in']!.partitions)
          .map((e) => e.key)
          .filter((key, i, all) => all.indexOf(key) === i)
          .flatMap((key) =>
            visitsOf(
              key,
              eventsIn(sources['in']!.partitions).filter((e) => e.key === key),
            ),
          );
        const silences = visits.map(({ key, end }) => ({ key, silentSince: end - GAP }));
        return (
          difference(
            sinks['visits']!.map((r) => r.value),
            visits,
          ) ??
          difference(
            sinks['silences']!.map((r) => r.value),
            silences,
          )
        );
      },
    };
  },
};

function visitsOf(key: string, events: readonly Event[]): { key: string; start: number; end: number; count: number }[] {
  const visits: { key: string; start: number; end: number; count: number }[] = [];
  for (const { time } of events.toSorted((a, b) => a.time - b.time)) {
    const last = visits.at(-1);
    if (last !== undefined && time <= last.end) {
      last.end = Math.max(last.end, time + GAP);
      last.count++;
    } else visits.push({ key, start: time, end: time + GAP, count: 1 });
  }
  return visits;
}
