/**
 * Snapshots of one task's keyed state in a blob store, by increments.
 *
 * 1. A snapshot is a manifest blob that names sorted runs, oldest to newest; together they hold the state of its version. Blobs are never changed.
 * 2. An increment turns the deltas since the snapshot before into a run, merged with such older runs as the merge policy says; the other runs are shared.
 * 3. Every blob's name carries the version of the state it was made for, and a manifest names no run older than its `base`, which never falls from one
 *    snapshot to the next. So what is older than the least base among the commits that can still be read is reached by none of them.
 */
import { MillraceError } from '../model/index.ts';
import type { BlobStore } from '../ports/index.ts';
import type { SnapshotRef } from '../protocol/index.ts';
import type { EntryReader } from './cell-entry.ts';
import { type CellVisitor, visitEntry } from './delta-codec.ts';
import { FreshEntries } from './fresh-entries.ts';
import { mergeEntries } from './merge-entries.ts';
import { runsToKeep } from './merge-policy.ts';
import { RunReader, readBlob } from './run-reader.ts';
import { RunWriter } from './run-writer.ts';
import { decodeManifest, encodeManifest, type Manifest, type StoredRun } from './snapshot-manifest.ts';

/** A run is cut into blobs of about this size, so that a merge needs no more memory than one of them. */
const FILE_BYTES = 16 * 1024 * 1024;

export interface SnapshotsDeps {
  readonly blobs: BlobStore;
  /** What the names of all the task's blobs begin with, without a slash at the end: run/stage/partition. */
  readonly prefix: string;
  /** Makes names of different attempts different. Called once an increment. */
  nonce(): string;
  /** Size at which a run is cut; 16 MiB if not given. */
  readonly fileBytes?: number;
  /** Waited for between two blocks of a run, so that nothing else has to wait until all are through. */
  readonly pause?: () => Promise<void> | undefined;
}

/** What commits that can still be read refer to. */
export interface LiveVersions {
  /** The least `base` of their snapshots; 0 if none has a snapshot. */
  readonly minBase: number;
  /** The least of their versions. */
  readonly minVersion: number;
}

/** About the size of a manifest, for the count of bytes written. */
const MANIFEST_BYTES = 512;

const EMPTY: Manifest = { version: -1, base: 0, written: 0, runs: [] };

export class Snapshots {
  readonly #deps: SnapshotsDeps;
  #last: { readonly name: string; readonly manifest: Manifest } | undefined;

  constructor(deps: SnapshotsDeps) {
    this.#deps = deps;
  }

  /**
   * Stores the snapshot of `version`: that of `previous` with the deltas of all later versions up to `version`, oldest first, as `encodeCells` writes them. It
   * counts only once a commit refers to it. Throws `unavailable` (try again) if a blob of the previous one is missing or the store fails.
   */
  async increment(
    previous: SnapshotRef | undefined,
    version: number,
    deltas: readonly Uint8Array[],
  ): Promise<SnapshotRef> {
    const before = previous === undefined ? EMPTY : await this.#manifest(previous);
    if (version <= before.version) {
      throw new MillraceError('internal', `a snapshot of version ${version} cannot follow that of ${before.version}`);
    }
    const fresh = new FreshEntries(deltas);
    const sizes = before.runs.map((run) => run.unpacked);
    const keep = runsToKeep(sizes, fresh.bytes, before.written);
    const name = versionedBlob(this.#deps.prefix, 'snap', version, this.#deps.nonce());
    const runs = before.runs.slice(0, keep);
    let written = before.written;
    if (keep < before.runs.length || fresh.bytes > 0) {
      const merged = before.runs.slice(keep);
      const from = merged[0]?.from ?? Math.max(0, before.version);
      const run = await this.#write(name, { from, to: version }, merged, fresh, keep > 0);
      if (run.cells > 0) runs.push(run);
      written += run.unpacked;
    }
    const base = keep === 0 ? version : before.base;
    const manifest: Manifest = { version, base, written: keep === 0 ? 0 : written + MANIFEST_BYTES, runs };
    await this.#deps.blobs.put(name, encodeManifest(manifest));
    this.#last = { name, manifest };
    return { version, name, base };
  }

  /**
   * Tells the visitor every cell of the snapshot once, in the order of (table, key, sub). Throws `unavailable` (try again, from the newest commit) if a blob
   * is missing, `data-lost` if one is damaged, `incompatible` if one is of another format; cells may have been told before.
   */
  async load(ref: SnapshotRef, visit: CellVisitor): Promise<void> {
    const { runs } = await this.#manifest(ref);
    const sources = runs.map((run) => this.#entriesOf(run));
    await mergeEntries(sources, false, (entries) => {
      visitEntry(entries, visit);
      return undefined;
    });
  }

  /**
   * Tells the visitor what the snapshot has in other ways than the state of an earlier `version`, removed cells too; some of it may be as it was. False, and
   * nothing is told, if the snapshot has been begun anew since. Throws as `load`.
   */
  async loadSince(ref: SnapshotRef, version: number, visit: CellVisitor): Promise<boolean> {
    const { base, runs } = await this.#manifest(ref);
    if (base > version) return false;
    const sources = runs.filter(({ to }) => to > version).map((run) => this.#entriesOf(run));
    await mergeEntries(sources, true, (entries) => {
      visitEntry(entries, visit);
      return undefined;
    });
    return true;
  }

  /**
   * Deletes snapshot blobs older than every base, and deltas and debts older than every version, that commits can still refer to. By version, never by
   * whether something refers to them: an increment on its way is not referred to yet. Tells how many.
   */
  async collect(live: LiveVersions): Promise<number> {
    const start = `${this.#deps.prefix}/`;
    const names = await this.#deps.blobs.list(start);
    const old = names.filter((name) => {
      const [kind, version] = name.slice(start.length).split('/');
      if (version === undefined || !/^\d+$/.test(version)) return false;
      if (kind === 'snap') return Number(version) < live.minBase;
      return (kind === 'delta' || kind === 'debt') && Number(version) < live.minVersion;
    });
    if (old.length > 0) await this.#deps.blobs.delete(old);
    return old.length;
  }

  async #manifest(ref: SnapshotRef): Promise<Manifest> {
    if (this.#last?.name === ref.name) return this.#last.manifest;
    const manifest = decodeManifest(ref.name, await readBlob(this.#deps.blobs, ref.name));
    if (manifest.version !== ref.version || manifest.base !== ref.base) {
      throw new MillraceError(
        'data-lost',
        `snapshot ${ref.name} is of version ${manifest.version}, not ${ref.version} as its commit says`,
      );
    }
    this.#last = { name: ref.name, manifest };
    return manifest;
  }

  async *#entriesOf(run: StoredRun): AsyncGenerator<EntryReader, void> {
    const { blobs, pause } = this.#deps;
    for (const { name, size } of run.files) {
      for await (const block of (await RunReader.open(blobs, name, size)).entries()) {
        yield block;
        const wait = pause?.();
        if (wait !== undefined) await wait;
      }
    }
  }

  async #write(
    name: string,
    range: { readonly from: number; readonly to: number },
    older: readonly StoredRun[],
    fresh: FreshEntries,
    keepRemoved: boolean,
  ): Promise<StoredRun> {
    const { blobs, fileBytes = FILE_BYTES } = this.#deps;
    const files: { name: string; size: number }[] = [];
    let writer = new RunWriter();
    let cells = 0;
    let unpacked = 0;
    const close = async (): Promise<void> => {
      if (writer.cells === 0) return;
      const bytes = writer.finish();
      cells += writer.cells;
      unpacked += writer.unpacked;
      const file = { name: `${name}-${files.length}`, size: bytes.length };
      files.push(file);
      writer = new RunWriter();
      await blobs.put(file.name, bytes);
    };
    const sources = [...older.map((run) => this.#entriesOf(run)), fresh.entries()];
    await mergeEntries(sources, keepRemoved, (entries) => {
      writer.add(entries);
      return writer.length >= fileBytes ? close() : undefined;
    });
    await close();
    return { ...range, cells, unpacked, files };
  }
}

/** Name of a blob that belongs to a version of a task. Versions have 16 digits, so that names are in their order. */
export function versionedBlob(prefix: string, kind: 'snap' | 'delta' | 'debt', version: number, nonce: string): string {
  return `${prefix}/${kind}/${String(version).padStart(16, '0')}/${nonce}`;
}
