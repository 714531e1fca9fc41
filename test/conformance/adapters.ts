import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ManualClock } from '../../lib/adapters/simulated/index.ts';
import { openSqliteStore, type SqliteStore, type SqliteStoreOptions } from '../../lib/adapters/sqlite/index.ts';
import type { WallTime } from '../../lib/model/index.ts';

/** An empty directory for one test. */
export const temporaryDirectory = (): Promise<string> => mkdtemp(join(tmpdir(), 'millrace-'));

/** A SQLite store in a directory of its own, one port of which is under test. */
export async function openedSqlite<Port>(
  port: (store: SqliteStore) => Port,
  options: Partial<SqliteStoreOptions> = {},
) {
  const directory = await temporaryDirectory();
  const clock = new ManualClock();
  const open = () => openSqliteStore({ path: join(directory, 'state.db'), clock, ...options });
  let store = open();
  return {
    port: port(store),
    reopen: async () => {
      store.close();
      store = open();
      return port(store);
    },
    deleteTopic: (name: string) => store.log.deleteTopic(name),
    setTime: (time: number) => clock.set(time as WallTime),
    close: async () => {
      store.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
