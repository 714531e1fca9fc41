import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  collection,
  generator,
  replay,
  sorted,
  toConsole,
  toFunction,
} from '../../../lib/adapters/memory-connectors/index.ts';
import type { Json } from '../../../lib/ports/index.ts';
import { batchOf, HandClock, host, readAll, sinkHost } from '../files/source-host.ts';

describe('a replay', () => {
  const rows = [{ t: 1_000 }, { t: 2_000 }, { t: 1_500 }, { t: 4_000 }];

  it('makes rows readable at the pace they happened, held back in order', async () => {
    const clock = new HandClock();
    clock.time = 50_000;
    const log = await replay(collection(rows), { speed: 2, time: (row) => row.t }).open({ ...host, clock });
    expect(await log.read(0, 0, 10, undefined)).toMatchObject({ values: [rows[0]], next: 1, sealed: false });
    expect(await log.bounds(0)).toMatchObject({ end: 1, sealed: false });
    clock.time += 499;
    expect((await log.read(0, 1, 10, undefined)).values).toEqual([]);
    clock.time += 1;
    expect((await log.bounds(0)).end).toBeUndefined();
    const slice = await log.read(0, 1, 10, undefined);
    expect(slice).toMatchObject({ values: [rows[1], rows[2]], next: 3, sealed: false });
    clock.time += 1_000;
    expect(await log.read(0, 3, 10, undefined)).toMatchObject({ values: [rows[3]], next: 4, sealed: true });
  });

  it('goes on after a restart by the time it began at', async () => {
    const clock = new HandClock();
    const source = replay(collection(rows), { speed: 1, time: (row) => new Date(row.t) });
    const { cursor, next } = await (await source.open({ ...host, clock })).read(0, 0, 10, undefined);
    clock.time = 3_000;
    const again = await source.open({ ...host, clock });
    const stored = JSON.parse(JSON.stringify(cursor)) as Json;
    expect((await again.read(0, next, 10, stored)).values).toEqual(rows.slice(1));
  });

  it('at full speed is the source itself, and is refused for what has no end', async () => {
    const log = await replay(collection(rows), { speed: 'max', time: (row) => row.t }).open(host);
    expect(await readAll(log)).toEqual(rows);
    expect(() => replay(generator({ record: (n) => n }), { speed: 1, time: (n) => n })).toThrow(/without an end/);
    expect(() => replay(collection(rows), { speed: 0, time: (row) => row.t })).toThrow(/speed/);
  });
});

describe('a sorted source', () => {
  it('is the stable order of its rows, readable from any offset', async () => {
    const row = fc.record({ k: fc.integer({ min: 0, max: 5 }), id: fc.nat() });
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(row), { minLength: 1, maxLength: 3 }),
        fc.nat({ max: 10 }),
        async (partitions, from) => {
          const log = await sorted(collection({ partitions }), (one) => one.k).open(host);
          const expected = [0, 1, 2, 3, 4, 5].flatMap((k) => partitions.flat().filter((one) => one.k === k));
          expect(await readAll(log)).toEqual(expected);
          const start = Math.min(from, expected.length);
          expect(await readAll(log, 0, start, 2)).toEqual(expected.slice(start));
        },
      ),
      { numRuns: 40 },
    );
  });

  it('is refused for what has no end', () => {
    expect(() => sorted(generator({ record: (n) => n }), (n) => n)).toThrow(/without an end/);
  });
});

describe('a function sink', () => {
  it('awaits its function and says which sink threw', async () => {
    const seen: number[] = [];
    const sink = toFunction<number>(async (records) => {
      await Promise.resolve();
      if (records.includes(3)) throw new Error('three');
      seen.push(...records);
    });
    const writer = await sink.open(sinkHost, undefined);
    await writer.write(batchOf([1, 2]));
    await writer.write(batchOf([]));
    expect(seen).toEqual([1, 2]);
    await expect(writer.write(batchOf([3]))).rejects.toMatchObject({ kind: 'operator-failed', where: { sink: 'out' } });
  });
});

describe('a console sink', () => {
  it('shows a table of the first records and the number of the others', async () => {
    const lines: string[] = [];
    const text = (): string => lines.join('');
    const writer = await toConsole({ limit: 2, title: 'delays', write: (more) => void lines.push(more) }).open(
      sinkHost,
      undefined,
    );
    await writer.write(batchOf([{ a: 1.23456, b: 'x' }, { a: null }, { a: 3 }]));
    expect(text()).toBe('');
    await writer.finish();
    await writer.close();
    expect(text()).toContain('delays');
    expect(text()).toContain('1.235');
    expect(text()).toContain('... and 1 more\n');
    expect(text().match(/delays/g)).toHaveLength(1);
  });

  it('shows lines at once', async () => {
    const lines: string[] = [];
    const text = (): string => lines.join('');
    const writer = await toConsole({ as: 'jsonl', write: (more) => void lines.push(more) }).open(sinkHost, undefined);
    await writer.write(batchOf([{ a: 1n }, 'x']));
    expect(text()).toBe('{"a":"1"}\n"x"\n');
  });
});
