import { epochMillis, milliseconds } from '../../../lib/model/index.ts';
import { collect, tumbling } from '../../../lib/operators/index.ts';
import { boundedOutOfOrderness, pipeline } from '../../../lib/pipeline/index.ts';
import { simSink, simSource } from '../../../lib/testing/simulation/index.ts';
import type { Scenario } from '../scenario.ts';
import { difference, type Event, eventsIn, grouped, liveRows } from './rows.ts';

const BOUND = 2_000;
const LOWER = -1_500;
const UPPER = 4_000;
const SIZE = 5_000;

interface Joined {
  readonly left: number | null;
  readonly right: number | null;
  readonly time: number;
}

/**
 * Two live sources joined by interval and in windows, each from an exchange of its own, with another window behind the join: all in bound, so nothing may be late there
 * either; each pair comes out once, and what has no match comes out although nothing follows.
 */
export const joins: Scenario = {
  name: 'joins',
  make(random) {
    const rows = { keys: 4, span: 30_000, bound: BOUND };
    const a = { partitions: liveRows(random, { ...rows, partitions: 2, rows: 16 }) };
    const b = { partitions: liveRows(random, { ...rows, partitions: 1, rows: 12, from: 1_000 }) };
    const options = {
      eventTime: (e: Event) => epochMillis(e.time),
      watermark: boundedOutOfOrderness(milliseconds(BOUND)),
    };
    const code = pipeline(
      'joins',
      (p) => {
        const left = p.source('a', simSource<Event>(a), options).keyBy('left-key', (e) => e.key);
        const right = p.source('b', simSource<Event>(b), options).keyBy('right-key', (e) => e.key, { parallelism: 3 });
        const near = left
          .intervalJoin(right)
          .between(milliseconds(LOWER), milliseconds(UPPER))
          .outerJoin(
            'near',
            (l, r, { eventTime }): Joined => ({ left: l?.id ?? null, right: r?.id ?? null, time: eventTime }),
          );
        near.to('near-out', simSink());
        near
          .keyBy('by-pair', (pair) => (pair.left ?? pair.right ?? 0) % 2)
          .window(tumbling(milliseconds(SIZE)))
          .aggregate(
            'counted',
            { found: collect((pair: Joined) => `${pair.left} ${pair.right}`) },
            (key, { start }, { found }) => ({
              key,
              start,
              found: found.toSorted(),
            }),
          )
          .to('counted-out', simSink());
        left
          .windowJoin(right, tumbling(milliseconds(SIZE)))
          .leftJoin('together', (l, r) => ({ left: l.id, right: r?.id ?? null }))
          .to('together-out', simSink());
      },
      { parallelism: 2 },
    );
    return {
      pipelines: [code],
      sources: { a, b },
      slowSource: 12_000,
      inBound: true,
      check({ sinks, sources }) {
        const lefts = eventsIn(sources['a']!.partitions);
        const rights = eventsIn(sources['b']!.partitions);
        const near = nearby(lefts, rights);
        const counted = grouped(near, (pair) => [(pair.left ?? pair.right ?? 0) % 2, floor(pair.time)]).map(
          ([[key, start], pairs]) => ({ key, start, found: pairs.map((p) => `${p.left} ${p.right}`).toSorted() }),
        );
        const valuesOf = (sink: string) => sinks[sink]!.map((record) => record.value);
        return (
          difference(valuesOf('near-out'), near) ??
          difference(valuesOf('counted-out'), counted) ??
          difference(valuesOf('together-out'), together(lefts, rights))
        );
      },
    };
  },
};

function nearby(lefts: readonly Event[], rights: readonly Event[]): Joined[] {
  const match = (l: Event, r: Event): boolean =>
    l.key === r.key && r.time - l.time >= LOWER && r.time - l.time <= UPPER;
  return [
    ...lefts.flatMap((l) =>
      rights.filter((r) => match(l, r)).map((r) => ({ left: l.id, right: r.id, time: Math.max(l.time, r.time) })),
    ),
    ...lefts
      .filter((l) => !rights.some((r) => match(l, r)))
      .map((l) => ({ left: l.id, right: null, time: l.time + UPPER })),
    ...rights
      .filter((r) => !lefts.some((l) => match(l, r)))
      .map((r) => ({ left: null, right: r.id, time: r.time - LOWER })),
  ];
}

function together(lefts: readonly Event[], rights: readonly Event[]) {
  return lefts.flatMap((l): { left: number; right: number | null }[] => {
    const same = rights.filter((r) => r.key === l.key && floor(r.time) === floor(l.time));
    return same.length === 0 ? [{ left: l.id, right: null }] : same.map((r) => ({ left: l.id, right: r.id }));
  });
}

const floor = (time: number): number => Math.floor(time / SIZE) * SIZE;
