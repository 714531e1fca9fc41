import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  aggregator,
  boundedOutOfOrderness,
  collect,
  collection,
  count,
  distinct,
  epochMillis,
  max,
  mean,
  milliseconds,
  partial,
  pipeline,
  type Stream,
  session,
  sideOutput,
  sliding,
  sum,
  toMemory,
  tumbling,
  whole,
} from '../../../lib/index.ts';
import { quantile, windowOperator } from '../../../lib/operators/index.ts';
import { TestDriver } from '../../../lib/testing/index.ts';
import { emitted, feedings } from '../table/changelog.ts';

interface Row {
  readonly time: number;
  readonly key: string;
  readonly n: number;
}

const late = sideOutput<Row>('late');
const rows = fc.array(fc.record({ time: fc.nat(99), key: fc.constantFrom('a', 'b', 'c', 'd'), n: fc.nat(9) }), {
  maxLength: 40,
});
const stats = {
  n: count(),
  sum: sum((row: Row) => row.n),
  most: max((row: Row) => row.n),
  keys: distinct((row: Row) => row.key),
};

const build = (input: Stream<Row>) => ({
  tumbling: input.windowAll(tumbling(milliseconds(20))).aggregate('by-span', stats),
  single: input.windowAll(tumbling(milliseconds(20))).aggregate('counted', count()),
  session: input
    .windowAll(session(milliseconds(5)))
    .reduce('merged', ({ time, key, n }, b) => ({ time, key, n: n + b.n })),
  sliding: input
    .windowAll(sliding(milliseconds(7)))
    .process('near', ({ start, end }, records) => ({ start, end, ns: records.map(({ n }) => n).toSorted() })),
  twoSteps: input
    .keyBy('spread', (row) => row.key)
    .window(tumbling(milliseconds(20)))
    .aggregate('shares', partial(stats))
    .windowAll(tumbling(milliseconds(20)))
    .aggregate(
      'by-span-again',
      whole(stats, (share) => share.value),
      ({ start, end }, all) => ({ windowStart: start, windowEnd: end, ...all }),
    ),
});

function expected(records: readonly Row[]) {
  const starts = [...new Set(records.map(({ time }) => Math.floor(time / 20) * 20))].sort((a, b) => a - b);
  const inSpan = (start: number, end: number) => records.filter(({ time }) => time >= start && time < end);
  const tumblings = starts.map((start) => {
    const list = inSpan(start, start + 20);
    return {
      windowStart: start,
      windowEnd: start + 20,
      n: list.length,
      sum: list.reduce((total, { n }) => total + n, 0),
      most: Math.max(...list.map(({ n }) => n)),
      keys: new Set(list.map(({ key }) => key)).size,
    };
  });
  const sessions: { windowStart: number; windowEnd: number; n: number }[] = [];
  for (const { time, n } of records.toSorted((a, b) => a.time - b.time)) {
    const last = sessions.at(-1);
    if (last !== undefined && time <= last.windowEnd) {
      last.windowEnd = time + 5;
      last.n += n;
    } else sessions.push({ windowStart: time, windowEnd: time + 5, n });
  }
  const ends = [...new Set(records.flatMap(({ time }) => [time, time + 8]))].sort((a, b) => a - b);
  const slidings = ends
    .map((end) => ({ start: end - 7, end: end + 1, ns: inSpan(end - 7, end + 1).map(({ n }) => n) }))
    .filter(({ ns }) => ns.length > 0)
    .map((window) => ({ ...window, ns: window.ns.toSorted() }));
  return { tumblings, sessions, slidings };
}

describe('windows of all records', () => {
  it('have results without a key, of all tasks together, in the order of time, however they are fed', async () => {
    await fc.assert(
      fc.asyncProperty(rows, fc.nat(99), async (records, seed) => {
        const { tumblings, sessions, slidings } = expected(records);
        for (const feeding of [{ chunks: [1] }, ...feedings(seed)]) {
          const found = await emitted(build, records, { disorder: 100, parallelism: 3, ends: true, ...feeding });
          expect(found['tumbling']!.flat()).toEqual(tumblings);
          expect(found['twoSteps']!.flat()).toEqual(tumblings);
          expect(found['single']!.flat()).toEqual(
            tumblings.map(({ windowStart, windowEnd, n }) => ({ windowStart, windowEnd, value: n })),
          );
          expect(found['session']!.flat()).toMatchObject(
            sessions.map(({ windowStart, windowEnd, n }) => ({ windowStart, windowEnd, value: { n } })),
          );
          expect(found['sliding']!.flat()).toEqual(slidings);
        }
      }),
      { numRuns: 12 },
    );
  });

  it('are made by one task, behind an exchange of their own', async () => {
    const built = pipeline('all', (p) => {
      const input = p.source('in', collection<Row>([]), {
        eventTime: ({ time }) => epochMillis(time),
        watermark: boundedOutOfOrderness(milliseconds(0)),
      });
      const hours = input
        .windowAll(tumbling(milliseconds(10)), { late })
        .aggregate('sums', { all: collect((r: Row) => r.n) });
      hours.to('out', toMemory());
      hours.sideOutput(late).to('late-out', toMemory());
    });
    const stage = built.plan.stages.find(({ nodes }) => nodes.includes('sums'));
    expect(stage?.partitions).toBe(1);
    expect(built.plan.nodes.map(({ id }) => id)).toContain('sums-all');
    const driver = await TestDriver.open(built);
    await driver.feed(
      'in',
      [3, 25, 4].map((time) => ({ time, key: 'k', n: time })),
    );
    await driver.end();
    expect(driver.read('out')).toEqual([
      { windowStart: 0, windowEnd: 10, all: [3] },
      { windowStart: 20, windowEnd: 30, all: [25] },
    ]);
    expect(driver.read('late-out')).toEqual([{ time: 4, key: 'k', n: 4 }]);
    await driver.close();
  });

  it('may call an aggregate "key", which windows by key may not', () => {
    const spec = { assigner: tumbling(milliseconds(10)), aggregation: { key: count() } };
    expect(windowOperator({ ...spec, keyless: true }).mistakes).toEqual([]);
    expect(windowOperator(spec).mistakes).toHaveLength(1);
  });
});

describe('an aggregation in two steps', () => {
  it('comes to the same, of any aggregators and however records are spread', () => {
    const aggregations = [
      { n: count(), mean: mean((v: number) => v), p90: quantile((v: number) => v, 0.9) },
      collect<number>(),
      distinct((v: number) => v),
      max((v: number) => v),
    ] as const;
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(20), fc.nat(3)), { maxLength: 30 }), (records) => {
        for (const aggregation of aggregations) {
          const first = partial<number, unknown>(aggregation as never);
          const second = whole<unknown, unknown>(aggregation as never, (share) => share as never);
          const direct = whole<unknown, unknown>(aggregation as never, (share) => share as never);
          let all = second.create();
          const shares = [0, 1, 2, 3].map((part) => {
            let acc = first.create();
            for (const [i, [v, of]] of records.entries()) if (of === part) acc = first.add(acc, v, i);
            return first.result(acc);
          });
          for (const share of shares) all = second.add(all, share, 0);
          let acc = first.create();
          for (const [i, [v]] of records.entries()) acc = first.add(acc, v, i);
          expect(second.result(all)).toEqual(direct.result(acc));
        }
      }),
    );
  });

  it('never changes a share that it has given away', () => {
    const first = partial<number, number[]>(collect<number>());
    const acc = first.add(first.create(), 1, 1);
    const share = first.result(acc);
    first.add(acc, 2, 2);
    const second = whole(collect<number>(), (given: typeof share) => given);
    const one = second.add(second.add(second.create(), share, 0), share, 0);
    expect(second.result(one)).toEqual([1, 1]);
    expect(second.result(second.add(second.create(), share, 0))).toEqual([1]);
    const greedy = aggregator<number, number[], number>({
      create: () => [],
      add: (list, v) => [...list, v],
      merge(a, b) {
        b.unshift(...a);
        return b;
      },
      result: (list) => list.length,
    });
    const third = whole(greedy, (given: number[]) => given as never);
    const given = [7];
    expect(third.result(third.add(third.add(third.create(), given, 0), given, 0))).toBe(2);
    expect(given).toEqual([7]);
  });
});
