import { existsSync, mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toJsonl } from '../../../lib/adapters/files/index.ts';
import type { Json } from '../../../lib/ports/index.ts';
import { batchOf, scratch, sinkHost } from './source-host.ts';

const folder = scratch();
let files = 0;
const fresh = (): string => join(folder, `d${files++}`, 'out.jsonl');

describe('a JSONL sink', () => {
  it('gives the file its name only when the input has ended', async () => {
    const path = fresh();
    const writer = await toJsonl({ path }).open(sinkHost, undefined);
    expect(await writer.write(batchOf([{ a: 1 }, { a: 2 }]))).toEqual({ bytes: 16 });
    expect(existsSync(path)).toBe(false);
    expect(readFileSync(`${path}.inprogress`, 'utf8')).toBe('{"a":1}\n{"a":2}\n');
    await writer.finish();
    await writer.finish();
    await writer.close();
    expect(readFileSync(path, 'utf8')).toBe('{"a":1}\n{"a":2}\n');
    expect(existsSync(`${path}.inprogress`)).toBe(false);
  });

  it('writes dates, bigints, missing fields and NaN as documented', async () => {
    const path = fresh();
    const writer = await toJsonl({ path, inPlace: true }).open(sinkHost, undefined);
    await writer.write(batchOf([{ d: new Date(0), b: 10n, u: undefined, n: Number.NaN }]));
    expect(readFileSync(path, 'utf8')).toBe('{"d":"1970-01-01T00:00:00.000Z","b":"10","n":null}\n');
    await expect(writer.write(batchOf([undefined]))).rejects.toMatchObject({ kind: 'bad-record' });
  });

  it('12: holds each record once after a crash at any place, and after crashes in a row', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(fc.string(), { maxLength: 4 }), { minLength: 1, maxLength: 8 }),
        fc.array(fc.integer({ min: 0, max: 30 }), { maxLength: 6 }),
        fc.boolean(),
        async (batches, crashes, inPlace) => {
          const path = fresh();
          const sink = toJsonl({ path, inPlace });
          let state: Json | undefined;
          let writer = await sink.open(sinkHost, state);
          let crash = crashes.shift();
          for (let i = 0, steps = 0; i < batches.length; steps++) {
            const wrote = await writer.write(batchOf(batches[i] as string[]));
            if (crash !== undefined && steps >= crash) {
              crash = crashes.shift();
              writer = await sink.open(sinkHost, state);
              continue;
            }
            state = wrote;
            i++;
          }
          await writer.finish();
          if (crash !== undefined) {
            writer = await sink.open(sinkHost, state);
            await writer.finish();
          }
          const expected = batches
            .flat()
            .map((one) => `${JSON.stringify(one)}\n`)
            .join('');
          expect(readFileSync(path, 'utf8')).toBe(expected);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('goes on properly after it was finished', async () => {
    const path = fresh();
    const sink = toJsonl({ path });
    const first = await sink.open(sinkHost, undefined);
    const state = await first.write(batchOf([1]));
    await first.finish();
    const second = await sink.open(sinkHost, state);
    await second.write(batchOf([2]));
    await second.finish();
    expect(readFileSync(path, 'utf8')).toBe('1\n2\n');
  });

  it('starts over when nothing was committed, also over an old result', async () => {
    const path = fresh();
    mkdirSync(join(path, '..'));
    writeFileSync(path, 'old\n');
    writeFileSync(`${path}.inprogress`, 'older\n');
    const writer = await toJsonl({ path }).open(sinkHost, undefined);
    await writer.write(batchOf([1]));
    expect(readFileSync(path, 'utf8')).toBe('old\n');
    await writer.finish();
    expect(readFileSync(path, 'utf8')).toBe('1\n');
  });

  it('is data lost when the file is shorter than was committed', async () => {
    const path = fresh();
    const sink = toJsonl({ path });
    const writer = await sink.open(sinkHost, undefined);
    const state = await writer.write(batchOf([1, 2]));
    truncateSync(`${path}.inprogress`, 2);
    await expect(sink.open(sinkHost, state)).rejects.toMatchObject({ kind: 'data-lost', hint: expect.any(String) });
  });

  it('writes one file a task where the path asks for it', async () => {
    const path = join(folder, 'parts', '{pipeline}-{task}.jsonl');
    expect(toJsonl({ path }).single).toBe(false);
    expect(toJsonl({ path: 'x' }).single).toBe(true);
    for (const task of [0, 1]) {
      const writer = await toJsonl({ path }).open({ ...sinkHost, task }, undefined);
      await writer.write(batchOf([task]));
      await writer.finish();
    }
    expect(readFileSync(join(folder, 'parts', 'test-1.jsonl'), 'utf8')).toBe('1\n');
  });

  it('says that the disk is full, and that it may pass', async () => {
    const writer = await toJsonl({ path: '/dev/full', inPlace: true }).open(sinkHost, undefined);
    await expect(writer.write(batchOf([1]))).rejects.toMatchObject({
      kind: 'unavailable',
      retry: true,
      message: expect.stringContaining('disk is full'),
      hint: expect.any(String),
    });
  });

  it('says what a person can do when the folder cannot be made', async () => {
    const blocked = join(folder, 'blocked');
    writeFileSync(blocked, '');
    await expect(toJsonl({ path: join(blocked, 'x.jsonl') }).open(sinkHost, undefined)).rejects.toMatchObject({
      kind: 'unavailable',
      where: { file: join(blocked, 'x.jsonl') },
    });
  });
});
