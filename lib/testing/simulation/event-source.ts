/**
 * What wakes tasks: an event source that delivers a log's messages in batches cut anywhere, some again, some to two processes at once, some never.
 * It is only a doorbell; nothing relies on it.
 */
import { type TaskId, taskName, type WallTime } from '../../model/index.ts';
import type { LogMessage } from '../../ports/index.ts';
import { decodeMessage } from '../../protocol/index.ts';
import type { StepResult, Task } from '../../runtime/index.ts';
import type { Fleet, Worker } from './fleet.ts';
import type { StoredSource } from './sim-source.ts';

/** How long a function may take before its batch is delivered again. */
const TIME_LIMIT = 15_000;

/** How long what a process sent may be under way after its end: pauses and late writes. */
export const LATEST = 45_000;

/** What a call came to; `held`: the task is to stand still. */
export type CallResult = StepResult | { readonly kind: 'held' };

/** Calls of a task's step, wherever it may run. */
export class Caller {
  readonly #fleet: Fleet;
  readonly task: TaskId;
  /** The version of the code that was in force when last heard of. */
  version = 0;
  /** Calls that are waited for. */
  underWay = 0;
  /** No calls are to be made. */
  held = false;
  /** Processes at work on a call, also on one that nobody waits for any more. */
  readonly #atWork: Worker[] = [];

  constructor(fleet: Fleet, task: TaskId) {
    this.#fleet = fleet;
    this.task = task;
  }

  /** One call on some process; undefined if nothing was heard of it in time. */
  async call(messages: readonly LogMessage[] | undefined, other?: Worker): Promise<CallResult | Error | undefined> {
    if (this.held) return undefined;
    const { world } = this.#fleet;
    const worker = this.#fleet.worker(Math.min(this.version, this.#fleet.deployments.length - 1), other);
    const name = taskName(this.task);
    const what = messages === undefined ? 'ring' : `deliver ${messages[0]?.offset}..${messages.at(-1)?.offset} to`;
    world.tell(worker.process.name, `${what} ${name}`);
    this.underWay++;
    const step = async (task: Task): Promise<CallResult> => {
      if (this.#fleet.looks && messages === undefined) await task.refresh().catch(() => task.forget());
      if (await worker.isHeld(task)) return { kind: 'held' };
      return messages === undefined ? task.ring() : task.deliver(messages);
    };
    const known = worker.task(this.task);
    const result = (known === undefined ? worker.find(this.task).then(step) : step(known)).catch((error: unknown) =>
      error instanceof Error ? error : new Error(String(error)),
    );
    this.#atWork.push(worker);
    void result.then(() => this.#atWork.splice(this.#atWork.indexOf(worker), 1));
    const heard = await this.#fleet.within(TIME_LIMIT, result);
    this.underWay--;
    world.tell(worker.process.name, `${name}: ${textOf(heard)}`);
    if (heard !== undefined && !(heard instanceof Error) && heard.kind === 'other-code') {
      this.version = this.#versionFor(heard.epoch);
    }
    if (heard instanceof Error && !isExpected(heard)) {
      world.violate('a step fails only for its dependencies', `${name}: ${heard.stack ?? heard.message}`);
    }
    return heard;
  }

  /** Makes no more calls, and waits until those made are over; processes that take too long are ended, as a platform ends functions after their time limit. */
  async hold(): Promise<void> {
    const { schedule } = this.#fleet.world;
    this.held = true;
    for (let waited = 0; this.#atWork.some(({ process }) => process.alive); waited += 1_000) {
      if (waited > 3 * TIME_LIMIT) for (const { process } of this.#atWork) process.crash('after its time limit');
      await new Promise<void>((resolve) => schedule.after(1_000, resolve));
    }
    // What was sent before may still arrive.
    await new Promise<void>((resolve) => schedule.after(LATEST, resolve));
  }

  #versionFor(epoch: number): number {
    const { deployments } = this.#fleet;
    return Math.max(
      0,
      deployments.findIndex(({ version }) => this.#fleet.epochOf(version, this.task.stage) === epoch),
    );
  }
}

function isExpected(error: Error): boolean {
  return 'retry' in error && error.retry === true;
}

function textOf(result: CallResult | Error | undefined): string {
  if (result === undefined) return 'nothing heard';
  if (result instanceof Error) return `failed: ${result.message}`;
  switch (result.kind) {
    case 'advanced':
      return `advanced to ${result.nextOffset}${result.done ? ', done' : ''}`;
    case 'stopped':
      return `stopped: ${result.reason}: ${result.error.message}`;
    default:
      return result.kind;
  }
}

/** Delivers one partition of an internal topic. */
export class EventSource {
  readonly caller: Caller;
  readonly #fleet: Fleet;
  readonly #topic: string;
  #offset = 0;
  #awake = false;

  constructor(fleet: Fleet, caller: Caller, topic: string) {
    this.#fleet = fleet;
    this.caller = caller;
    this.#topic = topic;
  }

  /** What was delivered beyond the log's end is gone from it. */
  back(): void {
    const { length } = this.#fleet.world.log.messages(this.#topic, this.caller.task.partition);
    this.#offset = Math.min(this.#offset, length);
    this.wake();
  }

  /** Something was appended. */
  wake(): void {
    if (this.#awake) return;
    this.#awake = true;
    this.#later();
  }

  #later(): void {
    const { schedule, random, sizes } = this.#fleet.world;
    schedule.after(1 + random.below(sizes.deliveryDelay), () => void this.#poll());
  }

  async #poll(): Promise<void> {
    const { world } = this.#fleet;
    const { task } = this.caller;
    const stored = world.log.messages(this.#topic, task.partition);
    if (this.#offset >= stored.length || this.caller.held) {
      this.#awake = false;
      return;
    }
    const size = 1 + world.random.below(world.random.next() < 0.5 ? 3 : 12);
    const fault = world.dice.fault(`delivery to ${taskName(task)}`, ['skip', 'rewind', 'twice']);
    if (fault !== undefined) world.tell('events', `${fault} ${taskName(task)} at ${this.#offset}`);
    if (fault === 'rewind') this.#offset = Math.max(0, this.#offset - 1 - world.random.below(6));
    const messages = stored.slice(this.#offset, this.#offset + size);
    this.#offset += messages.length;
    if (fault !== 'skip') {
      const batch = (): LogMessage[] =>
        messages.map(({ offset, time, bytes }) => ({ offset, time: time as WallTime, message: decodeMessage(bytes) }));
      if (fault === 'twice') void this.caller.call(batch());
      const result = await this.caller.call(batch());
      const failed = result === undefined || result instanceof Error || result.kind === 'lost';
      const otherCode = result !== undefined && !(result instanceof Error) && result.kind === 'other-code';
      if (otherCode || (failed && world.random.next() < 0.7)) this.#offset -= messages.length;
    }
    this.#later();
  }
}

/** Rings the tasks of a source as rows arrive. */
export class Doorbell {
  readonly caller: Caller;
  readonly #fleet: Fleet;
  readonly #slow: number;
  #awake = false;

  /** `start` is the time from which the rows' arrivals count. */
  constructor(fleet: Fleet, caller: Caller, source: StoredSource, slow: number, start: number) {
    this.#fleet = fleet;
    this.caller = caller;
    this.#slow = slow;
    const { schedule } = fleet.world;
    const times = new Set(source.spec.partitions[caller.task.partition]!.map((row) => row.at));
    for (const at of times) schedule.at(start + at, () => this.wake());
  }

  wake(): void {
    if (this.#awake) return;
    this.#awake = true;
    this.#later();
  }

  #later(): void {
    const { schedule, random, sizes } = this.#fleet.world;
    schedule.after(1 + random.below(sizes.deliveryDelay + this.#slow), () => void this.#poll());
  }

  async #poll(): Promise<void> {
    const { dice, random } = this.#fleet.world;
    this.#awake = false;
    const fault = dice.fault(`doorbell of ${taskName(this.caller.task)}`, ['skip', 'twice']);
    if (fault === 'skip') return;
    if (fault === 'twice') void this.caller.call(undefined);
    const result = await this.caller.call(undefined);
    const again =
      result === undefined || result instanceof Error
        ? random.next() < 0.7
        : result.kind === 'held' || (result.kind === 'advanced' && !result.done);
    if (again) this.wake();
  }
}
