import fc from 'fast-check';
import type { MemoryBlobStore } from '../../lib/adapters/memory/index.ts';
import { compareKeyIds, type KeyId, MillraceError } from '../../lib/model/index.ts';
import { ByteWriter, type SnapshotRef } from '../../lib/protocol/index.ts';
import { encodeCells, KeyedStore, REMOVED, Snapshots, type Sub } from '../../lib/state/index.ts';
import { anyKeyId, anyStateValue, anySub, anyTimer } from './arbitraries.ts';

export const NAMES = ['op/a', 'op/b', 'b/other'];

export function newStore(version = 1): KeyedStore {
  const store = new KeyedStore();
  for (const name of NAMES) {
    store.table<unknown>(name, { clone: structuredClone, domain: 'event', version, migrate: (value) => value });
  }
  return store;
}

export function deltaOf(store: KeyedStore): Uint8Array {
  const writer = new ByteWriter();
  encodeCells(writer, store.tables, store.changes());
  store.clear();
  return writer.copy();
}

export type Told = [table: string, key: KeyId, sub: Sub, timer: number, value: unknown];

/** All cells in the order of runs. */
export function contentsOf(store: KeyedStore): Told[] {
  return store.tables
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((table) =>
      [...table.keys()]
        .sort(compareKeyIds)
        .flatMap((key) =>
          table.cellsOf(key).map(({ sub, timer, value }): Told => [table.name, key, sub, timer, value]),
        ),
    );
}

export async function toldBy(snapshots: Snapshots, ref: SnapshotRef): Promise<Told[]> {
  const told: Told[] = [];
  await snapshots.load(ref, (table, _version, key, sub, timer, value) => {
    told.push([table, key, sub, timer, value]);
  });
  return told;
}

export function snapshotsIn(blobs: MemoryBlobStore, fileBytes?: number): Snapshots {
  let nonces = 0;
  const nonce = (): string => `n${nonces++}`;
  return new Snapshots({ blobs, prefix: 'run/stage/1', nonce, ...(fileBytes === undefined ? {} : { fileBytes }) });
}

export interface Change {
  readonly table: number;
  readonly key: KeyId;
  readonly sub: Sub;
  readonly timer: number;
  readonly value: unknown;
}

/** Applies the change: undefined removes. */
export function apply(store: KeyedStore, { table: at, key, sub, timer, value }: Change): void {
  const table = store.tables[at]!;
  const cell = table.find(key, sub);
  if (value === REMOVED) {
    if (cell !== undefined) table.remove(cell);
    return;
  }
  const there = cell ?? table.create(key, sub, undefined);
  table.set(there, value);
  table.schedule(there, timer);
}

export const anyChange: fc.Arbitrary<Change> = fc.record({
  table: fc.nat(2),
  key: anyKeyId,
  sub: anySub,
  timer: anyTimer,
  value: fc.oneof({ weight: 2, arbitrary: anyStateValue }, { weight: 1, arbitrary: fc.constant(REMOVED) }),
});

export async function errorOf(run: Promise<unknown>): Promise<MillraceError> {
  try {
    await run;
  } catch (error) {
    if (error instanceof MillraceError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}
