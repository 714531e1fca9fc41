import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DirectoryBlobStore, type DirectoryBlobStoreOptions } from '../../lib/adapters/directory/index.ts';
import { MemoryBlobStore } from '../../lib/adapters/memory/index.ts';
import { temporaryDirectory } from './adapters.ts';
import { blobStoreConformance } from './blob-store.ts';

const directory = (options?: DirectoryBlobStoreOptions) => async () => {
  const root = await temporaryDirectory();
  const open = () => new DirectoryBlobStore(join(root, 'blobs'), options);
  return { port: open(), reopen: async () => open(), close: () => rm(root, { recursive: true, force: true }) };
};
const nested = 'a file cannot be a folder as well';

blobStoreConformance({
  name: 'memory',
  open: async () => ({ port: new MemoryBlobStore(), close: async () => undefined }),
  without: { reopen: 'gone with its process' },
});
blobStoreConformance({ name: 'directory', open: directory(), without: { 'nested-names': nested } });
blobStoreConformance({
  name: 'directory, synced',
  open: directory({ fsync: true }),
  without: { 'nested-names': nested },
});
