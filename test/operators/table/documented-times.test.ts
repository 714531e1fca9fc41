/**
 * Kafka Streams' own integration tests of joins with out-of-order records: AbstractJoinIntegrationTest's input, with the results and times of TableTableJoinIntegrationTest (tables
 * by offset), StreamTableJoinIntegrationTest (by offset, and with a versioned store) and of SuppressScenarioTest.
 */
import { describe, expect, it } from 'vitest';
import {
  boundedOutOfOrderness,
  collection,
  count,
  type KeyedStream,
  milliseconds,
  pipeline,
  process,
  type Stream,
  type Table,
  toMemory,
  tumbling,
  type,
  untilWindowCloses,
  type WindowKey,
} from '../../../lib/index.ts';
import { TestDriver } from '../../../lib/testing/index.ts';

interface Row {
  readonly side: 'left' | 'right';
  readonly value: string | null;
  readonly at: number;
}

type Keyed = KeyedStream<string, Row>;
type RowTable = Table<string, string>;

const row = (side: Row['side'], value: string | null, at: number): Row => ({ side, value, at });
const rows: readonly Row[] = [
  ...[row('left', null, 1), row('right', null, 2), row('left', 'A', 3), row('right', 'a', 4), row('left', 'B', 5)],
  ...[row('right', 'b', 6), row('left', null, 7), row('right', null, 8), row('left', 'C', 9), row('right', 'c', 10)],
  ...[row('right', null, 11), row('left', null, 12), row('right', null, 13)],
  ...[row('right', 'd', 7), row('left', 'D', 6), row('left', null, 2), row('right', null, 3)],
  ...[row('right', 'e', 14), row('left', 'E', 15)],
  ...[row('left', null, 10), row('right', null, 9), row('left', 'F', 4), row('right', 'f', 3)],
];

const timedRows = {
  eventTime: ({ at }: Row) => new Date(at),
  watermark: boundedOutOfOrderness(milliseconds(1_000)),
};

/** Results as `value@time`. */
const timed = process('timed', {
  in: type<unknown>(),
  out: type<string>(),
  onRecord: (result, ctx) => ctx.emit(`${result}@${ctx.eventTime}`),
});

/** What comes out at each record, `-` for nothing. */
async function emitted<R>(build: (left: Keyed, right: Keyed) => Stream<R>): Promise<string[]> {
  const built = pipeline('documented', (p) => {
    const input = p.source('in', collection<Row>([]), timedRows);
    const of = (side: Row['side']): Keyed => input.filter((row) => row.side === side).keyBy(side, () => 'k');
    build(of('left'), of('right')).process(timed).to('out', toMemory());
  });
  const driver = await TestDriver.open(built);
  const found: string[] = [];
  for (const one of rows) {
    await driver.feed('in', [one]);
    found.push(driver.read<string>('out').join(' ') || '-');
  }
  await driver.close();
  return found;
}

const table = (id: string, keyed: Keyed): RowTable => keyed.toTable(id, ({ value }) => value);
const pair = (left: string | undefined, right: string | undefined): string => `${left ?? null}-${right ?? null}`;
const ofTables = (make: (left: RowTable, right: RowTable) => RowTable) =>
  emitted((left, right) =>
    make(table('l', left), table('r', right))
      .toStream()
      .map(({ value }) => value),
  );

describe('tables that are joined, records out of order', () => {
  it('inner', async () => {
    expect(await ofTables((left, right) => left.join('j', right, pair))).toEqual([
      ...['-', '-', '-', 'A-a@4', 'B-a@5', 'B-b@6', 'null@7', '-', '-', 'C-c@10', 'null@11', '-', '-'],
      ...['-', 'D-d@7', 'null@7', '-', '-', 'E-e@15', 'null@14', '-', '-', 'F-f@4'],
    ]);
  });

  it('left', async () => {
    expect(await ofTables((left, right) => left.leftJoin('j', right, pair))).toEqual([
      ...['-', '-', 'A-null@3', 'A-a@4', 'B-a@5', 'B-b@6', 'null@7', '-', 'C-null@9', 'C-c@10', 'C-null@11', 'null@12'],
      ...['-', '-', 'D-d@7', 'null@7', '-', '-', 'E-e@15', 'null@14', '-', 'F-null@4', 'F-f@4'],
    ]);
  });

  it('outer', async () => {
    expect(await ofTables((left, right) => left.outerJoin('j', right, pair))).toEqual([
      ...['-', '-', 'A-null@3', 'A-a@4', 'B-a@5', 'B-b@6', 'null-b@7', 'null@8', 'C-null@9', 'C-c@10', 'C-null@11'],
      ...['null@12', '-', 'null-d@7', 'D-d@7', 'null-d@7', 'null@3', 'null-e@14', 'E-e@15', 'null-e@14', 'null@9'],
      ...['F-null@4', 'F-f@4'],
    ]);
  });
});

describe('a stream joined to a table, records out of order', () => {
  const values = (keyed: Keyed) => keyed.filter((one): one is Row & { value: string } => one.value !== null);

  it('inner: the row that stands when the record comes', async () => {
    const found = await emitted((left, right) =>
      values(left).join('j', table('r', right), ({ value }, row) => pair(value, row)),
    );
    expect(found.filter((one) => one !== '-')).toEqual(['B-a@5', 'D-d@6', 'E-e@15']);
    expect([found[4], found[14], found[18]]).toEqual(['B-a@5', 'D-d@6', 'E-e@15']);
  });

  it('left', async () => {
    const found = await emitted((left, right) =>
      values(left).leftJoin('j', table('r', right), ({ value }, row) => pair(value, row)),
    );
    expect(found.flatMap((one, i) => (one === '-' ? [] : [`${i + 1}: ${one}`]))).toEqual([
      ...['3: A-null@3', '5: B-a@5', '9: C-null@9', '15: D-d@6', '19: E-e@15', '22: F-null@4'],
    ]);
  });
});

/**
 * With a versioned store each record is joined to the version of its own time. There records are joined as they come; here they wait for the watermark and come in the order of time. So all are
 * those of StreamTableJoinIntegrationTest.testLeftWithVersionedStore but A, which there is joined before the `f` of its time has come.
 */
describe('a stream joined to a versioned table, records out of order', () => {
  it('finds the row of its time, also if that came late', async () => {
    const built = pipeline('versioned', (p) => {
      const input = p.source('in', collection<Row>([]), timedRows);
      const of = (side: Row['side']) => input.filter((row) => row.side === side).keyBy(side, () => 'k');
      of('left')
        .filter(({ value }) => value !== null)
        .leftTemporalJoin(
          'j',
          of('right').toVersionedTable(({ value }) => value),
          ({ value }, row) => pair(value ?? undefined, row),
        )
        .process(timed)
        .to('out', toMemory());
    });
    const driver = await TestDriver.open(built);
    await driver.feed('in', rows);
    await driver.end();
    expect(driver.read('out')).toEqual(['A-f@3', 'F-a@4', 'B-a@5', 'D-b@6', 'C-null@9', 'E-e@15']);
    await driver.close();
  });
});

/** SuppressScenarioTest.shouldSupportFinalResultsForTimeWindows and ...WithLargeJump: counts of windows of 2 ms. Times of results differ on purpose: here a window's last millisecond. */
describe('final results of windows', () => {
  it.each([
    {
      grace: 1,
      times: [0, 1, 2, 1, 0, 5, 0],
      raw: ['0 1', '0 2', '2 1', '0 3', '0 4', '4 1'],
      final: ['0 4', '2 1'],
    },
    {
      grace: 2,
      times: [0, 1, 2, 0, 3, 0, 4, 0, 30],
      raw: ['0 1', '0 2', '2 1', '0 3', '2 2', '0 4', '4 1', '30 1'],
      final: ['0 4', '2 2', '4 1'],
    },
  ])('with a grace of $grace ms', async ({ grace, times, raw, final }) => {
    const built = pipeline('windows', (p) => {
      const counts = p
        .source('in', collection<number>([]), {
          eventTime: (at) => new Date(at),
          watermark: boundedOutOfOrderness(milliseconds(0)),
        })
        .keyBy('k', (): string => 'k1')
        .window(tumbling(milliseconds(2)), { allowedLateness: milliseconds(grace) })
        .toTable('counts', count());
      const said = (counted: Table<WindowKey<string>, number>): Stream<string> =>
        counted.toStream().map(({ key, value }) => `${key.start} ${value}`);
      said(counts).to('raw', toMemory());
      said(counts.suppress('closed', untilWindowCloses())).to('final', toMemory());
    });
    const driver = await TestDriver.open(built);
    for (const at of times) await driver.feed('in', [at]);
    expect(driver.read('raw')).toEqual(raw);
    expect(driver.read('final')).toEqual(final);
    await driver.close();
  });
});
