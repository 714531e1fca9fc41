import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { epochMillis, keyIdOf, milliseconds, partitionOf } from '../../lib/model/index.ts';
import { type Sample, sampleOperator } from '../../lib/operators/index.ts';
import { verifyOperator } from '../../lib/testing/index.ts';
import { Harness } from './harness.ts';

interface Order {
  readonly id: number;
  readonly customer: string;
}

const orders = Array.from({ length: 20_000 }, (_, id): Order => ({ id, customer: `customer ${(id * 7919) % 4_000}` }));
const taken = (sample: Sample<Order>): Order[] => {
  const harness = new Harness(sampleOperator(sample, true));
  for (const order of orders) harness.record(order, order.id);
  return harness.values<Order>();
};
const customersIn = (some: readonly Order[]) => new Set(some.map(({ customer }) => customer));

describe('a sample', () => {
  it('at random takes its share', () => {
    for (const [fraction, least, most] of [
      [0, 0, 0],
      [0.1, 1_800, 2_200],
      [0.5, 9_700, 10_300],
      [1, 20_000, 20_000],
    ] as const) {
      const n = taken({ fraction }).length;
      expect(n).toBeGreaterThanOrEqual(least);
      expect(n).toBeLessThanOrEqual(most);
    }
  });

  it('of entities takes all of one or nothing, and about the share of them', () => {
    const by = ({ customer }: Order) => customer;
    const some = taken({ fraction: 0.2, by });
    const customers = customersIn(some);
    expect(some).toEqual(orders.filter(({ customer }) => customers.has(customer)));
    expect(customers.size).toBeGreaterThan(720);
    expect(customers.size).toBeLessThan(880);
    const more = customersIn(taken({ fraction: 0.3, by }));
    for (const customer of customers) expect(more.has(customer)).toBe(true);
    const others = customersIn(taken({ fraction: 0.2, by, seed: 1 }));
    const both = [...others].filter((customer) => customers.has(customer)).length;
    expect(both).toBeGreaterThan(100);
    expect(both).toBeLessThan(220);
    expect(taken({ fraction: 0, by })).toEqual([]);
    expect(taken({ fraction: 1, by })).toEqual(orders);
  });

  it('of entities leaves every task its share', () => {
    const tasks = new Array<number>(8).fill(0);
    for (const customer of customersIn(taken({ fraction: 0.25, by: ({ customer }) => customer })))
      tasks[partitionOf(keyIdOf(customer), 8)]!++;
    for (const n of tasks) {
      expect(n).toBeGreaterThan(90);
      expect(n).toBeLessThan(160);
    }
  });

  it('of every n-th takes the first of each key and each n-th after it, also when attempts are taken back', () => {
    const keys = fc.array(fc.constantFrom('a', 'b'), { maxLength: 60 });
    fc.assert(
      fc.property(
        keys,
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 1, max: 5 }),
        fc.boolean(),
        (of, every, undone, keyed) => {
          const harness = new Harness(sampleOperator({ every }, keyed));
          of.forEach((key, i) => {
            const moment = harness.mark();
            harness.record(i, i, key);
            if (i % undone !== 0) return;
            harness.rollback(moment);
            harness.record(i, i, key);
          });
          const expected = of.flatMap((key, i) => {
            const before = of.slice(0, i).filter((other) => !keyed || other === key).length;
            return before % every === 0 ? [i] : [];
          });
          expect(harness.values()).toEqual(expected);
          expect(harness.store.size).toBeLessThanOrEqual(3);
        },
      ),
      { numRuns: 200 },
    );
  });

  it('draws the same records however it is cut and restarted, of a source, a task and a key', async () => {
    const outputs = await verifyOperator({
      build(input) {
        const byCustomer = input.keyBy('by-customer', ({ customer }) => customer);
        return [
          input.sample({ fraction: 0.5 }),
          input.sample({ fraction: 0.5 }).sample({ fraction: 0.5 }),
          input.rebalance({ parallelism: 2 }).sample({ fraction: 0.5 }),
          input.sample('third', { every: 3 }),
          byCustomer.sample('second', { every: 2 }).aggregate('seen', {
            n: {
              create: () => 0,
              add: (n: number) => n + 1,
              merge: (a: number, b: number) => a + b,
              result: (n: number) => n,
              clone: (n: number) => n,
            },
          }),
        ];
      },
      records: orders.slice(0, 80).map(({ id }) => ({ id, customer: `c${id % 5}` })),
      eventTime: ({ id }) => epochMillis(id),
      outOfOrderness: milliseconds(0),
    });
    const [once, twice, spread] = outputs as [Order[], Order[], Order[]];
    expect(once!.length).toBeGreaterThan(20);
    expect(twice!.length).toBeLessThan(once!.length);
    expect(spread).not.toEqual(once);
    expect(outputs[3]).toHaveLength(27);
    expect(outputs[4]).toHaveLength(40);
  });

  it('says what is wrong with its options', () => {
    const rules = (sample: object) => sampleOperator(sample as Sample<Order>, true).mistakes!.map(({ rule }) => rule);
    expect(rules({ fraction: 0.5 })).toEqual([]);
    expect(rules({})).toHaveLength(1);
    expect(rules({ fraction: 0.5, every: 2 })).toHaveLength(1);
    expect(rules({ fraction: 1.5 })).toEqual(['its fraction is 1.5']);
    expect(rules({ every: 0 })).toHaveLength(1);
    expect(rules({ fraction: 0.5, by: 'customer' })).toHaveLength(1);
    expect(rules({ fraction: 0.5, by: async () => 'a' })).toHaveLength(1);
    expect(rules({ fraction: 0.5, by: () => 'a', seed: 0.5 })).toHaveLength(1);
  });
});
