import type { TaskId } from '../model/index.ts';
import type { Commit, CommitHeader } from '../protocol/index.ts';

/** The condition of a put: the slot must hold nothing, or exactly this version. Never an "or" of the two. */
export type SlotExpectation = 'absent' | number;

/**
 * The commits of a run's tasks, in a ring of slots per task.
 *
 * Guarantees needed: `put` is linearizable per slot; `slots` is consistent (it sees every put acknowledged before it began) but
 * need not be a snapshot of all slots at one instant. A put that throws is unknown: it may have landed, now or seconds later.
 */
export interface CommitStore {
  /** True where nothing is read back after the process ends, so that bodies need not be encoded or kept. */
  readonly volatile: boolean;
  /** Largest inline body that it takes; a larger one must stand in a blob. Absent: of any size. */
  readonly maxInlineBytes?: number;
  /** Writes the commit into the slot if the slot is as expected; 'lost' if it is not, and then nothing has changed. */
  put(run: string, task: TaskId, slot: number, commit: Commit, expect: SlotExpectation): Promise<'committed' | 'lost'>;
  /** Every slot's commit, in no particular order; none for a task that was never born. */
  slots(run: string, task: TaskId): Promise<readonly Commit[]>;
  /** Commits of the versions that are asked for, as far as they are there, ascending: present where a few are cheaper to read than all slots. */
  versions?(run: string, task: TaskId, versions: readonly number[], slots: number): Promise<readonly Commit[]>;
  /** The newest commit's header. `known` lets a store look on from there instead of at all slots. */
  head(run: string, task: TaskId, known?: KnownVersion): Promise<CommitHeader | undefined>;
  /**
   * Writes down, once and for all, what a name of this pipeline stands for, unless it stands for something: 'exists' then, and nothing has changed.
   * Linearizable: of all who try, one is told 'created'. `value` is plain data. A call that throws is unknown, as with `put`.
   */
  createRecord(pipeline: string, name: string, value: unknown): Promise<'created' | 'exists'>;
  /** The pipeline's records whose names begin with `prefix`, ascending by the names' bytes in UTF-8; with `last`, only so many, from the end. Sees every record acknowledged before it began. */
  records(pipeline: string, prefix: string, last?: number): Promise<readonly PipelineRecord[]>;
}

/** A version of a task that was seen before, and the number of slots in its ring. */
export interface KnownVersion {
  readonly version: number;
  readonly slots: number;
}

/** What all processes that run a pipeline must agree on, written once under a name. */
export interface PipelineRecord {
  readonly name: string;
  readonly value: unknown;
}
