import type { TaskId } from '../../model/index.ts';
import type { AtomicStep, LogEntry, SlotExpectation } from '../../ports/index.ts';
import type { Commit } from '../../protocol/index.ts';
import type { MemoryCommitStore } from './memory-commit-store.ts';
import type { MemoryLog } from './memory-log.ts';

/** Appends and a commit as one: both happen without anything in between, and a log that refuses leaves the commit store as it was. */
export class MemoryAtomicStep implements AtomicStep {
  readonly #log: MemoryLog;
  readonly #commits: MemoryCommitStore;

  constructor(log: MemoryLog, commits: MemoryCommitStore) {
    this.#log = log;
    this.#commits = commits;
  }

  async appendAndPut(
    entries: readonly LogEntry[],
    run: string,
    task: TaskId,
    slot: number,
    commit: Commit,
    expect: SlotExpectation,
  ): Promise<'committed' | 'lost'> {
    const publish = this.#log.prepare(entries);
    const outcome = this.#commits.putNow(run, task, slot, commit, expect);
    if (outcome === 'committed') publish();
    return outcome;
  }
}
