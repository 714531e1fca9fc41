import { after, epochMillis, milliseconds } from '../../../lib/model/index.ts';
import { count, earlyByProcessingTime, process, tumbling, type, value } from '../../../lib/operators/index.ts';
import { boundedOutOfOrderness, pipeline } from '../../../lib/pipeline/index.ts';
import { SIM_START, simSink, simSource } from '../../../lib/testing/simulation/index.ts';
import type { Scenario } from '../scenario.ts';
import { difference, type Event, eventsIn, liveRows } from './rows.ts';

/** Timers of processing time, also with nothing coming any more: each fires once, never before its time, and windows by the clock hold each record once. */
export const ticks: Scenario = {
  name: 'ticks',
  make(random) {
    const source = { partitions: liveRows(random, { partitions: 2, rows: 35, keys: 12, span: 25_000, bound: 2_000 }) };
    const wait = 500 + random.below(8_000);
    const remind = process('remind', {
      in: type<Event>(),
      key: type<number>(),
      out: type<{ id: number; asked: number; told: number }>(),
      state: { asked: value<number>() },
      onRecord(_, { state, timers, processingTime }) {
        state.asked.set(processingTime);
        timers.onProcessingTime(after(processingTime, milliseconds(wait)));
      },
      onProcessingTimer(_, { key, state, processingTime, emit }) {
        emit({ id: key, asked: state.asked.get()!, told: processingTime });
      },
    });
    const code = pipeline(
      'ticks',
      (p) => {
        const rows = p.source('in', simSource<Event>(source), {
          eventTime: (e) => epochMillis(e.time),
          watermark: boundedOutOfOrderness(milliseconds(2_000)),
        });
        rows
          .keyBy('by-id', (e) => e.id)
          .process(remind)
          .to('reminders', simSink());
        const byKey = rows.keyBy('by-key', (e) => e.key);
        byKey
          .window(tumbling(milliseconds(4_000), { time: 'processing' }))
          .aggregate('by-clock', { count: count() })
          .to('clock-out', simSink());
        byKey
          .window(tumbling(milliseconds(10_000)), { trigger: earlyByProcessingTime(milliseconds(1_500)) })
          .aggregate('early', { count: count() }, (key, { start }, all) => ({ key, start, ...all }))
          .to('early-out', simSink());
      },
      { parallelism: 2 },
    );
    return {
      pipelines: [code],
      sources: { in: source },
      check({ sinks, sources }) {
        const events = eventsIn(sources['in']!.partitions);
        const told = sinks['reminders']!.map((r) => r.value as { id: number; asked: number; told: number });
        const wrong = difference(
          told.map((t) => t.id),
          events.map((e) => e.id),
        );
        if (wrong !== undefined) return wrong;
        const early = told.find((t) => t.told < t.asked + wait);
        if (early !== undefined)
          return `${early.id} is told ${early.told - early.asked} ms after it was asked, not ${wait}`;
        const arrived = new Map(
          sources['in']!.partitions.flat().map(({ at, value: row }) => [
            (row as Event | undefined)?.id,
            SIM_START + at,
          ]),
        );
        const stale = told.find((t) => t.asked < arrived.get(t.id)!);
        if (stale !== undefined)
          return `${stale.id} is taken to have come at ${stale.asked - SIM_START}, before it was there`;
        const clock = sinks['clock-out']!.reduce((n, r) => n + (r.value as { count: number }).count, 0);
        if (clock !== events.length) return `${clock} records by the clock of ${events.length}`;
        const last = new Map<string, number>();
        for (const { value: row } of sinks['early-out']!) {
          const { key, start, count: n } = row as { key: string; start: number; count: number };
          if (n < (last.get(`${key} ${start}`) ?? 0)) return `the window of ${key} at ${start} has fewer than before`;
          last.set(`${key} ${start}`, n);
        }
        const windows = [...last.values()].reduce((a, b) => a + b, 0);
        return windows === events.length ? undefined : `${windows} records in windows of ${events.length}`;
      },
    };
  },
};
