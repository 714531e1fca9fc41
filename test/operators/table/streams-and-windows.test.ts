/** Streams joined to tables, tables of windows and final rows, in whole pipelines. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  count,
  type KeyedStream,
  milliseconds,
  type Stream,
  sum,
  tumbling,
  untilTimeLimit,
  untilWindowCloses,
} from '../../../lib/index.ts';
import { verifyOperator } from '../../../lib/testing/index.ts';
import { emitted, rowsOf } from './changelog.ts';

interface Event {
  readonly time: number;
  readonly side: 'stream' | 'table';
  readonly key: string;
  readonly value: number | null;
}

const joiner = (record: Event, row: number | undefined, key: string) => `${key}:${record.value}+${row ?? '-'}`;
const sideOf = (keyed: KeyedStream<string, Event>, side: Event['side']) => keyed.filter((event) => event.side === side);

const event: fc.Arbitrary<Event> = fc.record({
  time: fc.integer({ min: 0, max: 99 }),
  side: fc.constantFrom('stream' as const, 'table' as const),
  key: fc.constantFrom('a', 'b', 'c'),
  value: fc.option(fc.nat(9), { freq: 4, nil: null }),
});
const events = fc.array(event, { maxLength: 40 });

describe('a stream joined to a table', () => {
  it('finds the row that stands when the record comes', async () => {
    const build = (input: Stream<Event>) => {
      const keyed = input.keyBy('by-key', (event) => event.key);
      const rows = sideOf(keyed, 'table').toTable('rows', (event) => event.value);
      return {
        inner: sideOf(keyed, 'stream').join('inner', rows, joiner),
        left: sideOf(keyed, 'stream').leftJoin('left', rows, joiner),
      };
    };
    await fc.assert(
      fc.asyncProperty(events, async (records) => {
        const rows = new Map<string, number>();
        const inner: string[][] = [];
        const left: string[][] = [];
        for (const event of records) {
          const { side, key, value } = event;
          if (side === 'table' && value === null) rows.delete(key);
          else if (side === 'table') rows.set(key, value!);
          const row = rows.get(key);
          left.push(side === 'stream' ? [joiner(event, row, key)] : []);
          inner.push(side === 'stream' && row !== undefined ? [joiner(event, row, key)] : []);
        }
        expect(await emitted(build, records, { disorder: 100 })).toEqual({ inner, left });
      }),
      { numRuns: 60 },
    );
  });

  it('finds the same whatever is cut, repeated or restarted, where both come by one exchange', async () => {
    const [records] = fc.sample(fc.array(event, { minLength: 60, maxLength: 60 }), { numRuns: 1, seed: 7 });
    const [found] = await verifyOperator<Event>({
      records: records!,
      eventTime: ({ time }) => new Date(time),
      outOfOrderness: milliseconds(100),
      build(input) {
        const keyed = input.keyBy('by-key', (event) => event.key);
        const rows = sideOf(keyed, 'table').toTable('rows', (event) => event.value);
        return sideOf(keyed, 'stream').join('joined', rows, joiner);
      },
    });
    expect(found!.length).toBeGreaterThan(5);
  });

  it('finds rows by any key in a table that every task has', async () => {
    const build = (input: Stream<Event>) => {
      const rows = input
        .filter((event) => event.side === 'table')
        .keyBy('by-key', (event) => event.key)
        .toTable('rows', (event) => event.value)
        .global();
      const stream = input.filter((event) => event.side === 'stream').rebalance();
      const key = (event: Event) => (event.value === null ? null : event.key);
      return {
        inner: stream.join('inner', rows, key, (event, row, key) => joiner(event, row, key)),
        left: stream.leftJoin('left', rows, key, (event, row, key) => joiner(event, row, key ?? '-')),
      };
    };
    await fc.assert(
      fc.asyncProperty(events, async (records) => {
        const rows = new Map<string, number>();
        const expected: { inner: string[]; left: string[] } = { inner: [], left: [] };
        for (const event of records) {
          const { side, key, value } = event;
          if (side === 'table' && value === null) rows.delete(key);
          else if (side === 'table') rows.set(key, value!);
          else {
            const row = value === null ? undefined : rows.get(key);
            expected.left.push(joiner(event, row, value === null ? '-' : key));
            if (row !== undefined) expected.inner.push(joiner(event, row, key));
          }
        }
        const { inner, left } = await emitted(build, records, { disorder: 100, parallelism: 3 });
        expect(inner!.flat().sort()).toEqual(expected.inner.sort());
        expect(left!.flat().sort()).toEqual(expected.left.sort());
      }),
      { numRuns: 40 },
    );
  });
});

describe('a table of windows', () => {
  const build = (input: Stream<Event>) => {
    const counts = input
      .keyBy('by-key', (event) => event.key)
      .window(tumbling(milliseconds(20)), { allowedLateness: milliseconds(10) })
      .toTable('counts', { events: count(), sum: sum((event: Event) => event.value ?? 0) });
    return {
      counts,
      final: counts.suppress('final', untilWindowCloses()),
      totals: counts
        .groupBy('by-start', (_, { start }) => start)
        .aggregate('totals', {
          init: () => 0,
          add: (total, { events }) => total + events,
          subtract: (total, { events }) => total - events,
        }),
      calm: counts.suppress('calm', untilTimeLimit(milliseconds(30))),
    };
  };

  it('has the aggregates of each key and window, and only their final ones where suppressed', async () => {
    await fc.assert(
      fc.asyncProperty(events, async (records) => {
        const expected = new Map<string, { events: number; sum: number }>();
        for (const { key, time, value } of records) {
          const start = Math.floor(time / 20) * 20;
          const name = JSON.stringify({ end: start + 20, key, start });
          const { events, sum } = expected.get(name) ?? { events: 0, sum: 0 };
          expected.set(name, { events: events + 1, sum: sum + (value ?? 0) });
        }
        const found = await emitted(build, records, { disorder: 100, parallelism: 2, ends: true, chunks: [5, 3] });
        const sorted = (rows: Map<string, unknown>) => [...rows].sort(([a], [b]) => (a < b ? -1 : 1));
        expect(sorted(rowsOf(found['counts']!.flat()))).toEqual(sorted(expected));
        expect(sorted(rowsOf(found['calm']!.flat()))).toEqual(sorted(expected));
        expect(found['final']!.flat().every((row) => (row as { kind: string }).kind === 'insert')).toBe(true);
        expect(sorted(rowsOf(found['final']!.flat()))).toEqual(sorted(expected));
        const totals = new Map<string, unknown>();
        for (const [name, { events }] of expected) {
          const start = String((JSON.parse(name) as { start: number }).start);
          totals.set(start, ((totals.get(start) as number | undefined) ?? 0) + events);
        }
        expect(sorted(rowsOf(found['totals']!.flat()))).toEqual(sorted(totals));
      }),
      { numRuns: 40 },
    );
  });
});
