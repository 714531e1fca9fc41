/**
 * How a source's task learns in time that newer code takes over, where calls know nothing of each other: it looks at the run's records before each step, and
 * does nothing with rows that it has read too long after it looked.
 */
import { type Duration, seconds, type WallTime } from '../model/index.ts';
import type { RunRecord } from '../protocol/index.ts';
import { readControl } from './run-control.ts';
import { newestCode } from './run-records.ts';
import type { Task } from './task.ts';
import type { TaskPorts } from './task-host.ts';

/**
 * How long a source's task counts on what it has seen of the run's records. What it has read of its source was there at most so long after newer code was
 * registered, whatever became of the process meanwhile: only then may the controller fix the offset at which that code takes over.
 */
export const LOOK_AGE = seconds(5);
/** How old a look may be when a step begins: the rest is for its read. */
const AT_BEGIN = 0.4 * LOOK_AGE;

/** What the records say of a stage whose tasks read a source: sources have no log of ours that could tell them. */
export interface SaidOfSource {
  /** The newest version of the stage's code. */
  readonly epoch: number;
  readonly isPaused: boolean;
}

/** Looks from time to time, for all tasks of a source's stage at once. */
export class SourceWatch {
  readonly #ports: Pick<TaskPorts, 'commits' | 'clock'>;
  readonly #run: RunRecord;
  readonly #stage: string;
  #at = Number.NEGATIVE_INFINITY;
  #said: SaidOfSource = { epoch: 0, isPaused: false };
  #looking: Promise<void> | undefined;

  constructor(ports: Pick<TaskPorts, 'commits' | 'clock'>, run: RunRecord, stage: string) {
    this.#ports = ports;
    this.#run = run;
    this.#stage = stage;
  }

  /** What was said not long ago; `anew`: at this moment or after. Throws what the store throws. */
  async look(anew = false): Promise<SaidOfSource> {
    if (anew || this.#age > AT_BEGIN) {
      const under = this.#looking;
      if (anew) await under?.catch(() => {});
      this.#looking ??= this.#read().finally(() => {
        this.#looking = undefined;
      });
      await this.#looking;
    }
    return this.#said;
  }

  /** Whether code of this epoch was alone, and nobody paused, not long ago: whatever was read until now was there soon after anything else was said. */
  isCurrent(epoch: number): boolean {
    return this.#age <= LOOK_AGE && this.#said.epoch <= epoch && !this.#said.isPaused;
  }

  get #age(): Duration {
    return (this.#ports.clock.now() - this.#at) as Duration;
  }

  async #read(): Promise<void> {
    const { commits, clock } = this.#ports;
    const at: WallTime = clock.now();
    const [{ epochs }, { pausedAt }] = await Promise.all([
      newestCode(commits, this.#run),
      readControl(commits, this.#run),
    ]);
    this.#said = { epoch: epochs[this.#stage] ?? 0, isPaused: pausedAt !== undefined };
    this.#at = at;
  }
}

/** A source's task that goes by what is watched. */
export class WatchedSource {
  readonly #task: Task;
  readonly #watch: SourceWatch;
  /** Newer code goes on at an offset that is fixed: nothing beyond it is read. */
  #isHandedOver = false;

  constructor(task: Task, watch: SourceWatch) {
    this.#task = task;
    this.#watch = watch;
  }

  /** Whether what has just been read lies before any offset at which newer code can take over: see `TaskHost.isCurrent`. */
  get isCurrent(): boolean {
    return this.#isHandedOver || this.#watch.isCurrent(this.#task.host.epoch);
  }

  /** Whether the task is to stand still: while the run pauses, and from the moment newer code is known until its offset is fixed. Throws what the store throws. */
  async isHeld(): Promise<boolean> {
    if (this.#isHandedOver) return false;
    const { epoch, isPaused } = await this.#watch.look();
    const task = this.#task;
    if (epoch <= task.host.epoch && !isPaused) return false;
    await task.refresh();
    this.#isHandedOver = task.state?.handOver !== undefined;
    return !this.#isHandedOver && task.state?.epoch === task.host.epoch;
  }
}
