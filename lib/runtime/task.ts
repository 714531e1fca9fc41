/**
 * One task's step: deliver -> restore -> apply -> append -> commit.
 *
 * 1. The cached state is a committed one: it is taken out before the first change and put back only after a confirmed commit.
 * 2. Everything a commit covers is in the log before the commit (fast path), with it (atomic), or owed by it (journaled).
 * 3. A put that throws is unknown: the state is forgotten, and the next step loads what really happened.
 * 4. Offsets are consumed in order and without holes; what is missing from a delivery is read from the log.
 */
import { MAX_TIME, MillraceError, messageOf, type TaskId, taskName } from '../model/index.ts';
import type { LogMessage, SourceSlice } from '../ports/index.ts';
import { encodeValue, recovered, type StopReason, type TaskStatus } from '../protocol/index.ts';
import { Applier, type AsyncResults } from './applier.ts';
import { asyncPass } from './async-pass.ts';
import { AttemptOver, failureOf, isAuthorError } from './attempt.ts';
import { Committer, type Outcome } from './committer.ts';
import { load, snapshotsOf } from './load.ts';
import { SourceBatch } from './source-batch.ts';
import type { TaskHost } from './task-host.ts';
import type { TaskState } from './task-state.ts';

/** What a step came to. */
export type StepResult =
  /** Something was committed; more may wait. */
  | { readonly kind: 'advanced'; readonly nextOffset: number; readonly records: number; readonly done: boolean }
  /** Nothing to do. */
  | { readonly kind: 'idle'; readonly nextOffset: number; readonly done: boolean }
  /** Backing off until a time. */
  | { readonly kind: 'waiting'; readonly until: number }
  | { readonly kind: 'stopped'; readonly reason: StopReason; readonly error: MillraceError }
  /** Another writer was there first, or nobody knows: the state was forgotten. Deliver again. */
  | { readonly kind: 'lost' }
  /** Another code version is in force here. */
  | { readonly kind: 'other-code'; readonly epoch: number };

/** A batch on its way into a state: how to apply it from the beginning, up to an offset. */
interface Batch {
  readonly from: number;
  readonly upTo: number;
  /** Applies what lies below `limit`; returns the offset after the last message that was applied. */
  apply(applier: Applier, limit: number, careful: boolean): number;
  readonly cursor: unknown;
  readonly arrived: boolean;
  readonly ended: boolean;
}

export class Task {
  readonly host: TaskHost;
  readonly #committer: Committer;
  #cached: TaskState | undefined;
  /** A commit failed for what a record or state value is: batches are applied with a look at each until that is behind. */
  #inspecting = false;
  #inspectTo = -1;
  #busy: Promise<unknown> = Promise.resolve();

  constructor(host: TaskHost) {
    this.host = host;
    this.#committer = new Committer(host);
  }

  get id(): TaskId {
    return this.host.task;
  }

  /** The state of the last confirmed commit, if it is in memory: for reading only. */
  get state(): TaskState | undefined {
    return this.#cached;
  }

  /** Works on what was delivered; what is missing before it is read from the log. One step at a time: calls queue up. */
  deliver(messages: readonly LogMessage[]): Promise<StepResult> {
    return this.#alone(() => this.#step(messages));
  }

  /** Works on what the log holds, and on whatever else is due: debts, back-off, a snapshot. */
  ring(): Promise<StepResult> {
    return this.#alone(() => this.#step(undefined));
  }

  /** Forgets the cached state; open sinks are closed. */
  forget(): Promise<void> {
    return this.#alone(() => this.#forget());
  }

  /** Fixes the end of a source task's log: it finishes there. */
  drainTo(end: number): Promise<StepResult> {
    return this.#alone(async () => {
      const state = this.#take() ?? (await load(this.host));
      state.drainTo = Math.min(state.drainTo ?? Number.MAX_SAFE_INTEGER, end);
      return this.#settle(
        state,
        await this.#committer.commit(
          state,
          new Applier(this.host, state, false, this.host.clock.now()),
          state.nextOffset,
          false,
        ),
        0,
      );
    });
  }

  /**
   * A source task's switch to another code version at offset `at`, which must be at or after everything that any attempt of the old code has read: old code works up to it, new code
   * from it on. Tasks behind an exchange switch at a barrier in their log instead.
   */
  handOver(at: number, epoch: number): Promise<StepResult> {
    return this.#alone(async () => {
      const state = this.#take() ?? (await load(this.host));
      if (state.nextOffset < at) state.handOver = { at, epoch };
      else state.epoch = epoch;
      return this.#settle(
        state,
        await this.#committer.commit(
          state,
          new Applier(this.host, state, false, this.host.clock.now()),
          state.nextOffset,
          false,
        ),
        0,
      );
    });
  }

  /** Sets a task going again that stopped because its restarts were used up. */
  resume(): Promise<StepResult> {
    return this.#alone(async () => {
      const state = this.#take() ?? (await load(this.host));
      const { status } = state;
      if (status.kind !== 'stopped' || status.reason !== 'failed')
        return this.#keep(state, { kind: 'idle', nextOffset: state.nextOffset, done: state.done });
      state.status = {
        kind: 'backoff',
        offset: state.nextOffset,
        unit: -1,
        attempts: 0,
        until: 0,
        skip: status.skip,
        failure: status.failure,
      };
      const now = this.host.clock.now();
      return this.#settle(
        state,
        await this.#committer.commit(state, new Applier(this.host, state, false, now), state.nextOffset, false),
        0,
      );
    });
  }

  /** Deletes blobs that no slot can reach any more, by version; returns how many. Goes on beside steps. */
  async collectGarbage(): Promise<number> {
    const { commits, run } = this.host;
    if (commits.volatile) return 0;
    const live = (await commits.slots(run.id, this.id)).map(({ header }) => header);
    if (live.length === 0) return 0;
    return snapshotsOf(this.host).collect({
      minBase: Math.min(...live.map(({ snapshot }) => snapshot?.base ?? 0)),
      minVersion: Math.min(...live.map(({ version }) => version)),
    });
  }

  /** Where appends and commits are one, nothing of the old code's is under way: the new code goes on at the next offset, without a barrier. */
  #mayTakeOver(): boolean {
    return this.host.atomic !== undefined;
  }

  #alone<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#busy.then(work, work);
    this.#busy = result.catch(() => {});
    return result;
  }

  async #step(delivered: readonly LogMessage[] | undefined): Promise<StepResult> {
    let fresh = false;
    let state = this.#take();
    try {
      if (state === undefined) {
        state = await load(this.host);
        fresh = true;
      }
      if (state.epoch !== this.host.epoch && !fresh) {
        await state.close();
        state = await load(this.host);
        fresh = true;
      }
      if (state.epoch < this.host.epoch && this.#mayTakeOver()) state.epoch = this.host.epoch;
      if (state.epoch !== this.host.epoch) return this.#keep(state, { kind: 'other-code', epoch: state.epoch });
      const now = this.host.clock.now();
      if (state.status.kind === 'stopped') {
        return this.#keep(state, {
          kind: 'stopped',
          reason: state.status.reason,
          error: errorOf(state.status, this.id),
        });
      }
      await this.#committer.prepare(state);
      if (state.status.kind === 'backoff' && state.status.until > now) {
        return this.#keep(state, { kind: 'waiting', until: state.status.until });
      }
      if (delivered !== undefined && !fresh) {
        const first = delivered.find((m) => m.offset >= state!.nextOffset);
        if (first === undefined && state.debts.length === 0)
          return this.#keep(state, { kind: 'idle', nextOffset: state.nextOffset, done: state.done });
        if (first !== undefined && first.offset > state.nextOffset) {
          await state.close();
          state = await load(this.host);
        }
      }
      const batch = await this.#batch(state, delivered);
      if (batch === undefined) {
        if (!this.#committer.owes(state))
          return this.#keep(state, { kind: 'idle', nextOffset: state.nextOffset, done: state.done });
        const outcome = await this.#committer.commit(
          state,
          new Applier(this.host, state, false, now),
          state.nextOffset,
          false,
        );
        return this.#settle(state, outcome, 0);
      }
      return await this.#run(state, batch, now);
    } catch (error) {
      await state?.close().catch(() => {});
      return await this.#failed(error);
    }
  }

  /** Applies the batch and commits it: first fast, and if the author's code throws, once more with care. */
  async #run(state: TaskState, batch: Batch, now: number): Promise<StepResult> {
    let applier = new Applier(this.host, state, false, now);
    let upTo = batch.upTo;
    let careful = state.status.kind === 'backoff' || this.#inspecting;
    if (!careful) {
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
      if (this.#inspecting) this.#inspect(state, applier);
      try {
        upTo = batch.apply(applier, batch.upTo, true);
      } catch (error) {
        if (!(error instanceof AttemptOver)) throw error;
        over = error;
        upTo = over.offset;
      }
    }
    const status = over?.status ?? recovered(state.status);
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
    state.restarts += status.kind === 'backoff' ? 1 : 0;
    if (batch.arrived) {
      state.lastArrival = now;
      state.spoken = true;
    }
    state.cursor = whole ? batch.cursor : undefined;
    const outcome = await this.#commit(state, applier, upTo);
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
      if (this.#inspecting || !isAuthorError(error)) throw error;
      this.#inspecting = true;
      this.#inspectTo = upTo;
      return { kind: 'lost' };
    }
  }

  #check(state: TaskState): void {
    try {
      this.#committer.check(state);
    } catch (error) {
      this.#inspecting = true;
      throw error;
    }
  }

  #inspect(state: TaskState, applier: Applier): void {
    const limit = this.host.log.maxMessageBytes ?? Number.POSITIVE_INFINITY;
    for (const edge of state.chain.edges) edge.inspect = (value) => refuseUnfit(value, limit);
    applier.inspectState = true;
  }

  async #settle(state: TaskState, outcome: Outcome, records: number): Promise<StepResult> {
    if (outcome.kind !== 'committed') {
      await state.close();
      return { kind: 'lost' };
    }
    this.#cached = state;
    if (state.status.kind === 'stopped')
      return { kind: 'stopped', reason: state.status.reason, error: errorOf(state.status, this.id) };
    if (state.status.kind === 'backoff') return { kind: 'waiting', until: state.status.until };
    return { kind: 'advanced', nextOffset: state.nextOffset, records, done: state.done };
  }

  /** The next messages to apply, holes filled and ends proven; undefined if there are none. */
  async #batch(state: TaskState, delivered: readonly LogMessage[] | undefined): Promise<Batch | undefined> {
    return this.host.source === undefined ? this.#messages(state, delivered) : this.#rows(state);
  }

  async #messages(state: TaskState, delivered: readonly LogMessage[] | undefined): Promise<Batch | undefined> {
    const { log, limits } = this.host;
    const topic = this.host.topic!;
    const partition = this.id.partition;
    let messages = (delivered ?? []).filter((m) => m.offset >= state.nextOffset);
    let upTo = state.nextOffset + messages.length;
    if (delivered === undefined || !contiguous(messages, state.nextOffset)) {
      const slice = await log.read(topic, partition, state.nextOffset, {
        messages: limits.batchMessages,
        bytes: limits.batchBytes,
      });
      if (slice.start > state.nextOffset || slice.end < state.nextOffset)
        throw this.#dataLost(state.nextOffset, slice.start, slice.end);
      messages = slice.messages.filter((m) => m.offset >= state.nextOffset);
      upTo = slice.next;
    }
    if (upTo <= state.nextOffset) return undefined;
    const barrier = messages.findIndex(
      ({ message }) => message.kind === 'barrier' && message.run === this.host.run.id && message.epoch !== state.epoch,
    );
    if (barrier >= 0 && barrier < messages.length - 1) {
      messages = messages.slice(0, barrier + 1);
      upTo = messages[barrier]!.offset + 1;
    }
    const results = await this.#asyncResults(messages);
    return {
      from: state.nextOffset,
      upTo,
      cursor: undefined,
      arrived: false,
      ended: false,
      apply: (applier, limit, careful) => {
        for (const message of messages) {
          if (message.offset >= limit) return limit;
          const back = careful ? applier.wayBack() : undefined;
          try {
            applier.message(message, results);
          } catch (error) {
            if (back !== undefined && error instanceof AttemptOver) applier.goBack(back);
            throw error;
          }
        }
        return upTo;
      },
    };
  }

  async #asyncResults(messages: readonly LogMessage[]): Promise<AsyncResults | undefined> {
    const { stage, code, clock } = this.host;
    const first = stage.nodes[0]!;
    const async = code.operators.get(first)?.code.async;
    return async === undefined ? undefined : asyncPass(async, first, messages, clock);
  }

  async #rows(state: TaskState): Promise<Batch | undefined> {
    const source = this.host.source!;
    if (state.done) return undefined;
    const end = Math.min(source.end ?? Number.MAX_SAFE_INTEGER, state.drainTo ?? Number.MAX_SAFE_INTEGER);
    const limit = Math.min(end, state.handOver?.at ?? Number.MAX_SAFE_INTEGER);
    const from = state.nextOffset;
    const want = Math.min(this.host.limits.sourceRows, limit - from);
    const slice: SourceSlice =
      want <= 0
        ? { values: [], next: from, start: 0, end: undefined, sealed: false }
        : await source.log.read(this.id.partition, from, want, (state.cursor ?? undefined) as never);
    if (slice.start > from) throw this.#dataLost(from, slice.start, slice.end);
    const upTo = Math.min(slice.next, limit);
    const ended = upTo >= end || (slice.sealed && slice.end !== undefined && upTo >= slice.end);
    if (upTo <= from && !ended) return undefined;
    const now = this.host.clock.now();
    return {
      from,
      upTo,
      cursor: slice.cursor,
      arrived: slice.values.length > 0,
      ended,
      apply: (applier, applyLimit, careful) => {
        new SourceBatch(this.host.stage.source!, source.definition, state, now).apply(
          slice,
          from,
          applyLimit,
          applier,
          careful,
        );
        return upTo;
      },
    };
  }

  #dataLost(next: number, start: number, end: number | undefined): MillraceError {
    const where = { ...this.id, offset: next };
    return end !== undefined && end < next
      ? new MillraceError(
          'data-lost',
          `the log of ${taskName(this.id)} ends at ${end}, before the offset ${next} that is next`,
          { where, hint: 'the log was truncated or created anew; start a new run' },
        )
      : new MillraceError(
          'data-lost',
          `the log of ${taskName(this.id)} starts at ${start}, after the offset ${next} that is next`,
          { where, hint: 'its retention overtook the task; start a new run, and keep the log longer' },
        );
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
    const state = this.#take();
    await state?.close();
  }

  /** A step ended with an error: stops the task if trying again cannot help, otherwise leaves it to the next delivery. */
  async #failed(error: unknown): Promise<StepResult> {
    const known = error instanceof MillraceError ? error.at({ ...this.id }) : undefined;
    if (known?.kind === 'state-lost') return { kind: 'stopped', reason: 'state-lost', error: known };
    const reason: StopReason | undefined =
      known?.kind === 'data-lost'
        ? /was lost: this one follows/.test(known.message)
          ? 'gap'
          : 'data-lost'
        : known?.kind === 'incompatible'
          ? 'incompatible'
          : undefined;
    if (reason !== undefined && known !== undefined) {
      await this.#stop(reason, known);
      return { kind: 'stopped', reason, error: known };
    }
    this.host.telemetry.log('warn', `step of ${taskName(this.id)} failed: ${messageOf(error)}`, {
      task: taskName(this.id),
    });
    throw known ?? error;
  }

  /** Records in the commits why the task stopped, as well as it can. */
  async #stop(reason: StopReason, error: MillraceError): Promise<void> {
    try {
      const now = this.host.clock.now();
      const state = await load(this.host);
      if (state.status.kind === 'stopped') return await state.close();
      state.status = { kind: 'stopped', reason, failure: failureOf(error, this.host.stage.id, now), skip: [] };
      await this.#committer.commit(state, new Applier(this.host, state, false, now), state.nextOffset, false);
      await state.close();
    } catch (second) {
      this.host.telemetry.log(
        'error',
        `${taskName(this.id)} stopped, and its status could not be written: ${messageOf(second)}`,
        { reason },
      );
    }
  }
}

/** Room for a message's header beside one record. */
const HEADER_BYTES = 1_024;

function refuseUnfit(value: unknown, limit: number): void {
  const bytes = encodeValue(value).length;
  if (bytes + HEADER_BYTES <= limit) return;
  throw new MillraceError(
    'bad-record',
    `a record of ${bytes} bytes is longer than the ${limit} bytes that the log takes`,
    {
      hint: 'emit smaller records, or raise the limit of the log',
    },
  );
}

function contiguous(messages: readonly LogMessage[], from: number): boolean {
  return messages.length > 0 && messages.every((m, i) => m.offset === from + i);
}

/** The error that a stopped task's commit tells of. */
export function errorOf(status: Extract<TaskStatus, { kind: 'stopped' }>, task: TaskId): MillraceError {
  const { failure } = status;
  return new MillraceError(
    (failure.kind === 'operator-failed' || status.reason === 'failed'
      ? failure.kind
      : status.reason === 'gap' || status.reason === 'lost'
        ? 'data-lost'
        : status.reason) as MillraceError['kind'],
    failure.message,
    {
      where: { ...task, ...(failure.operator === undefined ? {} : { operator: failure.operator }) },
      ...(failure.hint === undefined ? {} : { hint: failure.hint }),
      ...(failure.stack === undefined ? {} : { cause: failure.stack }),
    },
  );
}
