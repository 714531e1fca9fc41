/**
 * What one commit of a task says. The header is small plain data that the pump and `millrace status` read;
 * the body (changed channels, outputs, keyed state, timers) is bytes, encoded only when a store asks for them.
 */
import type { ErrorWhere, Position, TaskId } from '../model/index.ts';

export type StopReason = 'failed' | 'gap' | 'data-lost' | 'state-lost' | 'incompatible' | 'lost';

/** The error that a task met last, as data. */
export interface Failure {
  readonly kind: string;
  readonly message: string;
  readonly operator?: string;
  /** Where beside the task and the operator: the source and offset of a bad record, the sink, the file. */
  readonly where?: Pick<ErrorWhere, 'source' | 'sink' | 'offset' | 'file' | 'topic'>;
  readonly hint?: string;
  readonly stack?: string;
  readonly at: number;
}

export type TaskStatus =
  /** `history`: times of the latest failures, oldest first, kept where a restart strategy goes by them. */
  | { readonly kind: 'ok'; readonly history?: readonly number[] }
  /** Waiting to try the message at `offset` again; `skip` names units of it that were given up for good. */
  | {
      readonly kind: 'backoff';
      readonly offset: number;
      readonly unit: number;
      readonly attempts: number;
      readonly until: number;
      readonly skip: readonly number[];
      readonly failure: Failure;
      readonly history?: readonly number[];
    }
  | {
      readonly kind: 'stopped';
      readonly reason: StopReason;
      readonly failure: Failure;
      readonly skip: readonly number[];
    };

/** Newest snapshot that the deltas after it build upon. */
export interface SnapshotRef {
  /** Version of the task that it holds. */
  readonly version: number;
  /** Name of its manifest. */
  readonly name: string;
  /** Version of the oldest run its manifest names. */
  readonly base: number;
}

/** What there was to read after a task's last rows, as far as its source knew. For people: nothing is decided by it. */
export interface SourceAhead {
  /** End of its log. */
  readonly end: number | undefined;
  /** Bytes, where rows are not known. */
  readonly bytes: number | undefined;
}

/** What only source tasks keep. */
export interface SourceHeader {
  /** Watermark of the source's generator after the last record. */
  readonly watermark: number;
  /** Wall-clock time of the last step that found records; the run's creation before the first. */
  readonly lastArrival: number;
  readonly spoken: boolean;
  /** Connector's cursor for nextOffset. */
  readonly cursor: unknown;
  readonly drainTo: number | undefined;
  /** Another code version takes over at this offset: the source's barrier. */
  readonly handOver: { readonly at: number; readonly epoch: number } | undefined;
  /** Everything read and the maximum watermark said. */
  readonly done: boolean;
  readonly ahead?: SourceAhead | undefined;
  /** Per outgoing edge and partition, the last `thru` sent. */
  readonly sent: Readonly<Record<string, readonly Position[]>>;
}

export interface CommitHeader {
  readonly run: string;
  readonly task: TaskId;
  readonly version: number;
  readonly topicId: string;
  readonly nextOffset: number;
  readonly epoch: number;
  readonly watermark: number;
  readonly processingTime: number;
  /** Earliest pending timers, undefined if none. */
  readonly eventTimer: number | undefined;
  readonly processingTimer: number | undefined;
  readonly status: TaskStatus;
  readonly snapshot: SnapshotRef | undefined;
  readonly source: SourceHeader | undefined;
  /** How many outputs this commit still owes to the log and to sinks. */
  readonly debts: number;
  /** What holds the watermark back: the channel with the least one, or one that has not spoken. */
  readonly heldBy: string | undefined;
  readonly stateBytes: number;
  readonly stateEntries: number;
  readonly restarts: number;
  /** When it was made, by the committer's clock. */
  readonly at: number;
}

/** Where a commit's body stands. */
export type Body = { readonly kind: 'inline'; bytes(): Uint8Array } | { readonly kind: 'blob'; readonly name: string };

export interface Commit {
  readonly header: CommitHeader;
  readonly body: Body;
}

/** The life of a pipeline's state. Written once, before any task is born. */
export interface RunRecord {
  readonly id: string;
  readonly pipeline: string;
  readonly createdAt: number;
  /** Number of the deployment that created it, where deployments are numbered in order. */
  readonly by?: number;
  /** Slots per task; never changed. */
  readonly slots: number;
  /** The plan that began it, and per stage the fingerprint of its code. */
  readonly plan: unknown;
  /** Tasks of a stage together. Those of partitions that sources gain later are written down apart. */
  readonly tasks: readonly TaskId[];
  /** Topic id per stage. */
  readonly topics: Readonly<Record<string, string>>;
  /** Per source and partition: where it starts, and where it ends if that is fixed. */
  readonly starts: Readonly<Record<string, readonly number[]>>;
  readonly ends: Readonly<Record<string, readonly (number | undefined)[]>>;
}

/** The slot of a version in a ring of n. */
export const slotOf = (version: number, slots: number): number => version % slots;
/** What the slot must hold for the version to be put there. */
export const expectedInSlot = (version: number, slots: number): 'absent' | number =>
  version < slots ? 'absent' : version - slots;
