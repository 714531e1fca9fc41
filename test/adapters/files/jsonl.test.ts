import { appendFileSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type FilePath, jsonl } from '../../../lib/adapters/files/index.ts';
import type { Json } from '../../../lib/ports/index.ts';
import { Undecodable } from '../../../lib/ports/index.ts';
import { host, readAll, scratch } from './source-host.ts';

const folder = scratch();
let files = 0;
function fileOf(content: string | Uint8Array, suffix = '.jsonl'): string {
  const path = join(folder, `f${files++}${suffix}`);
  writeFileSync(path, content);
  return path;
}
const lines = (values: readonly unknown[]): string => values.map((value) => `${JSON.stringify(value)}\n`).join('');

describe('a JSONL source', () => {
  it('gives every line as a row and seals at the end', async () => {
    const rows = [{ a: 1 }, { a: 'ü', b: [1, { c: 2 }] }, 5, null, 'x}'];
    const log = await jsonl({ path: fileOf(lines(rows)) }).open(host);
    const slice = await log.read(0, 0, 100, undefined);
    expect(slice).toMatchObject({ values: rows, next: 5, start: 0, end: 5, sealed: true });
    expect(await log.bounds(0)).toEqual({ start: 0, end: 5, sealed: true });
    expect((await log.read(0, 5, 100, slice.cursor)).values).toEqual([]);
  });

  it('counts a last line without a line break, skips blank lines, a byte order mark and carriage returns', async () => {
    const log = await jsonl({ path: fileOf('\uFEFF{"a":1}\r\n\r\n  \n{"a":2}\r\n{"a":3}') }).open(host);
    expect(await readAll(log)).toEqual([{ a: 1 }, { a: 2 }, { a: 3 }]);
  });

  it('says how many bytes are left, over all files, as long as it does not know how many rows', async () => {
    const [one, two] = [lines([1, 2, 3]), lines([44, 55])];
    const log = await jsonl({ path: [fileOf(one), fileOf(two)] }).open(host);
    expect(await log.read(0, 0, 2, undefined)).toMatchObject({ next: 2, end: undefined, bytesLeft: 2 + 6 });
    expect(await log.read(0, 2, 2, undefined)).toMatchObject({ next: 4, end: undefined, bytesLeft: 3 });
    expect(await log.read(0, 4, 2, undefined)).toMatchObject({ next: 5, end: 5, bytesLeft: undefined });
    const packed = await jsonl({ path: fileOf(gzipSync(one), '.jsonl.gz') }).open(host);
    expect((await packed.read(0, 0, 2, undefined)).bytesLeft).toBe(undefined);
  });

  it('has in its plan no path of this machine', async () => {
    const path = fileOf('1\n');
    const optionsOf = (given: FilePath): unknown => (jsonl({ path: given }).options as { path?: unknown }).path;
    expect(optionsOf(path)).toBe(basename(path));
    expect(optionsOf([path, 'data/*.jsonl'])).toEqual([basename(path), 'data/*.jsonl']);
    expect(optionsOf(() => path)).toBe(undefined);
  });

  it('asks for its path when it is opened, if that is a function', async () => {
    let asked = 0;
    const source = jsonl({
      path: () => {
        asked++;
        return [fileOf('1\n'), fileOf('2\n')];
      },
    });
    expect(asked).toBe(0);
    expect(await readAll(await source.open(host))).toEqual([1, 2]);
    const lost = jsonl({
      path: () => {
        throw new Error('no such package');
      },
    });
    await expect(lost.open(host)).rejects.toMatchObject({
      kind: 'unavailable',
      message: 'the path of an input file cannot be told: no such package',
    });
  });

  it('gives an empty file as no rows', async () => {
    expect(await readAll(await jsonl({ path: fileOf('') }).open(host))).toEqual([]);
  });

  it('puts an undecodable in the place of a broken line and goes on', async () => {
    const path = fileOf('{"a":1}\n\n{"a":\n{"a":3}\n');
    const rows = await readAll(await jsonl({ path }).open(host));
    expect(rows).toHaveLength(3);
    expect(rows[2]).toEqual({ a: 3 });
    const bad = rows[1] as Undecodable;
    expect(bad).toBeInstanceOf(Undecodable);
    expect(bad.raw).toBe('{"a":');
    expect(bad.error.kind).toBe('bad-record');
    expect(bad.error.message).toContain(`line 3 of ${path} is not JSON`);
    expect(bad.error.where).toMatchObject({ file: path, offset: 1 });
  });

  it('never takes lines together that are not JSON each', async () => {
    for (const pair of [
      ['{"a":"x', 'y"}'],
      ['{"a":[{"b":1}', '{"c":2}]}'],
      ['{"a":1},{"b":2}', '{"c":"}', '{","d":1}'],
      ['{"a":"}', '{b":1}', '{"c":1}'],
      ['{"a":"}', '{b","c":1}'],
      ['{"a":1', '"b":2}'],
    ]) {
      const rows = await readAll(await jsonl({ path: fileOf(`${pair.join('\n')}\n`) }).open(host));
      const alone = pair.map((line) => {
        try {
          return JSON.parse(line);
        } catch {
          return 'broken';
        }
      });
      expect(rows.map((row) => (row instanceof Undecodable ? 'broken' : row))).toEqual(alone);
    }
  });

  it('gives what a line-by-line JSON.parse gives, whatever the bytes', async () => {
    const piece = fc.constantFrom('{', '}', '"', ',', ':', '1', 'a', '[', ']', '{"a":1}', ' ', '\\', '\n', '}\n{', 'é');
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 40 }), async (pieces) => {
        const text = pieces.join('');
        const rows = await readAll(await jsonl({ path: fileOf(text) }).open(host), 0, 0, 7);
        const expected = text
          .split('\n')
          .filter((line) => line.trim() !== '')
          .map((line) => {
            try {
              return JSON.parse(line);
            } catch {
              return 'broken';
            }
          });
        expect(rows.map((row) => (row instanceof Undecodable ? 'broken' : row))).toEqual(expected);
      }),
      { numRuns: 200 },
    );
  });

  it('names a line that is not UTF-8 and keeps its neighbours', async () => {
    const path = fileOf(
      Buffer.concat([Buffer.from('{"a":"é"}\n{"a":"'), Buffer.from([0xff]), Buffer.from('"}\n{"a":2}\n')]),
    );
    const rows = await readAll(await jsonl({ path }).open(host));
    expect(rows[0]).toEqual({ a: 'é' });
    expect((rows[1] as Undecodable).error.message).toContain('line 2');
    expect((rows[1] as Undecodable).error.message).toContain('UTF-8');
    expect(rows[2]).toEqual({ a: 2 });
  });

  it('passes over a line beyond the cap without its neighbours suffering', async () => {
    for (const size of [1_500, 70_000, 500_000]) {
      for (const tail of ['\n{"a":2}\n', '']) {
        const path = fileOf(`{"a":1}\n{"a":"${'x'.repeat(size)}"}${tail}`);
        const rows = await readAll(await jsonl({ path, maxRecordBytes: 1_000 }).open(host));
        expect(rows).toHaveLength(tail === '' ? 2 : 3);
        expect(rows[0]).toEqual({ a: 1 });
        expect((rows[1] as Undecodable).error.message).toBe(`line 2 of ${path} is longer than 1000 bytes`);
        expect((rows[1] as Undecodable).raw).toHaveLength(1_000);
        if (tail !== '') expect(rows[2]).toEqual({ a: 2 });
      }
    }
  });

  it('reads long lines below the cap whole', async () => {
    const rows = [{ a: 'x'.repeat(300_000) }, { a: 1 }, { a: 'é'.repeat(200_000) }];
    expect(await readAll(await jsonl({ path: fileOf(lines(rows)) }).open(host))).toEqual(rows);
  });

  it('unpacks gzip and zstd', async () => {
    const rows = Array.from({ length: 20_000 }, (_, i) => ({ i, text: `row ${i}` }));
    for (const [suffix, pack] of [
      ['.jsonl.gz', gzipSync],
      ['.jsonl.zst', zstdCompressSync],
    ] as const) {
      const log = await jsonl({ path: fileOf(pack(Buffer.from(lines(rows))), suffix) }).open(host);
      expect(await readAll(log)).toEqual(rows);
    }
  });

  it('says that a damaged gzip file is damaged', async () => {
    const packed = gzipSync(Buffer.from(lines(Array.from({ length: 9_000 }, (_, i) => ({ i })))));
    const path = fileOf(packed.subarray(0, packed.length / 2), '.gz');
    await expect(readAll(await jsonl({ path }).open(host))).rejects.toMatchObject({
      kind: 'unavailable',
      retry: false,
      message: expect.stringContaining('not sound gzip'),
    });
  });
});

describe('a place in a JSONL source', () => {
  const row = fc.oneof(
    fc.record({ a: fc.string(), n: fc.integer() }),
    fc.string({ unit: 'grapheme' }),
    fc.constant('blank'),
  );
  const content = fc.array(row, { maxLength: 30 }).map((rows) => ({
    rows: rows.filter((one) => one !== 'blank'),
    text: rows.map((one) => (one === 'blank' ? '\n' : `${JSON.stringify(one)}\n`)).join(''),
  }));

  it('is found again from every offset, with a cursor and without, packed or not', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(content, { minLength: 1, maxLength: 3 }),
        fc.integer({ min: 1, max: 4 }),
        fc.boolean(),
        async (contents, step, packed) => {
          const path = contents.map(({ text }) => (packed ? fileOf(gzipSync(Buffer.from(text)), '.gz') : fileOf(text)));
          const sorted = contents
            .map((one, i) => [path[i] as string, one.rows] as const)
            .sort(([a], [b]) => (a < b ? -1 : 1));
          const expected = sorted.flatMap(([, rows]) => rows);
          const log = await jsonl({ path }).open(host);
          const places: [number, Json | undefined][] = [];
          const rows: unknown[] = [];
          for (let next = 0, cursor: Json | undefined; ; ) {
            const slice = await log.read(0, next, step, cursor);
            rows.push(...slice.values);
            next = slice.next;
            cursor = JSON.parse(JSON.stringify(slice.cursor)) as Json;
            places.push([next, cursor]);
            if (slice.sealed) break;
          }
          expect(rows).toEqual(expected);
          for (const [from, cursor] of places) {
            const again = await jsonl({ path }).open(host);
            expect(again.info.id).toBe(log.info.id);
            expect(await readAll(again, 0, from, 5, cursor)).toEqual(expected.slice(from));
            expect(await readAll(again, 0, from, 5)).toEqual(expected.slice(from));
            await again.close();
          }
        },
      ),
      { numRuns: 25 },
    );
  });

  it('is found again in a file of many chunks', async () => {
    const rows = Array.from({ length: 12_000 }, (_, i) => ({ i, pad: 'p'.repeat(i % 50) }));
    const path = fileOf(lines(rows));
    const log = await jsonl({ path }).open(host);
    let cursor: Json | undefined;
    for (let next = 0; next < rows.length; ) {
      const slice = await log.read(0, next, 1_777, cursor);
      const fresh = await jsonl({ path }).open(host);
      expect((await fresh.read(0, slice.next, 3, slice.cursor)).values).toEqual(rows.slice(slice.next, slice.next + 3));
      await fresh.close();
      next = slice.next;
      cursor = slice.cursor;
    }
    expect((await log.read(0, 17, 2, undefined)).values).toEqual(rows.slice(17, 19));
  });

  it('is found again where lines end in carriage returns too', async () => {
    const rows = Array.from({ length: 30 }, (_, i) => ({ i }));
    const path = fileOf(rows.map((one) => `${JSON.stringify(one)}\r\n`).join(''));
    const { values, cursor } = await (await jsonl({ path }).open(host)).read(0, 0, 20, undefined);
    expect(values).toEqual(rows.slice(0, 20));
    expect(await readAll(await jsonl({ path }).open(host), 0, 20, 100, cursor)).toEqual(rows.slice(20));
  });

  it('is data lost if what lies before it changed, or the file is shorter', async () => {
    const rows = Array.from({ length: 2_000 }, (_, i) => ({ i }));
    const path = fileOf(lines(rows));
    const { cursor, next } = await (await jsonl({ path }).open(host)).read(0, 0, 1_500, undefined);
    const text = readFileSync(path, 'utf8');
    writeFileSync(path, text.replace('{"i":1499}', '{"i":9999}'));
    await expect((await jsonl({ path }).open(host)).read(0, next, 1, cursor)).rejects.toMatchObject({
      kind: 'data-lost',
    });
    truncateSync(path, 1_000);
    await expect((await jsonl({ path }).open(host)).read(0, next, 1, cursor)).rejects.toMatchObject({
      kind: 'data-lost',
    });
    await expect((await jsonl({ path }).open(host)).read(0, next, 1, undefined)).rejects.toMatchObject({
      kind: 'data-lost',
    });
  });

  it('belongs to other data once the file has grown, shrunk or begins otherwise', async () => {
    const path = fileOf(lines([{ a: 1 }, { a: 2 }]));
    const id = async (): Promise<string> => (await jsonl({ path }).open(host)).info.id;
    const first = await id();
    expect(await id()).toBe(first);
    appendFileSync(path, '{"a":3}\n');
    const grown = await id();
    expect(grown).not.toBe(first);
    writeFileSync(path, lines([{ a: 1 }, { a: 2 }, { a: 4 }]));
    expect(await id()).not.toBe(grown);
  });
});

describe('a JSONL file that is read while it is cut or replaced', () => {
  it('is data lost', async () => {
    const path = fileOf(lines(Array.from({ length: 50_000 }, (_, i) => ({ i }))));
    const log = await jsonl({ path }).open(host);
    await log.read(0, 0, 10, undefined);
    truncateSync(path, 200_000);
    await expect(readAll(log, 0, 10)).rejects.toMatchObject({ kind: 'data-lost' });
  });
});

describe('several partitions', () => {
  it('cover a file exactly, wherever it is cut', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof(fc.string({ maxLength: 30 }), fc.constant('x'.repeat(300))), { maxLength: 25 }),
        fc.integer({ min: 1, max: 7 }),
        fc.boolean(),
        async (rows, partitions, lastBreak) => {
          const text = rows.map((one) => JSON.stringify(one)).join('\n') + (lastBreak && rows.length > 0 ? '\n' : '');
          const log = await jsonl({ path: fileOf(text), partitions }).open(host);
          expect(log.info.partitions).toBe(partitions);
          const parts = await Promise.all(Array.from({ length: partitions }, (_, p) => readAll(log, p, 0, 3)));
          expect(parts.flat()).toEqual(rows);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('share many files by name, one after the other', async () => {
    const sub = scratch();
    for (const [i, name] of ['b', 'a', 'd', 'c', 'e'].entries())
      writeFileSync(join(sub, `${name}.jsonl`), lines([{ name, i }]));
    const log = await jsonl({ path: join(sub, '*.jsonl'), partitions: 2 }).open(host);
    const names = async (p: number): Promise<string[]> =>
      (await readAll(log, p)).map((one) => (one as { name: string }).name);
    expect(await names(0)).toEqual(['a', 'c', 'e']);
    expect(await names(1)).toEqual(['b', 'd']);
  });

  it('are refused for one compressed file', async () => {
    const path = fileOf(gzipSync(Buffer.from('1\n')), '.gz');
    await expect(jsonl({ path, partitions: 2 }).open(host)).rejects.toMatchObject({ kind: 'invalid-pipeline' });
  });
});

describe('a file that is followed', () => {
  it('says how many bytes are there and not read', async () => {
    const path = fileOf(lines([1, 2, 3]));
    const log = await jsonl({ path, follow: true }).open(host);
    expect(await log.read(0, 0, 2, undefined)).toMatchObject({ next: 2, end: undefined, bytesLeft: 2 });
    expect(await log.read(0, 2, 2, undefined)).toMatchObject({ next: 3, bytesLeft: 0 });
    appendFileSync(path, lines([4, 5]));
    expect(await log.read(0, 3, 1, undefined)).toMatchObject({ next: 4, bytesLeft: 2 });
  });

  it('gives new lines as they come, a partial one only when it is whole, and never seals', async () => {
    const path = fileOf('{"a":1}\n{"a"');
    const source = jsonl({ path, follow: true });
    expect(source.bounded).toBe(false);
    const log = await source.open(host);
    const first = await log.read(0, 0, 10, undefined);
    expect(first).toMatchObject({ values: [{ a: 1 }], next: 1, sealed: false });
    expect(await log.bounds(0)).toEqual({ start: 0, end: 1, sealed: false });
    expect((await log.read(0, 1, 10, first.cursor)).values).toEqual([]);
    appendFileSync(path, ':2}\n{"a":3}\n');
    expect((await log.bounds(0)).end).toBeUndefined();
    const second = await log.read(0, 1, 1, first.cursor);
    expect(second).toMatchObject({ values: [{ a: 2 }], next: 2 });
    expect((await log.bounds(0)).end).toBeUndefined();
    const again = await source.open(host);
    expect(again.info.id).toBe(log.info.id);
    expect((await again.read(0, 2, 10, second.cursor)).values).toEqual([{ a: 3 }]);
    expect((await again.read(0, 1, 10, undefined)).values).toEqual([{ a: 2 }, { a: 3 }]);
  });

  it('is data lost when it is cut or replaced', async () => {
    const path = fileOf('{"a":1}\n{"a":2}\n');
    const log = await jsonl({ path, follow: true }).open(host);
    await log.read(0, 0, 10, undefined);
    truncateSync(path, 8);
    await expect(log.read(0, 2, 10, undefined)).rejects.toMatchObject({ kind: 'data-lost' });
  });

  it('has one partition a file, and refuses other numbers and compressed files', async () => {
    const two = [fileOf('1\n'), fileOf('2\n')];
    expect((await jsonl({ path: two, follow: true }).open(host)).info.partitions).toBe(2);
    await expect(jsonl({ path: two, follow: true, partitions: 1 }).open(host)).rejects.toMatchObject({
      kind: 'invalid-pipeline',
    });
    await expect(jsonl({ path: two[0] as string, follow: true, partitions: 2 }).open(host)).rejects.toMatchObject({
      kind: 'invalid-pipeline',
    });
    const packed = fileOf(gzipSync(Buffer.from('1\n')), '.gz');
    await expect(jsonl({ path: packed, follow: true }).open(host)).rejects.toMatchObject({ kind: 'invalid-pipeline' });
  });
});

describe('a path', () => {
  it('that does not exist, is a directory or matches nothing is unavailable, with a hint', async () => {
    for (const path of [join(folder, 'missing.jsonl'), folder, join(folder, '*.nothing'), []]) {
      await expect(jsonl({ path }).open(host)).rejects.toMatchObject({
        kind: 'unavailable',
        retry: false,
        hint: expect.any(String),
      });
    }
  });
});
