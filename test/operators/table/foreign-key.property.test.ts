/** Joins by foreign key against an account that joins all rows anew at each record, with messages between the tasks delayed in every way that keeps each channel in order. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Stream } from '../../../lib/index.ts';
import { type KeyId, keyIdOf } from '../../../lib/model/index.ts';
import { resolveOperator, respondOperator, subscribeOperator } from '../../../lib/operators/index.ts';
import { Harness } from '../harness.ts';
import { changeRows, emitted, feedings, rowsOf } from './changelog.ts';

interface Order {
  readonly n: number;
  readonly product: string | null;
}
type Upsert =
  | { readonly time: number; readonly side: 'order'; readonly key: string; readonly value: Order | null }
  | { readonly time: number; readonly side: 'product'; readonly key: string; readonly value: number | null };

const productOf = (order: Order): string | null => order.product;
const joined = (order: Order, price: number | undefined): string => `${order.n}@${price ?? '-'}`;
const dear = (order: Order, price: number | undefined): string | null =>
  price !== undefined && price > 6 ? joined(order, price) : null;

function build(input: Stream<Upsert>) {
  const orders = input
    .filter((r): r is Upsert & { side: 'order' } => r.side === 'order')
    .keyBy('by-order', (r) => r.key)
    .toTable('orders', (r) => r.value);
  const prices = input
    .filter((r): r is Upsert & { side: 'product' } => r.side === 'product')
    .keyBy('by-product', (r) => r.key)
    .toTable('prices', (r) => r.value);
  return {
    inner: orders.join('inner', prices, productOf, joined),
    left: orders.leftJoin('left', prices, productOf, joined),
    dear: orders.join('dear', prices, productOf, dear),
    self: orders.join('self', orders, productOf, (a, b) => `${a.n}+${b.n}`),
  };
}

type Rows = { readonly orders: ReadonlyMap<string, Order>; readonly prices: ReadonlyMap<string, number> };

const results: Record<string, (order: Order | undefined, rows: Rows) => string | undefined> = {
  inner(order, { prices }) {
    const price = order?.product == null ? undefined : prices.get(order.product);
    return order === undefined || price === undefined ? undefined : joined(order, price);
  },
  left(order, { prices }) {
    return order === undefined
      ? undefined
      : joined(order, order.product === null ? undefined : prices.get(order.product));
  },
  dear(order, { prices }) {
    const price = order?.product == null ? undefined : prices.get(order.product);
    return order === undefined || price === undefined ? undefined : (dear(order, price) ?? undefined);
  },
  self(order, { orders }) {
    const other = order?.product == null ? undefined : orders.get(order.product);
    return order === undefined || other === undefined ? undefined : `${order.n}+${other.n}`;
  },
};

/** What each join emits at each record: of each key whose result differs, the change. */
function reference(records: readonly Upsert[], names: readonly string[]): Record<string, unknown[][]> {
  const found: Record<string, unknown[][]> = Object.fromEntries(names.map((name) => [name, []]));
  const orders = new Map<string, Order>();
  const prices = new Map<string, number>();
  for (const { side, key, value } of records) {
    const was: Rows = { orders: new Map(orders), prices: new Map(prices) };
    const rows = (side === 'order' ? orders : prices) as Map<string, unknown>;
    if (value === null) rows.delete(key);
    else rows.set(key, value);
    for (const name of names) {
      const of = results[name]!;
      const changes = keys.flatMap((each) => {
        const before = of(was.orders.get(each), was);
        const after = of(orders.get(each), { orders, prices });
        return before === after ? [] : changeRows(each, before, after);
      });
      found[name]!.push(changes);
    }
  }
  return found;
}

const keys = ['a', 'b', 'c', 'p', 'q'];
const upsert: fc.Arbitrary<Upsert> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      time: fc.integer({ min: 0, max: 50 }),
      side: fc.constant('order' as const),
      key: fc.constantFrom(...keys),
      value: fc.option(
        fc.record({
          n: fc.integer({ min: 0, max: 3 }),
          product: fc.option(fc.constantFrom('p', 'q', 'r'), { freq: 5, nil: null }),
        }),
        { freq: 4, nil: null },
      ),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      time: fc.integer({ min: 0, max: 50 }),
      side: fc.constant('product' as const),
      key: fc.constantFrom('p', 'q', 'r'),
      value: fc.option(fc.integer({ min: 0, max: 12 }), { freq: 4, nil: null }),
    }),
  },
);
const upserts = fc.array(upsert, { maxLength: 40 });
const exact = ['inner', 'left', 'dear'];

describe('a join by foreign key', () => {
  it('emits at each record the changes of the results', async () => {
    await fc.assert(
      fc.asyncProperty(upserts, async (records) => {
        const { self: _, ...found } = await emitted(build, records, { disorder: 100 });
        expect(found).toEqual(reference(records, exact));
      }),
      { numRuns: 60 },
    );
  });

  it('comes to the same rows however records are cut into batches, with restarts and repeats', async () => {
    await fc.assert(
      fc.asyncProperty(upserts, fc.nat(99), async (records, seed) => {
        const expected = finals(reference(records, [...exact, 'self']));
        for (const feeding of feedings(seed)) {
          expect(finals(await emitted(build, records, { ...feeding, disorder: 100 }))).toEqual(expected);
        }
      }),
      { numRuns: 25 },
    );
  });
});

const finals = (found: Readonly<Record<string, unknown[][]>>) =>
  Object.fromEntries(
    Object.entries(found).map(([name, chunks]) => [
      name,
      [...rowsOf(chunks.flat())].sort(([a], [b]) => (a < b ? -1 : 1)),
    ]),
  );

/** The three operators, with channels between them that deliver when told to. */
class Delayed {
  readonly subscribe = new Harness(subscribeOperator(productOf as never));
  readonly respond = new Harness(respondOperator());
  readonly resolve: Harness;
  readonly orders = new Map<string, Order>();
  readonly prices = new Map<string, number>();
  /** Messages under way: to `resolve` directly, to `respond` by foreign key, to `resolve` by foreign key. */
  readonly channels = new Map<string, (() => void)[]>();

  constructor(kind: 'inner' | 'left') {
    this.resolve = new Harness(resolveOperator(kind, productOf as never, joined as never));
  }

  apply({ side, key, value }: Upsert): void {
    const rows = (side === 'order' ? this.orders : this.prices) as Map<string, unknown>;
    const change = { before: rows.get(key), after: value ?? undefined };
    if (change.before === undefined && change.after === undefined) return;
    if (value === null) rows.delete(key);
    else rows.set(key, value);
    if (side === 'product') {
      this.#send(`respond ${key}`, () => this.#respond(1, change, key));
      return;
    }
    this.#send('resolve', () => this.resolve.record(change, 0, key, 0));
    const from = this.subscribe.emitted().length;
    this.subscribe.record(change, 0, key);
    for (const { value: told, key: product } of this.subscribe.emitted().slice(from)) {
      this.#send(`respond ${String(product)}`, () => this.#respond(0, told, product!));
    }
  }

  /** Delivers the oldest message of one channel. */
  deliver(choice: number): boolean {
    const waiting = [...this.channels].filter(([, messages]) => messages.length > 0);
    const [, messages] = waiting[choice % Math.max(1, waiting.length)] ?? [];
    messages?.shift()?.();
    return messages !== undefined;
  }

  #respond(input: number, value: unknown, product: KeyId): void {
    const from = this.respond.emitted().length;
    this.respond.record(value, 0, product as string, input);
    for (const { value: answer, key } of this.respond.emitted().slice(from)) {
      this.#send(`resolve ${String(product)}`, () => this.resolve.record(answer, 0, key as string, 1));
    }
  }

  #send(channel: string, message: () => void): void {
    const messages = this.channels.get(channel) ?? [];
    this.channels.set(channel, messages);
    messages.push(message);
  }
}

describe('a join by foreign key whose messages take their time', () => {
  it('comes to the rows of an account of all input, and keeps nothing of keys that are gone', () => {
    const step = fc.oneof(upsert, fc.nat(20));
    fc.assert(
      fc.property(
        fc.constantFrom('inner' as const, 'left' as const),
        fc.array(step, { maxLength: 60 }),
        (kind, steps) => {
          const delayed = new Delayed(kind);
          for (const each of steps) {
            if (typeof each === 'number') delayed.deliver(each);
            else delayed.apply(each);
          }
          for (let i = 7; delayed.deliver(i); i += 3);
          const { orders, prices } = delayed;
          const expected = [...orders].flatMap(([key, order]) => {
            const result = results[kind]!(order, { orders, prices });
            return result === undefined ? [] : [[JSON.stringify(key), result]];
          });
          const changes = delayed.resolve
            .emitted()
            .flatMap(({ value, key }) =>
              changeRows(key, (value as { before: unknown }).before, (value as { after: unknown }).after),
            );
          expect([...rowsOf(changes)].sort()).toEqual(expected.sort());
          const [resolving] = delayed.resolve.store.tables;
          expect([...resolving!.keys()].sort()).toEqual([...orders.keys()].map(keyIdOf).sort());
          for (const cell of resolving!.cells()) expect(cell.value).toMatchObject({ open: [], early: [] });
          const subscribers = delayed.respond.store.tables.find(({ name }) => name.endsWith('subscribers'))!;
          expect(subscribers.size).toBe([...orders.values()].filter(({ product }) => product !== null).length);
        },
      ),
      { numRuns: 500 },
    );
  });
});
