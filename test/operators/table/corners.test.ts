import { describe, expect, it } from 'vitest';
import {
  aggregator,
  collection,
  noRestart,
  pipeline,
  type Stream,
  seconds,
  toMemory,
  tumbling,
} from '../../../lib/index.ts';
import { TestDriver } from '../../../lib/testing/index.ts';
import { type AnyRow, emitted } from './changelog.ts';

interface Event {
  readonly time: number;
  readonly key: string | null;
  readonly n: number | null;
}

const event = (key: string | null, n: number | null): Event => ({ time: 0, key, n });

describe('tables in corners', () => {
  it('give up a record whose key is none, and go on', async () => {
    const built = pipeline(
      'keys',
      (p) => {
        p.source('in', collection<Event>([]))
          .keyBy('by-key', ({ key }) => key as string)
          .toTable('rows', ({ n }) => n)
          .to('out', toMemory());
      },
      { parallelism: 1, restart: noRestart(), fallback: 'dead-letter' },
    );
    const driver = await TestDriver.open(built);
    await driver.feed('in', [event('a', 1), event(null, 2), event('b', 3)]);
    expect(driver.read('out')).toEqual([1, 3]);
    expect(await driver.deadLetters()).toMatchObject([{ operator: 'by-key', value: { n: 2 } }]);
    await driver.close();
  });

  it('undo what a function that throws has begun', async () => {
    const built = pipeline(
      'throwing',
      (p) => {
        p.source('in', collection<Event>([]))
          .keyBy('by-key', ({ key }) => key as string)
          .toTable('rows', ({ n }) => n)
          .groupBy('all', () => 'all')
          .aggregate('sum', {
            init: () => 0,
            add(sum, n) {
              if (n === 13) throw new Error('unlucky');
              return sum + n;
            },
            subtract: (sum, n) => sum - n,
          })
          .to('out', toMemory());
      },
      { parallelism: 1, restart: noRestart(), fallback: 'dead-letter' },
    );
    const driver = await TestDriver.open(built);
    await driver.feed('in', [event('a', 1), event('b', 2)]);
    await driver.feed('in', [event('a', 13)]);
    expect(await driver.deadLetters()).toHaveLength(1);
    await driver.feed('in', [event('b', 5)]);
    expect(driver.read('out')).toEqual([1, 3, 6]);
    await driver.close();
  });

  it('have no row where an aggregation comes to nothing', async () => {
    const odd = aggregator({
      create: () => 0,
      add: (n: number, _record: Event) => n + 1,
      merge: (a: number, b: number) => a + b,
      result: (n: number) => (n % 2 === 1 ? n : null),
    });
    const build = (input: Stream<Event>) => {
      const keyed = input.keyBy('by-key', ({ key }) => key as string);
      return {
        all: keyed.toTable('all', odd),
        windows: keyed
          .window(tumbling(seconds(1)))
          .toTable('windows', odd)
          .mapValues((n) => n),
      };
    };
    const found = await emitted(build, [event('a', 1), event('a', 2), event('a', null)]);
    const kinds = Object.values(found).map((steps) => steps.map((rows) => rows.map((row) => (row as AnyRow).kind)));
    expect(kinds).toEqual([
      [['insert'], ['delete'], ['insert']],
      [['insert'], ['delete'], ['insert']],
    ]);
  });

  it('drop tombstones of keys never seen', async () => {
    const build = (input: Stream<Event>) => {
      const rows = input.keyBy('by-key', ({ key }) => key as string).toTable('rows', ({ n }) => n);
      return {
        rows,
        joined: rows.outerJoin('self', rows, (a, b) => [a, b]),
        grouped: rows.groupBy('g', () => 1).count('c'),
      };
    };
    const found = await emitted(build, [event('a', null), event('a', null)]);
    expect(found).toEqual({ rows: [[], []], joined: [[], []], grouped: [[], []] });
  });

  it('join a stream to the table made of it: a record finds its own row where the table is written before the join', async () => {
    const build = (input: Stream<Event>) => {
      const keyed = input.keyBy('by-key', ({ key }) => key as string);
      const rows = keyed.toTable('rows', ({ n }) => n);
      return { joined: keyed.leftJoin('joined', rows, ({ n }, row) => [n, row ?? null]) };
    };
    const found = await emitted(build, [event('a', 1), event('a', 2), event('a', null)]);
    expect(found).toEqual({ joined: [[[1, 1]], [[2, 2]], [[null, null]]] });
  });

  it('are joined while one side is silent, and after it has ended', async () => {
    const built = pipeline(
      'silent',
      (p) => {
        const table = (side: string) =>
          p
            .source(side, collection<Event>([]))
            .keyBy(`by-key-${side}`, ({ key }) => key as string)
            .toTable(`rows-${side}`, ({ n }) => n);
        table('left')
          .outerJoin('joined', table('right'), (a, b) => [a ?? null, b ?? null])
          .to('out', toMemory());
      },
      { parallelism: 2 },
    );
    const driver = await TestDriver.open(built);
    await driver.feed('left', [event('a', 1)]);
    expect(driver.read('out')).toEqual([[1, null]]);
    await driver.feed('right', [event('a', 2)]);
    await driver.feed('left', [event('a', 3), event('a', null)]);
    expect(driver.read('out')).toEqual([
      [1, 2],
      [3, 2],
      [null, 2],
    ]);
    await driver.close();
  });
});
