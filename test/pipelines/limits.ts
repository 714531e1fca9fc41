/** How many records go on, to which task, all of them together, and what is kept outside. */
import {
  ascendingTimestamps,
  collect,
  count,
  epochMillis,
  minutes,
  seconds,
  sideOutput,
  sum,
  tumbling,
} from '../../lib/index.ts';
import { type Row, row, rowTo, START, type SuiteCase, span } from './case.ts';

const inOrder = { eventTime: (r: Row) => epochMillis(r.at!), watermark: ascendingTimestamps(), idle: 'hold' } as const;

/** Each partition has keys of its own. */
const partitions = [
  [0, 0.1, 0.2, 0.3, 1, 2, 3.5, 9, 9.5, 16].flatMap((at, i) => [row('a', at, i), row('b', at, 100 + i)]),
  [0.5, 1, 1.5, 2, 2.5, 3, 5, 5, 12].map((at, i) => row('c', at, 200 + i)),
];
const all = partitions.flat();
const keys = [...new Set(all.map(({ key }) => key))];

interface Passed {
  readonly r: Row;
  /** In milliseconds after the start. */
  readonly at: number;
}

/** Millisecond by millisecond: a bucket of each key gains a token in every `each` of them, up to two; what finds none waits, or is dropped. */
function limited(each: number, waits: boolean): { readonly passed: Passed[]; readonly dropped: Row[] } {
  const found: { passed: Passed[]; dropped: Row[] } = { passed: [], dropped: [] };
  for (const key of keys) {
    const coming = all.filter((r) => r.key === key);
    const waiting: Row[] = [];
    let gained = 2 * each;
    for (let at = 0; coming.length + waiting.length > 0; at++, gained = Math.min(gained + 1, 2 * each)) {
      while (coming[0]?.at === START + at) waiting.push(coming.shift()!);
      while (waiting.length > 0 && gained >= each) {
        found.passed.push({ r: waiting.shift()!, at });
        gained -= each;
      }
      if (!waits) found.dropped.push(...waiting.splice(0));
    }
  }
  return found;
}

/** Records by key, or without, and window of four seconds. */
function counted(passed: readonly Passed[], keyed: boolean): object[] {
  const windows = new Map<string, { key?: string; start: number; n: number; sum: number }>();
  for (const { r, at } of passed) {
    const start = Math.floor(at / 4_000) * 4;
    const name = keyed ? `${r.key} ${start}` : `${start}`;
    const { n, sum } = windows.get(name) ?? { n: 0, sum: 0 };
    windows.set(name, { ...(keyed ? { key: r.key } : {}), start, n: n + 1, sum: sum + r.n });
  }
  return [...windows.values()].map(({ start, ...rest }) => ({ ...rest, ...span(start, start + 4) }));
}

const everyOther = <T>(list: readonly T[]): T[] => list.filter((_, i) => i % 2 === 0);
const totals = { n: count(), sum: sum((r: Row) => r.n) };

const names = new Map([
  ['a', 'Ada'],
  ['b', 'Ben'],
]);
interface Named {
  readonly n: number;
  readonly name: string | null;
}

/** Each partition has keys of its own. */
const asking = [
  [rowTo('x', 1, 1, 'a'), rowTo('x', 2, 2, 'b'), rowTo('y', 3, 3, 'a'), rowTo('x', 4, 4, 'z'), row('y', 5, 5)],
  [rowTo('z', 1, 6, 'b'), rowTo('w', 2, 7, 'b'), rowTo('z', 3, 8, 'z'), rowTo('w', 4, 9, 'a')],
];

export const limits: readonly SuiteCase[] = [
  {
    name: 'limits',
    shows: 'let no more through than may go on, at once or later, every other record, and all in windows together',
    rows: { in: partitions, one: [partitions[1]!] },
    build(p, ends) {
      const dropped = sideOutput<Row>('dropped');
      const given = p.source('in', ends.source('in'), inOrder);
      const keyed = given.keyBy('by-key', (r) => r.key);
      keyed
        .rateLimit('slow', { limit: 2, per: seconds(4), excess: 'delay' })
        .window(tumbling(seconds(4)))
        .aggregate('counts', totals)
        .to('slow-out', ends.sink('slow-out'));
      const few = keyed.rateLimit('few', { limit: 1, per: seconds(3), burst: 2, excess: 'drop', dropped });
      few.to('few-out', ends.sink('few-out'));
      few.sideOutput(dropped).to('dropped-out', ends.sink('dropped-out'));
      keyed.sample('second', { every: 2 }).to('second-out', ends.sink('second-out'));
      given
        .windowAll(tumbling(seconds(4)))
        .aggregate('all', totals)
        .to('all-out', ends.sink('all-out'));
      p.source('one', ends.source('one'), inOrder)
        .partitionBy('place', (r, tasks) => r.n % tasks)
        .sample('placed', { every: 2 })
        .to('placed-out', ends.sink('placed-out'));
    },
    results: {
      'slow-out': counted(limited(2_000, true).passed, true),
      'few-out': limited(3_000, false).passed.map(({ r }) => r),
      'dropped-out': limited(3_000, false).dropped,
      'second-out': keys.flatMap((key) => everyOther(all.filter((r) => r.key === key))),
      'all-out': counted(
        all.map((r) => ({ r, at: r.at! - START })),
        false,
      ),
      'placed-out': [0, 1].flatMap((task) => everyOther(partitions[1]!.filter(({ n }) => n % 2 === task))),
    },
  },
  {
    name: 'lookups',
    shows: 'join records to what is kept outside, and remember it',
    rows: { in: asking },
    build(p, ends) {
      const given = p.source('in', ends.source('in'), inOrder);
      const cache = { ttl: minutes(1), maxEntries: 2 };
      given
        .lookupJoin(
          'named',
          { key: (r) => r.to, fetch: async (key) => names.get(key), cache, capacity: 2 },
          ({ n }, name) => ({ n, name }),
        )
        .to('named-out', ends.sink('named-out'));
      const perhaps = given
        .keyBy('by-key', (r) => r.key)
        .leftLookupJoin(
          'perhaps',
          { key: (r) => r.to, fetchMany: async (some) => some.map((key) => names.get(key)), cache },
          ({ n }, name): Named => ({ n, name: name ?? null }),
        );
      perhaps.to('perhaps-out', ends.sink('perhaps-out'));
      perhaps
        .aggregate('heard', { names: collect((r: Named) => r.name ?? 'nobody') })
        .to('heard-out', ends.sink('heard-out'));
    },
    results: {
      'named-out': asking.flat().flatMap(({ n, to }) => (names.has(to ?? '') ? [{ n, name: names.get(to!) }] : [])),
      'perhaps-out': asking.flat().map(({ n, to }) => ({ n, name: names.get(to ?? '') ?? null })),
      'heard-out': asking.flatMap((rows) =>
        rows.map(({ key }, i) => ({
          key,
          names: rows
            .slice(0, i + 1)
            .filter((r) => r.key === key)
            .map(({ to }) => names.get(to ?? '') ?? 'nobody'),
        })),
      ),
    },
  },
];
