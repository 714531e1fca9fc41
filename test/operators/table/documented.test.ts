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
