import type { Duration, TaskId } from '../model/index.ts';
import type { SourceDefinition } from '../pipeline/index.ts';
import type { Plan, StagePlan } from '../plan/index.ts';
import type {
  AtomicStep,
  BlobStore,
  Clock,
  CommitStore,
  Log,
  Random,
  SinkHost,
  SourceLog,
  Telemetry,
  Topic,
} from '../ports/index.ts';
import type { EdgeTime, RunRecord } from '../protocol/index.ts';
import type { StageCode } from './stage-chain.ts';

/** Bounds and periods of the runtime. */
export interface Limits {
  /** Messages and records read at once. */
  readonly batchMessages: number;
  readonly batchBytes: number;
  /** Rows a source task reads in one step. */
  readonly sourceRows: number;
  /** A delta above this goes to the blob store. */
  readonly inlineBytes: number;
  /** Twice the greatest deviation of a clock from true time. */
  readonly clockSkew: Duration;
  readonly loadAttempts: number;
  /** Whether a commit waits for the snapshot that was begun with its step: where the next step may be another process's, which would begin it anew. */
  readonly awaitsSnapshots: boolean;
}

export const defaultLimits: Limits = {
  batchMessages: 64,
  batchBytes: 4_000_000,
  sourceRows: 8_192,
  inlineBytes: 200_000,
  clockSkew: 0 as Duration,
  loadAttempts: 5,
  awaitsSnapshots: false,
};

/** The ports a task works through. */
export interface TaskPorts {
  readonly log: Log;
  readonly commits: CommitStore;
  readonly blobs: BlobStore;
  readonly atomic: AtomicStep | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly telemetry: Telemetry;
}

/** Everything about a task that outlives its state: one per task and code version. */
export interface TaskHost extends TaskPorts {
  readonly run: RunRecord;
  readonly task: TaskId;
  readonly plan: Plan;
  readonly stage: StagePlan;
  readonly code: StageCode;
  /** This code's version for the stage. */
  readonly epoch: number;
  readonly limits: Limits;
  /** Makes `ctx.random()` differ from task to task. */
  readonly seed: number;
  /** Aborted when the host stops: calls to the outside end, and their step with nothing applied. */
  readonly signal: AbortSignal;
  /** Whether this process still counts as the one that works on the task, as far as it can know. */
  readonly isCurrent: () => boolean;
  readonly edgeTimes: readonly EdgeTime[];
  /** The input topic; undefined for source tasks. */
  readonly topic: Topic | undefined;
  /** Topic of dead letters. */
  readonly deadLetters: string;
  /** Source tasks only. */
  readonly source:
    | {
        readonly definition: SourceDefinition;
        readonly log: SourceLog;
        readonly end: number | undefined;
        /** How many partitions it has now; undefined where it gains none. */
        readonly partitions: (() => Promise<number>) | undefined;
      }
    | undefined;
  /** How many tasks a stage has, as far as this process knows. */
  partitionsOf(stage: string): number;
  sinkHost(sink: string): SinkHost;
}
