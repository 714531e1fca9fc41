import { MemoryCommitStore } from '../../lib/adapters/memory/index.ts';
import { milliseconds } from '../../lib/model/index.ts';
import { openedSqlite } from './adapters.ts';
import { commitStoreConformance } from './commit-store.ts';

commitStoreConformance({
  name: 'memory',
  open: async () => ({ port: new MemoryCommitStore({ volatile: false }), close: async () => undefined }),
  without: { reopen: 'gone with its process' },
});
commitStoreConformance({
  name: 'memory, volatile',
  open: async () => ({ port: new MemoryCommitStore({ volatile: true }), close: async () => undefined }),
  without: { reopen: 'gone with its process', bodies: 'a volatile store keeps the newest header alone' },
});
commitStoreConformance({ name: 'SQLite', open: () => openedSqlite((store) => store.commits) });
commitStoreConformance({
  name: 'SQLite, in groups',
  open: () => openedSqlite((store) => store.commits, { flushEvery: milliseconds(100) }),
});
