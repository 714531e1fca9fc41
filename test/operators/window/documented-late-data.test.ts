/**
 * Flink's rules of windows and of late data: the cases of WindowOperatorTest (apache/flink, flink-streaming-java, org.apache.flink.streaming.runtime.operators.windowing), under their names
 * there, and what its documentation "Windows" says of them. Each by every way in which windows are kept.
 */
import { describe, expect, it } from 'vitest';
import { type Duration, hours, keyOf, minutes, seconds } from '../../../lib/model/index.ts';
import {
  endOfWindow,
  hopping,
  purging,
  session,
  sum,
  tumbling,
  type WindowSpec,
  windowOperator,
} from '../../../lib/operators/index.ts';
import { Harness } from '../harness.ts';
import { keepAll, plainTrigger } from './scripts.ts';

const ms = (n: number): Duration => n as Duration;
const layouts: Record<string, Partial<WindowSpec>> = {
  'the lean path': {},
  'any trigger': { trigger: plainTrigger },
  'records held one by one': { evictor: keepAll },
};

/** A record of a key at a time, counting 1 or `n`; or the watermark that comes. */
type Step = readonly [key: string, at: number, n?: number] | number;

/** What comes out at each step that brings anything, as `key-sum from to @time`. */
function told(spec: Partial<WindowSpec>, steps: readonly Step[]): Record<number, readonly string[]> {
  const harness = new Harness(
    windowOperator({ assigner: tumbling(seconds(2)), aggregation: sum((n: number) => n), lateSide: 'late', ...spec }),
  );
  const found: Record<number, readonly string[]> = {};
  for (const [i, step] of steps.entries()) {
    const before = harness.emitted().length;
    if (typeof step === 'number') harness.advance(step);
    else harness.record(step[2] ?? 1, step[1], step[0]);
    const results = harness
      .emitted()
      .slice(before)
      .map(({ value, time }) => {
        const { key, windowStart, windowEnd, value: n } = value as Record<string, unknown>;
        return `${key}-${n} ${windowStart} ${windowEnd} @${time}`;
      });
    if (results.length > 0) found[i] = results.toSorted();
  }
  found[-1] = harness.emitted('late').map(({ key, time }) => `${keyOf(key!)} ${time}`);
  expect(harness.end().store.size).toBe(0);
  return found;
}

/** Steps of a session that two records join, and of a later one, which all the cases of sessions begin with. */
const sessions: readonly Step[] = [
  ...([['key2', 1000], 1999, ['key2', 2000], 4998, ['key2', 4500], ['key2', 8500], 7400, ['key2', 7000]] as const),
  ...([11501, ['key2', 11600], 14600, ['key2', 10000]] as const),
];
const joined = { 8: ['key2-5 1000 11500 @11499'], 10: ['key2-1 11600 14600 @14599'] };

describe.each(Object.entries(layouts))('Flink, WindowOperatorTest, by %s', (_name, layout) => {
  it('testTumblingEventTimeWindows', () => {
    const steps: Step[] = [
      ...([
        ['key2', 3999],
        ['key2', 3000],
        ['key1', 20],
        ['key1', 0],
        ['key1', 999],
      ] as const),
      ...([['key2', 1998], ['key2', 1999], ['key2', 1000], 999, 1999, 2999, 3999, 4999, 5999, 6999, 7999] as const),
    ];
    expect(told({ assigner: tumbling(seconds(3)), ...layout }, steps)).toEqual({
      10: ['key1-3 0 3000 @2999', 'key2-3 0 3000 @2999'],
      13: ['key2-2 3000 6000 @5999'],
      [-1]: [],
    });
  });

  it('testSessionWindows', () => {
    const steps: Step[] = [
      ...([
        ['key2', 0, 1],
        ['key2', 1000, 2],
        ['key2', 2500, 3],
        ['key1', 10, 1],
        ['key1', 1000, 2],
      ] as const),
      ...([
        ['key1', 2500, 3],
        ['key2', 5501, 4],
        ['key2', 6000, 5],
        ['key2', 6000, 5],
        ['key2', 6050, 6],
      ] as const),
      ...([12000, ['key2', 15000, 10], ['key2', 15000, 20], 17999] as const),
    ];
    expect(told({ assigner: session(seconds(3)), ...layout }, steps)).toEqual({
      10: ['key1-6 10 5500 @5499', 'key2-20 5501 9050 @9049', 'key2-6 0 5500 @5499'],
      13: ['key2-30 15000 18000 @17999'],
      [-1]: [],
    });
  });

  it('testDropDueToLatenessTumbling', () => {
    const steps: Step[] = [
      ...([['key2', 1000], 1985, ['key2', 1980], 1999, ['key2', 1998], ['key2', 2001], 2999, 3999] as const),
    ];
    expect(told({ assigner: tumbling(seconds(2)), ...layout }, steps)).toEqual({
      3: ['key2-2 0 2000 @1999'],
      7: ['key2-1 2000 4000 @3999'],
      [-1]: ['key2 1998'],
    });
  });

  it('testDropDueToLatenessSliding: a record is late only if it is for all of its windows', () => {
    const steps: Step[] = [
      ...([['key2', 1000], 1999, ['key2', 2000], 3000, ['key1', 3001], ['key2', 2400], ['key2', 2400]] as const),
      ...([['key1', 3001], ['key2', 3900], 6000, ['key1', 3001], 25000] as const),
    ];
    expect(told({ assigner: hopping(seconds(3), seconds(1)), ...layout }, steps)).toEqual({
      1: ['key2-1 -1000 2000 @1999'],
      3: ['key2-2 0 3000 @2999'],
      9: [
        ...['key1-2 1000 4000 @3999', 'key1-2 2000 5000 @4999', 'key1-2 3000 6000 @5999'],
        ...['key2-1 3000 6000 @5999', 'key2-4 2000 5000 @4999', 'key2-5 1000 4000 @3999'],
      ],
      [-1]: ['key1 3001'],
    });
  });

  it('testDropDueToLatenessSessionZeroLateness: two late records are not merged by accident', () => {
    const steps: Step[] = [...sessions, ['key2', 10100], ['key2', 14500], 20000, 100000];
    expect(told({ assigner: session(seconds(3)), ...layout }, steps)).toEqual({
      ...joined,
      14: ['key2-1 14500 17500 @17499'],
      [-1]: ['key2 10000', 'key2 10100'],
    });
  });

  it('testDropDueToLatenessSessionWithLateness: one that a session still takes is not late', () => {
    const steps: Step[] = [...sessions, ['key2', 14500], 20000, 100000];
    expect(told({ assigner: session(seconds(3)), allowedLateness: 10, ...layout }, steps)).toEqual({
      ...joined,
      11: ['key2-2 10000 14600 @14599'],
      13: ['key2-3 10000 17500 @17499'],
      [-1]: [],
    });
  });

  it('testDropDueToLatenessSessionWithHugeLateness: late firings bridge sessions that had fired', () => {
    const steps: Step[] = [...sessions, ['key2', 14500], 20000, 100000];
    expect(told({ assigner: session(seconds(3)), allowedLateness: 10_000, ...layout }, steps)).toEqual({
      ...joined,
      11: ['key2-7 1000 14600 @14599'],
      13: ['key2-8 1000 17500 @17499'],
      [-1]: [],
    });
  });

  it('testCleanupTimerWithEmptyReduceState: state goes with the last moment that a late record may come', () => {
    const harness = new Harness(
      windowOperator({
        assigner: tumbling(seconds(2)),
        aggregation: sum((n: number) => n),
        allowedLateness: 1,
        ...layout,
      }),
    );
    harness.record(1, 1000, 'key2');
    expect([1599, 1999, 2000].map((watermark) => harness.advance(watermark).store.size > 0)).toEqual([
      true,
      true,
      false,
    ]);
    expect(harness.emitted()).toHaveLength(1);
  });
});

describe('Flink, WindowOperatorTest, of a trigger that purges', () => {
  it('testLateness: what has fired is not told again', () => {
    const steps: Step[] = [['key2', 500], 1500, ['key2', 1300], 2300, ['key2', 1997], 6000, ['key2', 1998], 7000];
    expect(told({ trigger: purging(endOfWindow()), allowedLateness: 500 }, steps)).toEqual({
      3: ['key2-2 0 2000 @1999'],
      4: ['key2-1 0 2000 @1999'],
      [-1]: ['key2 1998'],
    });
  });
});

/** "Window Lifecycle", "Late elements considerations", "Working with window results". */
describe('Flink, "Windows"', () => {
  const noon = hours(12);
  const at = (time: number): number => noon + time;

  it('a window of five minutes with a lateness of one lives from its first element to 12:06', () => {
    const harness = new Harness(
      windowOperator({
        assigner: tumbling(minutes(5)),
        aggregation: sum((n: number) => n),
        allowedLateness: minutes(1),
      }),
    );
    expect(harness.store.size).toBe(0);
    harness.record(1, at(minutes(2)), 'k');
    expect(harness.store.size).toBe(1);
    harness.advance(at(minutes(6)) - 2).record(1, at(minutes(3)), 'k');
    expect(harness.values<{ value: number }>().map(({ value }) => value)).toEqual([1, 2]);
    expect(harness.advance(at(minutes(6)) - 1).store.size).toBe(0);
  });

  it('results have the end less one as their time, so that the next window of the same size takes all of them', () => {
    const first = new Harness(windowOperator({ assigner: tumbling(seconds(5)), aggregation: sum((n: number) => n) }));
    const next = new Harness(
      windowOperator({
        assigner: tumbling(seconds(5)),
        aggregation: sum((r: { value: number }) => r.value),
        lateSide: 'late',
      }),
    );
    for (const [i, watermark] of [4_998, 4_999, 9_999].entries()) {
      for (const key of ['a', 'b']) first.record(1, i * 4_000, key);
      const before = first.emitted().length;
      first.advance(watermark);
      for (const { value, time } of first.emitted().slice(before)) next.record(value, time, 'all');
      next.advance(watermark);
    }
    expect(next.values()).toEqual([
      { key: 'all', windowStart: 0, windowEnd: 5_000, value: 4 },
      { key: 'all', windowStart: 5_000, windowEnd: 10_000, value: 2 },
    ]);
    expect(next.values('late')).toEqual([]);
  });

  it('a bound that is inclusive is a millisecond before: [0, 2) and [2, 4) have nothing in common', () => {
    expect(told({ assigner: tumbling(ms(2)) }, [['k', 0], ['k', 1], ['k', 2], 1, 3])).toEqual({
      3: ['k-2 0 2 @1'],
      4: ['k-1 2 4 @3'],
      [-1]: [],
    });
  });
});
