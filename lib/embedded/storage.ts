import { join } from 'node:path';
import { DirectoryBlobStore, removeStopRequest } from '../adapters/directory/index.ts';
import { MemoryAtomicStep, MemoryBlobStore, MemoryCommitStore, MemoryLog } from '../adapters/memory/index.ts';
import { openSqliteStore } from '../adapters/sqlite/index.ts';
import type { Duration } from '../model/index.ts';
import type { AtomicStep, BlobStore, Clock, CommitStore, Log } from '../ports/index.ts';

/** Where a run's messages, commits and blobs are kept. */
export interface Storage {
  readonly log: Log;
  readonly commits: CommitStore;
  readonly blobs: BlobStore;
  readonly atomic: AtomicStep | undefined;
  /** Whether it outlives the process. */
  readonly durable: boolean;
  /** Folder for what sources must keep, if there is one. */
  readonly spool: string | undefined;
  /** Lets go of files and of the directory's lock. May be called again. */
  close(): void;
}

/** What a data directory holds. */
export const layout = {
  state: (dataDir: string): string => join(dataDir, 'state.db'),
  blobs: (dataDir: string): string => join(dataDir, 'blobs'),
  spool: (dataDir: string): string => join(dataDir, 'spool'),
} as const;

/** Storage in this process's memory, gone with it. */
export function memoryStorage(clock: Clock): Storage {
  const log = new MemoryLog(clock);
  const commits = new MemoryCommitStore({ volatile: true });
  return {
    log,
    commits,
    blobs: new MemoryBlobStore(),
    atomic: new MemoryAtomicStep(log, commits),
    durable: false,
    spool: undefined,
    close: () => {},
  };
}

export interface DirectoryStorageOptions {
  readonly clock: Clock;
  /** Waits at each commit until it is on the disk, so that it survives a power cut and not only the process. */
  readonly fsync: boolean;
  /** How long commits may gather in memory before they are written together; 0: not at all. */
  readonly flushEvery: Duration;
}

/**
 * Storage in a directory, made if there is none, and held alone until `close`. Throws `unavailable` if another process has it or it cannot be written,
 * `data-lost` if its state file is damaged, `incompatible` if that is of another format.
 */
export async function directoryStorage(
  dataDir: string,
  { clock, fsync, flushEvery }: DirectoryStorageOptions,
): Promise<Storage> {
  const synchronous = fsync ? 'full' : 'normal';
  const store = openSqliteStore({ path: layout.state(dataDir), clock, synchronous, flushEvery });
  try {
    removeStopRequest(dataDir);
    const blobs = new DirectoryBlobStore(layout.blobs(dataDir), { fsync });
    await blobs.sweep();
    const { log, commits, atomic } = store;
    return {
      ...{ log, commits, atomic, blobs },
      durable: true,
      spool: layout.spool(dataDir),
      close: () => store.close(),
    };
  } catch (thrown) {
    store.close();
    throw thrown;
  }
}
