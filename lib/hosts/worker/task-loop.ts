/**
 * One task that is this worker's: step after step, for as long as it is.
 *
 * 1. Nothing that a step throws or says ends more than that step: the task tries again, waits, or rests, and the others go on.
 * 2. `end` resolves when no step is under way; the state stays in memory, its sinks closed.
 * 3. Whatever wakes the task, it looks for itself what there is; a step that finds nothing costs one read.
 */
import { type Duration, messageOf, taskName, type WallTime } from '../../model/index.ts';
import type { Clock, LogMessage, Random, Telemetry } from '../../ports/index.ts';
import type { Stop } from '../../protocol/index.ts';
import { isTurnOf, type StepResult, stopError, type Task } from '../../runtime/index.ts';
import { Backoff } from './backoff.ts';
import { barrierFor } from './barriers.ts';
import type { Inbox } from './inbox.ts';
import { workerMetrics } from './metrics.ts';

/** What a task's loop is at. */
export type LoopState =
  /** Not yet in memory. */
  | { readonly kind: 'loading' }
  | { readonly kind: 'ok' }
  /** A source's task that has read to the end of its input, and said so. */
  | { readonly kind: 'done' }
  | { readonly kind: 'backoff'; readonly until: number }
  | { readonly kind: 'stopped'; readonly reason: string; readonly message: string }
  /** A dependency failed, or a defect showed; tried again. */
  | { readonly kind: 'failing'; readonly message: string }
  /** Older code is still in force there; this code waits for its turn. */
  | { readonly kind: 'older-code'; readonly epoch: number }
  /** Newer code has taken over: nothing is left to do for this one. */
  | { readonly kind: 'newer-code'; readonly epoch: number };

export interface LoopDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly telemetry: Telemetry;
  readonly inbox: Inbox;
  /** Sets a task going again, once, that had stopped before this time, if what stopped it may be mended. */
  readonly resumeBefore: WallTime;
  /** Least time between the beginnings of two steps: what comes meanwhile is one batch. */
  readonly linger: Duration;
}

/** When the next step is due: at once, when there is something to read, when older code is through, after a span, or at a call. */
type Next = 'now' | 'more' | 'turn' | Duration | 'call';

const FIRST_DELAY = 100 as Duration;
const LONGEST_DELAY = 10_000 as Duration;
/** How often a task that is at older code looks whether it still is. */
const TURN_PERIOD = 200 as Duration;
/** Commits lost in a row after which somebody is at work there rather than was. */
const MANY_LOST = 3;

/** Whether no commit will ever say so. */
const isFinal = ({ reason }: Stop): boolean => reason === 'state-lost';

export class TaskLoop {
  readonly task: Task;
  readonly #deps: LoopDeps;
  readonly #backoff: Backoff;
  readonly #ending = new AbortController();
  #running: Promise<void> | undefined;
  #state: LoopState = { kind: 'loading' };
  #drain = false;
  #paused = false;
  #halt: Stop | undefined;
  /** The epoch of newer code. */
  #handOver: number | undefined;
  #saidBarrier = false;
  #resumed = false;
  #collecting = false;
  /** Rows of a source that this loop has committed. */
  records = 0;

  constructor(task: Task, deps: LoopDeps) {
    this.task = task;
    this.#deps = deps;
    this.#backoff = new Backoff(deps.random, { first: FIRST_DELAY, most: LONGEST_DELAY });
  }

  get state(): LoopState {
    return this.#state;
  }

  start(): void {
    this.#running ??= this.#run().finally(() => this.#deps.inbox.close());
  }

  /** Looks again, whatever it waits for. */
  call(): void {
    this.#deps.inbox.call();
  }

  /** A source's task ends where its log ends by then. */
  drain(): void {
    if (this.#drain || this.task.host.source === undefined) return;
    this.#drain = true;
    this.call();
  }

  /** A source's task takes in nothing while its run pauses, unless something is to be done that cannot wait. */
  pause(paused: boolean): void {
    if (this.#paused === paused || this.task.host.source === undefined) return;
    this.#paused = paused;
    this.call();
  }

  /** Newer code, at this epoch of the stage, is to go on where a source's log ends by then. Other tasks switch at a barrier in their log. */
  handOver(epoch: number): void {
    if (this.#handOver !== undefined || this.task.host.source === undefined) return;
    this.#handOver = epoch;
    this.call();
  }

  /** The task stops, for what others have found; for good where its state is lost. */
  halt(stop: Stop): void {
    if (this.#halt !== undefined && (isFinal(this.#halt) || !isFinal(stop))) return;
    this.#halt = stop;
    this.call();
  }

  /** Begins no more steps; resolves when none is under way. */
  async end(): Promise<void> {
    this.#ending.abort();
    this.call();
    await this.#running;
    await this.task.rest().catch(() => {});
  }

  /** Never rejects. */
  async #run(): Promise<void> {
    const { signal } = this.#ending;
    const { clock } = this.#deps;
    await this.#load().catch(() => {});
    let delivered: readonly LogMessage[] | undefined;
    while (!signal.aborted) {
      const began = clock.now();
      try {
        const next = await this.#next(delivered);
        delivered = signal.aborted ? undefined : await this.#until(next, began);
      } catch {
        // Whoever was told of a failure threw as well.
        delivered = undefined;
        await clock.sleep(FIRST_DELAY, signal).catch(() => {});
      }
    }
  }

  async #next(delivered: readonly LogMessage[] | undefined): Promise<Next> {
    if (this.#paused && !this.#drain && this.#halt === undefined && this.#handOver === undefined) {
      if (this.#state.kind === 'loading') this.#state = { kind: 'ok' };
      return 'call';
    }
    try {
      return this.#after(await this.#step(delivered));
    } catch (error) {
      return this.#failed(error);
    }
  }

  /** Brings a state from before up to date, or loads it. Where that fails the first step does, and finds out what is the matter. */
  async #load(): Promise<void> {
    const { clock, telemetry } = this.#deps;
    const began = clock.now();
    try {
      const how = await this.task.refresh();
      const { plan, stage } = this.task.host;
      telemetry.observe(workerMetrics.takeOver, clock.now() - began, { pipeline: plan.pipeline, stage: stage.id, how });
    } catch (error) {
      telemetry.log('debug', `${taskName(this.task.id)} could not be loaded: ${messageOf(error)}`);
    }
  }

  async #step(delivered: readonly LogMessage[] | undefined): Promise<StepResult> {
    const { task } = this;
    if (this.#halt !== undefined && (isFinal(this.#halt) || this.#state.kind !== 'stopped')) {
      return task.halt(this.#halt.reason, stopError(this.#halt));
    }
    const { state, host } = task;
    if (this.#drain && state !== undefined && !state.done && state.drainTo === undefined) {
      const { end } = await host.source!.log.bounds(task.id.partition);
      return task.drainTo(end ?? state.nextOffset);
    }
    const newer = this.#handOver;
    if (newer !== undefined && state !== undefined && state.epoch < newer && state.handOver === undefined) {
      if (host.isCurrent()) return task.handOver(await this.#beyondAllReads(), newer);
    }
    const result = delivered === undefined ? await task.ring() : await task.deliver(delivered);
    if (this.#resumed || !this.#stoppedBefore()) return result;
    this.#resumed = true;
    const resumed = await task.resume();
    return resumed.kind === 'idle' ? result : resumed;
  }

  /** Whether it had stopped, at code no newer than this, before this worker came to look after it. */
  #stoppedBefore(): boolean {
    const { state, host } = this.task;
    if (state?.status.kind !== 'stopped' || state.epoch > host.epoch) return false;
    return state.status.failure.at < this.#deps.resumeBefore;
  }

  /** An offset of a source at or after everything that any attempt has read by now: its end, or, where that is not known, what one step reads at most. */
  async #beyondAllReads(): Promise<number> {
    const { host, id, state } = this.task;
    const { end } = await host.source!.log.bounds(id.partition);
    return end ?? state!.nextOffset + 2 * host.limits.sourceRows;
  }

  #after(result: StepResult): Next {
    if (result.kind !== 'lost') this.#backoff.succeeded();
    switch (result.kind) {
      case 'advanced':
        this.records += this.task.host.source === undefined ? 0 : result.records;
        this.#state = { kind: result.done ? 'done' : 'ok' };
        this.#tidy();
        return this.task.host.source === undefined ? 'more' : 'now';
      case 'idle':
        this.#state = { kind: result.done ? 'done' : 'ok' };
        return result.done ? 'call' : 'more';
      case 'waiting':
        this.#state = { kind: 'backoff', until: result.until };
        return Math.max(1, result.until - this.#deps.clock.now()) as Duration;
      case 'stopped':
        this.#state = { kind: 'stopped', reason: result.reason, message: result.error.message };
        return (this.task.state?.debts.length ?? 0) > 0 ? FIRST_DELAY : 'call';
      case 'lost':
        return this.#backoff.failures < MANY_LOST && this.#backoff.next() > 0 ? 'now' : this.#backoff.next();
      case 'other-code':
        if (result.epoch > this.task.host.epoch) {
          this.#state = { kind: 'newer-code', epoch: result.epoch };
          return 'call';
        }
        this.#state = { kind: 'older-code', epoch: result.epoch };
        return 'turn';
    }
  }

  #failed(error: unknown): Duration {
    const delay = this.#backoff.next();
    const { plan, stage } = this.task.host;
    const name = taskName(this.task.id);
    this.#state = { kind: 'failing', message: messageOf(error) };
    this.#deps.telemetry.log('debug', `${name} tries again in ${Math.round(delay)} ms: ${messageOf(error)}`);
    this.#deps.telemetry.count(workerMetrics.failures, 1, { pipeline: plan.pipeline, stage: stage.id });
    return delay;
  }

  async #until(next: Next, began: number): Promise<readonly LogMessage[] | undefined> {
    const { inbox, clock, linger } = this.#deps;
    if (next === 'turn') await this.#turn();
    else if (next === 'call') await inbox.rest(undefined);
    else if (typeof next === 'number') await inbox.rest(next);
    else {
      const rest = Math.max(0, began + linger - clock.now()) as Duration;
      await clock.sleep(rest, rest > 0 ? this.#ending.signal : undefined).catch(() => {});
      if (next === 'more') return this.#more();
    }
    return undefined;
  }

  /** Waits for something to read; not for long where there is something to say, which a pump elsewhere cannot ask for. */
  async #more(): Promise<readonly LogMessage[] | undefined> {
    const { inbox, clock } = this.#deps;
    const found = new AbortController();
    if (this.task.isToSayPaid)
      clock.sleep(FIRST_DELAY, found.signal).then(
        () => this.call(),
        () => {},
      );
    try {
      return await inbox.next(this.task.state?.nextOffset ?? 0);
    } finally {
      found.abort();
    }
  }

  /** Sees to it that older code comes to an end, and waits until it has. */
  async #turn(): Promise<void> {
    const { host, id } = this.task;
    const { run, topic, commits, log } = host;
    const { inbox, telemetry } = this.#deps;
    const { state } = this.task;
    let known = state?.version;
    while (!this.#ending.signal.aborted) {
      try {
        if (topic !== undefined && !this.#saidBarrier) {
          await log.append([barrierFor(this.task)]);
          this.#saidBarrier = true;
        }
        const seen = known === undefined ? undefined : { version: known, slots: run.slots };
        const head = await commits.head(run.id, id, seen);
        known = head?.version;
        if (head === undefined || head.epoch > host.epoch || (await isTurnOf(host, head))) return;
      } catch (error) {
        telemetry.log('debug', `${taskName(id)} does not know whose turn it is: ${messageOf(error)}`);
      }
      await inbox.rest(TURN_PERIOD);
    }
  }

  /** Once a round of slots: deletes blobs that nothing reaches any more, and lets go of what has been read. */
  #tidy(): void {
    const { host, state, id } = this.task;
    if (state === undefined || this.#collecting || state.version % host.run.slots !== 0) return;
    this.#collecting = true;
    const trimmed = host.topic === undefined ? undefined : host.log.trim(host.topic, id.partition, state.nextOffset);
    Promise.all([this.task.collectGarbage(), trimmed])
      .catch((error: unknown) => {
        this.#deps.telemetry.log('warn', `tidying up after ${taskName(id)} failed: ${messageOf(error)}`);
      })
      .finally(() => {
        this.#collecting = false;
      });
  }
}
