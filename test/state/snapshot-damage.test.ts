import { describe, expect, test } from 'vitest';
import { MemoryBlobStore } from '../../lib/adapters/memory/index.ts';
import { ByteReader } from '../../lib/protocol/index.ts';
import { applyCells, Snapshots } from '../../lib/state/index.ts';
import { apply, contentsOf, deltaOf, errorOf, newStore, snapshotsIn, toldBy } from './snapshot-fixture.ts';

describe('blobs that are missing or damaged', () => {
  async function example() {
    const blobs = new MemoryBlobStore();
    const snapshots = snapshotsIn(blobs);
    const store = newStore();
    for (let key = 0; key < 60; key++) apply(store, { table: 0, key, sub: 'w', timer: 1, value: `value ${key}` });
    let ref = await snapshots.increment(undefined, 0, [deltaOf(store)]);
    apply(store, { table: 1, key: 'k', sub: undefined, timer: 1, value: 'more' });
    ref = await snapshots.increment(ref, 1, [deltaOf(store)]);
    const cold = (): Snapshots => new Snapshots({ blobs, prefix: 'run/stage/1', nonce: () => 'cold' });
    const needed = (await blobs.list('')).filter((name) => !name.includes('0000/n0') || name.includes('-'));
    return { blobs, ref, cold, needed, expected: contentsOf(store) };
  }

  test('a missing blob says to try again', async () => {
    const { blobs, ref, cold, needed } = await example();
    for (const name of [ref.name, ...needed.filter((name) => name.startsWith(ref.name))]) {
      const bytes = (await blobs.get(name))!;
      await blobs.delete([name]);
      const error = await errorOf(toldBy(cold(), ref));
      expect(error.kind).toBe('unavailable');
      expect(error.retry).toBe(true);
      expect(error.message).toBe(`blob ${name} is missing`);
      await blobs.put(name, bytes);
    }
  });

  test('every damaged byte of every blob is noticed', async () => {
    const { blobs, ref, cold, expected } = await example();
    expect(await toldBy(cold(), ref)).toStrictEqual(expected);
    let tried = 0;
    for (const name of await blobs.list('')) {
      if (!name.startsWith(ref.name)) continue;
      const bytes = (await blobs.get(name))!;
      for (let at = 0; at < bytes.length; at++) {
        const damaged = bytes.slice();
        damaged[at]! ^= 1 << (at % 8);
        await blobs.put(name, damaged);
        const error = await errorOf(toldBy(cold(), ref));
        expect(['data-lost', 'incompatible']).toContain(error.kind);
        tried++;
      }
      await blobs.put(name, bytes);
    }
    expect(tried).toBeGreaterThan(400);
  });

  test('a blob cut short at any byte is noticed', async () => {
    const { blobs, ref, cold } = await example();
    for (const name of await blobs.list('')) {
      if (!name.startsWith(ref.name)) continue;
      const bytes = (await blobs.get(name))!;
      for (let n = 0; n < bytes.length; n += 3) {
        await blobs.put(name, bytes.slice(0, n));
        expect((await errorOf(toldBy(cold(), ref))).kind).toBe('data-lost');
      }
      await blobs.put(name, bytes);
    }
  });

  test('a manifest or run of another format is refused as such', async () => {
    const { blobs, ref, cold } = await example();
    const run = (await blobs.list('')).findLast((name) => name.includes('-'))!;
    for (const [name, fromEnd] of [
      [ref.name, undefined],
      [run, 9],
    ] as const) {
      const bytes = (await blobs.get(name))!;
      const other = bytes.slice();
      other[fromEnd === undefined ? 4 : bytes.length - fromEnd] = 7;
      await blobs.put(name, other);
      const error = await errorOf(toldBy(cold(), ref));
      expect(error.kind).toBe('incompatible');
      expect(error.message).toMatch(/has format 7, and this version reads 1$/);
      await blobs.put(name, bytes);
    }
  });

  test('a manifest that is not the one its commit means is noticed', async () => {
    const { ref, cold } = await example();
    expect((await errorOf(toldBy(cold(), { ...ref, version: 9 }))).kind).toBe('data-lost');
  });

  test('a damaged delta is noticed when it is merged', async () => {
    const snapshots = snapshotsIn(new MemoryBlobStore());
    const store = newStore();
    apply(store, { table: 0, key: 'k', sub: undefined, timer: 1, value: 1 });
    const delta = deltaOf(store);
    const longer = new Uint8Array(delta.length + 1);
    longer.set(delta);
    expect((await errorOf(snapshots.increment(undefined, 1, [longer]))).kind).toBe('incompatible');
    expect((await errorOf(snapshots.increment(undefined, 1, [delta.slice(0, -1)]))).kind).toBe('incompatible');
    applyCells(newStore(), new ByteReader(delta));
  });
});
