import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type EventTime, MAX_TIME, MIN_TIME, milliseconds } from '../../lib/model/index.ts';
import { type DeduplicateSpec, deduplicateOperator } from '../../lib/operators/index.ts';
import { Harness } from './harness.ts';

type Happening =
  | { readonly key: string; readonly time: number; readonly value: number | null }
  | { readonly watermark: number }
  | { readonly processing: number };

const TTL = milliseconds(20);

const happenings = (tombstones: boolean): fc.Arbitrary<readonly Happening[]> =>
  fc
    .array(
      fc.record({
        what: fc.constantFrom('record', 'record', 'record', 'record', 'watermark', 'processing'),
        key: fc.constantFrom('a', 'b'),
        ahead: fc.integer({ min: -15, max: 30 }),
        none: fc.boolean(),
      }),
      { maxLength: 80, size: 'max' },
    )
    .map((steps) => {
      let [now, clock, id] = [0, 0, 0];
      return steps.map(({ what, key, ahead, none }): Happening => {
        if (what === 'watermark') now += Math.max(0, ahead);
        if (what === 'processing') clock += Math.max(0, ahead);
        if (what !== 'record') return what === 'watermark' ? { watermark: now } : { processing: clock };
        return { key, time: now + ahead, value: tombstones && none && ahead % 3 === 0 ? null : ++id };
      });
    });

function run(spec: DeduplicateSpec, given: readonly Happening[], undone = 0) {
  const harness = new Harness(deduplicateOperator(spec));
  const apply = (one: Happening): void => {
    if ('watermark' in one) harness.advance(one.watermark);
    else if ('processing' in one) harness.at(one.processing);
    else harness.record(one.value, one.time, one.key);
  };
  given.forEach((one, i) => {
    if (undone > 0 && i % undone === 0) {
      const moment = harness.mark();
      apply(one);
      harness.rollback(moment);
    }
    apply(one);
  });
  return harness;
}

/** A record that came out, and when. */
interface Out {
  readonly time: number;
  readonly watermark: number;
  readonly processing: number;
}

/** The first records by their definition: each record is held against the last of its key that came out. */
function firsts(given: readonly Happening[], { ttl = MAX_TIME as never, ttlBy = 'event' }: DeduplicateSpec) {
  const out: (Out & { key: string; value: number | null })[] = [];
  let [watermark, processing] = [MIN_TIME as number, 0];
  for (const one of given) {
    if ('watermark' in one) watermark = one.watermark;
    else if ('processing' in one) processing = one.processing;
    else {
      const first = out.findLast(({ key }) => key === one.key);
      const known =
        first !== undefined &&
        (ttlBy === 'processing'
          ? processing < first.processing + ttl
          : one.time < first.time + ttl && watermark < Math.max(first.time, first.watermark) + ttl);
      if (!known) out.push({ ...one, watermark, processing });
    }
  }
  return out.map(({ key, value, time }) => ({ key, value, time }));
}

describe('keeping first records', () => {
  for (const spec of [{}, { ttl: TTL }, { ttl: TTL, ttlBy: 'processing' }] as const) {
    it(`lets out what its definition says, with ${JSON.stringify(spec)}`, () => {
      fc.assert(
        fc.property(happenings(false), fc.nat(4), (given, undone) => {
          const harness = run(spec, given, undone);
          const expected = firsts(given, spec);
          expect(harness.emitted()).toEqual(expected);
          const records = given.filter((one) => 'key' in one).length;
          expect(harness.count('duplicates')).toBe(records - expected.length);
        }),
        { numRuns: 200 },
      );
    });
  }
});

interface Row {
  readonly value: number | null;
  readonly time: number;
  readonly until: number;
}

/** Rows in a Map, each with when it goes, looked through at every move of time. */
function tableStory(given: readonly Happening[], spec: DeduplicateSpec) {
  const { keep = 'first', by = 'arrival', ttl, ttlBy = 'event' } = spec;
  const rows = new Map<string, Row>();
  const changes: { key: string; before: unknown; after: unknown; time: number }[] = [];
  let [watermark, processing] = [MIN_TIME as number, 0];
  const go = (over: (row: Row) => boolean, time: (row: Row) => number): void => {
    const gone = [...rows].filter(([, row]) => over(row));
    gone.sort(([a, x], [b, y]) => x.until - y.until || (a < b ? -1 : 1));
    for (const [key, row] of gone) {
      rows.delete(key);
      if (row.value !== null) changes.push({ key, before: row.value, after: undefined, time: time(row) });
    }
  };
  for (const one of given) {
    if ('watermark' in one) {
      watermark = Math.max(watermark, one.watermark);
      if (ttlBy === 'event')
        go(
          (row) => row.until <= watermark,
          (row) => row.until,
        );
    } else if ('processing' in one) {
      processing = Math.max(processing, one.processing);
      if (ttlBy === 'processing')
        go(
          (row) => row.until <= processing,
          (row) => row.time,
        );
    } else {
      const { key, time, value } = one;
      const had = rows.get(key);
      if (value === null && keep === 'first') continue;
      if (had !== undefined && by === 'event' && (keep === 'last' ? time < had.time : time >= had.time)) continue;
      const begins = ttlBy === 'event' ? Math.max(time, watermark) : processing;
      const span = ttl === undefined ? Number.POSITIVE_INFINITY : begins + ttl;
      const former = had === undefined || had.value === null || ttl === undefined ? 0 : had.until;
      if (value !== null) rows.set(key, { value, time, until: Math.max(span, former) });
      else if (by === 'event' && ttl !== undefined && ttlBy === 'processing') {
        rows.set(key, { value, time, until: Math.max(span, had?.until ?? 0) });
      } else if (by === 'event' && time > watermark) rows.set(key, { value, time, until: time });
      else rows.delete(key);
      const before = had?.value ?? undefined;
      if (before !== undefined || value !== null) changes.push({ key, before, after: value ?? undefined, time });
    }
  }
  return changes;
}

const SPECS: readonly DeduplicateSpec[] = (['first', 'last'] as const).flatMap((keep) =>
  (['arrival', 'event'] as const).flatMap((by): DeduplicateSpec[] =>
    keep === 'first' && by === 'arrival'
      ? []
      : [
          { keep, by },
          { keep, by, ttl: TTL },
          { keep, by, ttl: TTL, ttlBy: 'processing' },
        ],
  ),
);

describe('one row of each key', () => {
  for (const spec of SPECS) {
    it(`changes as an account in a Map says, with ${JSON.stringify(spec)}`, () => {
      fc.assert(
        fc.property(happenings(true), fc.nat(4), (given, undone) => {
          const changes = run(spec, given, undone).emitted();
          expect(changes.map(({ key, time, value }) => ({ key, ...(value as object), time }))).toEqual(
            tableStory(given, spec),
          );
        }),
        { numRuns: 120 },
      );
    });
  }

  it('is the earliest or latest record, whatever the order of their coming', () => {
    const times = fc.uniqueArray(fc.nat(1_000), { minLength: 1 });
    fc.assert(
      fc.property(times, (given) => {
        for (const [keep, winner] of [
          ['first', Math.min(...given)],
          ['last', Math.max(...given)],
        ] as const) {
          const harness = run(
            { keep, by: 'event' },
            given.map((time) => ({ key: 'a', time, value: time })),
          );
          expect(harness.values<{ after: number }>().at(-1)!.after).toBe(winner);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('stays when all input has ended', () => {
    const harness = run({ keep: 'last', by: 'event', ttl: TTL }, [{ key: 'a', time: 1, value: 5 }]);
    harness.advance(MAX_TIME as EventTime);
    expect(harness.values()).toEqual([{ before: undefined, after: 5 }]);
  });

  it('is deleted when the watermark has gone the ttl beyond it, and not a millisecond before', () => {
    const harness = run({ keep: 'last', by: 'event', ttl: TTL }, [{ key: 'a', time: 1_000, value: 5 }]);
    expect(harness.advance(1_000 + TTL - 1).emitted()).toHaveLength(1);
    expect(
      harness
        .advance(1_000 + TTL)
        .emitted()
        .slice(1),
    ).toEqual([{ value: { before: 5, after: undefined }, time: 1_000 + TTL, key: 'a' }]);
  });

  it('comes back by a late record that is older than its deletion, once the watermark has reached that', () => {
    const deleted = [
      { key: 'a', time: 1_000, value: 5 },
      { key: 'a', time: 2_000, value: null },
    ];
    const older = { key: 'a', time: 1_500, value: 6 };
    const before = run({ keep: 'last', by: 'event' }, [...deleted, { watermark: 1_999 }, older]);
    expect(before.values()).toHaveLength(2);
    expect(before.count('duplicates')).toBe(1);
    const reached = run({ keep: 'last', by: 'event' }, [...deleted, { watermark: 2_000 }, older]);
    expect(reached.values().slice(2)).toEqual([{ before: undefined, after: 6 }]);
  });
});
