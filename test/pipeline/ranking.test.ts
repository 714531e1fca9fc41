import { describe, expect, it } from 'vitest';
import {
  collection,
  epochMillis,
  type KeyedStream,
  MillraceError,
  milliseconds,
  noRestart,
  type PlanFault,
  pipeline,
  type Stream,
  type Table,
  toMemory,
  type UpsertConnector,
  untilWindowCloses,
} from '../../lib/index.ts';
import { comparePlans } from '../../lib/plan/index.ts';
import { TestDriver } from '../../lib/testing/index.ts';
import { drain } from './fake-connectors.ts';

interface Sale {
  readonly shop: string;
  readonly item: string;
  readonly amount: number;
  readonly at: number;
}

const sales = collection<Sale>([]);

function faultsOf(build: (sales: Stream<Sale>) => unknown): readonly PlanFault[] {
  try {
    pipeline('ranking', (p) => {
      const made = build(p.source('in', sales, { eventTime: ({ at }) => epochMillis(at) }));
      if ('changes' in (made as object)) (made as Table<unknown, unknown>).to('out', toMemory());
      else (made as Stream<unknown>).to('out', toMemory());
    });
  } catch (error) {
    if (error instanceof MillraceError && error.cause !== undefined) return error.cause as readonly PlanFault[];
    throw error;
  }
  return [];
}

const byShop = (input: Stream<Sale>): KeyedStream<string, Sale> => input.keyBy('by-shop', ({ shop }) => shop);
const wrong = (options: unknown): never => options as never;
const by = ({ amount }: Sale): number => amount;

describe('mistakes in deduplication', () => {
  it('are named before anything runs', () => {
    const found = faultsOf((input) =>
      byShop(input).deduplicate('one', wrong({ keep: 'best', by: 'size', ttl: -1, ttlBy: 'wall' })),
    );
    expect(found.map(({ rule }) => rule)).toEqual([
      'its ttl is -1 ms',
      'its ttlBy is "wall"',
      'its keep is "best"',
      'its by is "size"',
    ]);
    expect(found.every(({ operator, fix }) => operator === 'one' && fix.length > 5)).toBe(true);
    expect(faultsOf((input) => byShop(input).deduplicate('one'))).toEqual([]);
  });

  it('include rows by event time without an event time', () => {
    const without = (options: object) => () =>
      pipeline('no-time', (p) => {
        const keyed = p.source('in', sales).keyBy('by-shop', ({ shop }) => shop);
        (keyed.deduplicate('one', wrong(options)) as unknown as Stream<unknown>).to('out', toMemory());
      });
    expect(without({ keep: 'last', by: 'event' })).toThrow(/event time/);
    expect(without({ ttl: milliseconds(5) })).toThrow(/event time/);
    expect(without({})).not.toThrow();
    expect(without({ ttl: milliseconds(5), ttlBy: 'processing' })).not.toThrow();
  });
});

describe('mistakes in a top', () => {
  it('are named before anything runs', () => {
    const one = (n: number, options: object): string[] =>
      faultsOf((input) => byShop(input).top('best', n, wrong(options))).map(({ rule }) => rule);
    expect(one(0, { by })).toEqual(['it keeps the best 0']);
    expect(one(1.5, { by })).toEqual(['it keeps the best 1.5']);
    expect(one(1, {})).toEqual(['top takes a function, not undefined']);
    expect(one(1, { by: async () => 1 })).toEqual(['the function of top is async']);
    expect(one(1, { by, order: 'up' })).toEqual(['its order is "up"']);
    expect(one(1, { by, order: [] })).toEqual(['its order is []']);
    expect(one(1, { by, ttl: 0, ttlBy: 'wall' })).toEqual(['its ttl is 0 ms', 'its ttlBy is "wall"']);
    expect(one(1, { by, rows: 'trees' })).toEqual(['its rows are "trees"']);
    expect(one(1, { by, unique: 'id' })).toEqual(['its `unique` takes a function, not string']);
    expect(one(1, { by, rows: 'entries' })).toEqual([
      'its rows are entries, and records of a stream have no identity of their own',
    ]);
    expect(one(1, { by, rows: 'entries', unique: ({ item }: Sale) => item })).toEqual([]);
    expect(
      faultsOf((input) =>
        byShop(input)
          .toTable('rows')
          .groupBy('shops', ({ shop }) => shop)
          .top('best', 0, { by }),
      ).map(({ rule }) => rule),
    ).toEqual(['it keeps the best 0']);
  });

  it('include a sink that only appends', () => {
    const build = () =>
      pipeline('appending', (p) => {
        const best = p
          .source('in', sales)
          .keyBy('by-shop', ({ shop }) => shop)
          .top('best', 2, { by });
        best.to('out', drain() as unknown as UpsertConnector<unknown>);
      });
    expect(build).toThrow(/only appends/);
  });

  it('include waiting for windows to close where there are none', () => {
    const build = () =>
      pipeline('windowless', (p) => {
        const best = p
          .source('in', sales)
          .keyBy('by-shop', ({ shop }) => shop)
          .top('best', 2, { by, rows: 'ranks' });
        best.suppress('final', untilWindowCloses()).to('out', toMemory());
      });
    expect(build).toThrow(/no table of windows/);
  });
});

describe('a top', () => {
  const sale = (shop: string, item: string, amount: number): Sale => ({ shop, item, amount, at: 0 });

  it('can be read from outside where its rows are lists', async () => {
    const input = [sale('a', 'x', 1), sale('a', 'y', 3), sale('a', 'z', 2), sale('b', 'x', 5)];
    const built = pipeline('read', (p) => {
      const all = p.source('in', sales);
      all
        .keyBy('by-shop', ({ shop }) => shop)
        .top('dearest', 2, { by })
        .to('dearest-out', toMemory());
      all
        .keyBy('by-item', ({ item }) => item)
        .toTable('items')
        .groupBy('shops', ({ shop }) => shop)
        .top('of-items', 2, { by })
        .to('of-items-out', toMemory());
    });
    const driver = await TestDriver.open(built);
    await driver.feed('in', input);
    const rowOf = (id: string, key: string): unknown => {
      const { state, row } = built.operators.get(id)!.rows!;
      return driver.state(id, state, key).map(({ value }) => row(value, key));
    };
    expect(rowOf('dearest', 'a')).toEqual([[input[1], input[2]]]);
    expect(rowOf('of-items', 'b')).toEqual([[input[3]]]);
    await driver.close();
  });

  it('and what is counted of the same groups share an exchange, if the top comes first', () => {
    const stages = (topFirst: boolean): number => {
      const built = pipeline('shared', (p) => {
        const groups = p
          .source('in', sales)
          .keyBy('by-item', ({ item }) => item)
          .toTable('items')
          .groupBy('shops', ({ shop }) => shop);
        const top = () => groups.top('best', 2, { by }).to('best-out', toMemory());
        const counted = () => groups.count('count').to('count-out', toMemory());
        for (const make of topFirst ? [top, counted] : [counted, top]) make();
      });
      return built.plan.nodes.filter(({ kind }) => kind === 'key-by').length;
    };
    expect(stages(true)).toBe(2);
    expect(stages(false)).toBe(3);
  });

  it('whose rows have keys of their own sends them where those belong, to be joined', () => {
    const exchanges = (rows: 'lists' | 'ranks'): number => {
      const built = pipeline('joined', (p) => {
        const best = byShop(p.source('in', sales)).top('best', 2, wrong({ by, rows })) as unknown as Table<
          string,
          unknown
        >;
        best
          .mapValues((row) => row)
          .join('joined', best, (a, b) => [a, b])
          .to('out', toMemory());
      });
      return built.plan.nodes.filter(({ kind }) => kind === 'key-by').length;
    };
    expect(exchanges('lists')).toBe(1);
    expect(exchanges('ranks')).toBe(3);
  });

  it('and deduplication go on with another time to live, not with other rows', () => {
    const plan = (of: (byShop: KeyedStream<string, Sale>) => unknown) =>
      pipeline('changing', (p) => {
        const made = of(byShop(p.source('in', sales, { eventTime: ({ at }) => epochMillis(at) })));
        (made as Stream<unknown>).to('out', toMemory());
      }).plan;
    const best = (n: number, options: object) => plan((keyed) => keyed.top('best', n, wrong({ by, ...options })));
    const last = (options: object) => plan((keyed) => keyed.deduplicate('one', wrong({ keep: 'last', ...options })));
    const goesOn = (before: ReturnType<typeof plan>, after: typeof before) => comparePlans(before, after).compatible;
    expect(goesOn(best(2, { ttl: milliseconds(5) }), best(2, { ttl: milliseconds(6) }))).toBe(true);
    expect(goesOn(best(2, {}), best(3, {}))).toBe(false);
    expect(goesOn(best(2, {}), best(2, { order: 'ascending' }))).toBe(false);
    expect(goesOn(best(2, {}), best(2, { rows: 'ranks' }))).toBe(false);
    expect(goesOn(last({ ttl: milliseconds(5) }), last({ ttl: milliseconds(6) }))).toBe(true);
    expect(goesOn(last({}), last({ by: 'event' }))).toBe(false);
    const lives = [{}, { ttl: milliseconds(5) }, { ttl: milliseconds(5), ttlBy: 'processing' }];
    const first = (options: object) => plan((keyed) => keyed.deduplicate('one', options));
    for (const make of [(options: object) => best(2, options), last, first]) {
      for (const was of lives) for (const is of lives) expect(goesOn(make(was), make(is))).toBe(was === is);
    }
  });

  it('refuses records that cannot be ranked, as bad records', async () => {
    const built = pipeline(
      'unranked',
      (p) => {
        const all = p.source('in', collection<{ n: unknown }>([])).keyBy('all', () => '');
        all
          .top('one', 2, { by: ({ n }) => n as number })
          .changes()
          .to('one-out', toMemory());
        all
          .top('two', 2, { by: ({ n }) => [n as number, 1], order: ['ascending', 'descending'] })
          .changes()
          .to('two-out', toMemory());
      },
      { restart: noRestart(), fallback: 'dead-letter' },
    );
    const driver = await TestDriver.open(built);
    await driver.feed('in', [
      { n: Number.NaN },
      { n: null },
      { n: {} },
      { n: new Date(Number.NaN) },
      { n: 3 },
      { n: true },
      { n: [] },
    ]);
    expect(driver.read('one-out')).toHaveLength(1);
    expect(driver.read('two-out')).toHaveLength(1);
    expect(await driver.deadLetters()).toHaveLength(6);
    await driver.close();
  });
});
