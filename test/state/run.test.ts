import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MemoryBlobStore } from '../../lib/adapters/memory/index.ts';
import { compareKeyIds, type KeyId } from '../../lib/model/index.ts';
import { ByteWriter } from '../../lib/protocol/index.ts';
import { FreshEntries } from '../../lib/state/fresh-entries.ts';
import { encodeCells, KeyedStore, NEVER, REMOVED, type Sub } from '../../lib/state/index.ts';
import { RunReader } from '../../lib/state/run-reader.ts';
import { RunWriter } from '../../lib/state/run-writer.ts';
import { anyKeyId, anyStateValue, anySub } from './arbitraries.ts';

type Told = [table: string, version: number, key: KeyId, sub: Sub, timer: number, value: unknown];

const NAMES = ['op/b', 'op/a', 'op/c'];

/** A run of one delta with these cells, in blocks of so many bytes. */
async function runOf(cells: readonly { table: number; key: KeyId; sub: Sub; value: unknown }[], blockBytes: number) {
  const store = new KeyedStore();
  for (const name of NAMES) store.table<unknown>(name, { clone: structuredClone, domain: 'none' });
  for (const { table: at, key, sub, value } of cells) {
    const table = store.tables[at]!;
    const cell = table.find(key, sub);
    if (cell === undefined) table.create(key, sub, value);
    else table.set(cell, value);
  }
  const told = store.tables
    .flatMap((table) => [...table.cells()])
    .map(({ table, key, sub, value }): Told => [table.name, 1, key, sub, NEVER, value]);
  const delta = new ByteWriter();
  encodeCells(delta, store.tables, store.changes());
  const writer = new RunWriter(blockBytes);
  for await (const entries of new FreshEntries([delta.copy()]).entries()) while (entries.next()) writer.add(entries);
  const bytes = writer.finish();
  const blobs = new MemoryBlobStore();
  await blobs.put('run', bytes);
  let reads = 0;
  const getRange = blobs.getRange.bind(blobs);
  blobs.getRange = (name, start, end) => {
    reads++;
    return getRange(name, start, end);
  };
  const run = await RunReader.open(blobs, 'run', bytes.length);
  return { run, told, reads: () => reads };
}

async function found(run: RunReader, table: string, key: KeyId): Promise<Told[]> {
  const told: Told[] = [];
  await run.find(table, key, (...cell) => {
    told.push(cell);
  });
  return told;
}

const bySub = (a: Told, b: Told): number =>
  a[3] === b[3] ? 0 : a[3] === undefined ? -1 : b[3] === undefined ? 1 : compareKeyIds(a[3], b[3]);

const anyCells = fc.array(fc.record({ table: fc.nat(2), key: anyKeyId, sub: anySub, value: anyStateValue }), {
  maxLength: 60,
  size: 'max',
});

describe('a run', () => {
  test('gives all cells back in order, and those of any one key, whatever its blocks', async () => {
    await fc.assert(
      fc.asyncProperty(anyCells, fc.constantFrom(1, 60, 2_000, 100_000), anyKeyId, async (cells, size, other) => {
        const { run, told } = await runOf(cells, size);
        const order = (a: Told, b: Told): number =>
          a[0] === b[0] ? compareKeyIds(a[2], b[2]) || bySub(a, b) : a[0] < b[0] ? -1 : 1;
        for (const chunk of [1, 500, undefined]) {
          const all: Told[] = [];
          for await (const entries of run.entries(chunk)) {
            while (entries.next()) {
              const { name, version } = entries.tables[entries.table]!;
              all.push([name, version, entries.key, entries.sub, entries.timer, entries.value()]);
            }
          }
          expect(all).toStrictEqual(told.toSorted(order));
        }
        for (const table of [...NAMES, 'op/none']) {
          for (const key of new Set([...told.map((cell) => cell[2]), other])) {
            const expected = told.filter((cell) => cell[0] === table && cell[2] === key).sort(bySub);
            expect(await found(run, table, key)).toStrictEqual(expected);
          }
        }
      }),
      { numRuns: 25 },
    );
  });

  test('finds a key with one read', async () => {
    const cells = Array.from({ length: 3_000 }, (_, i) => ({ table: 0, key: `key-${i}`, sub: undefined, value: i }));
    const { run, reads } = await runOf(cells, 1_000);
    const before = reads();
    expect(await found(run, 'op/b', 'key-1777')).toEqual([['op/b', 1, 'key-1777', undefined, NEVER, 1777]]);
    expect(reads() - before).toBeLessThanOrEqual(2);
  });

  test('tells that a key was removed', async () => {
    const { run } = await runOf([{ table: 0, key: 'k', sub: 1, value: 'x' }], 100);
    expect(await found(run, 'op/b', 'k')).toHaveLength(1);
    const removed = new KeyedStore();
    const table = removed.table<unknown>('op/b', { clone: structuredClone, domain: 'none' });
    const cell = table.create('k', 1, 'x');
    removed.clear();
    table.remove(cell);
    const delta = new ByteWriter();
    encodeCells(delta, removed.tables, removed.changes());
    const writer = new RunWriter();
    for await (const entries of new FreshEntries([delta.copy()]).entries()) while (entries.next()) writer.add(entries);
    const bytes = writer.finish();
    const blobs = new MemoryBlobStore();
    await blobs.put('run', bytes);
    const told = await found(await RunReader.open(blobs, 'run', bytes.length), 'op/b', 'k');
    expect(told).toEqual([['op/b', 1, 'k', 1, NEVER, REMOVED]]);
  });
});
