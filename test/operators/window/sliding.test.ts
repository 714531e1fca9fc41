import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Duration, MAX_TIME } from '../../../lib/model/index.ts';
import {
  coGroupOperator,
  collect,
  count,
  earlyByCount,
  endOfWindow,
  everyCount,
  keepLast,
  sliding,
  sum,
  type WindowSpec,
  windowJoinOperator,
  windowOperator,
} from '../../../lib/operators/index.ts';
import { Harness } from '../harness.ts';
import type { Event, Rec, Story } from './reference.ts';
import { aggregation, play, script } from './scripts.ts';
import { slidingReference } from './sliding-reference.ts';

const ms = (n: number): Duration => n as Duration;
const difference = fc.integer({ min: 0, max: 30 });
const lateness = fc.integer({ min: 0, max: 40 });
const undone = fc.integer({ min: 1, max: 9 });

const build = (spec: Partial<WindowSpec> & Pick<WindowSpec, 'assigner'>): Harness =>
  new Harness(windowOperator({ aggregation, lateSide: 'late', ...spec }));

/** A story of numbers only, as the aggregation's accumulator is then laid out in numbers. */
const numbersOf = ({ results, ...rest }: Story) => ({
  ...rest,
  results: results.map(({ all: _, ...result }) => result),
});
/** A record that no result told of counts as on time or late as well. */
const accounted = (story: Story): Story => ({ ...story, onTime: story.onTime + story.unwindowed });

describe.each([
  ['at their end', endOfWindow(), false],
  ['with every record', everyCount(1), true],
] as const)('sliding windows that emit %s', (_name, trigger, each) => {
  const check = (events: readonly Event[], d: number, late: number, undo: number): void => {
    const expected = slidingReference(events, d, late, each);
    const spec = { assigner: sliding(ms(d)), trigger, allowedLateness: late };
    const harness = build(spec);
    expect(accounted(play(harness, events, (i) => i % undo === 0))).toEqual(expected);
    expect(harness.store.size).toBe(0);
    const numbers = build({ ...spec, aggregation: { n: count(), sum: sum((r: Rec) => r.v) } });
    expect(numbersOf(accounted(play(numbers, events, (i) => i % undo === 0)))).toEqual(numbersOf(expected));
  };

  it('are what their definition says, account for every record, and leave nothing behind', () => {
    fc.assert(fc.property(script, difference, lateness, undone, check), { numRuns: 400 });
  });

  it('clear the states of each window, and only then', () => {
    fc.assert(
      fc.property(script, difference, lateness, (events, d, late) => {
        interface Counter {
          get(): number | undefined;
          set(n: number): void;
        }
        const harness = build({
          assigner: sliding(ms(d)),
          trigger,
          allowedLateness: late,
          windowState: { firings: { kind: 'value' } },
          windowFunction(key, { start, end }, { n }, { windowState }: { windowState: { firings: Counter } }) {
            const firing = (windowState.firings.get() ?? 0) + 1;
            windowState.firings.set(firing);
            return { key, start, end, n, firing };
          },
        });
        play(harness, events);
        const seen = new Map<string, number>();
        const expected = slidingReference(events, d, late, each).results.map(({ key, windowStart, windowEnd, n }) => {
          const firing = (seen.get(`${key} ${windowEnd}`) ?? 0) + 1;
          seen.set(`${key} ${windowEnd}`, firing);
          return { key, start: windowStart, end: windowEnd, n, firing };
        });
        expect(harness.values()).toEqual(expected);
        expect(harness.store.size).toBe(0);
      }),
    );
  });
});

describe('sliding windows', () => {
  it('hand their records on in the order of time, where nothing is aggregated', () => {
    const harness = new Harness(windowOperator({ assigner: sliding(ms(10)) }));
    harness.record('b', 15, 'k').record('a', 12, 'k').record('c', 15, 'k').advance(15);
    expect(harness.values()).toEqual([
      { key: 'k', windowStart: 2, windowEnd: 13, records: ['a'] },
      { key: 'k', windowStart: 5, windowEnd: 16, records: ['a', 'b', 'c'] },
    ]);
  });

  it('count a record that came after its own window and that no later window told of', () => {
    const harness = build({ assigner: sliding(ms(10)) });
    harness.advance(20).record({ v: 1 }, 15, 'k').record({ v: 2 }, 9, 'k');
    expect([harness.count('late'), harness.count('unwindowed')]).toEqual([1, 0]);
    harness.end();
    expect(harness.emitted()).toEqual([]);
    expect(harness.count('unwindowed')).toBe(1);
    const told = build({ assigner: sliding(ms(10)) });
    told.advance(20).record({ v: 1 }, 15, 'k').record({ v: 2 }, 22, 'k').end();
    expect(told.count('unwindowed')).toBe(0);
    expect(told.values()).toMatchObject([
      { windowStart: 12, windowEnd: 23, all: [1, 2] },
      { windowStart: 16, windowEnd: 27, all: [2] },
    ]);
  });

  it('change one row with a record, and keep as many as there are times within reach', () => {
    const harness = build({ assigner: sliding(ms(500)), aggregation: { n: count() } });
    for (let time = 0; time < 5_000; time++) {
      harness.record({ v: 1 }, time, 'k');
      if (time % 10 === 0) harness.advance(time - 10);
      if (time === 2_500) {
        harness.store.clear();
        harness.record({ v: 1 }, time, 'k');
        expect(harness.store.changes()).toHaveLength(1);
      }
      expect(harness.store.size).toBeLessThan(530);
    }
    for (let key = 0; key < 300; key++) harness.record({ v: 1 }, 5_000, `once ${key}`);
    harness.advance(7_000);
    expect(harness.store.size).toBe(0);
  });

  it('work in proportion to the windows of a record, not to their square, where each is told of every record', () => {
    let mergers = 0;
    const counting = {
      create: () => 0,
      add: (acc: number) => acc + 1,
      merge(a: number, b: number) {
        mergers++;
        return a + b;
      },
      result: (acc: number) => acc,
      clone: (acc: number) => acc,
    };
    const harness = build({ assigner: sliding(ms(1_000)), trigger: everyCount(1), aggregation: counting });
    for (let time = 0; time < 400; time++) harness.record(time, time, 'k');
    mergers = 0;
    harness.record(0, 200, 'k');
    expect(harness.emitted().length).toBeGreaterThan(400);
    expect(mergers).toBeLessThan(3 * 400);
  });

  it('refuse other triggers, evictors, time differences that are none, and two streams', () => {
    const rules = (spec: Partial<WindowSpec>): string[] =>
      (windowOperator({ assigner: sliding(ms(10)), ...spec }).mistakes ?? []).map(({ rule }) => rule);
    const trigger = 'sliding windows emit at their end or with every record';
    expect(rules({ trigger: earlyByCount(2) })).toEqual([trigger]);
    expect(rules({ trigger: everyCount(2) })).toEqual([trigger]);
    expect(rules({ trigger: endOfWindow({ purge: true }) })).toEqual([trigger]);
    expect(rules({ trigger: everyCount(1, { purge: true }) })).toEqual([trigger]);
    expect(rules({ evictor: keepLast(1) })).toEqual(['sliding windows share their records and have no evictor']);
    expect(rules({ assigner: sliding(ms(0)) })).toEqual([]);
    for (const bad of [-1, 1.5, Number.NaN]) {
      expect(rules({ assigner: sliding(ms(bad)) })).toMatchObject([
        `a sliding window's time difference must be a whole number of milliseconds of at least 0, not ${bad}`,
      ]);
    }
    const join = { assigner: sliding(ms(1)), kind: 'inner', join: () => 1 } as const;
    expect(windowJoinOperator(join).mistakes).toHaveLength(1);
    expect(coGroupOperator({ assigner: sliding(ms(1)), fn: () => 1 }).mistakes).toHaveLength(1);
  });

  it('say what they are in the plan', () => {
    expect(windowOperator({ assigner: sliding(ms(10)), aggregation })).toMatchObject({
      eventTime: true,
      steps: 'every',
      state: { $windows: 1 },
      options: { window: { kind: 'sliding', difference: 10 }, layout: 'sliding' },
    });
  });
});

/** Kafka Streams closes by stream time: a window is closed when its last millisecond is before the latest time seen of any key, less the grace. */
function streamTime(harness: Harness, records: readonly (readonly [key: string, v: string, time: number])[]): void {
  for (const [key, v, time] of records) harness.advance(time - 1).record(v, time, key);
}

const strings = (spec: Partial<WindowSpec>): Harness =>
  new Harness(windowOperator({ assigner: sliding(ms(10)), aggregation: collect<string>(), lateSide: 'late', ...spec }));
const told = (harness: Harness): [string, string, number, number][] =>
  harness
    .values<{ key: string; windowStart: number; windowEnd: number; value: string[] }>()
    .map(({ key, windowStart, windowEnd, value }) => [key, value.join('+'), windowStart, windowEnd - 1]);

describe('as Kafka Streams documents and tests sliding windows', () => {
  it('SlidingWindows: the five windows of the class documentation', () => {
    const harness = strings({ assigner: sliding(ms(5_000)) });
    harness.record('1', 8_000, 'A').record('2', 9_200, 'A').record('3', 12_400, 'A').end();
    expect(told(harness)).toEqual([
      ['A', '1', 3_000, 8_000],
      ['A', '1+2', 4_200, 9_200],
      ['A', '1+2+3', 7_400, 12_400],
      ['A', '2+3', 8_001, 13_001],
      ['A', '3', 9_201, 14_201],
    ]);
  });

  const small = [
    ['A', '1', 10],
    ['A', '2', 10],
    ['A', '3', 14],
    ['A', '4', 15],
    ['A', '5', 20],
    ['A', '6', 22],
    ['A', '7', 30],
  ] as const;
  it('KStreamSlidingWindowAggregateTest.testAggregateSmallInput, emitted when windows close', () => {
    const harness = strings({});
    streamTime(harness, small);
    harness.advance(30 - 5 - 1);
    const closed = told(harness).filter(([, , , end]) => end < 30 - 5);
    expect(closed).toEqual([
      ['A', '1+2', 0, 10],
      ['A', '1+2+3', 4, 14],
      ['A', '1+2+3+4', 5, 15],
      ['A', '1+2+3+4+5', 10, 20],
      ['A', '3+4+5', 11, 21],
      ['A', '3+4+5+6', 12, 22],
    ]);
    expect(told(harness.end()).slice(closed.length)).toEqual([
      ['A', '4+5+6', 15, 25],
      ['A', '5+6', 16, 26],
      ['A', '5+6+7', 20, 30],
      ['A', '6+7', 21, 31],
      ['A', '7', 23, 33],
    ]);
  });

  it('KStreamSlidingWindowAggregateTest.testAggregateSmallInput, emitted with every update', () => {
    const harness = strings({ trigger: everyCount(1), allowedLateness: 5 });
    streamTime(harness, small);
    const byStart = new Map<number, string[]>();
    for (const [, v, start] of told(harness)) byStart.set(start, [...(byStart.get(start) ?? []), v]);
    expect([...byStart].sort(([a], [b]) => a - b)).toEqual([
      [0, ['1', '1+2']],
      [4, ['1+2+3']],
      [5, ['1+2+3+4']],
      [10, ['1+2+3+4+5']],
      [11, ['3', '3+4', '3+4+5']],
      [12, ['3+4+5+6']],
      [15, ['4', '4+5', '4+5+6']],
      [16, ['5', '5+6']],
      [20, ['5+6+7']],
      [21, ['6', '6+7']],
      [23, ['7']],
    ]);
  });

  it('KStreamSlidingWindowAggregateTest.testAggregateLargeInput: records out of order and expired windows, when windows close', () => {
    const harness = strings({ allowedLateness: 10 });
    const records = [
      ['A', '1', 10],
      ['A', '2', 20],
      ['A', '3', 22],
      ['A', '4', 15],
      ['B', '1', 12],
      ['B', '2', 13],
      ['B', '3', 18],
      ['B', '4', 19],
      ['B', '5', 25],
      ['B', '6', 14],
      ['C', '1', 11],
      ['C', '2', 15],
      ['C', '3', 16],
      ['C', '4', 21],
      ['C', '5', 23],
      ['D', '4', 11],
      ['D', '2', 12],
      ['D', '3', 29],
      ['D', '5', 16],
    ] as const;
    streamTime(harness, records);
    const last = new Map<string, string>();
    for (const [key, v, start, end] of told(harness)) if (end < 19) last.set(`${key}@${start}`, v);
    expect([...last].sort()).toEqual([
      ['A@0', '1'],
      ['A@5', '1+4'],
      ['B@2', '1'],
      ['B@3', '1+2'],
      ['B@8', '1+2+6+3'],
      ['C@5', '1+2'],
      ['C@6', '1+2+3'],
    ]);
    expect(harness.emitted('late')).toEqual([]);
  });

  it('has windows that begin before 1970 too, where Kafka Streams puts early records into one from 0 on', () => {
    const harness = strings({});
    harness.record('1', 3, 'A').advance(3);
    expect(told(harness)).toEqual([['A', '1', -7, 3]]);
    expect(harness.advance(MAX_TIME).emitted()).toHaveLength(1);
  });
});
