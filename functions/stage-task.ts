/**
 * One task of a function's stage, over all invocations that have it, one step of it at a time.
 *
 * 1. A task of a source stands still while the run pauses, and, from the moment newer code is known, until that code's offset is fixed; then it goes on to
 *    there. What it reads it has read before anybody can have fixed that offset without it: see `SourceWatch`.
 * 2. Others may have gone on with the task since it was here last: it catches up before it begins, unless what was delivered follows what it knows.
 */
import { type MillraceError, messageOf, taskName } from '../lib/model/index.ts';
import type { LogMessage } from '../lib/ports/index.ts';
import { type SourceWatch, type StepResult, stopError, type Task, WatchedSource } from '../lib/runtime/index.ts';
import type { Deadline } from './deadline.ts';
import type { TaskOrder } from './ring-event.ts';

/** What a step came to; `held`: the task is to stand still; `late`: its turn came when there was no time left. */
export type TurnResult = StepResult | { readonly kind: 'held' | 'late' };

const never = new AbortController().signal;

export class StageTask {
  readonly task: Task;
  readonly #source: WatchedSource | undefined;
  #busy: Promise<unknown> = Promise.resolve();
  #signal: AbortSignal = never;
  #saidStopped: string | undefined;
  /** Epochs at whose code somebody was rung, and when. */
  readonly #rung = new Map<number, number>();

  /** `watch`: for a task of a source. */
  constructor(task: Task, watch: SourceWatch | undefined) {
    this.task = task;
    this.#source = watch && new WatchedSource(task, watch);
  }

  /** Of the step under way. */
  get signal(): AbortSignal {
    return this.#signal;
  }

  /** See `JoinOptions.isCurrent`. */
  get isCurrent(): boolean {
    return this.#source?.isCurrent ?? true;
  }

  /** Works on what was delivered, or on what the log holds. `first`: it is the first step of its invocation. */
  step(messages: readonly LogMessage[] | undefined, deadline: Deadline, first: boolean): Promise<TurnResult> {
    return this.#alone(deadline, async () => {
      if (deadline.isNear) return { kind: 'late' };
      if (first && !this.#follows(messages)) await this.#catchUp();
      if (await this.#source?.isHeld()) return { kind: 'held' };
      return messages === undefined ? this.task.ring() : this.task.deliver(messages);
    });
  }

  /** Does what was asked, unless it is done. */
  order(order: TaskOrder, deadline: Deadline): Promise<StepResult | undefined> {
    return this.#alone(deadline, async () => {
      const { task } = this;
      if (order.kind === 'halt') return task.halt(order.stop.reason, stopError(order.stop));
      await task.refresh();
      const state = task.state;
      if (state === undefined) return undefined;
      switch (order.kind) {
        case 'hand-over':
          if (state.epoch >= order.epoch || state.handOver !== undefined) return undefined;
          return task.handOver(order.at, order.epoch);
        case 'drain':
          return state.done || state.drainTo !== undefined ? undefined : task.drainTo(order.end);
        case 'resume':
          return state.epoch > task.host.epoch ? undefined : task.resume();
      }
    });
  }

  /** Says once why the task is stopped. */
  tellStopped(reason: string, error: MillraceError): void {
    const message = messageOf(error);
    if (this.#saidStopped === message) return;
    this.#saidStopped = message;
    const { telemetry } = this.task.host;
    const { kind, where, hint } = error;
    telemetry.log('error', `${taskName(this.task.id)} is stopped: ${message}`, { reason, kind, where, hint });
  }

  /** Whether it is time to ring the function that has the code of an epoch: not at each delivery that comes while that one is at work. */
  isToRing(epoch: number, period: number): boolean {
    const now = this.task.host.clock.now();
    if (now - (this.#rung.get(epoch) ?? Number.NEGATIVE_INFINITY) < period) return false;
    this.#rung.set(epoch, now);
    return true;
  }

  /** Whether the step need not know of more than what is in memory: there is nothing, or it has all up to what was delivered. */
  #follows(messages: readonly LogMessage[] | undefined): boolean {
    const { state } = this.task;
    if (state === undefined) return true;
    if (messages === undefined) return false;
    const next = messages.find(({ offset }) => offset >= state.nextOffset);
    return next === undefined || next.offset === state.nextOffset;
  }

  /** Where that fails the step loads, and finds out what is the matter. */
  async #catchUp(): Promise<void> {
    await this.task.refresh().catch(() => this.task.forget());
  }

  #alone<T>(deadline: Deadline, work: () => Promise<T>): Promise<T> {
    const begin = (): Promise<T> => {
      this.#signal = deadline.signal;
      return work();
    };
    const result = this.#busy.then(begin, begin);
    this.#busy = result.catch(() => {});
    return result;
  }
}
