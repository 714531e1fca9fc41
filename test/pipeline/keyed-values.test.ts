import { describe, expect, it } from 'vitest';
import { collection, count, pipeline, process, type Stream, toMemory, type } from '../../lib/index.ts';
import { TestDriver } from '../../lib/testing/index.ts';

interface Order {
  readonly customer: string;
  readonly items: readonly string[];
}

const orders: readonly Order[] = [
  { customer: 'ann', items: ['tea', 'milk'] },
  { customer: 'bob', items: ['tea'] },
  { customer: 'ann', items: ['rice'] },
];

/** Each key with the record that came under it. */
const withKey = process('with-key', {
  in: type<unknown>(),
  key: type<string>(),
  out: type<unknown>(),
  onRecord: (record, ctx) => ctx.emit([ctx.key, record]),
});

describe('values made of keyed records', () => {
  it('keep the key of their record, and need no other exchange', async () => {
    const built = pipeline('values', (p) => {
      const keyed = p.source('in', collection<Order>([])).keyBy('by-customer', ({ customer }) => customer);
      keyed
        .mapValues(({ items }) => items.length)
        .process(withKey)
        .to('sizes', toMemory());
      const items = keyed.flatMapValues('items', ({ items }) => items);
      items.toTable('items-of', count()).toStream().to('counts', toMemory());
    });
    expect(built.plan.stages).toHaveLength(2);
    const driver = await TestDriver.open(built);
    await driver.feed('in', orders);
    expect(driver.read<[string, number]>('sizes').toSorted()).toEqual([
      ['ann', 1],
      ['ann', 2],
      ['bob', 1],
    ]);
    const counts = driver.read<{ key: string; value: number }>('counts');
    expect(counts.filter(({ key }) => key === 'ann').map(({ value }) => value)).toEqual([1, 2, 3]);
    await driver.close();
  });

  it('cannot be had by map, whose results have no key', () => {
    const wrong = () =>
      pipeline('no-key', (p) => {
        const keyed = p.source('in', collection<Order>([])).keyBy('by-customer', ({ customer }) => customer);
        const sizes = keyed.map(({ items }) => items.length) as unknown as typeof keyed & Stream<unknown>;
        sizes.toTable('counts', count()).toStream().to('out', toMemory());
      });
    expect(wrong).toThrow(/keyBy/);
  });
});
