import { DirectoryBlobStore } from '../adapters/directory/index.ts';
import { openSqliteStore } from '../adapters/sqlite/index.ts';
import { systemClock } from '../adapters/system/index.ts';
import type { ReadPorts } from '../inspect/index.ts';
import { layout } from './storage.ts';

/** A data directory, open for reading. */
export interface DirectoryView extends ReadPorts {
  close(): void;
}

/**
 * Opens a data directory for looking only; another process may be running on it meanwhile. Throws `unavailable` if there is none, `data-lost` if it is
 * damaged, `incompatible` if it is of another format.
 */
export function viewDirectory(dataDir: string): DirectoryView {
  const store = openSqliteStore({ path: layout.state(dataDir), clock: systemClock, readOnly: true });
  const { log, commits } = store;
  return { log, commits, blobs: new DirectoryBlobStore(layout.blobs(dataDir)), close: () => store.close() };
}
