import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { collection, generator, toMemory } from '../../../lib/adapters/memory-connectors/index.ts';
import { batchOf, HandClock, host, readAll, sinkHost } from '../files/source-host.ts';

describe('a collection', () => {
  it('gives its rows from any offset and seals at the end', async () => {
    const log = await collection(['a', 'b', 'c']).open(host);
    expect(await log.read(0, 1, 1, undefined)).toEqual({ values: ['b'], next: 2, start: 0, end: 3, sealed: false });
    expect(await log.read(0, 2, 5, undefined)).toMatchObject({ values: ['c'], next: 3, sealed: true });
    expect(await log.bounds(0)).toEqual({ start: 0, end: 3, sealed: true });
    await expect(log.read(0, 4, 1, undefined)).rejects.toMatchObject({ kind: 'data-lost' });
  });

  it('has the partitions it was given', async () => {
    const log = await collection({ partitions: [[1], [], [2, 3]] }).open(host);
    expect(log.info.partitions).toBe(3);
    expect([await readAll(log, 0), await readAll(log, 1), await readAll(log, 2)]).toEqual([[1], [], [2, 3]]);
  });
});

describe('a generator', () => {
  const source = (seed: number, partitions: number, count: number) =>
    generator({
      seed,
      partitions,
      count,
      record: (n, random, p) => ({ n, p, x: random.next(), i: random.integer(3, 5) }),
    });

  it('gives the same rows wherever reading starts', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer(),
        fc.integer({ min: 1, max: 4 }),
        fc.nat({ max: 40 }),
        fc.nat({ max: 40 }),
        async (seed, partitions, count, from) => {
          const log = await source(seed, partitions, count).open(host);
          let total = 0;
          for (let p = 0; p < partitions; p++) {
            const rows = await readAll(log, p, 0, 7);
            total += rows.length;
            const start = Math.min(from, rows.length);
            expect(await readAll(await source(seed, partitions, count).open(host), p, start, 3)).toEqual(
              rows.slice(start),
            );
          }
          expect(total).toBe(count);
        },
      ),
      { numRuns: 50 },
    );
  });

  it('gives other rows for another seed, partition or offset, spread evenly', async () => {
    const rows = async (seed: number, p: number) =>
      (await readAll(await source(seed, 2, 20_000).open(host), p)) as { x: number; i: number }[];
    const a = (await rows(1, 0)).map((row) => row.x);
    const b = (await rows(2, 0)).map((row) => row.x);
    const c = (await rows(1, 1)).map((row) => row.x);
    expect(new Set([...a, ...b, ...c]).size).toBeGreaterThan(29_900);
    for (const xs of [a, b, c]) {
      expect(xs.reduce((sum, x) => sum + x, 0) / xs.length).toBeCloseTo(0.5, 1);
      const pairs = xs.slice(1).map((x, i) => (x - 0.5) * ((xs[i] as number) - 0.5));
      expect(Math.abs(pairs.reduce((sum, x) => sum + x, 0) / pairs.length)).toBeLessThan(0.005);
    }
    expect(new Set((await rows(1, 0)).map((row) => row.i))).toEqual(new Set([3, 4, 5]));
  });

  it('keeps its rate by the clock', async () => {
    const clock = new HandClock();
    const log = await generator({ rate: 10, partitions: 2, record: (n) => n }).open({ ...host, clock });
    expect(log.info.bounded).toBe(false);
    expect((await log.read(0, 0, 100, undefined)).values).toEqual([]);
    clock.time = 1_000;
    const slice = await log.read(0, 0, 100, undefined);
    expect(slice).toMatchObject({ values: [0, 1, 2, 3, 4], next: 5, sealed: false });
    expect((await log.bounds(0)).end).toBe(5);
    clock.time = 1_200;
    expect((await log.read(0, 5, 100, undefined)).values).toEqual([5]);
  });
});

describe('a memory sink', () => {
  it('forgets what came after the state it is opened with', async () => {
    const sink = toMemory<number>();
    const first = await sink.open(sinkHost, undefined);
    const state = await first.write(batchOf([1, 2]));
    await first.write(batchOf([3]));
    const second = await sink.open(sinkHost, state);
    await second.write(batchOf([4]));
    expect(sink.records).toEqual([1, 2, 4]);
    expect(sink.finished).toBe(false);
    await second.finish();
    expect(sink.finished).toBe(true);
    sink.clear();
    await expect(sink.open(sinkHost, state)).rejects.toMatchObject({ kind: 'data-lost' });
  });
});
