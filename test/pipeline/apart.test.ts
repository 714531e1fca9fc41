import { expect, it } from 'vitest';
import { runEmbedded } from '../../lib/embedded/index.ts';
import {
  begin,
  collection,
  count,
  epochMillis,
  type KeyedStream,
  milliseconds,
  noRestart,
  pipeline,
  sideOutput,
  toMemory,
  tumbling,
  type,
} from '../../lib/index.ts';

interface Order {
  readonly id: number;
  readonly at: number;
  readonly region: string;
}

/** Many at once, then a jump of the watermark, then as many again. */
const orders = Array.from(
  { length: 40 },
  (_, id): Order => ({ id, at: id < 20 ? id : 480 + id, region: 'abc'.charAt(id % 3) }),
);
const late = sideOutput<Order>('late');

/** What operators bring about behind a keyBy, with all that may share a stage in one, and each in its own. */
async function inBoth(
  build: (
    keyed: KeyedStream<string, Order>,
    out: ReturnType<typeof toMemory>,
    late: ReturnType<typeof toMemory>,
  ) => void,
) {
  const results = [];
  for (const fusing of ['all', 'none'] as const) {
    const [out, lost] = [toMemory(), toMemory()];
    const built = pipeline(
      'orders',
      (p) => {
        const input = p.source('in', collection(orders), { eventTime: ({ at }) => epochMillis(at) });
        build(
          input.keyBy('by-region', ({ region }) => region, { parallelism: 1 }),
          out,
          lost,
        );
      },
      { restart: noRestart(), fusing },
    );
    expect((await runEmbedded(built)).error).toBeUndefined();
    expect(lost.records).toEqual([]);
    results.push(out);
  }
  const [fused, apart] = results as [ReturnType<typeof toMemory>, ReturnType<typeof toMemory>];
  expect(fused.records.length).toBeGreaterThan(0);
  const sorted = (records: readonly unknown[]) => records.map((record) => JSON.stringify(record)).sort();
  expect(sorted(fused.records)).toEqual(sorted(apart.records));
  expect(sorted(fused.rows)).toEqual(sorted(apart.rows));
  return fused;
}

const LIMIT = { limit: 1, per: milliseconds(10), excess: 'delay' } as const;

it('a record that a rate limit delayed is in time for windows behind it', async () => {
  const out = await inBoth((keyed, to, toLate) => {
    const windows = keyed.rateLimit('few', LIMIT).window(tumbling(milliseconds(10)), { late });
    const counted = windows.aggregate('counts', count());
    counted.to('out', to);
    counted.sideOutput(late).to('late', toLate);
  });
  expect(out.records).toHaveLength(40);
});

it('a record that a rate limit delayed is in time for joins and patterns behind what passes it on', async () => {
  const joined = await inBoth((keyed, to, toLate) => {
    const few = keyed.rateLimit('few', LIMIT).filter(({ id }) => id >= 0);
    const pairs = few.intervalJoin(few).between(milliseconds(-5), milliseconds(5), { lateLeft: late, lateRight: late });
    const joins = pairs.join('pairs', (a, b) => ({ pair: [a.id, b.id] }));
    joins.to('out', to);
    joins.sideOutput(late).to('late', toLate);
  });
  expect(joined.records).toHaveLength(40);
  const matched = await inBoth((keyed, to, toLate) => {
    const one = begin('one', type<Order>()).within(milliseconds(5));
    const matches = keyed
      .rateLimit('few', LIMIT)
      .match('ones', one, ({ one: [order] }) => ({ id: order.id }), { late });
    matches.to('out', to);
    matches.sideOutput(late).to('late', toLate);
  });
  expect(matched.records).toHaveLength(40);
});

it('a sample of every n-th counts by the key of a keyed stream only', async () => {
  const counted = (every: number) =>
    inBoth((keyed, to) => {
      keyed
        .map('told', (order) => order)
        .sample('some', { every })
        .to('out', to);
    });
  expect((await counted(2)).records).toEqual(orders.filter(({ id }) => id % 2 === 0));
  const byKey = await inBoth((keyed, to) => keyed.sample('some', { every: 2 }).to('out', to));
  const first = (order: Order) => orders.filter(({ region }) => region === order.region).indexOf(order);
  expect(byKey.records).toEqual(orders.filter((order) => first(order) % 2 === 0));
});

it('a sink is given the key of what its records follow from', async () => {
  const out = await inBoth((keyed, to) => {
    keyed
      .window(tumbling(milliseconds(100)))
      .aggregate('counts', count())
      .map('told', ({ value }) => value)
      .to('out', to);
  });
  expect(out.rows.map(({ key }) => key).sort()).toEqual(['a', 'b', 'c']);
});
