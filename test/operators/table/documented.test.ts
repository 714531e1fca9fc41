/** Kafka Streams' documentation, "Streams DSL": the tables of join results and of a KGroupedTable, record by record. */
import { describe, expect, it } from 'vitest';
import { collection, type KeyedStream, pipeline, type Table, toMemory } from '../../../lib/index.ts';
import { TestDriver } from '../../../lib/testing/index.ts';

interface Row {
  readonly side: 'left' | 'right';
  readonly key: string;
  readonly value: string | null;
}

type Keyed = KeyedStream<string, Row>;
type Made = Table<string, string> | KeyedStream<string, string>;

/** What is emitted for each record, one after another. */
async function emitted(build: (left: Keyed, right: Keyed) => Made, rows: readonly Row[]): Promise<unknown[][]> {
  const built = pipeline(
    'documented',
    (p) => {
      const input = p.source('in', collection<Row>([]));
      const of = (side: Row['side']): Keyed => input.filter((row) => row.side === side).keyBy(side, (row) => row.key);
      (build(of('left'), of('right')) as Table<string, string>).to('out', toMemory());
    },
    { parallelism: 2 },
  );
  const driver = await TestDriver.open(built);
  const found: unknown[][] = [];
  for (const row of rows) {
    await driver.feed('in', [row]);
    found.push(driver.read('out'));
  }
  await driver.close();
  return found;
}

/** Fifteen records of one key, as all the join tables of the documentation have them. */
const steps: readonly [Row['side'], string | null][] = [
  ['left', null],
  ['right', null],
  ['left', 'A'],
  ['right', 'a'],
  ['left', 'B'],
  ['right', 'b'],
  ['left', null],
  ['right', null],
  ['left', 'C'],
  ['right', 'c'],
  ['right', null],
  ['left', null],
  ['right', null],
  ['right', 'd'],
  ['left', 'D'],
];
const rows: readonly Row[] = steps.map(([side, value]) => ({ side, key: 'k', value }));

const table = (id: string, keyed: Keyed): Table<string, string> => keyed.toTable(id, (row) => row.value);
const pair = (left: string | undefined, right: string | undefined): string => `${left ?? null},${right ?? null}`;

describe('KTable-KTable join, as its documentation has it', () => {
  it('inner', async () => {
    const found = await emitted((left, right) => table('l', left).join('j', table('r', right), pair), rows);
    expect(found).toEqual([
      [],
      [],
      [],
      ['A,a'],
      ['B,a'],
      ['B,b'],
      [null],
      [],
      [],
      ['C,c'],
      [null],
      [],
      [],
      [],
      ['D,d'],
    ]);
  });

  it('left', async () => {
    const found = await emitted((left, right) => table('l', left).leftJoin('j', table('r', right), pair), rows);
    expect(found).toEqual([
      ...[[], [], ['A,null'], ['A,a'], ['B,a'], ['B,b'], [null], []],
      ...[['C,null'], ['C,c'], ['C,null'], [null], [], [], ['D,d']],
    ]);
  });

  it('outer', async () => {
    const found = await emitted((left, right) => table('l', left).outerJoin('j', table('r', right), pair), rows);
    expect(found).toEqual([
      ...[[], [], ['A,null'], ['A,a'], ['B,a'], ['B,b'], ['null,b'], [null]],
      ...[['C,null'], ['C,c'], ['C,null'], [null], [], ['null,d'], ['D,d']],
    ]);
  });
});

describe('KStream-KTable join, as its documentation has it', () => {
  const values = (keyed: Keyed) => keyed.filter((row): row is Row & { value: string } => row.value !== null);

  it('inner', async () => {
    const found = await emitted(
      (left, right) => values(left).join('j', table('r', right), (row, right) => pair(row.value, right)),
      rows,
    );
    expect(found).toEqual([[], [], [], [], ['B,a'], [], [], [], [], [], [], [], [], [], ['D,d']]);
  });

  it('left', async () => {
    const found = await emitted(
      (left, right) => values(left).leftJoin('j', table('r', right), (row, right) => pair(row.value, right)),
      rows,
    );
    expect(found).toEqual([
      ...[[], [], ['A,null'], [], ['B,a'], [], [], []],
      ...[['C,null'], [], [], [], [], [], ['D,d']],
    ]);
  });
});

/** "Aggregating", the example of a KGroupedTable: users by their region, a region's value being the length of its name. */
describe('KGroupedTable aggregate, as its documentation has it', () => {
  it('adds and subtracts; `keep` keeps a group without rows', async () => {
    const updates = [
      ['alice', 'E', 5],
      ['bob', 'A', 3],
      ['charlie', 'A', 7],
      ['alice', 'A', 5],
      ['charlie', null, 0],
      ['nobody', null, 0],
      ['bob', 'E', 3],
    ] as const;
    const built = pipeline(
      'grouped',
      (p) => {
        p.source('in', collection<(typeof updates)[number]>([]))
          .keyBy('by-user', ([user]) => user)
          .toTable('users', ([, region, length]) => (region === null ? null : { region, length }))
          .groupBy('by-region', ({ region }) => region)
          .aggregate(
            'lengths',
            {
              init: () => 0,
              add: (sum, { length }) => sum + length,
              subtract: (sum, { length }) => sum - length,
            },
            { whenEmpty: 'keep' },
          )
          .toStream()
          .to('out', toMemory());
      },
      { parallelism: 1 },
    );
    const driver = await TestDriver.open(built);
    const found: unknown[][] = [];
    for (const update of updates) {
      await driver.feed('in', [update]);
      found.push(driver.read<{ key: string; value: number }>('out').map(({ key, value }) => `${key} ${value}`));
    }
    expect(found).toEqual([['E 5'], ['A 3'], ['A 10'], ['E 0', 'A 15'], ['A 8'], [], ['A 5', 'E 3']]);
    await driver.close();
  });
});

/**
 * KIP-213, and "Kafka Streams Join Semantics" of the Apache Kafka wiki: the cases of a KTable-KTable foreign-key join. Left rows name the right row by their part behind the comma.
 */
describe('KTable-KTable foreign-key join, in the cases of KIP-213', () => {
  const changes: readonly Row[] = [
    { side: 'left', key: 'k', value: 'one,fk1' },
    { side: 'right', key: 'fk1', value: 'foo' },
    { side: 'left', key: 'k', value: 'one,fk2' },
    { side: 'right', key: 'fk2', value: 'bar' },
    { side: 'left', key: 'k', value: 'two,fk1' },
    { side: 'left', key: 'k', value: null },
    { side: 'left', key: 'k', value: 'three,' },
    { side: 'left', key: 'k', value: 'four,fk1' },
    { side: 'right', key: 'fk1', value: null },
    { side: 'right', key: 'fk9', value: null },
    { side: 'right', key: 'fk9', value: 'unnamed' },
  ];
  const named = (value: string): string | null => value.split(',')[1] || null;
  const by = (kind: 'join' | 'leftJoin') =>
    emitted((left, right) => {
      const [orders, products] = [table('l', left), table('r', right)];
      return kind === 'join' ? orders.join('j', products, named, pair) : orders.leftJoin('j', products, named, pair);
    }, changes);

  it('inner', async () => {
    expect(await by('join')).toEqual([
      ...[[], ['one,fk1,foo'], [null], ['one,fk2,bar'], ['two,fk1,foo'], [null]],
      ...[[], ['four,fk1,foo'], [null], [], []],
    ]);
  });

  it('left', async () => {
    expect(await by('leftJoin')).toEqual([
      ...[['one,fk1,null'], ['one,fk1,foo'], ['one,fk2,null'], ['one,fk2,bar'], ['two,fk1,foo'], [null]],
      ...[['three,,null'], ['four,fk1,foo'], ['four,fk1,null'], [], []],
    ]);
  });
});
