/** Patterns in whole pipelines: silence, windows behind them, any batching, crashes, and other code. */
import { describe, expect, it } from 'vitest';
import {
  begin,
  boundedOutOfOrderness,
  collection,
  count,
  epochMillis,
  hours,
  type KeyedStream,
  milliseconds,
  type PipelineBuilder,
  pipeline,
  seconds,
  sideOutput,
  skipPastLastEvent,
  skipToNext,
  toMemory,
  tumbling,
  type,
} from '../../../lib/index.ts';
import { comparePlans } from '../../../lib/plan/index.ts';
import { SeededRandom, TestDriver, verifyOperator, verifyPipeline } from '../../../lib/testing/index.ts';

interface Step {
  readonly at: number;
  readonly key: string;
  readonly kind: 'order' | 'remind' | 'pay' | 'cancel';
}

const START = Date.UTC(2024, 0, 1);
const step = (at: number, key: string, kind: Step['kind']): Step => ({ at: START + at, key, kind });
const byKey = (p: PipelineBuilder, bound = 0): KeyedStream<string, Step> =>
  p
    .source('in', collection<Step>([]), {
      eventTime: ({ at }) => epochMillis(at),
      watermark: boundedOutOfOrderness(milliseconds(bound)),
    })
    .keyBy('by-key', ({ key }) => key);

const is =
  (kind: Step['kind']) =>
  (record: Step): boolean =>
    record.kind === kind;
const orders = begin('order', type<Step>()).where(is('order'));
const standing = orders.notFollowedBy('cancel').where(is('cancel'));
const paidOrders = standing.followedBy('pay').where(is('pay'));
const paid = standing
  .followedBy('reminders')
  .where(is('remind'))
  .oneOrMore()
  .optional()
  .greedy()
  .followedBy('pay')
  .where(is('pay'));
const unpaid = sideOutput<{ readonly key: string; readonly at: number }>('unpaid');
const late = sideOutput<Step>('late');

const told = (input: KeyedStream<string, Step>) =>
  input.match('paid', paidOrders.within(seconds(10)), ({ order, pay }, { key }) => [key, order[0].at, pay[0].at], {
    late,
    timedOut: { to: unpaid, make: (_, { key, eventTime }) => ({ key, at: eventTime - START }) },
  });

describe('a pattern in a pipeline', () => {
  it('tells what ran out of time while all is silent, and keeps nothing', async () => {
    const driver = await TestDriver.open(
      pipeline('silent', (p) => {
        const results = told(byKey(p));
        results.to('out', toMemory());
        results.sideOutput(unpaid).to('unpaid-out', toMemory());
      }),
    );
    await driver.feed('in', [step(0, 'a', 'order'), step(10, 'b', 'order'), step(20, 'b', 'pay')]);
    expect(driver.read('out')).toEqual([]);
    await driver.advance(hours(1));
    expect(driver.read('out')).toEqual([['b', START + 10, START + 20]]);
    expect(driver.read('unpaid-out')).toEqual([{ key: 'a', at: 10_000 }]);
    expect(driver.tasks.reduce((n, task) => n + (task.state?.store.size ?? 0), 0)).toBe(0);
    expect(driver.timers()).toEqual([]);
    await driver.close();
  });

  it('brings windows behind it nothing late, also matches that waited for others', async () => {
    const tooLate = sideOutput<string>('too-late');
    const driver = await TestDriver.open(
      pipeline('behind', (p) => {
        const keyed = byKey(p);
        const skipping = keyed.match('some', paid.within(seconds(7)), ({ pay }) => pay[0].key, {
          afterMatch: skipPastLastEvent(),
        });
        const all = told(keyed);
        const counted = all
          .map('key-of', () => 'all')
          .union(all.sideOutput(unpaid).map('unpaid-key', () => 'unpaid'))
          .union(skipping)
          .keyBy('kind', (kind) => kind)
          .window(tumbling(seconds(1)), { late: tooLate })
          .aggregate('counted', { n: count() });
        counted.to('out', toMemory());
        counted.sideOutput(tooLate).to('too-late-out', toMemory());
      }),
    );
    const random = new SeededRandom(5);
    for (let at = 0; at < 60_000; at += random.below(2_000)) {
      const kinds = ['order', 'order', 'remind', 'pay', 'cancel'] as const;
      await driver.feed('in', [step(at, `k${random.below(2)}`, kinds[random.below(5)]!)]);
    }
    await driver.end();
    expect(driver.all('too-late-out')).toEqual([]);
    expect(driver.all<{ n: number }>('out').reduce((n, window) => n + window.n, 0)).toBeGreaterThan(15);
    await driver.close();
  });
});

const random = new SeededRandom(9);
const records = Array.from({ length: 80 }, (_, i) => {
  const kinds = ['order', 'order', 'remind', 'pay', 'pay', 'cancel'] as const;
  return step(
    i * 700 - random.below(random.next() < 0.2 ? 9_000 : 1_500),
    `k${random.below(3)}`,
    kinds[random.below(6)]!,
  );
});

describe('any batching', () => {
  it('changes nothing for matches, partial matches and late records', async () => {
    const [out, lates, out2, unpaids] = await verifyOperator<Step>({
      records,
      eventTime: ({ at }) => epochMillis(at),
      outOfOrderness: milliseconds(1_500),
      build(input) {
        const keyed = input.keyBy('key', ({ key }) => key);
        const results = told(keyed);
        const greedy = keyed.match('greedy', paid.within(seconds(20)), (match, { firstTime }) => [match, firstTime], {
          afterMatch: skipToNext(),
          maxPartialMatches: 3,
        });
        return [results, results.sideOutput(late), greedy, results.sideOutput(unpaid)];
      },
    });
    expect(Math.min(out!.length, lates!.length, out2!.length, unpaids!.length)).toBeGreaterThan(4);
  });
});

describe('a pattern under trouble', () => {
  it('comes to what an undisturbed life comes to', async () => {
    const build = () =>
      pipeline(
        'crashing',
        (p) => {
          const keyed = byKey(p, 1_500);
          const results = told(keyed);
          results.to('out', toMemory());
          results.sideOutput(late).to('late-out', toMemory());
          results.sideOutput(unpaid).to('unpaid-out', toMemory());
          keyed
            .match('greedy', paid.within(seconds(20)), (match) => match, { afterMatch: skipPastLastEvent() })
            .to('greedy-out', toMemory());
        },
        { parallelism: 2 },
      );
    await expect(verifyPipeline({ build, rows: { in: records.slice(0, 50) }, seeds: 6 })).resolves.toBeUndefined();
  });
});

describe('a pattern whose code changes', () => {
  const built = (pattern: typeof paidOrders, amount = 1) =>
    pipeline('changing', (p) => {
      byKey(p)
        .match('paid', pattern, () => amount)
        .to('out', toMemory());
    }).plan;

  it('may have other functions, and no other shape', () => {
    const before = built(paidOrders.within(seconds(10)));
    expect(comparePlans(before, built(paidOrders.where(() => true).within(seconds(10)))).compatible).toBe(false);
    const same = comparePlans(
      before,
      built(
        orders
          .notFollowedBy('cancel')
          .where((s) => s.kind === 'cancel')
          .followedBy('pay')
          .where((s) => s.kind !== 'order')
          .within(seconds(10)),
      ),
    );
    expect(same.compatible).toBe(true);
    expect(same.differences).toEqual(['operator paid: its code or options have changed']);
  });

  it('with faults is refused when the plan is built, with the others', () => {
    const faulty = () =>
      pipeline('faulty', (p) => {
        byKey(p)
          .match('paid', paidOrders, undefined as never)
          .to('out', toMemory());
      }).plan;
    expect(faulty).toThrow(/a partial match can wait for ever/);
    expect(faulty).toThrow(/match takes a function, not undefined/);
  });
});
