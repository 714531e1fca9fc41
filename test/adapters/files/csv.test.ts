import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { csv, toCsv } from '../../../lib/adapters/files/index.ts';
import type { Json, Undecodable } from '../../../lib/ports/index.ts';
import { batchOf, host, readAll, scratch, sinkHost } from './source-host.ts';

const folder = scratch();
let files = 0;
function fileOf(content: string): string {
  const path = join(folder, `c${files++}.csv`);
  writeFileSync(path, content);
  return path;
}
const cellText = fc.string({ unit: fc.constantFrom('a', '"', ',', '\n', ' ', 'é', ';', '\r\n', 'x') });

describe('a CSV source', () => {
  it('gives rows as objects of strings', async () => {
    const log = await csv({ path: fileOf('\uFEFFa,b\r\n1,"x, ""y"""\r\n\r\n3,\r\n') }).open(host);
    expect(await readAll(log)).toEqual([
      { a: '1', b: 'x, "y"' },
      { a: '3', b: '' },
    ]);
  });

  it('picks the columns asked for and lists what there is if one is missing', async () => {
    const path = fileOf('a;b;c\n1;2;3\n');
    expect(await readAll(await csv({ path, delimiter: ';', columns: ['c', 'a'] }).open(host))).toEqual([
      { c: '3', a: '1' },
    ]);
    await expect(csv({ path, delimiter: ';', columns: ['d'] }).open(host)).rejects.toMatchObject({
      kind: 'unavailable',
      retry: false,
      message: expect.stringContaining('no column d'),
      hint: 'its columns are a, b, c',
    });
    await expect(csv({ path: fileOf('a,a\n'), columns: ['a'] }).open(host)).rejects.toMatchObject({
      kind: 'unavailable',
    });
  });

  it('takes names for columns where there is no header, and wants them', async () => {
    const path = fileOf('1,2\n');
    expect(await readAll(await csv({ path, header: false, columns: ['x', 'y'] }).open(host))).toEqual([
      { x: '1', y: '2' },
    ]);
    expect(() => csv({ path, header: false })).toThrow(/names/);
    expect(() => csv({ path, delimiter: '||' })).toThrow(/delimiter/);
  });

  it('puts an undecodable in the place of a broken record and goes on', async () => {
    const path = fileOf('a,b\n1,2\n1,2,3\n"x"y,2\n5,6\n');
    const rows = await readAll(await csv({ path }).open(host));
    expect(rows).toHaveLength(4);
    expect((rows[1] as Undecodable).error.message).toBe(`record 3 of ${path} has 3 fields, not 2`);
    expect((rows[2] as Undecodable).error.message).toContain(`record 4 of ${path} is not CSV`);
    expect((rows[2] as Undecodable).raw).toBe('"x"y,2');
    expect(rows[3]).toEqual({ a: '5', b: '6' });
  });

  it('gives an empty file as no rows', async () => {
    expect(await readAll(await csv({ path: fileOf('') }).open(host))).toEqual([]);
  });

  it('reads back what the CSV sink wrote, from every offset', async () => {
    const row = fc.record({ a: cellText, b: cellText });
    await fc.assert(
      fc.asyncProperty(
        fc.array(row, { minLength: 1, maxLength: 15 }),
        fc.integer({ min: 1, max: 4 }),
        async (rows, step) => {
          const path = fileOf('');
          const writer = await toCsv({ path, inPlace: true }).open(sinkHost, undefined);
          await writer.write(batchOf(rows));
          await writer.finish();
          const log = await csv({ path }).open(host);
          const read: unknown[] = [];
          for (let next = 0, cursor: Json | undefined; ; ) {
            const slice = await log.read(0, next, step, cursor);
            read.push(...slice.values);
            next = slice.next;
            cursor = slice.cursor;
            const again = await csv({ path }).open(host);
            expect(await readAll(again, 0, next, 3, cursor)).toEqual(rows.slice(next));
            expect(await readAll(again, 0, next, 3)).toEqual(rows.slice(next));
            if (slice.sealed) break;
          }
          expect(read).toEqual(rows);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('is split into partitions only where no field holds a line break', async () => {
    const rows = Array.from({ length: 50 }, (_, i) => ({ i: String(i), t: 'x'.repeat(i) }));
    const path = fileOf(`i,t\n${rows.map((row) => `${row.i},${row.t}\n`).join('')}`);
    await expect(csv({ path, partitions: 3 }).open(host)).rejects.toMatchObject({
      kind: 'invalid-pipeline',
      hint: expect.stringContaining('multiline'),
    });
    for (const partitions of [2, 3, 10, 200]) {
      const log = await csv({ path, partitions, multiline: false }).open(host);
      const parts = await Promise.all(Array.from({ length: partitions }, (_, p) => readAll(log, p, 0, 4)));
      expect(parts.flat()).toEqual(rows);
    }
  });

  it('follows a growing file', async () => {
    const path = fileOf('a,b\n1,2\n3');
    const log = await csv({ path, follow: true }).open(host);
    expect((await log.read(0, 0, 9, undefined)).values).toEqual([{ a: '1', b: '2' }]);
    appendFileSync(path, ',4\n');
    expect((await log.read(0, 1, 9, undefined)).values).toEqual([{ a: '3', b: '4' }]);
    await expect(csv({ path: fileOf(''), follow: true }).open(host)).rejects.toMatchObject({ kind: 'unavailable' });
  });

  it('reads a real file as a plain split does', async () => {
    const path = 'node_modules/vega-datasets/data/zipcodes.csv';
    const [header, ...lines] = readFileSync(path, 'utf8').trimEnd().split(/\r?\n/);
    const names = (header as string).split(',');
    const rows = await readAll(await csv({ path }).open(host), 0, 0, 5_000);
    expect(rows).toEqual(lines.map((line) => Object.fromEntries(line.split(',').map((field, i) => [names[i], field]))));
  });
});

describe('a CSV sink', () => {
  it('writes one header, whatever happens, and values as documented', async () => {
    const path = join(folder, 'out', 'x.csv');
    const sink = toCsv({ path });
    const first = await sink.open(sinkHost, undefined);
    const record = { a: 1.5, b: true, c: new Date(0), d: { e: [1] }, f: null, g: 9n, h: 'x "y"' };
    const state = await first.write(batchOf([record]));
    await first.write(batchOf([{ a: 'lost' }]));
    const second = await sink.open(sinkHost, state);
    await second.write(batchOf([{ g: 1n, a: 2 }]));
    await second.finish();
    expect(readFileSync(path, 'utf8')).toBe(
      'a,b,c,d,f,g,h\n1.5,true,1970-01-01T00:00:00.000Z,"{""e"":[1]}",,9,"x ""y"""\n2,,,,,1,\n',
    );
  });

  it('refuses a field that the header lacks, unless columns were chosen', async () => {
    const writer = await toCsv({ path: join(folder, 'r.csv') }).open(sinkHost, undefined);
    await writer.write(batchOf([{ a: 1 }]));
    await expect(writer.write(batchOf([{ a: 1, z: 2 }]))).rejects.toMatchObject({ kind: 'bad-record' });
    const path = join(folder, 's.csv');
    const chosen = await toCsv({ path, columns: ['a'] }).open(sinkHost, undefined);
    await chosen.write(batchOf([{ z: 2, a: 1 }, 7]));
    await chosen.finish();
    expect(readFileSync(path, 'utf8')).toBe('a\n1\n\n');
  });
});
