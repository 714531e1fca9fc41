import { MIN_TIME, type TaskId, type WallTime } from '../model/index.ts';
import type { StepGroup } from '../ports/index.ts';
import {
  ByteReader,
  Channels,
  type CommitHeader,
  type SnapshotRef,
  type SourceHeader,
  type TaskStatus,
} from '../protocol/index.ts';
import { applyCells, KeyedStore } from '../state/index.ts';
import type { Debt, Sheet } from './sheet.ts';
import { StageChain } from './stage-chain.ts';
import type { StagedStep } from './staged-step.ts';
import type { TaskHost } from './task-host.ts';
import { Unit } from './unit.ts';

export interface PendingSnapshot {
  /** Undefined if it failed. */
  readonly ref: Promise<SnapshotRef | undefined>;
  done: SnapshotRef | undefined;
}

/**
 * A task's state in memory at some committed version, or on the way to the next. It is used for one step at a time; after anything but a confirmed commit it is
 * thrown away and loaded again.
 */
export class TaskState {
  readonly task: TaskId;
  version: number;
  nextOffset: number;
  epoch: number;
  watermark: number;
  status: TaskStatus;
  snapshot: SnapshotRef | undefined;
  restarts: number;
  readonly store: KeyedStore;
  readonly unit: Unit;
  readonly channels: Channels;
  readonly chain: StageChain;
  /** Source tasks only. */
  generator: unknown;
  sourceWatermark: number;
  lastArrival: number;
  found: Sheet['found'];
  spoken: boolean;
  cursor: unknown;
  /** When the last commit was made, by the clock of who made it. */
  committedAt: number;
  /** When the log took in the first message of the batch in hand, if it says so. */
  since: WallTime | undefined;
  drainTo: number | undefined;
  handOver: SourceHeader['handOver'];
  done: boolean;
  ahead: SourceHeader['ahead'];
  /** How many partitions the source had after the rows were read that were applied last; 0 where it gains none. What is sent after them must say so. */
  partitions = 0;
  /** What the last commit owes and nobody has seen paid. */
  debts: readonly Debt[];
  /** Cell deltas of the commits after the snapshot, oldest first; what the next increment is made of. */
  readonly deltas: Uint8Array[] = [];
  deltaBytes = 0;
  /** A snapshot of this very state's past, under way or ready: a later commit carries it. A state loaded anew begins without, since others may have gone another way. */
  increment: PendingSnapshot | undefined = undefined;
  /** The step after the last one written, where steps are written in groups; `version` is its version then. */
  staged: StagedStep | undefined = undefined;
  /** Running mean of the encoded size of a cell. */
  bytesPerCell = 48;
  readonly #group: StepGroup | undefined;

  /** `store`: cells of an older state of the task, whose place this one takes. */
  constructor(host: TaskHost, header: CommitHeader, sheet: Sheet, store = new KeyedStore()) {
    this.store = store;
    this.#group = host.atomic?.group;
    if (this.#group !== undefined) this.store.gather();
    this.task = header.task;
    this.committedAt = header.at;
    this.version = header.version;
    this.nextOffset = header.nextOffset;
    this.epoch = header.epoch;
    this.watermark = header.watermark;
    this.status = header.status;
    this.snapshot = header.snapshot;
    this.restarts = header.restarts;
    this.generator = sheet.generator ?? host.source?.definition.watermark.generator.create();
    this.sourceWatermark = header.source?.watermark ?? MIN_TIME;
    this.lastArrival = header.source?.lastArrival ?? 0;
    this.found = sheet.found;
    this.spoken = header.source?.spoken ?? false;
    this.cursor = header.source?.cursor;
    this.drainTo = header.source?.drainTo;
    this.handOver = header.source?.handOver;
    this.done = header.source?.done ?? false;
    this.ahead = header.source?.ahead;
    this.debts = sheet.debts;
    this.unit = new Unit(host.seed, header.watermark, header.processingTime);
    this.channels = new Channels(host.edgeTimes, host.limits.clockSkew);
    this.channels.load(sheet.channels, sheet.edges);
    this.chain = new StageChain({
      plan: host.plan,
      stage: host.stage,
      code: host.code,
      partition: header.task.partition,
      store: this.store,
      unit: this.unit,
      partitionsOf: (stage) => host.partitionsOf(stage),
      sinkHost: (sink) => host.sinkHost(sink),
      sent: sheet.sent,
      sinkState: sheet.sinks,
    });
  }

  /** For loading: applies the cells of a commit, and keeps them for the next snapshot. */
  applyDelta(cells: Uint8Array): void {
    if (cells.length > 0) applyCells(this.store, new ByteReader(cells));
    this.keepDelta(cells);
  }

  keepDelta(cells: Uint8Array): void {
    this.deltas.push(cells);
    this.deltaBytes += cells.length;
  }

  /** The sheet as it is now. */
  sheet(debts: readonly Debt[]): Sheet {
    const sinks: Record<string, Sheet['sinks'][string]> = {};
    for (const sink of this.chain.sinks) if (sink.state !== undefined) sinks[sink.id] = sink.state;
    return {
      channels: this.channels.entries(),
      edges: this.channels.edges(),
      sent: Object.fromEntries(this.chain.edges.map((edge) => [edge.edge.id, edge.sent])),
      sinks,
      generator: this.generator,
      ...(this.found === undefined ? {} : { found: this.found }),
      debts,
    };
  }

  /** The newest version that is written for good. */
  get settled(): number {
    return this.staged === undefined ? this.version : this.version - 1;
  }

  /** A step is about to change cells. Throws if the group cannot be written: then nothing new should begin. A flush may come before its sinks are written. */
  begin(): void {
    if (this.#group === undefined) return;
    this.#group.check();
    if (this.chain.sinks.some((sink) => sink.isFinal)) this.staged?.body();
    this.staged?.begin(this.#group);
  }

  /** Closes the sinks. What is staged stays so, without what came after; the state is not to be used any more. */
  async close(): Promise<void> {
    if (this.#group !== undefined) this.staged?.end(this.#group);
    await Promise.all(this.chain.sinks.map((sink) => sink.close()));
  }
}
