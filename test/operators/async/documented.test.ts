/** What others say of lookup joins, their caches and of split streams, case by case. */
import { describe, expect, it } from 'vitest';
import { type Duration, type Key, milliseconds, minutes, seconds } from '../../../lib/model/index.ts';
import { asyncOperator, type Lookup, lookupJoinOperator, splitOperator } from '../../../lib/operators/index.ts';
import { Harness } from '../harness.ts';
import { type Arrival, Passes } from './passes.ts';

interface Order {
  readonly id: number;
  readonly customer: Key;
}

const order = (id: number, customer: Key): Arrival => [{ id, customer }, id];

function lookup(given: Omit<Lookup<Order, Key, string>, 'key'>) {
  const whole = { key: (o: Order) => o.customer, ...given } as Lookup<Order, Key, string>;
  const definition = lookupJoinOperator('left', whole, ({ id }, name) => [id, name]);
  const passes = new Passes(definition);
  return {
    passes,
    async of(...orders: Arrival[]): Promise<unknown[]> {
      const harness = new Harness(definition);
      for (const place of await passes.during(passes.pass(orders), 1_000)) harness.record(place, 0);
      return harness.values();
    },
  };
}

/** https://github.com/apache/flink: flink-table-common, DefaultLookupCacheTest */
describe("Flink's DefaultLookupCacheTest", () => {
  const asked: Key[] = [];
  const fetch = (key: Key): string | null => {
    asked.push(key);
    return key === 'non-exist' ? null : `bar ${String(key)}`;
  };

  it('testExpireAfterWrite: what was written longer ago than that is gone, however often it was asked for', async () => {
    asked.length = 0;
    const expire = seconds(15_213);
    const margin = seconds(10);
    const { passes, of } = lookup({ fetch, cache: { ttl: expire } });
    await of(order(1, 'foo'));
    passes.clock.advance((expire - margin) as Duration);
    await of(order(2, 'foo'));
    expect(asked).toEqual(['foo']);
    passes.clock.advance((2 * margin) as Duration);
    await of(order(3, 'foo'));
    expect(asked).toEqual(['foo', 'foo']);
  });

  it('testSizeBasedEviction: of eleven keys in a cache of ten the first is gone', async () => {
    asked.length = 0;
    const { of } = lookup({ fetch, cache: { ttl: minutes(60), maxEntries: 10 } });
    for (let i = 0; i <= 10; i++) await of(order(i, ['lookup', 'key', i]));
    asked.length = 0;
    for (let i = 1; i <= 10; i++) await of(order(i, ['lookup', 'key', i]));
    expect(asked).toEqual([]);
    await of(order(0, ['lookup', 'key', 0]));
    expect(asked).toHaveLength(1);
  });

  it('testCacheMissingKey: that a key has no value is remembered, unless it is not to be', async () => {
    for (const missing of [undefined, true, false]) {
      asked.length = 0;
      const cache = { ttl: minutes(60), ...(missing === undefined ? {} : { missing }) };
      const { of } = lookup({ fetch, cache });
      await of(order(1, 'non-exist'));
      await of(order(2, 'non-exist'));
      expect(asked).toHaveLength(missing === false ? 2 : 1);
    }
  });

  it('testCacheMetrics: a key that is there is a hit, one that is not a miss', async () => {
    const { passes, of } = lookup({ fetch, cache: { ttl: minutes(60) } });
    await of(order(1, 'foo'));
    passes.counts['misses'] = 0;
    await of(order(2, 'foo'));
    await of(order(3, 'non-exist'));
    expect(passes.counts).toEqual({ hits: 1, misses: 1 });
  });
});

/** https://nightlies.apache.org/flink/flink-docs-stable/docs/dev/table/sql/queries/hints/#lookup */
describe("the LOOKUP hint of Flink's SQL", () => {
  it("'retry-predicate'='lookup_miss', 'max-attempts'='1': up to two requests for a key", async () => {
    let requests = 0;
    const { of } = lookup({
      retries: 1,
      retryDelay: seconds(10),
      retryMissing: true,
      fetch: () => (++requests === 3 ? 'at last' : null),
    });
    expect(await of(order(1, 'c'))).toEqual([[1, undefined]]);
    expect(requests).toBe(2);
    expect(await of(order(2, 'c'))).toEqual([[2, 'at last']]);
    expect(requests).toBe(3);
  });

  it('the effect of caching on retries: what is found after them is remembered, and what is remembered not tried again', async () => {
    let requests = 0;
    const { of } = lookup({
      retries: 2,
      retryMissing: true,
      cache: { ttl: minutes(60) },
      fetch: (key) => (++requests === 2 ? `late ${String(key)}` : null),
    });
    expect(await of(order(1, 'c'))).toEqual([[1, 'late c']]);
    expect(await of(order(2, 'c'))).toEqual([[2, 'late c']]);
    expect(requests).toBe(2);
    expect(await of(order(3, 'd'))).toEqual([[3, undefined]]);
    expect(await of(order(4, 'd'))).toEqual([[4, undefined]]);
    expect(requests).toBe(5);
  });
});

/** https://nightlies.apache.org/flink/flink-docs-stable/docs/dev/datastream/operators/asyncio/#timeout-handling */
describe("timeouts of Flink's asynchronous I/O", () => {
  const hangs = () => new Promise<string>(() => {});

  it('are errors, unless something stands in for the result', async () => {
    const failing = new Passes(asyncOperator(hangs, { timeout: milliseconds(1_000) }));
    const [error] = await failing.during(failing.pass([order(1, 'c')]), 100);
    expect(error).toMatchObject({ kind: 'operator-failed', message: 'the call took longer than 1000 ms' });
    const handled = asyncOperator(hangs, { timeout: milliseconds(1_000), onFailure: () => 'timed out' });
    const passes = new Passes(handled);
    expect(await passes.during(passes.pass([order(1, 'c')]), 100)).toEqual(['timed out']);
  });
});

/** https://github.com/apache/kafka: streams, KStreamSplitTest */
describe("Kafka Streams' KStreamSplitTest", () => {
  const split = (branches: Readonly<Record<string, (n: number) => boolean>>): Harness => {
    const harness = new Harness(splitOperator(branches));
    for (const n of [-1, 0, 1, 2, 3, 4, 5, 6, 7]) harness.record(n, n);
    return harness;
  };
  const isMultipleOf = (of: number) => (n: number) => n % of === 0;

  it('testKStreamSplit: a record goes to the first branch that holds', () => {
    const harness = split({ x2: isMultipleOf(2), x3: isMultipleOf(3), x5: isMultipleOf(5) });
    expect(['x2', 'x3', 'x5'].map((side) => harness.values(side))).toEqual([[0, 2, 4, 6], [3], [5]]);
  });

  it('testResultingMap: what no branch takes goes to the default branch', () => {
    const harness = split({
      bar: isMultipleOf(2),
      x3: isMultipleOf(3),
      x5: isMultipleOf(5),
      negative: (n) => n < 0,
      x7: isMultipleOf(7),
    });
    expect(harness.values('bar')).toEqual([0, 2, 4, 6]);
    expect(harness.values('negative')).toEqual([-1]);
    expect(harness.values('x7')).toEqual([7]);
    expect(harness.values()).toEqual([1]);
  });
});
