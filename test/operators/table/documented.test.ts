/**
 * Cases that are public: the tables of Kafka Streams' documentation "Streams DSL" (of join results, of a KGroupedTable and of a KGroupedStream), record by record, and what
 * Kafka Streams' own tests say. Every row is theirs, put in our words.
 */
import { describe, expect, it } from 'vitest';
import { collection, count, type KeyedStream, pipeline, type Table, toMemory } from '../../../lib/index.ts';
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

/** "Aggregating", the example of a KGroupedTable: users by their region, a region's value being the sum of the lengths of its users' names. */
describe('KGroupedTable aggregate, as its documentation has it', () => {
  it('adds and subtracts; `keep` keeps a group without rows. A record without a key, ignored there, is filtered out here', async () => {
    const updates = [
      ['alice', 'E', 5],
      ['bob', 'A', 3],
      ['charlie', 'A', 7],
      ['alice', 'A', 5],
      ['charlie', null, 0],
      [null, 'E', 0],
      ['bob', 'E', 3],
    ] as const;
    const built = pipeline(
      'grouped',
      (p) => {
        p.source('in', collection<(typeof updates)[number]>([]))
          .filter(([user]) => user !== null)
          .keyBy('by-user', ([user]) => user as string)
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

/** "Aggregating", the example of a KGroupedStream. */
describe('KGroupedStream count, as its documentation has it', () => {
  it('has a row for each word, which changes with every record', async () => {
    const words = ['hello', 'kafka', 'streams', 'kafka', 'kafka', 'streams'];
    const built = pipeline('words', (p) => {
      p.source('in', collection<string>([]))
        .keyBy('by-word', (word) => word)
        .toTable('counts', count())
        .toStream()
        .to('out', toMemory());
    });
    const driver = await TestDriver.open(built);
    const found: string[] = [];
    for (const word of words) {
      await driver.feed('in', [word]);
      found.push(...driver.read<{ key: string; value: number }>('out').map(({ key, value }) => `${key} ${value}`));
    }
    expect(found).toEqual(['hello 1', 'kafka 1', 'streams 1', 'kafka 2', 'kafka 3', 'streams 2']);
    await driver.close();
  });
});

/** Rows of a foreign-key join, each with its key. Left rows name the right row by their part behind the comma. */
async function foreign(kind: 'join' | 'leftJoin', changes: readonly Row[]): Promise<string[][]> {
  const named = (value: string): string | null => value.split(',').at(-1) || null;
  const joined = (left: string, right: string | undefined, key: string): string => `${key},${left},${right ?? null}`;
  const build = (left: Keyed, right: Keyed) => {
    const [subscribers, targets] = [table('l', left), table('r', right)];
    return kind === 'join'
      ? subscribers.join('j', targets, named, joined)
      : subscribers.leftJoin('j', targets, named, joined);
  };
  return (await emitted(build, changes)).map((rows) => rows.map(String).toSorted());
}

const left = (key: string, value: string | null): Row => ({ side: 'left', key, value });
const right = (key: string, value: string | null): Row => ({ side: 'right', key, value });

/** "Semantics of table-table foreign-key joins": the foreign key is the left value. */
describe('KTable-KTable foreign-key join, as its documentation has it', () => {
  const offsets: readonly Row[] = [
    ...[right('1', 'foo'), left('k', '1')],
    ...[left('k', '2'), left('k', '3'), right('3', 'bar'), left('k', null), left('k', '1')],
    ...[left('q', '10'), left('r', '10'), right('10', 'baz')],
  ];

  it('inner; where it has a second tombstone (offsets 3), none comes, as no row stands', async () => {
    expect(await foreign('join', offsets)).toEqual([
      ...[[], ['k,1,foo']],
      ...[['null'], [], ['k,3,bar'], ['null'], ['k,1,foo']],
      ...[[], [], ['q,10,baz', 'r,10,baz']],
    ]);
  });

  it('left', async () => {
    expect(await foreign('leftJoin', offsets)).toEqual([
      ...[[], ['k,1,foo']],
      ...[['k,2,null'], ['k,3,null'], ['k,3,bar'], ['null'], ['k,1,foo']],
      ...[['q,10,null'], ['r,10,null'], ['q,10,baz', 'r,10,baz']],
    ]);
  });
});

/** Where Kafka Streams hands on a tombstone although no row stood, here nothing comes: `-`. */
describe('KTable-KTable foreign-key join, as KTableKTableForeignKeyJoinIntegrationTest has it', () => {
  const both = async (changes: readonly Row[]): Promise<string[][]> => {
    const [inner, kept] = [await foreign('join', changes), await foreign('leftJoin', changes)];
    return inner.map((rows, i) => [rows.join(' ') || '-', kept[i]!.join(' ') || '-']);
  };

  it('doJoinFromLeftThenDeleteLeftEntity', async () => {
    const found = await both([
      ...[right('r1', 'R1'), right('r2', 'R2'), right('r3', 'R3')],
      ...[left('l1', 'L1,r1'), left('l2', 'L2,r2'), left('l3', 'L3,r1'), left('l1', null)],
    ]);
    expect(found).toEqual([
      ...[
        ['-', '-'],
        ['-', '-'],
        ['-', '-'],
      ],
      ['l1,L1,r1,R1', 'l1,L1,r1,R1'],
      ['l2,L2,r2,R2', 'l2,L2,r2,R2'],
      ['l3,L3,r1,R1', 'l3,L3,r1,R1'],
      ['null', 'null'],
    ]);
  });

  it('doJoinFromRightThenDeleteRightEntity', async () => {
    const found = await both([
      ...[left('l1', 'L1,r1'), left('l2', 'L2,r2'), left('l3', 'L3,r1')],
      ...[right('r1', 'R1'), right('r2', 'R2'), right('r3', 'R3'), right('r1', null)],
    ]);
    expect(found).toEqual([
      ['-', 'l1,L1,r1,null'],
      ['-', 'l2,L2,r2,null'],
      ['-', 'l3,L3,r1,null'],
      ['l1,L1,r1,R1 l3,L3,r1,R1', 'l1,L1,r1,R1 l3,L3,r1,R1'],
      ['l2,L2,r2,R2', 'l2,L2,r2,R2'],
      ['-', '-'],
      ['null null', 'l1,L1,r1,null l3,L3,r1,null'],
    ]);
  });

  it('joinShouldProduceNullsWhenValueHasNonMatchingForeignKey', async () => {
    const found = await both([
      ...[left('l1', 'L1,r1'), left('l1', 'L1,r2'), left('l1', 'L1,r3')],
      ...[right('r1', 'R1'), left('l1', 'L1,r1'), left('l1', 'L1,r2')],
    ]);
    expect(found).toEqual([
      ['-', 'l1,L1,r1,null'],
      ['-', 'l1,L1,r2,null'],
      ['-', 'l1,L1,r3,null'],
      ['-', '-'],
      ['l1,L1,r1,R1', 'l1,L1,r1,R1'],
      ['null', 'l1,L1,r2,null'],
    ]);
  });

  it('shouldUnsubscribeOldForeignKeyIfLeftSideIsUpdated', async () => {
    const found = await both([
      ...[right('r1', 'R1'), right('r2', 'R2')],
      ...[left('l1', 'L1,r1'), left('l1', 'L1,r2'), right('r1', 'Delta')],
    ]);
    expect(found.slice(2)).toEqual([
      ['l1,L1,r1,R1', 'l1,L1,r1,R1'],
      ['l1,L1,r2,R2', 'l1,L1,r2,R2'],
      ['-', '-'],
    ]);
  });

  it('shouldEmitTombstoneWhenDeletingNonJoiningRecords, shouldNotEmitTombstonesWhenDeletingNonExistingRecords', async () => {
    expect(await both([left('l1', null), left('l1', 'L1,r1'), left('l1', null), left('l1', null)])).toEqual([
      ['-', '-'],
      ['-', 'l1,L1,r1,null'],
      ['-', 'null'],
      ['-', '-'],
    ]);
  });

  it('shouldEmitRecordOnNullForeignKeyForLeftJoins, shouldEmitRecordWhenOldAndNewFkDiffer', async () => {
    expect(await both([left('l1', 'L1,r1'), left('l1', 'L1,'), left('l1', 'L1,r1'), left('l2', 'L2,')])).toEqual([
      ['-', 'l1,L1,r1,null'],
      ['-', 'l1,L1,,null'],
      ['-', 'l1,L1,r1,null'],
      ['-', 'l2,L2,,null'],
    ]);
  });
});
