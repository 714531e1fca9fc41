import type { TaskId } from '../model/index.ts';
import type { Commit, CommitHeader } from '../protocol/index.ts';
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
  /** Present where steps of all tasks are written together. */
  readonly group?: StepGroup;
}

/** A commit of which the body is made only when it is written. */
export interface StagedCommit {
  readonly header: CommitHeader;
  /** The body as the step left it; undefined while a later step is changing what it is made of. */
  body(): Uint8Array | undefined;
  /** It is in the store for good. */
  settled(): void;
}

/**
 * Steps that are kept in memory for a while and then written in one transaction. Until then all ports of this process see them as if they had
 * been written; if the process ends before, all are lost together, so that what is found then is every task and every log at one instant.
 */
export interface StepGroup {
  /** True while a flush waits for a body: whoever is about to change what a staged commit is made of has its body made first. */
  readonly due: boolean;
  /**
   * As `appendAndPut`, for a commit that another of the same task may replace before it is written: the next step stages the same version again and says
   * what it `replaces`. Happens within the call.
   */
  stage(
    entries: readonly LogEntry[],
    run: string,
    task: TaskId,
    slot: number,
    commit: StagedCommit,
    expect: SlotExpectation,
    replaces: StagedCommit | undefined,
  ): 'committed' | 'lost';
  /** Says that the body of a staged commit, which could not be made, now can. */
  freed(): void;
  /** Throws if the last flush failed and trying again fails too: nothing new should begin. */
  check(): void;
  /** Writes what is staged, once every body can be made. Throws if that fails; everything stays staged then. */
  flush(): Promise<void>;
}
