/** State of tables is bounded by their keys, however long they run. */
import { describe, expect, it } from 'vitest';
import {
  boundedOutOfOrderness,
  collection,
  count,
  milliseconds,
  minutes,
  pipeline,
  seconds,
  session,
  sliding,
  toMemory,
  tumbling,
  untilTimeLimit,
  untilWindowCloses,
} from '../../../lib/index.ts';
import { SeededRandom, TestDriver } from '../../../lib/testing/index.ts';

interface Change {
  readonly time: number;
  readonly key: string;
  readonly other: string;
  readonly n: number | null;
}

const built = pipeline(
  'bounded',
  (p) => {
    const changes = p.source('in', collection<Change>([]), {
      eventTime: ({ time }) => new Date(time),
      watermark: boundedOutOfOrderness(milliseconds(0)),
    });
    const byKey = changes.keyBy('by-key', ({ key }) => key);
    const rows = byKey.toTable('rows', (change) => (change.n === null ? null : change));
    const others = changes.keyBy('by-other', ({ other }) => other).toTable('others', ({ n }) => n);
    rows.outerJoin('pairs', others, (a, b) => [a?.n ?? 0, b ?? 0]).to('pairs-out', toMemory());
    rows
      .leftJoin(
        'named',
        others,
        ({ other }) => other,
        ({ n }, other) => [n, other ?? 0],
      )
      .to('named-out', toMemory());
    rows
      .groupBy('by-n', ({ n }) => n! % 3)
      .count('counts')
      .suppress('calm', untilTimeLimit(seconds(5)))
      .to('counts-out', toMemory());
    byKey.join('joined', rows, (a, b) => [a.n, b.n]).to('joined-out', toMemory());
    byKey
      .temporalJoin(
        'as-of',
        byKey.toVersionedTable(({ n }) => n),
        (a, n) => [a.n, n],
        { grace: seconds(2) },
      )
      .to('as-of-out', toMemory());
    byKey
      .window(tumbling(seconds(10)))
      .toTable('windows', count(), { retention: minutes(1) })
      .to('windows-out', toMemory());
    byKey
      .window(sliding(seconds(2)))
      .toTable('sliding', count())
      .suppress('sliding-final', untilWindowCloses({ maxKeys: 10_000, maxBytes: 10_000_000 }))
      .to('sliding-out', toMemory());
    byKey
      .window(session(seconds(1)), { allowedLateness: seconds(1) })
      .toTable('sessions', count())
      .suppress('sessions-final', untilWindowCloses())
      .to('sessions-out', toMemory());
    changes
      .windowAll(sliding(milliseconds(500)))
      .aggregate('all', count())
      .to('all-out', toMemory());
    changes
      .join(
        'everywhere',
        rows.global(),
        ({ key }) => key,
        (a, b) => [a.n, b.n],
      )
      .to('everywhere-out', toMemory());
  },
  { parallelism: 2 },
);

const cellsOf = (driver: TestDriver): Record<string, number> => {
  const sizes: Record<string, number> = {};
  for (const { state } of driver.tasks) {
    for (const { name, size } of state?.store.tables ?? []) sizes[name] = (sizes[name] ?? 0) + size;
  }
  return sizes;
};

describe('the state of tables', () => {
  it('stays flat while the same keys change and go for ever, and is gone when they are', async () => {
    const driver = await TestDriver.open(built);
    const random = new SeededRandom(3);
    const keys = Array.from({ length: 20 }, (_, i) => `k${i}`);
    const pick = (): string => keys[random.below(keys.length)]!;
    let time = 0;
    const most: Record<string, number>[] = [];
    for (let round = 0; round < 20; round++) {
      const changes = Array.from({ length: 200 }, (): Change => {
        time += 50;
        return { time, key: pick(), other: pick(), n: random.next() < 0.2 ? null : random.below(9) };
      });
      await driver.feed('in', changes);
      most.push(cellsOf(driver));
    }
    const largest = (rounds: readonly Record<string, number>[], name: string): number =>
      Math.max(...rounds.map((sizes) => sizes[name] ?? 0));
    for (const name of Object.keys(most.at(-1)!)) {
      const early = largest(most.slice(4, 12), name);
      expect(`${name}: ${largest(most.slice(12), name) <= Math.max(early * 1.3, early + 6)}`).toBe(`${name}: true`);
      expect(largest(most, name), name).toBeLessThan(500);
    }

    time += 200_000;
    const gone = keys.map((key): Change => ({ time, key, other: key, n: null }));
    await driver.feed('in', gone);
    await driver.end();
    const left = Object.entries(cellsOf(driver)).filter(([, size]) => size > 0);
    expect(left).toEqual([]);
    await driver.close();
  });
});
