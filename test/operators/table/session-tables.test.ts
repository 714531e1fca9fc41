/** Tables of session windows: rows of sessions that become part of another are deleted. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openEmbedded, readTable } from '../../../lib/embedded/index.ts';
import {
  boundedOutOfOrderness,
  count,
  endOfWindow,
  epochMillis,
  milliseconds,
  pipeline,
  type Stream,
  session,
  sum,
  toMemory,
  untilWindowCloses,
  type WindowKey,
} from '../../../lib/index.ts';
import { type Duration, keyOf, MAX_TIME, MIN_TIME } from '../../../lib/model/index.ts';
import {
  everyCount,
  suppressOperator,
  type Trigger,
  windowOperator,
  windowRowsOperator,
} from '../../../lib/operators/index.ts';
import { Feed } from '../../../lib/testing/index.ts';
import { Harness } from '../harness.ts';
import type { Event, Rec } from '../window/reference.ts';
import { script } from '../window/scripts.ts';
import { changeRows, emitted, rowsOf } from './changelog.ts';

const ms = (n: number): Duration => n as Duration;
const aggregation = { n: count(), sum: sum((r: Rec) => r.v) };

interface Told {
  readonly key: string;
  readonly start: number;
  readonly end: number;
  readonly before: unknown;
  readonly after: unknown;
}

/** Windows, their rows, and final rows, one behind the other. */
function chained(allowedLateness: number, retention: number, trigger?: Trigger) {
  const assigner = session((r: Rec) => ms(r.gap));
  const windows = new Harness(
    windowOperator({
      assigner,
      aggregation,
      allowedLateness,
      lateSide: 'late',
      tellsMerged: true,
      trigger: trigger ?? everyCount(1),
    }),
  );
  const rows = new Harness(windowRowsOperator(aggregation, retention, assigner));
  const final = new Harness(suppressOperator(untilWindowCloses(), allowedLateness));
  const all = [windows, rows, final];
  return {
    all,
    play(event: Event): void {
      const [told, changed] = [windows.emitted().length, rows.emitted().length];
      if ('record' in event) windows.record(event.record, event.record.time, event.record.key);
      else windows.advance(event.watermark);
      for (const { value, time, key } of windows.emitted().slice(told)) rows.record(value, time, keyOf(key!));
      if ('watermark' in event) rows.advance(event.watermark);
      for (const { value, time, key } of rows.emitted().slice(changed)) final.record(value, time, keyOf(key!));
      if ('watermark' in event) final.advance(event.watermark);
    },
  };
}

const toldBy = (harness: Harness): Told[] =>
  harness.emitted().map(({ value, key }) => {
    const { before, after } = value as { before?: unknown; after?: unknown };
    return { ...(keyOf(key!) as { key: string; start: number; end: number }), before, after };
  });

interface Span {
  readonly key: string;
  start: number;
  end: number;
  readonly records: Rec[];
  /** The row that stands for it. */
  row?: unknown;
}

/** Sessions as lists of their records; after every record, rows are compared with what stood before. */
function reference(events: readonly Event[], lateness: number): { changes: Told[]; final: Told[] } {
  const [changes, final]: [Told[], Told[]] = [[], []];
  let live: Span[] = [];
  let watermark: number = MIN_TIME;
  for (const event of events) {
    if ('watermark' in event) {
      watermark = Math.max(watermark, event.watermark);
      const closed = live.filter(({ end }) => Math.min(end - 1 + lateness, MAX_TIME) <= watermark);
      closed.sort((a, b) => a.end - b.end || (a.key < b.key ? -1 : a.key > b.key ? 1 : a.start - b.start));
      for (const { key, start, end, row } of closed) final.push({ key, start, end, before: undefined, after: row });
      live = live.filter((span) => !closed.includes(span));
      continue;
    }
    const { record } = event;
    const own: Span = { key: record.key, start: record.time, end: record.time + record.gap, records: [record] };
    const met = live.filter(({ key, start, end }) => key === own.key && start <= own.end && end >= own.start);
    if (met.length === 0 && own.end - 1 + lateness <= watermark) continue;
    own.start = Math.min(own.start, ...met.map(({ start }) => start));
    own.end = Math.max(own.end, ...met.map(({ end }) => end));
    own.records.push(...met.flatMap(({ records }) => records));
    own.row = { n: own.records.length, sum: own.records.reduce((total, { v }) => total + v, 0) };
    const same = met.find(({ start, end }) => start === own.start && end === own.end);
    for (const gone of met.sort((a, b) => a.start - b.start)) {
      const { key, start, end, row } = gone;
      if (gone !== same) changes.push({ key, start, end, before: row, after: undefined });
    }
    changes.push({ key: own.key, start: own.start, end: own.end, before: same?.row, after: own.row });
    live = [...live.filter((span) => !met.includes(span)), own];
  }
  return { changes, final };
}

/** Deletions of one merger come in the order in which its sessions were opened: sorted among themselves here. */
function settled(changes: readonly Told[]): Told[] {
  const list: Told[] = [];
  let gone: Told[] = [];
  for (const change of changes) {
    if (change.after === undefined) gone.push(change);
    else {
      list.push(...gone.sort((a, b) => a.start - b.start), change);
      gone = [];
    }
  }
  return [...list, ...gone];
}

const lateness = fc.integer({ min: 0, max: 40 });
const inTime = (final: readonly Told[]): Told[] =>
  final.toSorted((a, b) => a.end - b.end || a.start - b.start || (a.key < b.key ? -1 : 1));

describe('a table of sessions', () => {
  it('deletes the rows of sessions that merge, and has final rows for those that are over', () => {
    fc.assert(
      fc.property(script, lateness, fc.nat(60), fc.integer({ min: 1, max: 9 }), (events, late, more, undone) => {
        const { all, play } = chained(late, late + more);
        events.forEach((event, i) => {
          if (i % undone === 0) {
            const marks = all.map((harness) => harness.mark());
            for (const ahead of events.slice(i, i + 3)) play(ahead);
            for (const [at, harness] of all.entries()) harness.rollback(marks[at]!);
          }
          play(event);
        });
        const [windows, rows, final] = all as [Harness, Harness, Harness];
        const expected = reference(events, late);
        expect(settled(toldBy(rows))).toEqual(settled(expected.changes));
        expect(inTime(toldBy(final))).toEqual(inTime(expected.final));
        for (const harness of [windows, rows, final]) expect(harness.store.size).toBe(0);
      }),
      { numRuns: 400 },
    );
  });

  it('that changes when windows end only, still deletes what late records have merged', () => {
    fc.assert(
      fc.property(script, lateness, (events, late) => {
        const { all, play } = chained(late, late, endOfWindow());
        for (const event of events) play(event);
        const [, rows, final] = all as [Harness, Harness, Harness];
        const standing = toldBy(rows).flatMap(({ key, start, end, before, after }) =>
          changeRows({ end, key, start }, before, after),
        );
        const expected = reference(events, late).final;
        const sorted = (list: readonly unknown[]) => list.map((each) => JSON.stringify(each)).sort();
        const ends = expected.map(({ key, start, end, after }) => [JSON.stringify({ end, key, start }), after]);
        expect(sorted([...rowsOf(standing)])).toEqual(sorted(ends));
        expect(inTime(toldBy(final))).toEqual(inTime(expected));
      }),
      { numRuns: 200 },
    );
  });

  it('keeps the row of a session that is over, when a late one begins where it began', () => {
    const { all, play } = chained(0, 100);
    const record = (time: number, v: number): Event => ({ record: { key: 'a', time, v, gap: 10 } });
    for (const event of [record(5, 1), { watermark: 14 }, record(7, 2), record(5, 3)]) play(event);
    expect(toldBy(all[1]!)).toEqual([
      { key: 'a', start: 5, end: 15, before: undefined, after: { n: 1, sum: 1 } },
      { key: 'a', start: 7, end: 17, before: undefined, after: { n: 1, sum: 2 } },
      { key: 'a', start: 7, end: 17, before: { n: 1, sum: 2 }, after: undefined },
      { key: 'a', start: 5, end: 17, before: undefined, after: { n: 2, sum: 5 } },
    ]);
  });

  it('does not take the row of a session that is over for that of one which began where it began and was not told', () => {
    const { all, play } = chained(0, 100, endOfWindow());
    const record = (time: number, v: number): Event => ({ record: { key: 'a', time, v, gap: 10 } });
    for (const event of [record(5, 1), { watermark: 14 }, record(7, 2), record(5, 3), record(12, 4)]) play(event);
    play({ watermark: 30 });
    expect(toldBy(all[1]!)).toEqual([
      { key: 'a', start: 5, end: 15, before: undefined, after: { n: 1, sum: 1 } },
      { key: 'a', start: 5, end: 22, before: undefined, after: { n: 3, sum: 9 } },
    ]);
  });

  it('by processing time goes and is final by the clock of its task, whatever the times of records', () => {
    const assigner = session<Rec>(ms(10), { time: 'processing' });
    const windows = new Harness(windowOperator({ assigner, aggregation, tellsMerged: true, trigger: everyCount(1) }));
    const rows = new Harness(windowRowsOperator(aggregation, 5, assigner));
    const final = new Harness(suppressOperator(untilWindowCloses(), 0, 'processing'));
    const [all, seen] = [
      [windows, rows, final],
      [0, 0],
    ];
    const tick = (processing: number, v?: number): void => {
      for (const harness of all) harness.advance(1_000_000).at(processing);
      if (v !== undefined) windows.record({ v }, 2_000_000, 'a');
      for (const [i, to] of [rows, final].entries()) {
        for (const { value, time, key } of all[i]!.emitted().slice(seen[i])) to.record(value, time, keyOf(key!));
        seen[i] = all[i]!.emitted().length;
      }
    };
    for (const [processing, v] of [[1, 1], [6, 2], [15], [16], [20], [21]] as const) {
      tick(processing, v);
      expect([processing, rows.store.size, final.emitted().length]).toEqual([
        processing,
        processing < 21 ? 1 : 0,
        processing < 16 ? 0 : 1,
      ]);
    }
    expect(toldBy(rows)).toEqual([
      { key: 'a', start: 1, end: 11, before: undefined, after: { n: 1, sum: 1 } },
      { key: 'a', start: 1, end: 11, before: { n: 1, sum: 1 }, after: undefined },
      { key: 'a', start: 1, end: 16, before: undefined, after: { n: 2, sum: 3 } },
    ]);
    expect(toldBy(final)).toEqual([{ key: 'a', start: 1, end: 16, before: undefined, after: { n: 2, sum: 3 } }]);
    for (const harness of all) expect(harness.store.size).toBe(0);
  });

  interface Visit {
    readonly time: number;
    readonly user: string;
  }
  const build = (input: Stream<Visit>) => {
    const visits = input
      .keyBy('by-user', ({ user }) => user)
      .window(session(milliseconds(10)), { allowedLateness: milliseconds(20) })
      .toTable('visits', count());
    return { visits, final: visits.suppress('final', untilWindowCloses()) };
  };

  it('in a pipeline comes to the same rows however it is fed', async () => {
    const visit = fc.record({ time: fc.nat(150), user: fc.constantFrom('a', 'b', 'c') });
    await fc.assert(
      fc.asyncProperty(fc.array(visit, { maxLength: 40 }), async (visits) => {
        const expected = reference(
          [
            ...visits.map(({ time, user }) => ({ record: { key: user, time, v: 0, gap: 10 } })),
            { watermark: MAX_TIME },
          ],
          20,
        );
        const rows = expected.final.map(({ key, start, end, after }) => [
          JSON.stringify({ end, key, start }),
          (after as { n: number }).n,
        ]);
        for (const feeding of [
          { chunks: [1] },
          { chunks: [3, 7], restartAlways: true, deliverTwice: true, batch: 2 },
        ]) {
          const found = await emitted(build, visits, { disorder: 200, parallelism: 2, ends: true, ...feeding });
          for (const name of ['visits', 'final'])
            expect([...rowsOf(found[name]!.flat())].sort()).toEqual(rows.toSorted());
          expect(found['final']!.flat().every((row) => (row as { kind: string }).kind === 'insert')).toBe(true);
        }
      }),
      { numRuns: 20 },
    );
  });

  it('can be read by key and window', async () => {
    const feed = new Feed<Visit>(1, () => 0);
    feed.push(
      0,
      [0, 30, 5, 100, 20, 10].map((time) => ({ time, user: 'a' })),
    );
    const built = pipeline('sessions', (p) => {
      p.source('in', feed, { eventTime: ({ time }) => epochMillis(time), watermark: boundedOutOfOrderness(ms(1_000)) })
        .keyBy('by-user', ({ user }) => user)
        .window(session(ms(10)))
        .toTable('visits', count())
        .to('out', toMemory());
    });
    const open = await openEmbedded(built);
    for (let moved = true; moved; ) {
      moved = false;
      for (const task of open.run.open.tasks) if ((await task.ring()).kind === 'advanced') moved = true;
    }
    const visits = readTable<WindowKey<string>, number>(open, 'visits');
    const row = (start: number, end: number, value: number) => ({ key: { key: 'a', start, end }, value });
    expect((await visits.rows({ key: 'a' })).rows).toEqual([row(0, 40, 5), row(100, 110, 1)]);
    expect((await visits.rows({ windowFrom: epochMillis(50) })).rows).toEqual([row(100, 110, 1)]);
    expect((await visits.get({ key: 'a', start: epochMillis(0), end: epochMillis(40) })).value).toBe(5);
    await open.close();
  });
});

/** Its sessions end with their last record, where ours end the gap after it. */
describe('Kafka Streams, KStreamSessionWindowAggregateProcessorTest', () => {
  const GAP = 300_000;
  const rows = (records: readonly (readonly [key: string, time: number])[]): [string, number, number, unknown][] => {
    const { all, play } = chained(GAP, GAP);
    for (const [key, time] of records) play({ record: { key, time, v: 0, gap: GAP } });
    return toldBy(all[1]!).map(({ key, start, end, after }) => [
      key,
      start,
      end - GAP,
      (after as { n: number } | undefined)?.n,
    ]);
  };

  it('shouldImmediatelyForwardRemovedSessionsWhenMerging', () => {
    expect(
      rows([
        ['a', 0],
        ['a', 5],
      ]),
    ).toEqual([
      ['a', 0, 0, 1],
      ['a', 0, 0, undefined],
      ['a', 0, 5, 2],
    ]);
  });

  it('shouldUpdateSessionIfTheSameTime: a row whose bounds stay is updated', () => {
    expect(
      rows([
        ['mel', 0],
        ['mel', 0],
      ]),
    ).toEqual([
      ['mel', 0, 0, 1],
      ['mel', 0, 0, 2],
    ]);
  });

  it('shouldMergeSessions: a record between two sessions makes them one', () => {
    expect(
      rows([
        ['mel', 0],
        ['mel', GAP + 1],
        ['mel', GAP / 2],
      ]).slice(2),
    ).toEqual([
      ['mel', 0, 0, undefined],
      ['mel', GAP + 1, GAP + 1, undefined],
      ['mel', 0, GAP + 1, 3],
    ]);
  });

  it('shouldHandleMultipleSessionsAndMerging', () => {
    const [half, next] = [GAP / 2, GAP + 1];
    const told = rows([
      ...[['a', 0] as const, ['b', 0] as const, ['c', 0] as const, ['d', 0] as const, ['d', half] as const],
      ...[['a', next] as const, ['b', next] as const, ['a', next + half] as const, ['c', next + half] as const],
    ]);
    const standing = new Map<string, unknown>();
    for (const [key, start, end, n] of told) {
      if (n === undefined) standing.delete(`${key} ${start}-${end}`);
      else standing.set(`${key} ${start}-${end}`, n);
    }
    expect([...standing].sort()).toEqual([
      ['a 0-0', 1],
      [`a ${next}-${next + half}`, 2],
      ['b 0-0', 1],
      [`b ${next}-${next}`, 1],
      ['c 0-0', 1],
      [`c ${next + half}-${next + half}`, 1],
      [`d 0-${half}`, 2],
    ]);
  });
});
