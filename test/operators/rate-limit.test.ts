import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareKeyIds, epochMillis, milliseconds, seconds } from '../../lib/model/index.ts';
import { type RateLimit, rateLimitOperator, sideOutput } from '../../lib/operators/index.ts';
import { verifyOperator } from '../../lib/testing/index.ts';
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

/** Keeps an account of units for each key, in which waiting records are debts, and looks through everything at each step. */
function reference(happenings: readonly Happening[], rate: RateLimit): Out[] {
  const { limit, per, burst = limit, by = 'event', excess, maxDelayed = 1_000 } = rate;
  const most = burst * per;
  let accounts: { key: string; at: number; units: number }[] = [];
  let waiting: (Out & { due: number })[] = [];
  const out: Out[] = [];
  let processing = 0;
  const release = (which: (each: (typeof waiting)[number]) => boolean): void => {
    const now = waiting.filter(which);
    waiting = waiting.filter((each) => !now.includes(each));
    now.sort((a, b) => a.due - b.due || compareKeyIds(a.key, b.key) || a.id - b.id);
    for (const { due, ...each } of now) out.push({ ...each, time: by === 'event' ? due : each.time });
  };
  const pass = (time: number): void => {
    release(({ due }) => due <= time);
    accounts = accounts.filter(({ at, units }) => at + Math.ceil((most - units) / limit) > time);
  };
  happenings.forEach((one, id) => {
    if ('watermark' in one) {
      if (by === 'event') pass(one.watermark);
      return;
    }
    if ('processing' in one) {
      processing = one.processing;
      if (by === 'processing') pass(processing);
      return;
    }
    const { key, time } = one;
    const seen = by === 'event' ? time : processing;
    let account = accounts.find((each) => each.key === key);
    if (account === undefined) {
      account = { key, at: seen, units: most };
      accounts.push(account);
    }
    const now = Math.max(account.at, seen);
    release((each) => each.key === key && each.due <= now);
    account.units = Math.min(most, account.units + (now - account.at) * limit);
    account.at = now;
    const has = account.units >= per;
    const mayWait = excess === 'delay' && waiting.filter((each) => each.key === key).length < maxDelayed;
    if (has || mayWait) account.units -= per;
    if (has) out.push({ id, key, time, dropped: false });
    else if (mayWait) waiting.push({ id, key, time, dropped: false, due: now + Math.ceil(-account.units / limit) });
    else out.push({ id, key, time, dropped: true });
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

  it('never lets more of a key through in any time than the bucket holds and gains in it', () => {
    fc.assert(
      fc.property(script, rates, (happenings, rate) => {
        let now = 0;
        const inOrder = happenings.flatMap((one): Happening[] => {
          if (!('key' in one)) return [];
          now = Math.max(now, one.time);
          return [{ key: one.key, time: now }];
        });
        const { limit, per, burst } = rate;
        const harness = operated([...inOrder, { watermark: END }], { ...rate, by: 'event' }, 100);
        for (const key of ['a', 'b', 'c']) {
          const times = outOf(harness, false)
            .filter((each) => each.key === key)
            .map(({ time }) => time);
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
    expect(harness.emitted().slice(3)).toEqual([{ value: 3, time: 11_000, key: 'k' }]);
    harness.end();
    expect(harness.emitted().slice(4)).toEqual([
      { value: 4, time: 11_500, key: 'k' },
      { value: 5, time: 12_000, key: 'k' },
    ]);
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

  it.each(['drop', 'delay'] as const)('comes to the same however it is cut and restarted: %s', async (excess) => {
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
      outOfOrderness: milliseconds(15),
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
