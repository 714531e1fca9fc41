/**
 * What every join and table operator does in corners, each in a whole pipeline of two sources: keys that are none, tombstones of keys never seen, equal times, late records on either side,
 * one side silent or finished, and both sides the same stream.
 */
import { describe, expect, it } from 'vitest';
import {
  boundedOutOfOrderness,
  type ChangeKind,
  collection,
  connectedProcess,
  count,
  epochMillis,
  type KeyedStream,
  list,
  milliseconds,
  noRestart,
  type PipelineBuilder,
  pipeline,
  type Stream,
  session,
  sideOutput,
  type Table,
  toMemory,
  tumbling,
  type,
  untilWindowCloses,
} from '../../lib/index.ts';
import { TestDriver } from '../../lib/testing/index.ts';

interface Row {
  readonly at: number;
  readonly value: string | null;
  readonly key?: unknown;
}
type Keyed = KeyedStream<string, Row>;
/** The driver's clock begins here; times of rows are counted from it. */
const START = Date.UTC(2024, 0, 1);
const row = (at: number, value: string | null, key: unknown = 'k'): Row => ({ at, value, key });

const late = sideOutput<Row>('late');
const lates = { lateLeft: late, lateRight: late };
const pair = (l: { readonly value: string | null } | undefined, r: { readonly value: string | null } | undefined) =>
  `${l === undefined ? '' : l.value}+${r === undefined ? '' : r.value}`;
const span = milliseconds(10);

const both = connectedProcess('both', {
  left: type<Row>(),
  right: type<Row>(),
  key: type<string>(),
  out: type<string>(),
  state: { seen: list<string>() },
  onLeft: ({ value }, { state }) => state.seen.add(`l${value}`),
  onRight({ value }, { state, emit }) {
    state.seen.add(`r${value}`);
    emit([...state.seen.get()].join(''));
  },
});

const tableOf = (id: string, keyed: Keyed): Table<string, string> => keyed.toTable(id, ({ value }) => value);
/** Kinds of changes as Flink writes them. */
const SHORT: Readonly<Record<ChangeKind, string>> = {
  insert: '+I',
  'update-before': '-U',
  'update-after': '+U',
  delete: '-D',
};
const rows = <K, V>(table: Table<K, V>): Made => ({
  out: table.changes().map(({ kind, value }) => `${SHORT[kind]}${value}`),
});
const joined = (l: string | undefined, r: string | undefined): string => `${l ?? ''}+${r ?? ''}`;

/** What an operator emits, and what is late for it. */
interface Made {
  readonly out: Stream<string>;
  readonly late?: Stream<Row>;
}
const withLate = (out: Stream<string>): Made => ({ out, late: out.sideOutput(late) });

const operators: Readonly<Record<string, (left: Keyed, right: Keyed) => Made>> = {
  'interval join': (left, right) =>
    withLate(left.intervalJoin(right).between(milliseconds(-10), span, lates).outerJoin('j', pair)),
  'window join': (left, right) => withLate(left.windowJoin(right, tumbling(span), lates).outerJoin('j', pair)),
  'session join': (left, right) => withLate(left.windowJoin(right, session(span), lates).outerJoin('j', pair)),
  'co-group': (left, right) =>
    withLate(
      left
        .coGroup(right, tumbling(span), lates)
        .process('j', (_key, _window, l, r) => `${l.map((one) => one.value)}/${r.map((one) => one.value)}`),
    ),
  connect: (left, right) => ({ out: left.connect(right).process('j', both) }),
  'temporal join': (left, right) =>
    withLate(
      left.leftTemporalJoin(
        'j',
        right.toVersionedTable(({ value }) => value),
        (l, r) => `${l.value}+${r ?? ''}`,
        { late },
      ),
    ),
  'stream-table join': (left, right) => ({
    out: left.leftJoin('j', tableOf('r', right), (l, r) => `${l.value}+${r ?? ''}`),
  }),
  'global join': (left, right) => ({
    out: left.leftJoin(
      'j',
      tableOf('r', right).global(),
      () => 'k',
      (l, r) => `${l.value}+${r ?? ''}`,
    ),
  }),
  'join of tables': (left, right) => rows(tableOf('l', left).outerJoin('j', tableOf('r', right), joined)),
  'foreign-key join': (left, right) =>
    rows(tableOf('l', left).leftJoin('j', tableOf('r', right), (_, key) => key, joined)),
  'filter and mapValues': (left) =>
    rows(
      tableOf('l', left)
        .filter((value) => value !== 'a')
        .mapValues((value) => (value === 'b' ? null : value)),
    ),
  'group of a table': (left) =>
    rows(
      tableOf('l', left)
        .groupBy('g', (value) => value.length)
        .count('c'),
    ),
  suppress: (left) => {
    const windows = left.filter(({ value }) => value !== null).window(tumbling(span), { late });
    const closed = windows.toTable('w', count()).suppress('s', untilWindowCloses());
    return { ...rows(closed), late: closed.sideOutput(late) };
  },
};

/** A pipeline of one operator. Records whose key is none are dead letters. */
function corner(build: (left: Keyed, right: Keyed) => Made, same = false) {
  return pipeline(
    'corner',
    (p) => {
      const left = keyed(p, 'left');
      const right = same ? left : keyed(p, 'right');
      const made = build(left, right);
      made.out.to('out', toMemory());
      (made.late ?? left.filter(() => false)).map(({ value }) => value).to('late', toMemory());
      if (!same) right.map(({ value }) => value).to('unused', toMemory());
    },
    { parallelism: 1, restart: noRestart(), fallback: 'dead-letter' },
  );
}

function keyed(p: PipelineBuilder, id: string): Keyed {
  return p
    .source(id, collection<Row>([]), {
      eventTime: ({ at }) => epochMillis(START + at),
      watermark: boundedOutOfOrderness(milliseconds(0)),
    })
    .keyBy(`${id}-key`, ({ key }) => key as string);
}

/** What came out, in words. */
const said = (driver: TestDriver, sink = 'out'): string => driver.read<string>(sink).join(' ');
const held = (driver: TestDriver): number => driver.tasks.reduce((n, { state }) => n + (state?.store.size ?? 0), 0);

/**
 * What each operator says in each corner, step by step as below. `equal`: a, b of the left, then c, d of the right, all of one time; then the end. `tombstones`: `null` on both sides for a key
 * that nobody has seen; then the end. `late`: L of the left and R of the right long behind the watermark; what comes of them, and at the end; then what is late. `silent`: the left alone; then
 * a record of the right; then the right's end; then the left again; then its end. `same`: a, b and `null` of a stream that is both sides, one by one; then the end.
 */
interface Corners {
  readonly equal: string;
  readonly tombstones: readonly [string, string];
  readonly late: readonly [came: string, end: string, late: string];
  readonly silent: readonly [string, string, string, string, string];
  readonly same: readonly [string, string, string, string];
}

const corners: Readonly<Record<string, Corners>> = {
  'interval join': {
    equal: 'a+c b+c a+d b+d',
    tombstones: ['null+null', ''],
    late: ['', '', 'L R'],
    silent: ['', 'a+c', '', 'b+', 'd+'],
    same: ['a+a', 'b+a a+b b+b', 'null+a null+b a+null b+null null+null', ''],
  },
  'window join': {
    equal: 'a+c a+d b+c b+d',
    tombstones: ['', 'null+null'],
    late: ['', 'z+y', 'L R'],
    silent: ['', '', 'a+c', 'b+', 'd+'],
    same: ['', '', '', 'a+a a+b a+null b+a b+b b+null null+a null+b null+null'],
  },
  'session join': {
    equal: 'a+c a+d b+c b+d',
    tombstones: ['', 'null+null'],
    late: ['', 'z+y', 'L R'],
    silent: ['', '', 'a+c', 'b+', 'd+'],
    same: ['', '', '', 'a+a a+b a+null b+a b+b b+null null+a null+b null+null'],
  },
  'co-group': {
    equal: 'a,b/c,d',
    tombstones: ['', '/'],
    late: ['', 'z/y', 'L R'],
    silent: ['', '', 'a/c', 'b/', 'd/'],
    same: ['', '', '', 'a,b,/a,b,'],
  },
  connect: {
    equal: 'lalbrc lalbrcrd',
    tombstones: ['lnullrnull', ''],
    late: ['lalzrbrylLrR', '', ''],
    silent: ['', 'lalbrc', '', '', ''],
    same: ['lara', 'laralbrb', 'laralbrblnullrnull', ''],
  },
  'temporal join': {
    equal: 'a+d b+d',
    tombstones: ['', 'null+'],
    late: ['', 'z+y', 'L'],
    silent: ['', 'a+', '', 'b+c', 'd+c'],
    same: ['', 'a+a', 'b+b', 'null+'],
  },
  'stream-table join': {
    equal: 'a+ b+',
    tombstones: ['null+', ''],
    late: ['L+y', '', ''],
    silent: ['a+ b+', '', '', 'd+c', ''],
    same: ['a+a', 'b+b', 'null+', ''],
  },
  'global join': {
    equal: 'a+ b+',
    tombstones: ['null+', ''],
    late: ['L+y', '', ''],
    silent: ['a+ b+', '', '', 'd+c', ''],
    same: ['a+', 'b+a', 'null+b', ''],
  },
  'join of tables': {
    equal: '+Ia+ -Ua+ +Ub+ -Ub+ +Ub+c -Ub+c +Ub+d',
    tombstones: ['', ''],
    late: ['-Uz+y +UL+y -UL+y +UL+R', '', ''],
    silent: ['+Ia+ -Ua+ +Ub+', '-Ub+ +Ub+c', '', '-Ub+c +Ud+c', ''],
    same: ['+Ia+ -Ua+ +Ua+a', '-Ua+a +Ub+a -Ub+a +Ub+b', '-Ub+b +U+b -D+b', ''],
  },
  'foreign-key join': {
    equal: '+Ib+ -Ub+ +Ub+c -Ub+c +Ub+d',
    tombstones: ['', ''],
    late: ['-Uz+y +UL+y -UL+y +UL+R', '', ''],
    silent: ['+Ib+', '-Ub+ +Ub+c', '', '-Ub+c +Ud+c', ''],
    same: ['+Ia+ -Ua+ +Ua+a', '-Ua+a +Ub+a -Ub+a +Ub+b', '-Db+b', ''],
  },
  'filter and mapValues': {
    equal: '',
    tombstones: ['', ''],
    late: ['-Uz +UL', '', ''],
    silent: ['', '', '', '+Id', ''],
    same: ['', '', '', ''],
  },
  'group of a table': {
    equal: '+I1 -U1 +U1',
    tombstones: ['', ''],
    late: ['-U1 +U1', '', ''],
    silent: ['+I1 -U1 +U1', '', '', '-U1 +U1', ''],
    same: ['+I1', '-U1 +U1', '-D1', ''],
  },
  suppress: {
    equal: '+I2',
    tombstones: ['', ''],
    late: ['', '+I1', 'L'],
    silent: ['+I1', '', '', '+I1', '+I1'],
    same: ['', '', '', '+I2'],
  },
};

describe.each(Object.entries(operators))('%s', (name, build) => {
  const expected = corners[name]!;
  const open = (same = false): Promise<TestDriver> => TestDriver.open(corner(build, same));

  it('gives a record up whose key is none, on either side, and goes on', async () => {
    const read = async (keys: readonly unknown[]): Promise<unknown[]> => {
      const driver = await TestDriver.open(corner(build));
      for (const side of ['left', 'right']) {
        await driver.feed(side, [
          row(0, `${side[0]}0`),
          ...keys.map((key) => ({ at: 0, value: 'none', key })),
          row(1, 'c'),
        ]);
      }
      await driver.end();
      const letters = await driver.deadLetters();
      expect(letters.map(({ operator }) => operator).toSorted()).toEqual(
        [...keys.map(() => 'left-key'), ...keys.map(() => 'right-key')].toSorted(),
      );
      const out = driver.all('out');
      await driver.close();
      return out;
    };
    const without = await read([]);
    expect(without.length).toBeGreaterThan(0);
    expect(await read([null, undefined, Number.NaN, true, new Date(0)])).toEqual(without);
  });

  it('takes records of equal times in the order in which they came', async () => {
    const driver = await open();
    await driver.feed('left', [row(5, 'a'), row(5, 'b')]);
    await driver.feed('right', [row(5, 'c'), row(5, 'd')]);
    await driver.end();
    expect(said(driver)).toBe(expected.equal);
    await driver.close();
  });

  it('takes tombstones of keys never seen', async () => {
    const driver = await open();
    await driver.feed('left', [row(1, null)]);
    await driver.feed('right', [row(1, null)]);
    const came = said(driver);
    await driver.end();
    expect([came, said(driver)]).toEqual(expected.tombstones);
    expect(held(driver)).toBe(name === 'connect' ? 1 : 0);
    await driver.close();
  });

  it('takes late records of either side', async () => {
    const driver = await open();
    await driver.feed('left', [row(5, 'a'), row(100, 'z')]);
    await driver.feed('right', [row(5, 'b'), row(100, 'y')]);
    said(driver);
    await driver.feed('left', [row(6, 'L')]);
    await driver.feed('right', [row(6, 'R')]);
    const came = said(driver);
    await driver.end();
    expect([came, said(driver), said(driver, 'late')]).toEqual(expected.late);
    await driver.close();
  });

  it('waits for a side that is silent as long as it must, and goes on when that has ended', async () => {
    const driver = await open();
    const steps: string[] = [];
    await driver.feed('left', [row(1, 'a'), row(50, 'b')]);
    steps.push(said(driver));
    await driver.feed('right', [row(2, 'c')]);
    steps.push(said(driver));
    await driver.end('right');
    steps.push(said(driver));
    await driver.feed('left', [row(100, 'd')]);
    steps.push(said(driver));
    await driver.end();
    steps.push(said(driver));
    expect(steps).toEqual(expected.silent);
    await driver.close();
  });

  it('may have the same stream on both sides', async () => {
    const driver = await open(true);
    const steps: string[] = [];
    for (const [at, value] of ['a', 'b', null].entries()) {
      await driver.feed('left', [row(at, value)]);
      steps.push(said(driver));
    }
    await driver.end();
    expect([...steps, said(driver)]).toEqual(expected.same);
    await driver.close();
  });
});

describe('keys that functions name', () => {
  const open = (build: (left: Keyed, right: Keyed) => Made): Promise<TestDriver> => TestDriver.open(corner(build));
  const letters = async (driver: TestDriver): Promise<readonly string[]> =>
    (await driver.deadLetters()).map(({ operator }) => operator);
  const named = (value: string | undefined | null): string => {
    if (value === 'null') return null as never;
    if (value === 'undefined') return undefined as never;
    return value === 'NaN' ? (Number.NaN as never) : String(value);
  };

  it('of a global table: none finds no row, and what is no key fails', async () => {
    const driver = await open((left, right) => {
      const table = tableOf('r', right).global();
      const of = ({ value }: Row): string => named(value);
      const inner = left.join('inner', table, of, ({ value }, r) => `${value}=${r}`);
      const kept = left.leftJoin('kept', table, of, ({ value }, r, key) => `${value}:${r ?? ''}:${key}`);
      return { out: inner.union(kept) };
    });
    await driver.feed('right', [row(1, 'x')]);
    await driver.feed(
      'left',
      ['k', 'null', 'undefined', 'q', 'NaN'].map((value) => row(2, value)),
    );
    expect(driver.all<string>('out').toSorted()).toEqual([
      'k:x:k',
      'k=x',
      'null::null',
      'q::q',
      'undefined::undefined',
    ]);
    expect(driver.counted('inner', 'unmatched')).toBe(3);
    expect((await letters(driver)).toSorted()).toEqual(['inner', 'kept']);
    await driver.close();
  });

  it('of another table: a row that names none is kept by a left join, and what is no key fails', async () => {
    const driver = await open((left, right) => {
      const [l, r] = [tableOf('l', left), tableOf('r', right)];
      return rows(l.leftJoin('j', r, (value) => named(value), joined));
    });
    await driver.feed('right', [row(1, 'x')]);
    for (const value of ['null', 'k', 'undefined', 'NaN', 'k']) await driver.feed('left', [row(2, value)]);
    expect(said(driver)).toBe('+Inull+ -Unull+ +Uk+x -Uk+x +Uundefined+ -Uundefined+ +Uk+x');
    expect(await letters(driver)).toHaveLength(1);
    await driver.close();
  });

  it('of a group: none is no group, so the change is given up', async () => {
    const driver = await open((left) =>
      rows(
        tableOf('l', left)
          .groupBy('g', (value) => named(value))
          .count('c'),
      ),
    );
    for (const value of ['x', 'null', 'undefined', 'NaN']) await driver.feed('left', [row(1, value, value)]);
    expect(said(driver)).toBe('+I1');
    expect(new Set(await letters(driver))).toEqual(new Set(['regroup-1']));
    await driver.close();
  });
});
