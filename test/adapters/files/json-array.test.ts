import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { jsonArray } from '../../../lib/adapters/files/index.ts';
import type { Json } from '../../../lib/ports/index.ts';
import { Undecodable } from '../../../lib/ports/index.ts';
import { host, readAll, scratch } from './source-host.ts';

const folder = scratch();
let files = 0;
function fileOf(content: string): string {
  const path = join(folder, `a${files++}.json`);
  writeFileSync(path, content);
  return path;
}
const vega = (name: string): string => join('node_modules/vega-datasets/data', name);

describe('a JSON array source', () => {
  it('gives the 20,000 flights as JSON.parse does', async () => {
    const path = vega('flights-20k.json');
    const rows = await readAll(await jsonArray({ path }).open(host), 0, 0, 4_096);
    expect(rows).toHaveLength(20_000);
    expect(rows).toEqual(JSON.parse(readFileSync(path, 'utf8')));
  });

  it('finds the array at a key', async () => {
    const path = vega('earthquakes.json');
    const rows = await readAll(await jsonArray({ path, at: 'features' }).open(host));
    expect(rows).toHaveLength(1_707);
    expect(rows).toEqual(JSON.parse(readFileSync(path, 'utf8')).features);
    const nested = fileOf('\n{ "x": [1, {"a": "}"}], "a\\"": "]", "a": { "c": "{", "b" : [ 7 , 8 ] }, "z": [1] }');
    expect(await readAll(await jsonArray({ path: nested, at: 'a.b' }).open(host))).toEqual([7, 8]);
  });

  it('gives any array whatever its spacing, and goes on from every offset', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.jsonValue(), { maxLength: 12 }),
        fc.constantFrom(0, 1, 3),
        fc.integer({ min: 1, max: 5 }),
        async (drawn, indent, step) => {
          const expected = JSON.parse(JSON.stringify(drawn));
          const path = fileOf(JSON.stringify(drawn, null, indent));
          const log = await jsonArray({ path }).open(host);
          const rows: unknown[] = [];
          for (let next = 0, cursor: Json | undefined; ; ) {
            const slice = await log.read(0, next, step, cursor);
            rows.push(...slice.values);
            next = slice.next;
            cursor = slice.cursor;
            const again = await jsonArray({ path }).open(host);
            expect(await readAll(again, 0, next, 3, cursor)).toEqual(expected.slice(next));
            expect(await readAll(again, 0, next, 3)).toEqual(expected.slice(next));
            if (slice.sealed) break;
          }
          expect(rows).toEqual(expected);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('names a broken element by its number and goes on', async () => {
    const path = fileOf('[{"a":1}, {"a":}, {"a":3}]');
    const rows = await readAll(await jsonArray({ path }).open(host));
    expect(rows).toHaveLength(3);
    expect((rows[1] as Undecodable).error.message).toContain(`element 2 of ${path} is not JSON`);
    expect((rows[1] as Undecodable).error.where).toMatchObject({ offset: 1 });
    expect(rows[2]).toEqual({ a: 3 });
  });

  it('says at its end that the array was not closed', async () => {
    for (const [text, good] of [
      ['[1, 2', 1],
      ['[1, {"a": [', 1],
      ['[', 0],
      ['[1,', 1],
    ] as const) {
      const rows = await readAll(await jsonArray({ path: fileOf(text) }).open(host));
      expect(rows).toHaveLength(good + 1);
      expect(rows[good]).toBeInstanceOf(Undecodable);
      expect((rows[good] as Undecodable).error.message).toContain('not closed');
    }
  });

  it('says so where there is no array', async () => {
    for (const text of ['{"a":1}', '', '7', '{"b":[1]}']) {
      await expect(jsonArray({ path: fileOf(text), at: 'a' }).open(host)).rejects.toMatchObject({
        kind: 'unavailable',
        retry: false,
      });
    }
  });
});
