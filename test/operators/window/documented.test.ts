/** Cases that are public: Flink's documentation "Windows" and its own tests of windows. Every one is theirs, put in our words. */
import { describe, expect, it } from 'vitest';
import { type Duration, MAX_TIME, milliseconds, seconds } from '../../../lib/model/index.ts';
import {
  count,
  deltaEvictor,
  deltaTrigger,
  endOfWindow,
  everyCount,
  globalWindow,
  hopping,
  keepLast,
  keepWithin,
  processingTimeout,
  purging,
  session,
  sum,
  tumbling,
  type WindowSpec,
  windowOperator,
} from '../../../lib/operators/index.ts';
import { Harness } from '../harness.ts';

type Step = readonly [key: string, time: number, v?: number] | { readonly watermark: number };
type Told = { key: string; windowStart: number; windowEnd: number; value: number };

/** A window operator that counts, fed; results as `key value @time`, of sessions with their bounds. */
function told(spec: WindowSpec, steps: readonly Step[], bounds = false): string[] {
  const harness = new Harness(windowOperator({ aggregation: count(), lateSide: 'late', ...spec }));
  for (const step of steps) {
    if ('watermark' in step) harness.advance(step.watermark);
    else harness.record(step[2] ?? 1, step[1], step[0]);
  }
  const late = harness.emitted('late').map(({ key, time }) => `${key} late ${time}`);
  const results = harness.emitted().map(({ value, time }) => {
    const { key, windowStart, windowEnd, value: n } = value as Told;
    return bounds ? `${key}-${n} ${windowStart}-${windowEnd}` : `${key} ${n} @${time}`;
  });
  return [...results, ...late];
}

describe('Flink, WindowOperatorTest', () => {
  it('testLateness: a late record within the allowed lateness fires anew; one later is dropped', () => {
    const steps: Step[] = [
      ...[['key2', 500] as const, { watermark: 1500 }, ['key2', 1300] as const, { watermark: 2300 }],
      ...[['key2', 1997] as const, { watermark: 6000 }, ['key2', 1998] as const, { watermark: 7000 }],
    ];
    const spec = { assigner: tumbling(seconds(2)), allowedLateness: 500 };
    const purged = ['key2 2 @1999', 'key2 1 @1999', 'key2 late 1998'];
    expect(told({ ...spec, trigger: endOfWindow({ purge: true }) }, steps)).toEqual(purged);
    expect(told({ ...spec, trigger: purging(endOfWindow()) }, steps)).toEqual(purged);
    expect(told(spec, steps)).toEqual(['key2 2 @1999', 'key2 3 @1999', 'key2 late 1998']);
  });

  it('testDropDueToLatenessTumbling', () => {
    expect(
      told({ assigner: tumbling(seconds(2)) }, [
        ...[['key2', 1000] as const, { watermark: 1985 }, ['key2', 1980] as const, { watermark: 1999 }],
        ...[['key2', 1998] as const, ['key2', 2001] as const, { watermark: 2999 }, { watermark: 3999 }],
      ]),
    ).toEqual(['key2 2 @1999', 'key2 1 @3999', 'key2 late 1998']);
  });

  it('testDropDueToLatenessSliding: a record late for one of its windows still counts in the others', () => {
    const results = told({ assigner: hopping(seconds(3), seconds(1)) }, [
      ...[['key2', 1000] as const, { watermark: 1999 }, ['key2', 2000] as const, { watermark: 3000 }],
      ...[['key1', 3001] as const, ['key2', 2400] as const, ['key2', 2400] as const, ['key1', 3001] as const],
      ...[['key2', 3900] as const, { watermark: 6000 }, ['key1', 3001] as const, { watermark: 25_000 }],
    ]);
    expect(results).toEqual([
      ...['key2 1 @1999', 'key2 2 @2999', 'key1 2 @3999', 'key2 5 @3999', 'key1 2 @4999', 'key2 4 @4999'],
      ...['key1 2 @5999', 'key2 1 @5999', 'key1 late 3001'],
    ]);
  });

  const sessions: Step[] = [
    ...[['key2', 1000] as const, { watermark: 1999 }, ['key2', 2000] as const, { watermark: 4998 }],
    ...[['key2', 4500] as const, ['key2', 8500] as const, { watermark: 7400 }, ['key2', 7000] as const],
    ...[{ watermark: 11_501 }, ['key2', 11_600] as const, { watermark: 14_600 }],
    ...[['key2', 10_000] as const, ['key2', 14_500] as const, { watermark: 20_000 }, { watermark: 100_000 }],
  ];
  const first = ['key2-5 1000-11500', 'key2-1 11600-14600'];
  it.each([
    ['ZeroLateness', 0, [...first, 'key2-1 14500-17500', 'key2 late 10000']],
    ['WithLateness', 10, [...first, 'key2-2 10000-14600', 'key2-3 10000-17500']],
    ['WithHugeLateness', 10_000, [...first, 'key2-7 1000-14600', 'key2-8 1000-17500']],
  ])(
    'testDropDueToLatenessSession%s: a late record is dropped, or joins and merges sessions that are kept',
    (_name, allowedLateness, expected) => {
      const spec = { assigner: session(seconds(3)), allowedLateness };
      expect(told(spec, sessions, true)).toEqual(expected);
      const dynamic = session<number>(() => seconds(3));
      expect(told({ ...spec, assigner: dynamic }, sessions, true)).toEqual(expected);
      expect(told({ ...spec, trigger: { ...endOfWindow(), name: 'mine' } }, sessions, true)).toEqual(expected);
    },
  );
});

describe('Flink, EvictingWindowOperatorTest', () => {
  const total = sum((v: number) => v);
  const values = (spec: Partial<WindowSpec>, records: readonly Step[]): string[] =>
    told({ assigner: globalWindow(), trigger: everyCount(2), aggregation: total, ...spec }, records).map((result) =>
      result.replace(/ @.*/, ''),
    );
  const twos: Step[] = [
    ...[['key2', 3000] as const, ['key2', 3999] as const, ['key1', 20] as const, ['key1', 0] as const],
    ...[['key1', 999] as const, ['key2', 1998] as const, ['key2', 1999] as const, ['key2', 1000] as const],
    ...[['key1', 10_999] as const, ['key2', 1000] as const],
  ];
  it('testCountTrigger: evicts before the result', () => {
    expect(values({ lateSide: undefined, evictor: keepLast(4) }, twos)).toEqual([
      ...['key2 2', 'key1 2', 'key2 4', 'key1 4', 'key2 4'],
    ]);
  });

  it('testCountEvictorEvictAfter', () => {
    const more: Step[] = [...twos, ['key2', 1000], ['key2', 1000]];
    expect(values({ lateSide: undefined, evictor: keepLast(4, { when: 'after' }) }, more)).toEqual([
      ...['key2 2', 'key1 2', 'key2 4', 'key1 4', 'key2 6', 'key2 6'],
    ]);
  });

  it('testTimeEvictorEvictAfter', () => {
    const evictor = keepWithin(milliseconds(2_000), { when: 'after' });
    expect(
      values({ lateSide: undefined, evictor }, [
        ...[['key2', 1000] as const, ['key2', 4000] as const, ['key1', 20] as const, ['key1', 0] as const],
        ...[['key1', 999] as const, ['key2', 3500] as const, ['key2', 2001] as const, ['key2', 1001] as const],
        ...[['key1', 10_999] as const, ['key2', 1002] as const],
      ]),
    ).toEqual(['key2 2', 'key1 2', 'key2 3', 'key1 4', 'key2 5']);
  });

  it('testTimeEvictorEvictBefore: in windows of time', () => {
    const spec = { assigner: tumbling(seconds(4)), evictor: keepWithin(milliseconds(2_000)) };
    expect(
      values(spec, [
        ...[['key2', 1000] as const, ['key2', 3999] as const, ['key1', 20] as const, ['key1', 0] as const],
        ...[['key1', 999] as const, ['key1', 5999] as const, ['key2', 3500] as const, ['key2', 2001] as const],
        ...[['key2', 1001] as const, ['key1', 6500] as const, ['key2', 1002] as const],
      ]),
    ).toEqual(['key2 1', 'key1 2', 'key2 3', 'key1 2', 'key2 3']);
  });

  const deltas = (last1: number): Step[] => [
    ...[['key2', 3000, 1] as const, ['key2', 3999, 4] as const, ['key1', 20, 1] as const, ['key1', 0, 1] as const],
    ...[['key1', 999, 5] as const, ['key2', 1998, 5] as const, ['key2', 1999, 6] as const],
    ...[['key2', 1000, 1] as const, ['key1', 10_999, last1] as const, ['key2', 1000, 10] as const],
  ];
  const difference = (earlier: number, later: number): number => later - earlier;
  it('testDeltaEvictorEvictBefore', () => {
    const evictor = deltaEvictor(2, difference);
    expect(values({ lateSide: undefined, evictor }, deltas(3))).toEqual([
      'key2 4',
      'key1 2',
      'key2 11',
      'key1 8',
      'key2 10',
    ]);
  });

  it('testDeltaEvictorEvictAfter', () => {
    const evictor = deltaEvictor(2, difference, { when: 'after' });
    expect(values({ lateSide: undefined, evictor }, deltas(9))).toEqual([
      ...['key2 5', 'key1 2', 'key2 15', 'key1 16', 'key2 22'],
    ]);
  });
});

describe('Flink, DeltaTrigger and the example TopSpeedWindowing', () => {
  it('fires when a car has driven 50 m since it last fired, of the last ten seconds', () => {
    interface Ride {
      readonly speed: number;
      readonly driven: number;
    }
    const harness = new Harness(
      windowOperator({
        assigner: globalWindow(),
        trigger: deltaTrigger<Ride>(50, (earlier, later) => later.driven - earlier.driven),
        evictor: keepWithin(seconds(10)),
        windowFunction: (_car: string, _window, rides: readonly Ride[]) => Math.max(...rides.map(({ speed }) => speed)),
      }),
    );
    const rides = [0, 30, 51, 90, 101, 102].map((driven, i) => ({ driven, speed: 60 - 10 * i }));
    for (const [i, ride] of rides.entries()) harness.record(ride, i * 4_000, 'car');
    expect(harness.emitted()).toMatchObject([
      { value: 60, time: 8_000 },
      { value: 30, time: 20_000 },
    ]);
  });

  it('says what is wrong with a delta, and merges no sessions', () => {
    const far = (delta: (a: number, b: number) => number): Harness =>
      new Harness(windowOperator({ assigner: globalWindow(), trigger: deltaTrigger(1, delta) })).record(1, 1, 'a');
    expect(() => far(() => Number.NaN).record(2, 2, 'a')).toThrow('a delta must be a number, not NaN');
    expect(() => far(() => Promise.resolve(1) as never).record(2, 2, 'a')).toThrow('returned a promise');
    const rules = (spec: Partial<WindowSpec>) =>
      windowOperator({ assigner: globalWindow(), ...spec }).mistakes?.map(({ rule }) => rule);
    expect(rules({ assigner: session(seconds(1)), trigger: deltaTrigger(1, () => 0) })).toEqual([
      'the trigger "deltaTrigger" of session windows has no onMerge',
    ]);
    expect(rules({ trigger: deltaTrigger(Number.NaN, () => 0), evictor: deltaEvictor(Number.NaN, () => 0) })).toEqual([
      'deltaTrigger needs a number as its threshold, not NaN',
      'deltaEvictor needs a number, not NaN',
    ]);
    expect(rules({ trigger: deltaTrigger(1, (async () => 0) as never) })).toEqual([
      'the function of the trigger deltaTrigger is async',
    ]);
    expect(rules({ evictor: deltaEvictor(1, (async () => 0) as never) })).toEqual([
      'the function of the evictor deltaEvictor is async',
    ]);
    expect(rules({ trigger: processingTimeout(everyCount(1), 0) })).toEqual([
      'processingTimeout(everyCount) needs a whole number of at least 1, not 0',
    ]);
  });

  it("compares the author's functions when code changes", () => {
    const [one, other] = [(a: number, b: number) => a - b, (a: number, b: number) => b - a];
    const functionsOf = (spec: Partial<WindowSpec>) => windowOperator({ assigner: globalWindow(), ...spec }).functions;
    expect(functionsOf({ trigger: deltaTrigger(1, one) })).toContain(one);
    expect(functionsOf({ trigger: purging(deltaTrigger(1, other)) })).toContain(other);
    expect(functionsOf({ trigger: processingTimeout(deltaTrigger(1, other), 9) })).toContain(other);
    expect(functionsOf({ evictor: deltaEvictor(1, one) })).toContain(one);
  });
});

describe('Flink, ProcessingTimeoutTriggerTest', () => {
  const counting = (trigger: WindowSpec['trigger']): Harness =>
    new Harness(windowOperator({ assigner: globalWindow(), aggregation: count(), trigger }));
  const counts = (harness: Harness): number[] => harness.values<Told>().map(({ value }) => value);

  it('testWindowFireWithoutResetTimer: 50 ms after the first record; then it begins anew', () => {
    const harness = counting(processingTimeout(everyCount(3), 50));
    harness.record(1, 1, 'a').at(30).record(1, 1, 'a').at(49);
    expect(counts(harness)).toEqual([]);
    expect(counts(harness.at(50))).toEqual([2]);
    harness.record(1, 1, 'a').record(1, 1, 'a');
    expect(counts(harness)).toEqual([2]);
    expect(counts(harness.record(1, 1, 'a').at(1_000))).toEqual([2, 5]);
  });

  it('testWindowFireWithResetTimer: 50 ms after the last record', () => {
    const harness = counting(processingTimeout(everyCount(3), 50, { restart: true }));
    harness.record(1, 1, 'a').at(10).record(1, 1, 'a').at(59);
    expect(counts(harness)).toEqual([]);
    expect(counts(harness.at(60))).toEqual([2]);
  });

  it('testWindowFireWithClearAtTimeout: the inner trigger goes on counting', () => {
    const harness = counting(processingTimeout(everyCount(3), 50, { keepState: true }));
    harness.record(1, 1, 'a').record(1, 1, 'a').at(50);
    expect(counts(harness.record(1, 1, 'a'))).toEqual([2, 3]);
  });

  it('of sessions that merge keeps the timeout that is over first, unlike there, where it cannot merge', () => {
    const trigger = processingTimeout(everyCount(9), 50);
    const harness = new Harness(windowOperator({ assigner: session(milliseconds(10)), aggregation: count(), trigger }));
    harness.record(1, 0, 'a').at(20).record(1, 15, 'a').at(30).record(1, 8, 'a').at(49);
    expect(counts(harness)).toEqual([]);
    expect(counts(harness.at(50))).toEqual([3]);
    expect(counts(harness.at(500))).toEqual([3]);
  });

  it('testWindowPurgingWhenInnerTriggerIsPurging', () => {
    for (const inner of [purging(everyCount(3)), everyCount(3, { purge: true })]) {
      const harness = counting(processingTimeout(inner, 50));
      harness.record(1, 1, 'a').record(1, 1, 'a').at(50).record(1, 1, 'a').at(100);
      expect(counts(harness)).toEqual([2, 1]);
      expect(harness.store.size).toBe(0);
    }
  });
});

describe('Flink, "Windows"', () => {
  it('days in China begin at an offset of -8 hours; results have the last millisecond as their time', () => {
    const assigner = tumbling((24 * 3_600_000) as Duration, { offset: (-8 * 3_600_000) as Duration });
    const utc = (text: string): number => Date.parse(text);
    const [result] = told({ assigner }, [['k', utc('2026-03-01T15:00Z')], { watermark: MAX_TIME }], true);
    expect(result).toBe(`k-1 ${utc('2026-02-28T16:00Z')}-${utc('2026-03-01T16:00Z')}`);
  });

  it('purging removes the contents and leaves the window: a late record merges the bounds of sessions that were told', () => {
    const spec = { assigner: session(seconds(3)), allowedLateness: 10_000, trigger: purging(endOfWindow()) };
    const steps: Step[] = [['k', 1_000], ['k', 5_000], { watermark: 8_000 }, ['k', 3_500], { watermark: MAX_TIME }];
    expect(told(spec, steps, true)).toEqual(['k-1 1000-4000', 'k-1 5000-8000', 'k-1 1000-8000']);
  });

  it('a trigger replaces the default one: windows of time with CountTrigger fire by count only', () => {
    const steps: Step[] = [['k', 1], ['k', 2], ['k', 3], { watermark: MAX_TIME }];
    expect(told({ assigner: tumbling(seconds(1)), trigger: everyCount(2) }, steps)).toEqual(['k 2 @999']);
  });
});
