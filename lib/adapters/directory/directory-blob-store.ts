import { link, open, readdir, readFile, rename, rm, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { makeFolders } from '../../folders/index.ts';
import type { BlobStore } from '../../ports/index.ts';
import { nameOfPath, pathOfName } from './blob-name.ts';
import { directoryError, hasCode } from './directory-error.ts';

export interface DirectoryBlobStoreOptions {
  /** Waits at each put until the blob is on the disk, so that it survives a power cut and not only the process. Default: false. */
  readonly fsync?: boolean;
}

/** Where blobs are written before they are renamed; no blob's path begins so. */
const UNFINISHED = '%unfinished';

/**
 * Blobs as files below a directory: a name's segments are folders and the file, percent-encoded where a file system might object.
 * Written beside and renamed, so that a blob is there whole or not at all. One name cannot lie below another ("a" and "a/b").
 */
export class DirectoryBlobStore implements BlobStore {
  readonly #root: string;
  readonly #fsync: boolean;
  #writes = 0;

  /** `root` is made at the first put. */
  constructor(root: string, options: DirectoryBlobStoreOptions = {}) {
    this.#root = root;
    this.#fsync = options.fsync ?? false;
  }

  async put(name: string, bytes: Uint8Array): Promise<void> {
    await this.#write(name, bytes, rename);
  }

  async create(name: string, bytes: Uint8Array): Promise<'created' | 'exists'> {
    return this.#write(name, bytes, async (unfinished, path) => {
      const isNew = await unlessPresent(() => link(unfinished, path));
      await unlink(unfinished);
      return isNew ? 'created' : 'exists';
    });
  }

  /** Writes the bytes beside, and then has them put in their place. */
  async #write<T>(
    name: string,
    bytes: Uint8Array,
    place: (unfinished: string, path: string) => Promise<T>,
  ): Promise<T> {
    const path = this.#pathOf(name);
    const unfinished = join(this.#root, UNFINISHED, `${process.pid}-${this.#writes++}`);
    try {
      makeFolders(dirname(unfinished));
      await writeWhole(unfinished, bytes, this.#fsync);
      makeFolders(dirname(path));
      const outcome = await place(unfinished, path);
      if (this.#fsync) await syncDirectory(dirname(path));
      return outcome;
    } catch (thrown) {
      await rm(unfinished, { force: true }).catch(() => undefined);
      throw directoryError(thrown, path);
    }
  }

  async get(name: string): Promise<Uint8Array | undefined> {
    const path = this.#pathOf(name);
    return unlessAbsent(path, () => readFile(path));
  }

  async getRange(name: string, start: number, end: number): Promise<Uint8Array | undefined> {
    const path = this.#pathOf(name);
    return unlessAbsent(path, async () => {
      const file = await open(path, 'r');
      try {
        const { size } = await file.stat();
        const wanted = Math.max(0, Math.min(end, size) - start);
        const bytes = new Uint8Array(wanted);
        let filled = 0;
        while (filled < wanted) {
          const { bytesRead } = await file.read(bytes, filled, wanted - filled, start + filled);
          if (bytesRead === 0) break;
          filled += bytesRead;
        }
        return bytes.subarray(0, filled);
      } finally {
        await file.close();
      }
    });
  }

  async list(prefix: string): Promise<readonly string[]> {
    const folder = prefix.slice(0, prefix.lastIndexOf('/') + 1);
    const below = folder === '' ? '' : pathOfName(folder.slice(0, -1));
    const names: string[] = [];
    for (const path of await this.#files(below)) {
      const name = nameOfPath(path);
      if (name?.startsWith(prefix)) names.push(name);
    }
    return names.sort();
  }

  async delete(names: readonly string[]): Promise<void> {
    await Promise.all(
      names.map(async (name) => {
        const path = this.#pathOf(name);
        await unlessAbsent(path, () => unlink(path));
      }),
    );
  }

  /** Deletes what processes that ended while writing have left. Only for who has the directory alone. */
  async sweep(): Promise<void> {
    const path = join(this.#root, UNFINISHED);
    await unlessAbsent(path, () => rm(path, { recursive: true, force: true }));
  }

  #pathOf(name: string): string {
    return join(this.#root, pathOfName(name));
  }

  async #files(folder: string): Promise<readonly string[]> {
    const path = join(this.#root, folder);
    const entries = (await unlessAbsent(path, () => readdir(path, { withFileTypes: true }))) ?? [];
    const nested = entries.map(async (entry) => {
      if (entry.name === UNFINISHED) return [];
      const at = folder === '' ? entry.name : `${folder}/${entry.name}`;
      return entry.isDirectory() ? this.#files(at) : [at];
    });
    return (await Promise.all(nested)).flat();
  }
}

async function writeWhole(path: string, bytes: Uint8Array, fsync: boolean): Promise<void> {
  const file = await open(path, 'w');
  try {
    await file.writeFile(bytes);
    if (fsync) await file.sync();
  } finally {
    await file.close();
  }
}

/** Makes a rename in the directory outlive a power cut, where the platform lets directories be synced. */
async function syncDirectory(path: string): Promise<void> {
  if (process.platform === 'win32') return;
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/** What the system says where no file of that name is: nothing, a file on the way to it, or a folder in its place. */
const absent = ['ENOENT', 'ENOTDIR', 'EISDIR'];

async function unlessPresent(work: () => Promise<void>): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (thrown) {
    if (hasCode(thrown, 'EEXIST')) return false;
    throw thrown;
  }
}

async function unlessAbsent<T>(path: string, work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (thrown) {
    if (absent.some((code) => hasCode(thrown, code))) return undefined;
    throw directoryError(thrown, path);
  }
}
