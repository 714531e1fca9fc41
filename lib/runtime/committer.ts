/**
 * Carries a step's outcome out: frames to the log, records to sinks, the commit to its slot; snapshots and debts around it.
 */
import { MAX_TIME, MIN_TIME, MillraceError, messageOf, NOTHING, taskName, type WallTime } from '../model/index.ts';
import { DEAD_LETTERS } from '../plan/index.ts';
import type { LogEntry, StepGroup } from '../ports/index.ts';
import {
  ByteWriter,
  type Commit,
  type CommitHeader,
  decodeMessage,
  encodeValue,
  expectedInSlot,
  type Frame,
  type SnapshotRef,
  sizeOfFrame,
  slotOf,
  type TaskStatus,
} from '../protocol/index.ts';
import { encodeCells, REMOVED, type Snapshots } from '../state/index.ts';
import type { Applier } from './applier.ts';
import type { GivenUp } from './attempt.ts';
import { type DeadLetter, deadLetterOf, fittingLetter } from './dead-letter.ts';
import { blobPrefix, nonceOf, snapshotsOf } from './load.ts';
import { reportSinks, reportStep, TaskLabels } from './report.ts';
import { type Debt, encodeBody } from './sheet.ts';
import { allWritten, debtsOf, type Written } from './sink-writes.ts';
import { splitToFit } from './split-frame.ts';
import { refuseUnfitCells, StagedStep } from './staged-step.ts';
import type { TaskHost } from './task-host.ts';
import type { PendingSnapshot, TaskState } from './task-state.ts';

/** Bytes of deltas that a task without much state may have before they become a snapshot. */
const LARGE_DELTAS = 2 ** 25;

export type Outcome = { readonly kind: 'committed' } | { readonly kind: 'lost' };

export class Committer {
  readonly #host: TaskHost;
  readonly #labels: TaskLabels;
  readonly #snapshots: Snapshots;
  /** Milliseconds that the last append and commit took. */
  #took = 0;
  /** A commit is due that says the debts are paid. */
  #paid = false;

  constructor(host: TaskHost) {
    this.#host = host;
    this.#labels = new TaskLabels(host);
    this.#snapshots = snapshotsOf(host);
  }

  /** Whether the newest commit says that debts are to be paid which have been: others take them for unpaid until the next one. */
  get hasPaid(): boolean {
    return this.#paid;
  }

  /** Whether a commit is due although there is nothing to apply: to say that debts are paid, or to carry a snapshot before the slots run out. */
  async isDue(state: TaskState): Promise<boolean> {
    if (this.#paid || state.debts.length > 0) return true;
    const used = state.version - (state.snapshot?.version ?? -1);
    return used * 4 >= this.#host.run.slots * 3 && (await state.increment?.ref) !== undefined;
  }

  /** Before a step changes anything: pays debts, and sees to it that a snapshot covers the slot that the next commit takes. */
  async prepare(state: TaskState): Promise<void> {
    if (!this.#host.commits.volatile) this.#snapshot(state);
    if (state.debts.length === 0) return;
    await this.#pay(state, state.debts);
    state.debts = [];
    this.#paid = true;
  }

  /** Refuses values that could not be encoded, by a sample: for hosts that keep everything as it is. */
  check(state: TaskState): void {
    if (state.version > 4 && state.version % 256 !== 0) return;
    for (const edge of state.chain.edges) edge.sample(encodeValue);
    const seen = new Set<number>();
    for (const cell of state.store.changes()) {
      if (seen.has(cell.table.index) || cell.value === REMOVED) continue;
      seen.add(cell.table.index);
      encodeCells(new ByteWriter(256), state.store.tables, [cell]);
    }
  }

  /** Sends what the step produced and commits it up to offset `upTo`. Throws where the outcome is unknown or nothing was committed. */
  async commit(state: TaskState, applier: Applier, upTo: number, decided: boolean): Promise<Outcome> {
    const { run, task, commits, atomic, log, stage, clock } = this.#host;
    state.nextOffset = upTo;
    state.watermark = state.unit.watermark;
    const entries = this.#entries(state, applier, upTo);
    const batches = state.chain.sinks
      .filter((sink) => sink.pending > 0)
      .map((sink) => ({
        sink,
        batch: sink.take(upTo, toldWatermark(state), Math.max(state.since ?? 0, state.committedAt) as WallTime),
      }));
    const undecided = (stage.journaled || decided) && !commits.volatile;
    const journaled = undecided && atomic === undefined;
    // Where a step is atomic its messages come with the commit, and sinks that go back follow it; the others must not show what no commit holds yet.
    const later = batches.filter(({ sink }) => journaled || (undecided && sink.isFinal));
    const debts = [...state.debts, ...debtsOf(journaled ? entries : [], later)];
    const group = commits.volatile ? undefined : atomic?.group;
    const atOnce = batches.filter((batch) => !later.includes(batch));
    if (atOnce.some(({ sink }) => sink.isFinal)) await group?.flush();
    await allWritten(atOnce);
    if (group !== undefined) return this.#stage(group, state, entries, batches, debts);
    const version = state.version + 1;
    const snapshot = await this.#covering(state, version);
    const [commit, cells] = await this.#build(state, version, snapshot, debts);
    const slot = slotOf(version, run.slots);
    const expect = expectedInSlot(version, run.slots);
    const remembered = state.chain.sinks.map((sink) => sink.state);
    const began = clock.now();
    let outcome: 'committed' | 'lost';
    if (atomic !== undefined) {
      outcome = await atomic.appendAndPut(entries, run.id, task, slot, commit, expect);
    } else {
      if (!journaled && entries.length > 0) await log.append(entries);
      outcome = await commits.put(run.id, task, slot, commit, expect);
    }
    if (outcome === 'lost') return { kind: 'lost' };
    this.#took = clock.now() - began;
    state.committedAt = began;
    state.version = version;
    state.store.clear();
    this.#paid = false;
    reportSinks(this.#host, this.#labels, batches);
    if (!commits.volatile) {
      state.keepDelta(cells);
      this.#adopt(state, snapshot);
    }
    for (const [i, sink] of state.chain.sinks.entries()) sink.committed(remembered[i]);
    await this.#payAtOnce(state, debts);
    return { kind: 'committed' };
  }

  /** What the commit that was just written owes. */
  async #payAtOnce(state: TaskState, debts: readonly Debt[]): Promise<void> {
    if (debts.length === 0) return;
    await this.#pay(state, debts);
    state.debts = [];
    this.#paid = true;
  }

  /** Leaves the step to be written with others. The version is that of the one staged before, if that has not been written. */
  async #stage(
    group: StepGroup,
    state: TaskState,
    entries: LogEntry[],
    batches: readonly Written[],
    debts: readonly Debt[],
  ): Promise<Outcome> {
    const { run, task } = this.#host;
    refuseUnfitCells(state.store);
    let version: number;
    let snapshot: SnapshotRef | undefined;
    do {
      version = state.settled + 1;
      snapshot = await this.#covering(state, version);
    } while (version !== state.settled + 1);
    const sheet = state.sheet(debts);
    const step: StagedStep = new StagedStep(
      this.#header(state, version, snapshot, debts),
      sheet,
      state.store,
      (cells, n) => {
        state.staged = undefined;
        if (n > 0) state.bytesPerCell = Math.round(0.8 * state.bytesPerCell + (0.2 * cells.length) / n);
        state.keepDelta(cells);
        this.#adopt(state, snapshot);
        for (const sink of state.chain.sinks) sink.committed(sheet.sinks[sink.id]);
      },
    );
    const expect = expectedInSlot(version, run.slots);
    const outcome = group.stage(entries, run.id, task, slotOf(version, run.slots), step, expect, state.staged);
    if (outcome === 'lost') return { kind: 'lost' };
    state.committedAt = this.#host.clock.now();
    state.version = version;
    state.staged = step;
    state.store.clear();
    this.#paid = false;
    reportSinks(this.#host, this.#labels, batches);
    if (debts.length > 0) await group.flush();
    await this.#payAtOnce(state, debts);
    return { kind: 'committed' };
  }

  report(state: TaskState, applier: Applier, before: TaskStatus): void {
    reportStep(this.#host, this.#labels, state, applier, before, this.#took);
  }

  #entries(state: TaskState, applier: Applier, upTo: number): LogEntry[] {
    const { run, plan, stage, log, atomic, epoch } = this.#host;
    const entries: LogEntry[] = [];
    const watermark = toldWatermark(state);
    const channels = Math.max(state.partitions, this.#host.partitionsOf(stage.id));
    const lazy = atomic?.group === undefined ? 0 : (log.maxMessageBytes ?? 0) / 4;
    const add = (topic: string, partition: number, frame: Frame) => {
      const size = lazy === 0 ? Number.POSITIVE_INFINITY : sizeOfFrame(frame);
      if (log.maxMessageBytes === undefined) entries.push({ topic, partition, message: frame });
      else if (size <= lazy) entries.push({ topic, partition, message: frame, size });
      else
        for (const part of splitToFit(frame, log.maxMessageBytes))
          entries.push({ topic, partition, message: part.frame, bytes: part.bytes });
    };
    for (const edge of state.chain.edges) {
      const topic = plan.stages.find((s) => s.id === edge.edge.to)!.topic;
      for (const { partition, frame } of edge.frames(run.id, epoch, upTo, watermark, channels, applier.exact)) {
        add(topic, partition, frame);
      }
    }
    const letters = applier.givenUp.filter((g) => g.how === 'dead-letter');
    if (letters.length > 0) add(this.#host.deadLetters, 0, this.#letters(letters));
    return entries;
  }

  #letter(letter: GivenUp): DeadLetter {
    const { maxMessageBytes } = this.#host.log;
    const whole = deadLetterOf(this.#host, letter);
    return maxMessageBytes === undefined ? whole : fittingLetter(whole, maxMessageBytes);
  }

  #letters(letters: readonly GivenUp[]): Frame {
    const { run, task, epoch } = this.#host;
    const last = letters.at(-1)!;
    return {
      kind: 'frame',
      run: run.id,
      channel: { edge: `${task.stage}.${DEAD_LETTERS}`, task: task.partition },
      channels: 1,
      epoch,
      prev: NOTHING,
      thru: { cause: last.cause, k: last.unit },
      values: letters.map((letter) => this.#letter(letter)),
      keys: undefined,
      times: letters.map((letter) => letter.time),
      causes: letters.map((letter) => letter.cause),
      ks: letters.map((letter) => letter.unit),
      steps: [],
    };
  }

  async #build(
    state: TaskState,
    version: number,
    snapshot: SnapshotRef | undefined,
    debts: readonly Debt[],
  ): Promise<[Commit, Uint8Array]> {
    const { commits, limits, blobs } = this.#host;
    const { store } = state;
    const header = this.#header(state, version, snapshot, debts);
    if (commits.volatile)
      return [{ header, body: { kind: 'inline', bytes: () => new Uint8Array(0) } }, new Uint8Array(0)];
    const changes = store.changes();
    const writer = new ByteWriter(256 + changes.length * 32);
    if (changes.length > 0) encodeCells(writer, store.tables, changes);
    const cells = writer.copy();
    if (changes.length > 0)
      state.bytesPerCell = Math.round(0.8 * state.bytesPerCell + (0.2 * cells.length) / changes.length);
    const body = encodeBody(state.sheet(debts), cells);
    const mostInline = Math.min(limits.inlineBytes, commits.maxInlineBytes ?? limits.inlineBytes);
    if (body.length <= mostInline) return [{ header, body: { kind: 'inline', bytes: () => body } }, cells];
    const name = `${blobPrefix(this.#host)}/delta/${String(version).padStart(16, '0')}/${nonceOf(this.#host)}`;
    await blobs.put(name, body);
    return [{ header, body: { kind: 'blob', name } }, cells];
  }

  #header(state: TaskState, version: number, snapshot: SnapshotRef | undefined, debts: readonly Debt[]): CommitHeader {
    const { run, task, clock } = this.#host;
    const { store, unit } = state;
    return {
      run: run.id,
      task,
      version,
      topicId: run.topics[task.stage] ?? '',
      nextOffset: state.nextOffset,
      epoch: state.epoch,
      watermark: state.watermark,
      processingTime: unit.processingTime,
      eventTimer: store.eventTimers.earliest(),
      processingTimer: store.processingTimers.earliest(),
      status: state.status,
      snapshot,
      source:
        this.#host.source === undefined
          ? undefined
          : {
              watermark: state.sourceWatermark,
              lastArrival: state.lastArrival,
              spoken: state.spoken,
              cursor: state.cursor,
              drainTo: state.drainTo,
              handOver: state.handOver,
              done: state.done,
              ahead: state.ahead,
              sent: Object.fromEntries(state.chain.edges.map((edge) => [edge.edge.id, edge.sent.map((s) => s.thru)])),
            },
      debts: debts.length,
      heldBy: state.channels.watermark().heldBy,
      stateBytes: store.size * state.bytesPerCell,
      stateEntries: store.size,
      restarts: state.restarts,
      at: clock.now(),
    };
  }

  async #pay(state: TaskState, debts: readonly Debt[]): Promise<void> {
    const entries: LogEntry[] = [];
    for (const debt of debts) {
      if (debt.kind === 'message') {
        entries.push({
          topic: debt.topic,
          partition: debt.partition,
          message: decodeMessage(debt.bytes),
          bytes: debt.bytes,
        });
      }
    }
    if (entries.length > 0) await this.#host.log.append(entries);
    for (const debt of debts) {
      if (debt.kind === 'sink') await state.chain.sinks.find((sink) => sink.id === debt.sink)?.write(debt.batch);
    }
  }

  /** Starts a snapshot when half the slots after the last one are used, or when the deltas since have grown large beside the state. */
  #snapshot(state: TaskState): void {
    if (state.increment !== undefined) return;
    const since = state.settled - (state.snapshot?.version ?? -1);
    const isOver = state.watermark === MAX_TIME;
    const large = Math.max(LARGE_DELTAS, 2 * state.store.size * state.bytesPerCell);
    if (since < Math.max(1, this.#host.run.slots >> 1) && (isOver || state.deltaBytes < large)) return;
    const deltas = state.deltas.filter((cells) => cells.length > 0);
    const ref = this.#snapshots.increment(state.snapshot, state.settled, deltas).then(
      (made) => {
        pending.done = made;
        return made;
      },
      (error: unknown) => {
        state.increment = undefined;
        this.#host.telemetry.log('warn', `snapshot of ${taskName(state.task)} failed: ${messageOf(error)}`);
        return undefined;
      },
    );
    const pending: PendingSnapshot = { ref, done: undefined };
    state.increment = pending;
  }

  /** The snapshot that the commit of `version` refers to: it covers the version whose slot is taken. */
  async #covering(state: TaskState, version: number): Promise<SnapshotRef | undefined> {
    const { run, commits, limits } = this.#host;
    if (commits.volatile) return undefined;
    const overwritten = version - run.slots;
    const needed = overwritten > (state.snapshot?.version ?? -1);
    const { increment } = state;
    if (increment !== undefined && (increment.done !== undefined || needed || limits.awaitsSnapshots)) {
      const ref = await increment.ref;
      if (ref !== undefined) return ref;
    }
    if (needed)
      throw new MillraceError(
        'unavailable',
        `no snapshot of ${taskName(state.task)} covers version ${overwritten}, whose slot is needed`,
      );
    return state.snapshot;
  }

  #adopt(state: TaskState, snapshot: SnapshotRef | undefined): void {
    if (snapshot === undefined || snapshot.version === state.snapshot?.version) return;
    const covered = snapshot.version - (state.snapshot?.version ?? -1);
    for (const cells of state.deltas.splice(0, covered)) state.deltaBytes -= cells.length;
    state.snapshot = snapshot;
    state.increment = undefined;
  }
}

/** What others may take for the task's watermark: not yet its end, while processing-time timers may still bring records. */
function toldWatermark({ store, unit }: TaskState): number {
  const isHeld = unit.watermark === MAX_TIME && store.processingTimers.earliest() !== undefined;
  return isHeld ? MIN_TIME : unit.watermark;
}
