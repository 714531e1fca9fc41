import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { boundedOutOfOrderness, collection, noRestart, pipeline, toMemory } from '../../lib/index.ts';
import { compareKeyIds, epochMillis, MIN_TIME, milliseconds, seconds } from '../../lib/model/index.ts';
import { type RateLimit, rateLimitOperator, sideOutput } from '../../lib/operators/index.ts';
import { TestDriver, verifyOperator } from '../../lib/testing/index.ts';
import { Harness } from './harness.ts';

type Happening =
  | { readonly key: string; readonly time: number }
  | { readonly watermark: number }
  | { readonly processing: number };

interface Out {
  readonly id: number;
  readonly time: number;
  readonly key: string;
  readonly dropped: boolean;
}

const DROPPED = sideOutput<number>('dropped');

/** Keeps for ever an account of units for each key, in which waiting records are debts, and looks through everything at each step. */
function reference(happenings: readonly Happening[], rate: RateLimit): Out[] {
  const { limit, per, burst = limit, by = 'event', excess, maxDelayed = 1_000 } = rate;
  const most = burst * per;
  const accounts: { key: string; at: number; units: number }[] = [];
  let waiting: (Out & { due: number })[] = [];
  const out: Out[] = [];
  let [watermark, processing] = [MIN_TIME as number, 0];
  const pass = (time: number): void => {
    const now = waiting.filter(({ due }) => due <= time);
    waiting = waiting.filter(({ due }) => due > time);
    now.sort((a, b) => a.due - b.due || compareKeyIds(a.key, b.key) || a.id - b.id);
    for (const { due, ...each } of now) out.push({ ...each, time: by === 'event' ? due : each.time });
  };
  happenings.forEach((one, id) => {
    if ('watermark' in one) {
      watermark = one.watermark;
      if (by === 'event') pass(watermark);
      return;
    }
    if ('processing' in one) {
      processing = one.processing;
      if (by === 'processing') pass(processing);
      return;
    }
    const { key, time } = one;
    const seen = by === 'event' ? Math.max(time, watermark) : processing;
    let account = accounts.find((each) => each.key === key);
    if (account === undefined) {
      account = { key, at: seen, units: most };
      accounts.push(account);
    }
    const now = Math.max(account.at, seen);
    account.units = Math.min(most, account.units + (now - account.at) * limit);
    account.at = now;
    const before = waiting.filter((each) => each.key === key);
    const has = account.units >= per;
    const mayWait = excess === 'delay' && before.filter(({ due }) => due > now).length < maxDelayed;
    if (has || mayWait) account.units -= per;
    if (has && before.length === 0)
      out.push({ id, key, time: excess === 'delay' && by === 'event' ? now : time, dropped: false });
    else if (has || mayWait) {
      const due = now + Math.max(0, Math.ceil(-account.units / limit));
      waiting.push({ id, key, time, dropped: false, due });
    } else out.push({ id, key, time, dropped: true });
  });
  return out;
}

/** What the operator makes of it, where every so many steps are taken back and taken again. */
function operated(happenings: readonly Happening[], rate: RateLimit, undone: number) {
  const harness = new Harness(rateLimitOperator({ ...rate, dropped: DROPPED }));
  happenings.forEach((one, id) => {
    const step = (): void => {
      if ('key' in one) harness.record(id, one.time, one.key);
      else if ('watermark' in one) harness.advance(one.watermark);
      else harness.at(one.processing);
    };
    if ((id + 1) % undone === 0) {
      const moment = harness.mark();
      step();
      harness.rollback(moment);
    }
    step();
  });
  return harness;
}

const outOf = (harness: Harness, dropped: boolean): Out[] =>
  harness
    .emitted(dropped ? 'dropped' : undefined)
    .map(({ value, time, key }) => ({ id: value as number, time, key: key as string, dropped }));

const END = 1_000_000;
const script = fc
  .array(
    fc.oneof(
      {
        weight: 6,
        arbitrary: fc.record({ key: fc.constantFrom('a', 'b', 'c'), jitter: fc.integer({ min: -15, max: 3 }) }),
      },
      { weight: 2, arbitrary: fc.record({ watermark: fc.integer({ min: 1, max: 8 }) }) },
      { weight: 2, arbitrary: fc.record({ processing: fc.integer({ min: 1, max: 8 }) }) },
      { weight: 1, arbitrary: fc.record({ pause: fc.integer({ min: 1, max: 40 }) }) },
    ),
    { maxLength: 80 },
  )
  .map((moves): Happening[] => {
    let [now, watermark, processing] = [100, 90, 100];
    return moves.flatMap((move): Happening[] => {
      if ('pause' in move) {
        now += move.pause;
        return [];
      }
      if ('watermark' in move) {
        watermark += move.watermark;
        return [{ watermark }];
      }
      if ('processing' in move) {
        processing += move.processing;
        return [{ processing }];
      }
      now++;
      return [{ key: move.key, time: now + move.jitter }];
    });
  });
const rates = fc.record({
  limit: fc.integer({ min: 1, max: 7 }),
  per: fc.constantFrom(1, 3, 10, 25).map(milliseconds),
  by: fc.constantFrom('event' as const, 'processing' as const),
  excess: fc.constantFrom('drop' as const, 'delay' as const),
  burst: fc.integer({ min: 1, max: 5 }),
  maxDelayed: fc.constantFrom(1, 3, 1_000),
});

describe('a rate limit', () => {
  it('does what an account of units says, also when attempts are taken back', () => {
    fc.assert(
      fc.property(script, rates, fc.integer({ min: 1, max: 9 }), (happenings, rate, undone) => {
        const whole = [...happenings, { watermark: END }, { processing: END }];
        const harness = operated(whole, rate, undone);
        const expected = reference(whole, rate);
        expect(outOf(harness, false)).toEqual(expected.filter(({ dropped }) => !dropped));
        expect(outOf(harness, true)).toEqual(expected.filter(({ dropped }) => dropped));
        expect(harness.count('limited')).toBe(expected.filter(({ dropped }) => dropped).length);
        expect(harness.store.size).toBe(0);
      }),
      { numRuns: 600 },
    );
  });

  it('never lets more of a key through in any time than the bucket holds and gains in it, late records among them', () => {
    fc.assert(
      fc.property(script, rates, (happenings, rate) => {
        const { limit, per, burst } = rate;
        const harness = new Harness(rateLimitOperator({ ...rate, by: 'event' }));
        const seen = new Map<string, number>();
        const counted: number[] = [];
        const passed: Record<string, number[]> = { a: [], b: [], c: [] };
        for (const one of [...happenings, { watermark: END }]) {
          const before = harness.emitted().length;
          if ('key' in one) {
            const { key, time } = one;
            seen.set(key, Math.max(time, harness.watermark, seen.get(key) ?? 0));
            harness.record(counted.push(seen.get(key)!) - 1, time, key);
          } else if ('watermark' in one) harness.advance(one.watermark);
          for (const { value, key, time } of harness.emitted().slice(before)) {
            passed[key as string]!.push(Math.max(time, counted[value as number]!));
          }
        }
        for (const times of Object.values(passed)) {
          expect(times).toEqual(times.toSorted((a, b) => a - b));
          for (let i = 0; i < times.length; i++) {
            for (let j = i; j < times.length; j++) {
              // One more than it gains: a record that waits goes at the end of the millisecond in which its token came.
              expect((j - i + 1 - burst - 1) * per).toBeLessThanOrEqual((times[j]! - times[i]!) * limit);
            }
          }
        }
      }),
      { numRuns: 200 },
    );
  });

  it('lets a burst through, and then one whenever there is a token', () => {
    const rate = { limit: 2, per: seconds(1), excess: 'delay' } as const;
    const harness = new Harness(rateLimitOperator(rate));
    for (let i = 0; i < 5; i++) harness.record(i, 10_000, 'k');
    expect(harness.values()).toEqual([0, 1]);
    harness.advance(10_500);
    expect(harness.emitted().slice(2)).toEqual([{ value: 2, time: 10_500, key: 'k' }]);
    harness.record(5, 11_200, 'k');
    expect(harness.emitted()).toHaveLength(3);
    harness.advance(11_200);
    expect(harness.emitted().slice(3)).toEqual([{ value: 3, time: 11_000, key: 'k' }]);
    harness.end();
    expect(harness.emitted().slice(4)).toEqual([
      { value: 4, time: 11_500, key: 'k' },
      { value: 5, time: 12_000, key: 'k' },
    ]);
  });

  it('lets a record that finds a token wait behind those of its key that still wait, which then take up no room', () => {
    const rate = { limit: 1, per: seconds(1), burst: 2, excess: 'delay', maxDelayed: 2, dropped: DROPPED } as const;
    const harness = new Harness(rateLimitOperator(rate));
    for (let i = 0; i < 5; i++) harness.record(i, 10_000, 'k');
    expect(harness.values('dropped')).toEqual([4]);
    harness.record(5, 30_000, 'k').record(6, 25_000, 'k').record(7, 30_000, 'other');
    expect(harness.values()).toEqual([0, 1, 7]);
    for (let i = 8; i < 11; i++) harness.record(i, 30_000, 'k');
    expect(harness.values('dropped')).toEqual([4, 10]);
    expect(harness.advance(30_000).emitted().slice(3)).toEqual([
      { value: 2, time: 11_000, key: 'k' },
      { value: 3, time: 12_000, key: 'k' },
      { value: 5, time: 30_000, key: 'k' },
      { value: 6, time: 30_000, key: 'k' },
    ]);
    expect(harness.end().values().slice(7)).toEqual([8, 9]);
    expect(harness.store.size).toBe(0);
  });

  it('gives records of a key that may wait the same times wherever the watermark was', () => {
    const records = [10_000, 10_000, 10_000, 20_000, 19_000].map((at, i) => ({ id: i, at }));
    const [early, late] = [true, false].map((knows) => {
      const harness = new Harness(rateLimitOperator({ limit: 1, per: seconds(1), burst: 2, excess: 'delay' }));
      for (const { id, at } of records) {
        if (knows && at === 20_000) harness.advance(15_000);
        harness.record(id, at, 'k');
      }
      return harness.end().emitted();
    });
    expect(early).toEqual(late);
  });

  it('takes a late record for one of the time of the watermark, whether its bucket is still there or not', () => {
    const harness = new Harness(rateLimitOperator({ limit: 1, per: seconds(60), excess: 'drop' }));
    harness.record(0, 100_000, 'k').record(1, 101_000, 'k').advance(295_000);
    expect(harness.store.size).toBe(0);
    harness.record(2, 102_000, 'k').advance(296_000).record(3, 103_000, 'k').advance(354_999).record(4, 104_000, 'k');
    expect(harness.values()).toEqual([0, 2]);
    expect(harness.advance(355_000).record(5, 104_000, 'k').values()).toEqual([0, 2, 5]);
  });

  it.each(['drop', 'delay'] as const)(
    'blames a failure behind it on nothing but the record that failed: %s',
    async (excess) => {
      const of = (n: number, at: number) => ({ n, at, key: 'k' });
      const driver = await TestDriver.open(
        pipeline(
          'poisoned',
          (p) => {
            p.source('in', collection<{ n: number; at: number; key: string }>([]), {
              eventTime: ({ at }) => epochMillis(at),
              watermark: boundedOutOfOrderness(seconds(1)),
            })
              .keyBy('by-key', ({ key }) => key)
              .rateLimit('limited', { limit: 1, per: seconds(1), excess })
              .map('mapped', ({ n }) => {
                if (n === 2) throw new Error('poison');
                return n;
              })
              .to('out', toMemory());
          },
          { restart: noRestart(), fallback: 'dead-letter' },
        ),
      );
      for (const each of [of(1, 100_000), of(2, 100_000), of(3, 100_000), of(4, 110_000)])
        await driver.feed('in', [each]);
      await driver.end();
      expect(driver.read('out')).toEqual(excess === 'delay' ? [1, 3, 4] : [1, 4]);
      const letters = (await driver.deadLetters()).map(({ value }) => value);
      expect(letters).toMatchObject(excess === 'delay' ? [{ value: { n: 2 } }] : []);
      await driver.close();
    },
  );

  it('lets all go on that is replayed after the end of all input, with its own time', () => {
    for (const excess of ['drop', 'delay'] as const) {
      const harness = new Harness(rateLimitOperator({ limit: 1, per: seconds(1), excess }));
      harness.record(1, 10, 'k').end();
      harness.record(2, 20, 'k').record(3, 20, 'k');
      expect(harness.emitted().map(({ value, time }) => [value, time])).toEqual([
        [1, 10],
        [2, 20],
        [3, 20],
      ]);
      expect(harness.store.size).toBe(0);
    }
  });

  it('adds nothing up over the years: thirds of a millisecond are thirds', () => {
    const harness = new Harness(rateLimitOperator({ limit: 3, per: milliseconds(1), burst: 1, excess: 'delay' }));
    const start = 1_790_000_000_000;
    for (let i = 0; i <= 900; i++) harness.record(i, start, 'k');
    expect(harness.end().emitted().at(-1)).toEqual({ value: 900, time: start + 300, key: 'k' });
  });

  it('keeps flat what it knows of keys that come and go', () => {
    const harness = new Harness(rateLimitOperator({ limit: 1, per: milliseconds(10), excess: 'delay', maxDelayed: 5 }));
    let most = 0;
    for (let i = 0; i < 5_000; i++) {
      harness.record(i, i, `key-${Math.floor(i / 20)}`);
      harness.advance(i - 5);
      most = Math.max(most, harness.store.size);
    }
    expect(most).toBeLessThan(30);
    expect(harness.end().store.size).toBe(0);
  });

  it.each([
    ['drop', 15],
    ['delay', 15],
    ['drop', 2],
    ['delay', 2],
  ] as const)('comes to the same however it is cut and restarted: %s, out of order by %d ms', async (excess, bound) => {
    const records = Array.from({ length: 60 }, (_, i) => ({
      id: i,
      at: 1_000 + i * 3 - ((i * 7) % 11),
      key: `k${i % 2}`,
    }));
    const outputs = await verifyOperator({
      build(input) {
        const limited = input
          .keyBy('by-key', ({ key }) => key)
          .rateLimit('limited', { limit: 2, per: milliseconds(20), excess, maxDelayed: 4, dropped: DROPPED });
        return [
          limited,
          limited.sideOutput(DROPPED),
          input.rateLimit('all', { limit: 3, per: milliseconds(20), excess }),
        ];
      },
      records,
      eventTime: ({ at }) => epochMillis(at),
      outOfOrderness: milliseconds(bound),
    });
    expect(outputs[0]!.length + outputs[1]!.length).toBe(60);
    expect(outputs[1]!.length).toBeGreaterThan(0);
  });

  it('says what is wrong with its options', () => {
    const rules = (rate: object) => rateLimitOperator(rate as RateLimit).mistakes!.map(({ rule }) => rule);
    const good = { limit: 1, per: seconds(1), excess: 'drop' };
    expect(rules(good)).toEqual([]);
    expect(rules({ ...good, limit: 0 })).toEqual(['its limit is 0']);
    expect(rules({ ...good, burst: 1.5 })).toEqual(['its burst is 1.5']);
    expect(rules({ ...good, per: 0.5 })).toHaveLength(1);
    expect(rules({ ...good, per: 9e15, burst: 9 })).toHaveLength(1);
    expect(rules({ ...good, by: 'time' })).toEqual([`it goes by 'time'`]);
    expect(rules({ ...good, excess: undefined })).toHaveLength(1);
    expect(rules({ ...good, excess: 'delay', maxDelayed: 0 })).toEqual(['its maxDelayed is 0']);
  });
});
