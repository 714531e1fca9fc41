import { MemoryAtomicStep, MemoryCommitStore, MemoryLog } from '../../lib/adapters/memory/index.ts';
import { ManualClock } from '../../lib/adapters/simulated/index.ts';
import { milliseconds } from '../../lib/model/index.ts';
import { openedSqlite } from './adapters.ts';
import { atomicStepConformance } from './atomic-step.ts';

atomicStepConformance({
  name: 'memory',
  open: async () => {
    const log = new MemoryLog(new ManualClock(), { encode: true });
    const commits = new MemoryCommitStore({ volatile: false });
    return { port: { log, commits, atomic: new MemoryAtomicStep(log, commits) }, close: async () => undefined };
  },
  without: { reopen: 'gone with its process' },
});
atomicStepConformance({ name: 'SQLite', open: () => openedSqlite((store) => store) });
atomicStepConformance({
  name: 'SQLite, in groups',
  open: () => openedSqlite((store) => store, { flushEvery: milliseconds(100) }),
});
