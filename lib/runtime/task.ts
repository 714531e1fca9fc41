/**
 * One task's step: deliver -> restore -> apply -> append -> commit.
 *
 * 1. The cached state is a committed one: it is taken out before the first change and put back only after a confirmed commit.
 * 2. Everything a commit covers is in the log before the commit (fast path), with it (atomic), or owed by it (journaled).
 * 3. A put that throws is unknown: the state is forgotten, and the next step loads what really happened.
 * 4. Offsets are consumed in order and without holes; what is missing from a delivery is read from the log.
 */
import { MAX_TIME, MillraceError, messageOf, type TaskId, taskName } from '../model/index.ts';
import type { LogMessage } from '../ports/index.ts';
import { nextAttempt, recovered, type StopReason, type TaskStatus } from '../protocol/index.ts';
import { Applier } from './applier.ts';
import { AttemptOver, errorOf, FrameGap, failureOf, isAuthorError, SinkFailure } from './attempt.ts';
import { type CaughtUp, catchUp } from './catch-up.ts';
import { isTurnOf } from './code-turn.ts';
import { Committer, type Outcome } from './committer.ts';
import { collectGarbage } from './garbage.ts';
import { type Batch, Intake } from './intake.ts';
import { load } from './load.ts';
import { recordStop } from './record-stop.ts';
import { isMendable, type StepResult } from './step-result.ts';
import type { TaskHost } from './task-host.ts';
import type { TaskState } from './task-state.ts';
import { refuseUnfit } from './unfit.ts';

export class Task {
  readonly host: TaskHost;
  readonly #committer: Committer;
  readonly #intake: Intake;
  #cached: TaskState | undefined;
  /** A commit failed for what a record or state value is: batches are applied with a look at each until that is behind. */
  #inspecting = false;
  #inspectTo = -1;
  #busy: Promise<unknown> = Promise.resolve();

  constructor(host: TaskHost) {
    this.host = host;
    this.#committer = new Committer(host);
    this.#intake = new Intake(host);
  }

  get id(): TaskId {
    return this.host.task;
  }

  /** The state of the last confirmed commit, if it is in memory: for reading only. */
  get state(): TaskState | undefined {
    return this.#cached;
  }

  /** Looks at the state between steps: as of a commit, never of half a batch. `work` changes nothing. */
  async look<T>(work: (state: TaskState) => T): Promise<T> {
    return this.#alone(async () => {
      this.#cached ??= await load(this.host);
      return work(this.#cached);
    });
  }

  /** Works on what was delivered; what is missing before it is read from the log. One step at a time: calls queue up. */
  deliver(messages: readonly LogMessage[]): Promise<StepResult> {
    return this.#alone(() => this.#step(messages));
  }

  /** Works on what the log holds, and on whatever else is due: debts, back-off, a snapshot. */
  ring(): Promise<StepResult> {
    return this.#alone(() => this.#step(undefined));
  }

  /** Whether a ring is due though nothing comes: the newest commit names debts that have been paid, and another commit has to say so. */
  get isToSayPaid(): boolean {
    return this.#committer.hasPaid;
  }

  /** Forgets the cached state; open sinks and clients are closed. */
  forget(): Promise<void> {
    return this.#alone(() => this.#forget());
  }

  /** Fixes the end of a source task's log: it finishes there, or where it stands if it has come further. */
  drainTo(end: number): Promise<StepResult> {
    return this.#change((state) => {
      state.drainTo = Math.min(state.drainTo ?? Number.MAX_SAFE_INTEGER, Math.max(end, state.nextOffset));
    });
  }

  /**
   * A source task's switch to another code version at offset `at`, which must be at or after everything that any attempt of the old code has read: old code works up to it, new code
   * from it on. Tasks behind an exchange switch at a barrier in their log instead.
   */
  handOver(at: number, epoch: number): Promise<StepResult> {
    return this.#change((state) => {
      if (state.nextOffset < at) state.handOver = { at, epoch };
      else state.epoch = epoch;
    });
  }

  /**
   * Sets a task going again that stopped because its restarts were used up, or for what can be mended and is looked at anew: a file, the code. This code goes
   * on with it, where it stands, also if an older one stopped: of what it stands before, no attempt of the old code has come out well.
   */
  resume(): Promise<StepResult> {
    return this.#change((state) => {
      const { status } = state;
      if (status.kind !== 'stopped' || !isMendable(status)) return 'nothing';
      state.epoch = Math.max(state.epoch, this.host.epoch);
      const { skip, failure } = status;
      state.status = { kind: 'backoff', offset: state.nextOffset, unit: -1, attempts: 0, until: 0, skip, failure };
      return undefined;
    });
  }

  /**
   * Stops the task for what others have found: its log is not what it has read, or something sent to it was lost. Where its commits are gone nothing is
   * written: a commit would look like the state of a task that is well.
   */
  halt(reason: StopReason, error: MillraceError): Promise<StepResult> {
    if (reason === 'state-lost') {
      return this.#alone(async () => {
        await this.#forget();
        return { kind: 'stopped', reason, error };
      });
    }
    return this.#change((state) => {
      if (state.status.kind === 'stopped') return 'nothing';
      const failure = failureOf(error, this.host.stage.id, this.host.clock.now());
      state.status = { kind: 'stopped', reason, failure, skip: [] };
      return undefined;
    });
  }

  /** Brings the state in memory up to the newest commit, by the commits since where they are still there; loads it if there is none. Sinks stay open where it is the newest. */
  refresh(): Promise<CaughtUp['how']> {
    return this.#alone(async () => {
      const old = this.#take();
      const { state, how } =
        old === undefined ? { state: await load(this.host), how: 'loaded' as const } : await catchUp(this.host, old);
      this.#cached = state;
      return how;
    });
  }

  /** Closes sinks and clients; the state stays in memory, and may become stale there: see `refresh`. */
  rest(): Promise<void> {
    return this.#alone(async () => void (await Promise.all([this.#intake.close(), this.#cached?.close()])));
  }

  /** The whole run is over: finishes the sinks. May be called again, also by another process. */
  finish(): Promise<void> {
    return this.#alone(async () => {
      this.#cached ??= await load(this.host);
      for (const sink of this.#cached.chain.sinks) await sink.finish();
    });
  }

  /** Deletes blobs that no slot can reach any more, by version; returns how many. Goes on beside steps. */
  collectGarbage(): Promise<number> {
    return collectGarbage(this.host);
  }

  #alone<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#busy.then(work, work);
    this.#busy = result.catch(() => {});
    return result;
  }

  async #step(delivered: readonly LogMessage[] | undefined): Promise<StepResult> {
    let state = this.#take();
    try {
      if (state !== undefined && this.#isStale(state, delivered)) {
        await state.close();
        state = undefined;
      }
      state ??= await load(this.host);
      // Where appends and commits are one, nothing of the old code's is under way: the new code goes on at the next offset, without a barrier.
      if (state.epoch < this.host.epoch && this.host.atomic !== undefined) state.epoch = this.host.epoch;
      if (!(await isTurnOf(this.host, state))) return this.#keep(state, { kind: 'other-code', epoch: state.epoch });
      const now = this.host.clock.now();
      const owed = state.debts.length > 0;
      if (state.status.kind === 'stopped' && !owed) return this.#keep(state, this.#stopped(state.status));
      await this.#committer.prepare(state);
      if (state.status.kind === 'stopped') return await this.#commitAlone(state);
      if (state.status.kind === 'backoff' && state.status.until > now) {
        return this.#keep(state, { kind: 'waiting', until: state.status.until });
      }
      if (delivered !== undefined && !owed && delivered.every((m) => m.offset < state!.nextOffset))
        return this.#keep(state, { kind: 'idle', nextOffset: state.nextOffset, done: state.done });
      const batch = await this.#intake.batch(state, delivered);
      if (batch === undefined) {
        if (!(await this.#committer.isDue(state)))
          return this.#keep(state, { kind: 'idle', nextOffset: state.nextOffset, done: state.done });
        return await this.#commitAlone(state);
      }
      // After the read: what is read while nobody else can have the task lies before any offset at which newer code takes over.
      if (this.host.source !== undefined && !this.host.isCurrent()) {
        await state.close();
        return { kind: 'lost' };
      }
      return await this.#run(state, batch, now);
    } catch (error) {
      await state?.close().catch(() => {});
      return await this.#failed(error, state?.version);
    }
  }

  /** Whether others must have gone past a warm state: other code is in force, or what is delivered does not follow. */
  #isStale(state: TaskState, delivered: readonly LogMessage[] | undefined): boolean {
    if (state.epoch !== this.host.epoch) return true;
    const first = delivered?.find((m) => m.offset >= state.nextOffset);
    return first !== undefined && first.offset > state.nextOffset;
  }

  /** Changes what the next commit says of the task, between two steps. */
  #change(change: (state: TaskState) => 'nothing' | undefined | void): Promise<StepResult> {
    return this.#alone(async () => {
      let state = this.#take();
      try {
        state ??= await load(this.host);
        if (change(state) === 'nothing')
          return this.#keep(state, { kind: 'idle', nextOffset: state.nextOffset, done: state.done });
        await this.#committer.prepare(state);
        return await this.#commitAlone(state);
      } catch (error) {
        await state?.close().catch(() => {});
        return await this.#failed(error, state?.version);
      }
    });
  }

  /** Commits with nothing applied. */
  async #commitAlone(state: TaskState): Promise<StepResult> {
    const applier = new Applier(this.host, state, false, this.host.clock.now());
    return this.#settle(state, await this.#committer.commit(state, applier, state.nextOffset, false), 0);
  }

  /** Applies the batch and commits it: first fast, and if the author's code throws, once more with care. */
  async #run(state: TaskState, batch: Batch, now: number): Promise<StepResult> {
    state.begin();
    let applier = new Applier(this.host, state, false, now);
    let upTo = batch.upTo;
    let careful = state.status.kind === 'backoff' || this.#inspecting;
    if (!careful) {
      this.#inspect(state);
      const back = applier.wayBack();
      try {
        upTo = batch.apply(applier, batch.upTo, false);
        if (this.host.commits.volatile) this.#check(state);
      } catch (error) {
        if (!(error instanceof AttemptOver) && !isAuthorError(error)) throw error;
        applier.goBack(back);
        careful = true;
      }
    }
    let over: AttemptOver | undefined;
    if (careful) {
      applier = new Applier(this.host, state, true, now, this.host.random.next());
      applier.inspectState = this.#inspecting;
      this.#inspect(state);
      try {
        upTo = batch.apply(applier, batch.upTo, true);
      } catch (error) {
        if (!(error instanceof AttemptOver)) throw error;
        over = error;
        upTo = over.offset;
      }
    }
    const status = over?.status ?? recovered(applier.status);
    if (over === undefined && batch.ended && upTo === batch.upTo) {
      state.done = true;
      state.sourceWatermark = MAX_TIME;
      applier.advance(MAX_TIME);
    }
    const whole = upTo === batch.upTo;
    if (state.handOver !== undefined && upTo >= state.handOver.at) {
      state.epoch = state.handOver.epoch;
      state.handOver = undefined;
    }
    const before = state.status;
    state.status = status;
    state.restarts += status.kind === 'backoff' && status !== before ? 1 : 0;
    if (batch.arrivedAt !== undefined) {
      state.lastArrival = Math.max(state.lastArrival, batch.arrivedAt);
      state.spoken = true;
    }
    if (upTo > batch.from) state.cursor = whole ? batch.cursor : undefined;
    let outcome: Outcome;
    try {
      outcome = await this.#commit(state, applier, upTo);
    } catch (error) {
      if (!(error instanceof SinkFailure)) throw error;
      await state.close().catch(() => {});
      return await this.#sinkFailed(error);
    }
    if (outcome.kind === 'committed') this.#committer.report(state, applier, before);
    return this.#settle(state, outcome, applier.recordsIn);
  }

  /** Commits. A value that cannot be encoded, or is too large, is found out only here: then the batch is applied again, each record inspected. */
  async #commit(state: TaskState, applier: Applier, upTo: number): Promise<Outcome> {
    try {
      const outcome = await this.#committer.commit(state, applier, upTo, applier.givenUp.length > 0);
      if (upTo >= this.#inspectTo) this.#inspecting = false;
      return outcome;
    } catch (error) {
      const isFinal = this.#inspecting || this.host.commits.volatile || error instanceof SinkFailure;
      if (isFinal || !isAuthorError(error)) throw error;
      this.#inspecting = true;
      this.#inspectTo = upTo;
      return { kind: 'lost' };
    }
  }

  /** The restart strategy decides when the batch that a sink refused is tried again; it is not given up, since nobody knows for which record. */
  async #sinkFailed({ sink, thrown }: SinkFailure): Promise<StepResult> {
    const { commits, clock, random, plan } = this.host;
    const error =
      thrown instanceof MillraceError
        ? thrown.at({ sink })
        : new MillraceError('operator-failed', `the sink "${sink}" threw: ${messageOf(thrown)}`, {
            where: { sink },
            cause: thrown,
          });
    if (commits.volatile) throw error;
    const now = clock.now();
    const state = await load(this.host);
    const failure = failureOf(error, sink, now);
    const faults = { ...plan.faults, fallback: 'fail' } as const;
    const next = nextAttempt(faults, state.status, state.nextOffset, -1, failure, now, random.next());
    state.status = next.status;
    state.restarts += next.kind === 'retry' ? 1 : 0;
    await this.#committer.prepare(state);
    return await this.#commitAlone(state);
  }

  #check(state: TaskState): void {
    try {
      this.#committer.check(state);
    } catch (error) {
      this.#inspecting = true;
      throw error;
    }
  }

  /** While a batch is inspected, outputs look at each record; sinks only where a commit may have to hold their records. */
  #inspect(state: TaskState): void {
    const { log, atomic, commits } = this.host;
    const limit = log.maxMessageBytes ?? Number.POSITIVE_INFINITY;
    const isKept = atomic === undefined && !commits.volatile;
    for (const edge of state.chain.edges)
      edge.inspect = this.#inspecting ? (value, key) => refuseUnfit(value, key, limit) : undefined;
    for (const sink of state.chain.sinks)
      sink.inspect = this.#inspecting && isKept ? (value) => refuseUnfit(value, undefined, Infinity) : undefined;
  }

  async #settle(state: TaskState, outcome: Outcome, records: number): Promise<StepResult> {
    if (outcome.kind !== 'committed') {
      await state.close();
      return { kind: 'lost' };
    }
    this.#cached = state;
    if (state.status.kind === 'stopped') return this.#stopped(state.status);
    if (state.status.kind === 'backoff') return { kind: 'waiting', until: state.status.until };
    return { kind: 'advanced', nextOffset: state.nextOffset, records, done: state.done };
  }

  #stopped(status: Extract<TaskStatus, { kind: 'stopped' }>): StepResult {
    return { kind: 'stopped', reason: status.reason, error: errorOf(status, this.id) };
  }

  #take(): TaskState | undefined {
    const state = this.#cached;
    this.#cached = undefined;
    return state;
  }

  #keep(state: TaskState, result: StepResult): StepResult {
    this.#cached = state;
    return result;
  }

  async #forget(): Promise<void> {
    await Promise.all([this.#intake.close(), this.#take()?.close()]);
  }

  /** A step on version `seen` ended with an error: stops the task if trying again cannot help, otherwise leaves it to the next delivery. */
  async #failed(error: unknown, seen: number | undefined): Promise<StepResult> {
    const known = error instanceof MillraceError ? error.at({ ...this.id }) : undefined;
    if (known?.kind === 'state-lost') return { kind: 'stopped', reason: 'state-lost', error: known };
    if (known?.kind === 'data-lost' || known?.kind === 'incompatible') {
      const reason = error instanceof FrameGap ? 'gap' : known.kind;
      if ((await recordStop(this.host, this.#committer, reason, known, seen)) === 'stale') return { kind: 'lost' };
      return { kind: 'stopped', reason, error: known };
    }
    this.host.telemetry.log('warn', `step of ${taskName(this.id)} failed: ${messageOf(error)}`, {
      task: taskName(this.id),
    });
    throw known ?? error;
  }
}
