import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parquet, toParquet } from '../../../lib/adapters/files/index.ts';
import type { Json, Undecodable } from '../../../lib/ports/index.ts';
import { batchOf, host, readAll, scratch, sinkHost } from './source-host.ts';

const folder = scratch();
let files = 0;
const fresh = (): string => join(folder, `p${files++}`, 'out.parquet');
const flights = 'node_modules/vega-datasets/data/flights-3m.parquet';

async function written(rows: readonly unknown[], options: object = {}): Promise<string> {
  const path = fresh();
  const writer = await toParquet({ path, ...options }).open(sinkHost, undefined);
  await writer.write(batchOf(rows));
  await writer.finish();
  return path;
}

describe('a Parquet source', () => {
  it('gives the flights with dates and numbers, from any offset', async () => {
    const log = await parquet({ path: flights }).open(host);
    expect(await log.bounds(0)).toEqual({ start: 0, end: 3_000_000, sealed: true });
    const first = await log.read(0, 0, 2, undefined);
    expect(first.values).toEqual([
      { date: new Date('2001-01-01T00:01:00Z'), delay: 33, distance: 2176, origin: 'LAS', destination: 'PHL' },
      { date: new Date('2001-01-01T00:01:00Z'), delay: 19, distance: 215, origin: 'ATL', destination: 'SAV' },
    ]);
    const edge = await log.read(0, 272_726, 10, undefined);
    expect(edge.next).toBe(272_727);
    expect(await log.read(0, 3_000_000, 10, undefined)).toMatchObject({ values: [], sealed: true });
    await log.close();
  });

  it('deals row groups to partitions and reads only the columns asked for', async () => {
    const log = await parquet({ path: flights, partitions: 4, columns: ['delay'] }).open(host);
    const ends = await Promise.all([0, 1, 2, 3].map(async (p) => (await log.bounds(p)).end ?? 0));
    expect(ends.reduce((sum, end) => sum + end, 0)).toBe(3_000_000);
    expect((await log.read(0, 0, 1, undefined)).values).toEqual([{ delay: 33 }]);
  });

  it('says what is wrong with a column or a file', async () => {
    await expect(parquet({ path: flights, columns: ['when'] }).open(host)).rejects.toMatchObject({
      kind: 'unavailable',
      retry: false,
      hint: 'its columns are date, delay, distance, origin, destination',
    });
    const path = join(folder, 'no.parquet');
    writeFileSync(path, 'this is not it, whatever it is');
    await expect(parquet({ path }).open(host)).rejects.toMatchObject({
      kind: 'unavailable',
      retry: false,
      message: expect.stringContaining(path),
    });
  });

  it('gives a row whose integer is too large for a number as undecodable, or as a bigint where asked', async () => {
    const path = await written([{ n: 1n }, { n: 2n ** 60n }]);
    const rows = await readAll(await parquet({ path }).open(host));
    expect(rows[0]).toEqual({ n: 1 });
    expect((rows[1] as Undecodable).error.message).toContain('beyond 2^53');
    expect(await readAll(await parquet({ path, integers: 'bigint' }).open(host))).toEqual([
      { n: 1n },
      { n: 2n ** 60n },
    ]);
  });
});

describe('a Parquet sink', () => {
  it('writes rows that read back the same', async () => {
    const rows = [
      { s: 'é', n: 1.5, i: 3, b: true, t: new Date(1_234), j: { a: [1, { b: null }] } },
      { s: 'x', n: 2, i: -4, b: false, t: new Date(0), j: [1] },
      { s: null, n: null, i: null, b: null, t: null, j: null },
    ];
    expect(await readAll(await parquet({ path: await written(rows) }).open(host))).toEqual(rows);
  });

  it('writes the types that it is told to', async () => {
    const path = await written([{ n: 1, extra: 2 }, {}], { schema: { n: 'number', s: 'string' } });
    expect(await readAll(await parquet({ path }).open(host))).toEqual([
      { n: 1, s: null },
      { n: null, s: null },
    ]);
    const writer = await toParquet({ path: fresh(), schema: { n: 'integer' } }).open(sinkHost, undefined);
    await expect(writer.write(batchOf([{ n: 'x' }]))).rejects.toMatchObject({ kind: 'bad-record' });
    expect(() => toParquet({ path, rollRows: 3 })).toThrow(/schema/);
  });

  it('writes a file without rows', async () => {
    const path = await written([], { schema: { n: 'number' } });
    expect(await readAll(await parquet({ path }).open(host))).toEqual([]);
  });

  it('holds each row once after crashes anywhere, in files of the right size', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 0, max: 7 }), { minLength: 1, maxLength: 6 }),
        fc.option(fc.integer({ min: 1, max: 5 }), { nil: undefined }),
        fc.array(fc.nat({ max: 8 }), { maxLength: 4 }),
        fc.integer({ min: 1, max: 4 }),
        async (sizes, rollRows, crashes, group) => {
          const path = fresh();
          const sink = toParquet({ path, schema: { i: 'integer' }, ...(rollRows === undefined ? {} : { rollRows }) });
          let state: Json | undefined;
          let written = 0;
          let writer = await sink.open(sinkHost, state);
          let crash = crashes.shift();
          let i = 0;
          const expected: { i: number }[] = [];
          for (let batch = 0, steps = 0; batch < sizes.length; steps++) {
            const rows = Array.from({ length: sizes[batch] as number }, (_, k) => ({ i: i + k }));
            const wrote = await writer.write(batchOf(rows));
            if (state !== undefined) writer.committed?.(state);
            expected.push(...rows);
            i += rows.length;
            batch++;
            if (crash !== undefined && steps >= crash) {
              crash = crashes.shift();
              writer = await sink.open(sinkHost, state);
              batch = written;
              i = sizes.slice(0, written).reduce((a, b) => a + b, 0);
              expected.length = i;
            } else if (batch % group === 0 || batch === sizes.length) {
              state = wrote;
              written = batch;
              if (steps % 2 === 0) writer.committed?.(wrote);
            }
          }
          await writer.finish();
          writer = await sink.open(sinkHost, state);
          await writer.finish();
          const names = readdirSync(join(path, '..')).sort();
          expect(names.every((name) => name.endsWith('.parquet'))).toBe(true);
          const parts = await Promise.all(
            names.map(async (name) => readAll(await parquet({ path: join(path, '..', name) }).open(host))),
          );
          expect(parts.flat()).toEqual(expected);
          if (rollRows !== undefined) for (const part of parts.slice(0, -1)) expect(part).toHaveLength(rollRows);
        },
      ),
      { numRuns: 40 },
    );
  });

  it('takes no more records once it is finished, and says so', async () => {
    const path = fresh();
    const sink = toParquet({ path });
    const writer = await sink.open(sinkHost, undefined);
    const state = await writer.write(batchOf([{ a: 1 }]));
    await writer.finish();
    expect(existsSync(`${path}.staging`)).toBe(false);
    const again = await sink.open(sinkHost, state);
    await expect(again.write(batchOf([{ a: 2 }]))).rejects.toMatchObject({ kind: 'incompatible' });
  });
});
