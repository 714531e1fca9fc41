import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MemoryBlobStore } from '../../lib/adapters/memory/index.ts';
import type { KeyId } from '../../lib/model/index.ts';
import type { SnapshotRef } from '../../lib/protocol/index.ts';
import { REMOVED, restoring, Snapshots, versionedBlob } from '../../lib/state/index.ts';
import { decodeManifest } from '../../lib/state/snapshot-manifest.ts';
import {
  anyChange,
  apply,
  contentsOf,
  deltaOf,
  errorOf,
  newStore,
  snapshotsIn,
  type Told,
  toldBy,
} from './snapshot-fixture.ts';

/** Commits of several changes each, and after which of them a snapshot is taken. */
const anyHistory = fc.array(fc.record({ changes: fc.array(anyChange, { maxLength: 12 }), snapshot: fc.boolean() }), {
  maxLength: 25,
  size: 'max',
});

describe('a snapshot', () => {
  test('holds what the deltas up to its version make, whatever the increments', async () => {
    await fc.assert(
      fc.asyncProperty(anyHistory, fc.constantFrom(1, 400, undefined), async (history, fileBytes) => {
        const store = newStore();
        const snapshots = snapshotsIn(new MemoryBlobStore(), fileBytes);
        let ref: SnapshotRef | undefined;
        let deltas: Uint8Array[] = [];
        for (let version = 0; version < history.length; version++) {
          const { changes, snapshot } = history[version]!;
          for (const change of changes) apply(store, change);
          deltas.push(deltaOf(store));
          if (!snapshot) continue;
          const next = await snapshots.increment(ref, version, deltas);
          expect(next.version).toBe(version);
          expect(next.base).toBeGreaterThanOrEqual(ref?.base ?? 0);
          ref = next;
          deltas = [];
          expect(await toldBy(snapshots, ref)).toStrictEqual(contentsOf(store));
          const cold = newStore();
          await snapshots.load(ref, restoring(cold));
          expect(contentsOf(cold)).toStrictEqual(contentsOf(store));
        }
      }),
      { numRuns: 30 },
    );
  });

  test('is written and loaded with a pause between any two blocks', async () => {
    const blobs = new MemoryBlobStore();
    const store = newStore();
    let pauses = 0;
    const pause = async (): Promise<void> => void pauses++;
    const snapshots = new Snapshots({ blobs, prefix: 'run/stage/0', nonce: () => 'n', pause });
    const deltas: Uint8Array[] = [];
    for (let i = 0; i < 20_000; i++) {
      apply(store, { table: 0, key: i, sub: undefined, timer: i, value: ['some text', i] });
      if (i % 10_000 === 9_999) deltas.push(deltaOf(store));
    }
    const ref = await snapshots.increment(undefined, 0, deltas.slice(0, 1));
    expect(pauses).toBe(0);
    const cold = newStore();
    await snapshots.load(ref, restoring(cold));
    expect(pauses).toBeGreaterThan(2);
    const once = pauses;
    await snapshots.increment(ref, 1, deltas.slice(1));
    expect(pauses).toBe(2 * once);
  });

  test('is loaded by an instance that did not write it, and carried on by it', async () => {
    const blobs = new MemoryBlobStore();
    const store = newStore();
    let ref: SnapshotRef | undefined;
    for (let version = 0; version < 12; version++) {
      for (let i = 0; i < 40; i++)
        apply(store, { table: 0, key: i * (version + 1), sub: i, timer: i, value: [version] });
      ref = await new Snapshots({ blobs, prefix: 'p', nonce: () => `v${version}` }).increment(ref, version, [
        deltaOf(store),
      ]);
    }
    const other = new Snapshots({ blobs, prefix: 'p', nonce: () => 'other' });
    expect(await toldBy(other, ref!)).toStrictEqual(contentsOf(store));
  });

  test('keeps the state version with which each value was written', async () => {
    const blobs = new MemoryBlobStore();
    const snapshots = snapshotsIn(blobs);
    const first = newStore(1);
    const second = newStore(2);
    apply(first, { table: 0, key: 'old', sub: undefined, timer: 5, value: 1 });
    apply(first, { table: 0, key: 'both', sub: undefined, timer: 5, value: 1 });
    apply(second, { table: 0, key: 'both', sub: undefined, timer: 5, value: 2 });
    const ref = await snapshots.increment(undefined, 2, [deltaOf(first), deltaOf(second)]);
    const versions: Record<string, number> = {};
    await snapshots.load(ref, (_table, version, key) => {
      versions[String(key)] = version;
    });
    expect(versions).toEqual({ old: 1, both: 2 });
  });

  test('says no removed cell, and stores none once they reach the oldest run', async () => {
    const blobs = new MemoryBlobStore();
    const snapshots = snapshotsIn(blobs);
    const store = newStore();
    for (let key = 0; key < 5000; key++) apply(store, { table: 0, key, sub: 'w', timer: 1, value: [key, 0.5] });
    let ref = await snapshots.increment(undefined, 0, [deltaOf(store)]);
    for (let key = 0; key < 10; key++) apply(store, { table: 0, key, sub: 'w', timer: 1, value: REMOVED });
    ref = await snapshots.increment(ref, 1, [deltaOf(store)]);
    expect(ref.base).toBe(0);
    expect((await toldBy(snapshots, ref)).length).toBe(4990);
    for (let key = 0; key < 5000; key++) apply(store, { table: 0, key, sub: 'w', timer: 1, value: REMOVED });
    ref = await snapshots.increment(ref, 2, [deltaOf(store)]);
    expect(ref.base).toBe(0);
    expect(await toldBy(snapshots, ref)).toEqual([]);
    for (let key = 0; key < 5000; key++) apply(store, { table: 0, key, sub: 'v', timer: 1, value: [key, 0.5] });
    ref = await snapshots.increment(ref, 3, [deltaOf(store)]);
    expect(ref.base).toBe(3);
    expect(await toldBy(snapshots, ref)).toStrictEqual(contentsOf(store));
    const { runs } = decodeManifest(ref.name, (await blobs.get(ref.name))!);
    expect(runs.map((run) => run.cells)).toEqual([5000]);
    await snapshots.collect({ minBase: ref.base, minVersion: 3 });
    expect(await blobs.list('')).toEqual([ref.name, `${ref.name}-0`]);
  });

  test('of nothing can be taken, loaded and carried on', async () => {
    const snapshots = snapshotsIn(new MemoryBlobStore());
    const store = newStore();
    const empty = await snapshots.increment(undefined, 3, []);
    expect(await toldBy(snapshots, empty)).toEqual([]);
    apply(store, { table: 0, key: 1, sub: undefined, timer: 1, value: 1 });
    const next = await snapshots.increment(empty, 4, [deltaOf(store), deltaOf(store)]);
    expect(await toldBy(snapshots, next)).toStrictEqual(contentsOf(store));
    const same = await snapshots.increment(next, 5, [deltaOf(store)]);
    expect(await toldBy(snapshots, same)).toStrictEqual(contentsOf(store));
  });

  test('cannot be of a version that its predecessor has', async () => {
    const snapshots = snapshotsIn(new MemoryBlobStore());
    const ref = await snapshots.increment(undefined, 3, []);
    expect((await errorOf(snapshots.increment(ref, 3, []))).kind).toBe('internal');
  });
});

describe('the cost of snapshots', () => {
  /** Takes a snapshot after each of `rounds` deltas of `perRound` cells, and tells bytes of deltas, bytes written, runs and blobs left after garbage. */
  async function cost(keys: number, perRound: number, rounds: number, keyOf: (n: number) => KeyId) {
    const blobs = new MemoryBlobStore();
    let written = 0;
    let most = 0;
    const put = blobs.put.bind(blobs);
    blobs.put = (name, bytes) => {
      written += bytes.length;
      return put(name, bytes);
    };
    const snapshots = snapshotsIn(blobs);
    const store = newStore();
    for (let key = 0; key < keys; key++) apply(store, { table: 0, key, sub: 1, timer: 1, value: [key / 7, key / 3] });
    let ref = await snapshots.increment(undefined, 0, [deltaOf(store)]);
    const first = written;
    written = 0;
    let changed = 0;
    for (let round = 1; round <= rounds; round++) {
      for (let i = 0; i < perRound; i++) {
        const value = [Math.sin(round * perRound + i), Math.cos(i * round)];
        apply(store, { table: 0, key: keyOf(round * perRound + i), sub: 1, timer: 1, value });
      }
      const delta = deltaOf(store);
      changed += delta.length;
      ref = await snapshots.increment(ref, round, [delta]);
      await snapshots.collect({ minBase: ref.base, minVersion: round });
      most = Math.max(most, (await blobs.list('')).length);
    }
    let left = 0;
    for (const name of await blobs.list('')) left += (await blobs.get(name))!.length;
    return { changed, written, first, left, most };
  }

  test('what is written grows with what changes, not with the state', async () => {
    const { changed, written } = await cost(20_000, 20, 200, (n) => (n * 7919) % 20_000);
    expect(written / changed).toBeLessThan(12);
  });

  test('garbage stays within the size of the state where the same few cells change for ever', async () => {
    const { first, left } = await cost(5_000, 100, 200, (n) => n % 100);
    expect(left / first).toBeLessThan(7);
  });
});

describe('garbage', () => {
  test('17: collected at any moments leaves every live snapshot whole', async () => {
    const step = fc.record({
      changes: fc.array(anyChange, { maxLength: 8 }),
      abandoned: fc.boolean(),
      collect: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 30, size: 'max' }),
        fc.integer({ min: 1, max: 6 }),
        async (steps, slots) => {
          const blobs = new MemoryBlobStore();
          const snapshots = snapshotsIn(blobs, 300);
          const store = newStore();
          const live: { ref: SnapshotRef; version: number; expected: Told[] }[] = [];
          for (let version = 0; version < steps.length; version++) {
            const { changes, abandoned, collect } = steps[version]!;
            for (const change of changes) apply(store, change);
            const delta = deltaOf(store);
            const previous = live.at(-1)?.ref;
            if (abandoned) await snapshots.increment(previous, version, [delta]);
            await blobs.put(versionedBlob('run/stage/1', 'delta', version, 'd'), delta);
            const ref = await snapshots.increment(previous, version, [delta]);
            live.push({ ref, version, expected: contentsOf(store) });
            if (live.length > slots) live.shift();
            const minBase = Math.min(...live.map((slot) => slot.ref.base));
            const minVersion = live[0]!.version;
            if (collect) await snapshots.collect({ minBase, minVersion });
            for (const slot of live) {
              const cold = new Snapshots({ blobs, prefix: 'run/stage/1', nonce: () => 'cold' });
              expect(await toldBy(cold, slot.ref)).toStrictEqual(slot.expected);
              expect(await blobs.get(versionedBlob('run/stage/1', 'delta', slot.version, 'd'))).toBeDefined();
            }
          }
        },
      ),
      { numRuns: 20 },
    );
  });

  test('is told by version and kind, and only of this task', async () => {
    const blobs = new MemoryBlobStore();
    const snapshots = snapshotsIn(blobs);
    const names = ['snap', 'delta', 'debt'].flatMap((kind) =>
      [3, 4, 5, 10].map((version) => versionedBlob('run/stage/1', kind as 'snap', version, 'x')),
    );
    const others = [
      versionedBlob('run/stage/10', 'snap', 1, 'x'),
      versionedBlob('run/stage', 'delta', 1, 'x'),
      'run/stage/1/other/0000000000000001/x',
      'run/stage/1/snap/x',
    ];
    for (const name of [...names, ...others]) await blobs.put(name, Uint8Array.of(1));
    expect(await snapshots.collect({ minBase: 4, minVersion: 5 })).toBe(5);
    const left = names.filter((name) => !/(snap.*3|(delta|debt).*[34])\/x$/.test(name));
    expect(await blobs.list('')).toEqual([...left, ...others].sort());
    expect(await snapshots.collect({ minBase: 4, minVersion: 5 })).toBe(0);
  });

  test('versions sort as their blobs names do', () => {
    const names = [9, 10, 99, 2 ** 40, Number.MAX_SAFE_INTEGER].map((v) => versionedBlob('p', 'snap', v, 'x'));
    expect(names.toSorted()).toEqual(names);
  });
});
