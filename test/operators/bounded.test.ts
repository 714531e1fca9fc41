/** The state of every operator is bounded by its keys, however long it runs; that of those which forget, also where keys never come back. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import {
  begin,
  boundedOutOfOrderness,
  broadcastProcess,
  collection,
  connectedProcess,
  count,
  countWindow,
  cumulating,
  deltaEvictor,
  deltaTrigger,
  earlyByCount,
  endOfWindow,
  globalWindow,
  hopping,
  type KeyedStream,
  keepLast,
  list,
  map,
  max,
  milliseconds,
  minutes,
  type Pipeline,
  pipeline,
  process,
  processingTimeout,
  seconds,
  session,
  sideOutput,
  sliding,
  toMemory,
  tumbling,
  type,
  untilTimeLimit,
  untilWindowCloses,
  value,
} from '../../lib/index.ts';
import { sizeOfValue } from '../../lib/state/index.ts';
import { SeededRandom, TestDriver } from '../../lib/testing/index.ts';

interface Row {
  readonly time: number;
  readonly key: string;
  readonly other: string;
  readonly n: number | null;
}

const STEP = 50;

/** Operators of one input and of two by what each is called; `again` are other records of the same keys. */
type Add = (keyed: KeyedStream<string, Row>, again: () => KeyedStream<string, Row>) => void;

function of(name: string, ...parts: readonly Add[]): Pipeline {
  return pipeline(
    name,
    (p) => {
      const rows = p.source('in', collection<Row>([]), {
        eventTime: ({ time }) => new Date(time),
        watermark: boundedOutOfOrderness(milliseconds(4 * STEP)),
      });
      const keyed = rows.keyBy('by-key', ({ key }) => key);
      let others: KeyedStream<string, Row> | undefined;
      const again = () => (others ??= rows.filter(({ n }) => n !== 1).keyBy('by-key-again', ({ key }) => key));
      for (const add of parts) add(keyed, again);
    },
    { parallelism: 2 },
  );
}

const apart = (a: Row, b: Row): number => b.time - a.time;
const numbered = ({ n }: Row): number => n ?? 0;

const visits = process('visits', {
  in: type<Row>(),
  key: type<string>(),
  out: type<number>(),
  state: {
    last: value<Row>({ ttl: seconds(5) }),
    seen: list<number>({ ttl: seconds(5), ttlBy: 'processing' }),
    by: map<number, Row>({ ttl: seconds(5) }),
  },
  onRecord(row, { state, timers, eventTime, emit }) {
    state.last.set(row);
    if (state.seen.get().length > 20) state.seen.clear();
    state.seen.add(row.time);
    state.by.set(row.time % 700, row);
    timers.onEventTime((eventTime + 3_000) as typeof eventTime, 'soon');
    emit(1);
  },
  onTimer: (_, { emit }) => emit(2),
});

const open = connectedProcess('open', {
  left: type<Row>(),
  right: type<Row>(),
  key: type<string>(),
  out: type<number>(),
  state: { open: value<number>({ ttl: seconds(5) }) },
  onLeft: (_, { state }) => state.open.set((state.open.get() ?? 0) + 1),
  onRight: (_, { state, emit }) => emit(state.open.get() ?? 0),
});

/** Operators that know nothing of a key any more when its time is over. */
const forgetful: readonly Add[] = [
  (keyed, again) => {
    keyed.process(visits).to('visits-out', toMemory());
    keyed.connect(again()).process(open).to('open-out', toMemory());
  },
  (keyed) => {
    keyed
      .window(tumbling(seconds(2)))
      .aggregate('tumbling', max(numbered))
      .to('tumbling-out', toMemory());
    keyed
      .window(hopping(seconds(4), seconds(1)))
      .aggregate('hopping', count())
      .to('hopping-out', toMemory());
    keyed
      .window(cumulating(seconds(4), seconds(1)))
      .aggregate('cumulating', count())
      .to('cumulating-out', toMemory());
    keyed
      .window(session(seconds(1)))
      .aggregate('session', count())
      .to('session-out', toMemory());
    keyed
      .window(session((row: Row) => milliseconds(200 + (row.n ?? 0))))
      .aggregate('dynamic', count())
      .to('dynamic-out', toMemory());
    keyed
      .window(sliding(seconds(1)))
      .aggregate('sliding', count())
      .to('sliding-out', toMemory());
    keyed
      .window(tumbling(seconds(3)), { trigger: earlyByCount(2), evictor: keepLast(4), allowedLateness: seconds(1) })
      .process('evicting', (_key, _window, rows) => rows.length)
      .to('evicting-out', toMemory());
    keyed
      .window(tumbling(seconds(2), { time: 'processing' }))
      .aggregate('clock', count())
      .to('clock-out', toMemory());
    keyed
      .window(tumbling(seconds(2)), { trigger: processingTimeout(endOfWindow(), 500) })
      .aggregate('timeout', count())
      .to('timeout-out', toMemory());
    keyed
      .window(tumbling(seconds(2)))
      .toTable('windows', count(), { retention: seconds(4) })
      .to('windows-out', toMemory());
    keyed
      .window(session(seconds(1)))
      .toTable('sessions', count())
      .suppress('final', untilWindowCloses())
      .to('final-out', toMemory());
  },
  (keyed, again) => {
    const both = (a: Row | undefined, b: Row | undefined) => (a?.time ?? 0) + (b?.time ?? 0);
    keyed.intervalJoin(again()).between(seconds(-1), seconds(2)).outerJoin('near', both).to('near-out', toMemory());
    keyed
      .windowJoin(again(), hopping(seconds(2), seconds(1)))
      .outerJoin('same', both)
      .to('same-out', toMemory());
    keyed
      .coGroup(again(), session(milliseconds(500)))
      .process('groups', (_key, _window, a, b) => a.length + b.length)
      .to('groups-out', toMemory());
  },
  (keyed) => {
    const timedOut = sideOutput<number>('timed-out');
    const rising = begin('low', type<Row>())
      .where(({ n }) => (n ?? 9) < 3)
      .oneOrMore()
      .followedByAny('high')
      .where(({ n }) => (n ?? 0) > 6)
      .notFollowedBy('none')
      .where(({ n }) => n === null)
      .within(seconds(2));
    keyed
      .match('rising', rising, ({ low }) => low.length, { timedOut: { to: timedOut, make: () => 1 } })
      .to('rising-out', toMemory());
  },
  (keyed) => {
    const ttl = { ttl: seconds(5) };
    keyed.deduplicate('first', ttl).to('first-out', toMemory());
    keyed.deduplicate('last', { keep: 'last', by: 'event', ...ttl }).to('last-out', toMemory());
    keyed.top('best', 3, { by: numbered, ...ttl }).to('best-out', toMemory());
    keyed.top('best-of', 3, { by: numbered, unique: numbered, rows: 'entries', ...ttl }).to('best-of-out', toMemory());
    const rate = { limit: 1, per: milliseconds(400), excess: 'delay', maxDelayed: 10 } as const;
    keyed.rateLimit('slow', rate).to('slow-out', toMemory());
    keyed.rateLimit('slow-clock', { ...rate, by: 'processing' }).to('slow-clock-out', toMemory());
    keyed.rateLimit('few', { ...rate, excess: 'drop' }).to('few-out', toMemory());
  },
];

const check = broadcastProcess('check', {
  in: type<Row>(),
  rule: type<Row>(),
  key: type<string>(),
  out: type<number>(),
  state: { seen: value<number>() },
  broadcastState: { rules: map<string, number>() },
  onRecord: (_, { state }) => state.seen.set((state.seen.get() ?? 0) + 1),
  onBroadcast: (rule, { broadcast }) => broadcast.rules.set(rule.key, rule.n ?? 0),
});

/** Operators that keep what they know of a key. */
const lasting: readonly Add[] = [
  (keyed, again) => {
    keyed.reduce('largest', (a, b) => (numbered(a) > numbered(b) ? a : b)).to('largest-out', toMemory());
    keyed.aggregate('n', count()).to('n-out', toMemory());
    keyed.sample('tenth', { every: 10 }).to('tenth-out', toMemory());
    keyed
      .connect(
        again()
          .map('rule', (row) => row)
          .broadcast(),
      )
      .process(check)
      .to('check-out', toMemory());
    keyed.window(countWindow(10, 3)).aggregate('last-ten', max(numbered)).to('last-ten-out', toMemory());
    keyed
      .window(globalWindow(), { trigger: deltaTrigger(1_000, apart), evictor: deltaEvictor(1_000, apart) })
      .process('delta', (_key, _window, rows) => rows.length)
      .to('delta-out', toMemory());
  },
  (keyed, again) => {
    const rows = keyed.toTable('rows', (row) => (row.n === null ? null : row));
    const others = again().toTable('others', (row) => row.n);
    rows.outerJoin('pairs', others, (a, b) => [a?.n ?? 0, b ?? 0]).to('pairs-out', toMemory());
    rows
      .leftJoin(
        'foreign',
        others,
        ({ other }) => other,
        ({ n }, b) => [n, b ?? 0],
      )
      .to('foreign-out', toMemory());
    const groups = rows.groupBy('by-n', ({ n }) => n ?? 0);
    groups
      .count('counts')
      .suppress('calm', untilTimeLimit(seconds(2)))
      .to('calm-out', toMemory());
    groups.top('most', 2, { by: ({ time }) => time, rows: 'ranks' }).to('most-out', toMemory());
    keyed.join('with-row', rows, (a, b) => [a.n, b.n]).to('with-row-out', toMemory());
    const global = rows.global();
    keyed
      .join(
        'everywhere',
        global,
        ({ other }) => other,
        (a, b) => [a.n, b.n],
      )
      .to('everywhere-out', toMemory());
    keyed
      .temporalJoin(
        'as-of',
        again().toVersionedTable(({ n }) => n),
        (a, n) => [a.n, n],
        { grace: seconds(1) },
      )
      .to('as-of-out', toMemory());
    keyed.toTable('counted', count()).to('counted-out', toMemory());
  },
];

/** Bytes of each table of state, about. */
function bytesOf(driver: TestDriver): Map<string, number> {
  const sizes = new Map<string, number>();
  for (const { state } of driver.tasks) {
    for (const table of state?.store.tables ?? []) {
      let bytes = sizes.get(table.name) ?? 0;
      for (const { key, sub, value: kept } of table.cells()) bytes += sizeOfValue([key, sub, kept]);
      sizes.set(table.name, bytes);
    }
  }
  return sizes;
}

/** Runs for 16 rounds, and says by how much each table outgrew in the last half what it had been in the first. */
async function grown(built: Pipeline, keyAt: (i: number, random: SeededRandom) => string) {
  const driver = await TestDriver.open(built);
  const random = new SeededRandom(5);
  const rounds: Map<string, number>[] = [];
  let time = 1_000;
  for (let round = 0; round < 16; round++) {
    const rows = Array.from({ length: 200 }, (_, i): Row => {
      time += STEP;
      const key = keyAt(round * 200 + i, random);
      const other = keyAt(round * 200 + random.below(i + 1), random);
      const n = random.below(6) === 0 ? null : random.below(9);
      return { time: time - random.below(6) * STEP, key, other, n };
    });
    await driver.feed('in', rows);
    await driver.advance(seconds(10));
    rounds.push(bytesOf(driver));
  }
  const most = (of: readonly Map<string, number>[], table: string) =>
    Math.max(...of.map((sizes) => sizes.get(table) ?? 0));
  const sizes = [...rounds.at(-1)!.keys()].map((table) => ({
    table,
    early: most(rounds.slice(2, 9), table),
    late: most(rounds.slice(9), table),
  }));
  await driver.end();
  await driver.advance(minutes(10));
  const left = [...bytesOf(driver)].filter(([, bytes]) => bytes > 0).map(([table]) => table);
  await driver.close();
  return { sizes, left, outgrown: sizes.filter(({ early, late }) => late > early * 1.3 + 100) };
}

const few = (_: number, random: SeededRandom): string => `k${random.below(6)}`;
const everNew = (i: number, random: SeededRandom): string => `k${Math.floor(i / 10) + random.below(3)}`;

describe('the state of operators', () => {
  it.each([...forgetful, ...lasting].map((add, i) => [i, of(`few-${i}`, add)] as const))(
    'stays flat over a long run of few keys (%#)',
    async (_, built) => {
      const { sizes, outgrown } = await grown(built, few);
      expect(sizes.length).toBeGreaterThan(0);
      expect(outgrown).toEqual([]);
    },
  );

  it.each(forgetful.map((add, i) => [i, of(`ever-new-${i}`, add)] as const))(
    'stays flat where keys never come back and operators forget, and is gone in the end (%#)',
    async (_, built) => {
      const { outgrown, left } = await grown(built, everNew);
      expect(outgrown).toEqual([]);
      expect(left).toEqual([]);
    },
  );

  it('is looked at here for each operator that has some', () => {
    const { plan } = of('all', ...forgetful, ...lasting);
    const looked = new Set(plan.nodes.flatMap((node) => (node.kind === 'operator' ? [node.type] : [])));
    const stateless = ['flatMap', 'lookup-join', 'split'];
    const folder = fileURLToPath(new URL('../../lib/operators/', import.meta.url));
    const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.ts'));
    const texts = files.map((path) => readFileSync(join(folder, path), 'utf8'));
    const types = texts.flatMap((text) => [...text.matchAll(/\btype: '([\w-]+)'/g)].map((match) => match[1]!));
    expect([...new Set(types)].filter((name) => !looked.has(name) && !stateless.includes(name))).toEqual([]);
    expect(types.length).toBeGreaterThan(20);
  });
});
