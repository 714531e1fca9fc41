import { epochMillis, milliseconds } from '../../../lib/model/index.ts';
import { collect, count, session, sliding, tumbling, untilWindowCloses } from '../../../lib/operators/index.ts';
import { boundedOutOfOrderness, pipeline } from '../../../lib/pipeline/index.ts';
import { simSink, simSource } from '../../../lib/testing/simulation/index.ts';
import { rowsOf } from '../../operators/table/changelog.ts';
import type { Scenario } from '../scenario.ts';
import { difference, type Event, eventsIn, liveRows } from './rows.ts';

const BOUND = 2_000;
const DIFFERENCE = 3_000;
const GAP = 2_500;
const SIZE = 5_000;

interface Found {
  readonly key: string;
  readonly start: number;
  readonly end: number;
  readonly ids: readonly number[];
}

/**
 * Windows whose bounds come of records: sliding ones and sessions, as streams of final results and as tables that change, and windows of all keys in one task. All in bound, so nothing may be late;
 * the last windows close although nothing follows.
 */
export const anchored: Scenario = {
  name: 'anchored',
  make(random) {
    const rows = { keys: 3, span: 25_000, bound: BOUND };
    const a = { partitions: liveRows(random, { ...rows, partitions: 2, rows: 18 }) };
    const time = {
      eventTime: (e: Event) => epochMillis(e.time),
      watermark: boundedOutOfOrderness(milliseconds(BOUND)),
    };
    const code = pipeline(
      'anchored',
      (p) => {
        const source = p.source('a', simSource<Event>(a), time);
        const byKey = source.keyBy('by-key', (e) => e.key);
        byKey
          .window(sliding(milliseconds(DIFFERENCE)))
          .aggregate('near', { ids: collect((e: Event) => e.id) }, (key, { start, end }, { ids }) => ({
            key,
            start,
            end,
            ids: ids.toSorted((x, y) => x - y),
          }))
          .to('near-out', simSink());
        byKey
          .window(sliding(milliseconds(DIFFERENCE)))
          .toTable('near-rows', count())
          .suppress('near-final', untilWindowCloses({ maxKeys: 1_000 }))
          .changes()
          .to('near-rows-out', simSink());
        byKey
          .window(session(milliseconds(GAP)))
          .toTable('visits', count())
          .changes()
          .to('visits-out', simSink());
        source
          .windowAll(tumbling(milliseconds(SIZE)))
          .aggregate('all', { n: count() })
          .to('all-out', simSink());
      },
      { parallelism: 2 },
    );
    return {
      pipelines: [code],
      sources: { a },
      slowSource: 12_000,
      inBound: true,
      check({ sinks, sources }) {
        const events = eventsIn(sources['a']!.partitions);
        const valuesOf = (sink: string) => (sinks[sink] ?? []).map(({ value }) => value);
        const rowsIn = (sink: string) => [...rowsOf(valuesOf(sink))];
        const near = nearby(events);
        const rows = (found: readonly Found[]) =>
          found.map(({ key, start, end, ids }) => [JSON.stringify({ end, key, start }), ids.length]);
        const starts = [...new Set(events.map((e) => Math.floor(e.time / SIZE) * SIZE))];
        const all = starts.map((windowStart) => ({
          windowStart,
          windowEnd: windowStart + SIZE,
          n: events.filter((e) => e.time >= windowStart && e.time < windowStart + SIZE).length,
        }));
        return (
          difference(valuesOf('near-out'), near) ??
          difference(rowsIn('near-rows-out'), rows(near)) ??
          difference(rowsIn('visits-out'), rows(visits(events))) ??
          difference(valuesOf('all-out'), all)
        );
      },
    };
  },
};

function nearby(events: readonly Event[]): Found[] {
  return [...new Set(events.map((e) => e.key))].flatMap((key) => {
    const own = events.filter((e) => e.key === key);
    const ends = new Set(own.flatMap((e) => [e.time, e.time + 1 + DIFFERENCE]));
    return [...ends]
      .map((last) => ({ key, start: last - DIFFERENCE, end: last + 1, ids: idsIn(own, last - DIFFERENCE, last) }))
      .filter(({ ids }) => ids.length > 0);
  });
}

function visits(events: readonly Event[]): Found[] {
  const found: { key: string; start: number; end: number; ids: number[] }[] = [];
  for (const e of events.toSorted((x, y) => x.time - y.time)) {
    const last = found.findLast((visit) => visit.key === e.key);
    if (last !== undefined && e.time <= last.end) {
      last.ids.push(e.id);
      last.end = e.time + GAP;
    } else found.push({ key: e.key, start: e.time, end: e.time + GAP, ids: [e.id] });
  }
  return found;
}

const idsIn = (events: readonly Event[], from: number, to: number): number[] =>
  events
    .filter((e) => e.time >= from && e.time <= to)
    .map((e) => e.id)
    .toSorted((x, y) => x - y);
