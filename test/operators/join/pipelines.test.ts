/** Joins in whole pipelines: exchanges, silence, windows behind them, and any batching. */
import { describe, expect, it } from 'vitest';
import {
  boundedOutOfOrderness,
  collection,
  count,
  epochMillis,
  hours,
  type KeyedStream,
  milliseconds,
  minutes,
  type PipelineBuilder,
  pipeline,
  type Stream,
  seconds,
  session,
  sideOutput,
  toMemory,
  tumbling,
} from '../../../lib/index.ts';
import { comparePlans } from '../../../lib/plan/index.ts';
import { TestDriver, verifyOperator } from '../../../lib/testing/index.ts';

interface Row {
  readonly at: number;
  readonly key: string;
  readonly n: number;
}

const START = Date.UTC(2024, 0, 1);
const row = (at: number, key: string, n: number): Row => ({ at: START + at, key, n });
const source = (p: PipelineBuilder, id: string): Stream<Row> =>
  p.source(id, collection<Row>([]), {
    eventTime: (r) => epochMillis(r.at),
    watermark: boundedOutOfOrderness(milliseconds(0)),
  });

describe('joins of two sources', () => {
  it('let unmatched records out while both are silent, and keep nothing', async () => {
    const driver = await TestDriver.open(
      pipeline('silent', (p) => {
        const left = source(p, 'left').keyBy('left-key', (r) => r.key);
        const right = source(p, 'right').keyBy('right-key', (r) => r.key);
        left
          .intervalJoin(right)
          .between(minutes(-1), minutes(1))
          .outerJoin('near', (l, r) => [l?.n, r?.n])
          .to('out', toMemory());
        left
          .windowJoin(right, tumbling(minutes(5)))
          .outerJoin('together', (l, r) => [l?.n, r?.n])
          .to('windows', toMemory());
      }),
    );
    await driver.feed('left', [row(0, 'a', 1), row(10, 'b', 2)]);
    await driver.feed('right', [row(5, 'a', 3)]);
    expect(driver.read('out')).toEqual([[1, 3]]);
    await driver.advance(hours(1));
    expect(driver.read('out')).toEqual([[2, undefined]]);
    expect(driver.read<unknown[]>('windows').toSorted()).toEqual([
      [1, 3],
      [2, undefined],
    ]);
    expect(driver.tasks.reduce((n, task) => n + (task.state?.store.size ?? 0), 0)).toBe(0);
    expect(driver.timers()).toEqual([]);
    await driver.close();
  });

  it('wait for the slower side, and go on by the other when one has ended', async () => {
    const driver = await TestDriver.open(
      pipeline('slow', (p) => {
        const left = source(p, 'left').keyBy('left-key', (r) => r.key);
        left
          .intervalJoin(source(p, 'right').keyBy('right-key', (r) => r.key))
          .between(seconds(0), seconds(10))
          .leftJoin('near', (l, r, { eventTime }) => [l.n, r?.n, eventTime - START])
          .to('out', toMemory());
      }),
    );
    await driver.feed('left', [row(0, 'a', 1), row(100_000, 'a', 2)]);
    expect(driver.read('out')).toEqual([]);
    await driver.feed('right', [row(9_000, 'a', 3)]);
    expect(driver.read('out')).toEqual([[1, 3, 9_000]]);
    await driver.end();
    expect(driver.read('out')).toEqual([[2, undefined, 110_000]]);
    await driver.close();
  });

  it('bring windows behind them nothing late', async () => {
    const late = sideOutput<{ matched: boolean }>('late');
    const driver = await TestDriver.open(
      pipeline('behind', (p) => {
        const left = source(p, 'left').keyBy('left-key', (r) => r.key);
        const counted = left
          .intervalJoin(source(p, 'right').keyBy('right-key', (r) => r.key))
          .between(minutes(-1), minutes(1))
          .outerJoin('near', (l, r) => ({ matched: l !== undefined && r !== undefined }))
          .keyBy('matched', ({ matched }) => (matched ? 'yes' : 'no'))
          .window(tumbling(seconds(10)), { late })
          .aggregate('counted', { n: count() });
        counted.to('out', toMemory());
        counted.sideOutput(late).to('late', toMemory());
      }),
    );
    for (let i = 0; i < 30; i++) {
      await driver.feed('left', [row(i * 7_000, `k${i % 4}`, i)]);
      await driver.feed('right', [row(i * 9_000, `k${i % 3}`, i)]);
    }
    await driver.end();
    expect(driver.all('late')).toEqual([]);
    const total = driver.all<{ n: number }>('out').reduce((n, window) => n + window.n, 0);
    expect(total).toBeGreaterThan(30);
    await driver.close();
  });

  it('meet keys of any kind at one task, also where a filter comes between, and stages are apart', async () => {
    for (const fusing of ['all', 'none'] as const) {
      const driver = await TestDriver.open(
        pipeline(
          'composite',
          (p) => {
            const keyed = (id: string, parallelism: number): KeyedStream<readonly [string, number], Row> =>
              source(p, id)
                .keyBy(`${id}-key`, (r) => [r.key, r.n] as const, { parallelism })
                .filter(`${id}-some`, (r) => r.n !== 3);
            keyed('left', 2)
              .intervalJoin(keyed('right', 5))
              .between(minutes(-1), minutes(1))
              .join('near', (l, r, { key }) => [key, l.at - START, r.at - START])
              .to('out', toMemory());
          },
          { fusing },
        ),
      );
      const rows = Array.from({ length: 12 }, (_, i) => row(i, `k${i % 2}`, i));
      await driver.feed('left', rows);
      await driver.feed(
        'right',
        rows.map((r) => ({ ...r, at: r.at + 1 })),
      );
      await driver.end();
      const found = driver.all<[[string, number], number, number]>('out').toSorted((a, b) => a[1] - b[1]);
      expect(found).toEqual(rows.filter(({ n }) => n !== 3).map(({ key, n }) => [[key, n], n, n + 1]));
      await driver.close();
    }
  });
});

describe('any batching', () => {
  const records = Array.from({ length: 90 }, (_, i) => row(i * 900 - (i % 7 === 3 ? 9_000 : 0), `k${i % 3}`, i));
  const timed = { records, eventTime: (r: Row) => epochMillis(r.at), outOfOrderness: seconds(2) };
  const sides = (input: Stream<Row>) => {
    const keyed = input.keyBy('key', (r) => r.key);
    return [keyed.filter((r) => r.n % 2 === 0), keyed.filter((r) => r.n % 2 === 1), keyed] as const;
  };
  const late = sideOutput<Row>('late');

  it('changes nothing for an interval join with late records on both sides', async () => {
    const [out, lates] = await verifyOperator<Row>({
      ...timed,
      build(input) {
        const [even, odd] = sides(input);
        const near = even
          .intervalJoin(odd)
          .between(seconds(-3), seconds(3), { lateLeft: late, lateRight: late })
          .outerJoin('near', (l, r) => [l?.n, r?.n]);
        return [near, near.sideOutput(late)];
      },
    });
    expect(out!.length).toBeGreaterThan(40);
    expect(lates!.length).toBeGreaterThan(5);
  });

  it('changes nothing for windows of both, and a stream with itself', async () => {
    const [pairs, groups, itself] = await verifyOperator<Row>({
      ...timed,
      build(input) {
        const [even, odd, all] = sides(input);
        return [
          even
            .windowJoin(odd, tumbling(seconds(8)), { allowedLateness: seconds(4) })
            .leftJoin('together', (l, r) => [l.n, r?.n]),
          even.coGroup(odd, session(seconds(3))).process('visits', (key, window, l, r) => ({ key, window, l, r })),
          all
            .intervalJoin(all)
            .between(seconds(0), seconds(4))
            .join('itself', (l, r) => [l.n, r.n]),
        ];
      },
    });
    expect(Math.min(pairs!.length, groups!.length, itself!.length)).toBeGreaterThan(5);
    expect(itself!.some((pair) => (pair as number[])[0] === (pair as number[])[1])).toBe(true);
  });
});

describe('a join whose code changes', () => {
  const joined = (kind: 'join' | 'leftJoin', upper: number) =>
    pipeline('changing', (p) => {
      const left = source(p, 'left').keyBy('left-key', (r) => r.key);
      left
        .intervalJoin(source(p, 'right').keyBy('right-key', (r) => r.key))
        .between(seconds(0), seconds(upper))
        [kind]('near', (l, r) => [l.n, r?.n])
        .to('out', toMemory());
    }).plan;

  it('may get other bounds, but not keep other records', () => {
    expect(comparePlans(joined('join', 5), joined('join', 9))).toMatchObject({
      compatible: true,
      changedStages: ['near'],
    });
    expect(comparePlans(joined('join', 5), joined('leftJoin', 5)).obstacles).toEqual([
      'operator near: its layout was "inner", is "left"',
    ]);
  });
});
