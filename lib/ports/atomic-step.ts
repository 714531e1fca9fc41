import type { TaskId } from '../model/index.ts';
import type { Commit } from '../protocol/index.ts';
import type { SlotExpectation } from './commit-store.ts';
import type { LogEntry } from './log.ts';

/**
 * Optional: a log and a commit store that share one transaction. All of it happens, or, when the commit is lost or the call throws, none of it.
 */
export interface AtomicStep {
  appendAndPut(
    entries: readonly LogEntry[],
    run: string,
    task: TaskId,
    slot: number,
    commit: Commit,
    expect: SlotExpectation,
  ): Promise<'committed' | 'lost'>;
}
