/**
 * Tasks of others whose state is in this worker's memory: those it had before, and those it was asked to keep copies of. So taking over costs what was
 * committed since, and not a load of everything.
 *
 * 1. A copy follows the task's commits; a former task's state stays as it was, and is caught up when it comes back.
 * 2. All of them together take no more memory than was allowed: those unused longest go first, copies last.
 */
import { type Duration, messageOf, taskName } from '../../model/index.ts';
import type { Clock, Telemetry } from '../../ports/index.ts';
import type { Task } from '../../runtime/index.ts';

export interface WarmDeps {
  readonly clock: Clock;
  readonly telemetry: Telemetry;
  /** Bytes of state that may be kept, by the tasks' own estimate. */
  readonly bytes: number;
  /** How often copies are brought up to date. */
  readonly period: Duration;
}

export class WarmTasks {
  readonly #deps: WarmDeps;
  /** Unused longest first. */
  readonly #former = new Map<string, Task>();
  #copies: readonly Task[] = [];
  /** Copies that had no room. */
  readonly #without = new Set<Task>();

  constructor(deps: WarmDeps) {
    this.#deps = deps;
  }

  /** Keeps the state of a task that is no longer this worker's. Its loop must have ended. */
  keep(task: Task): void {
    this.#former.set(taskName(task.id), task);
  }

  /** The task is this worker's from now on. */
  release(task: Task): void {
    this.#former.delete(taskName(task.id));
    this.#copies = this.#copies.filter((copy) => copy !== task);
  }

  /** Which tasks to keep copies of, all of them. */
  copy(tasks: readonly Task[]): void {
    for (const task of this.#copies) if (!tasks.includes(task)) this.keep(task);
    for (const task of tasks) this.#former.delete(taskName(task.id));
    this.#copies = tasks;
    this.#without.clear();
  }

  /** Those in memory. */
  tasks(): readonly Task[] {
    return [...this.#former.values(), ...this.#copies].filter(({ state }) => state !== undefined);
  }

  /** Keeps copies up to date and within their memory until the signal is aborted. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      for (const task of this.#copies) {
        if (signal.aborted) return;
        if (this.#copies.includes(task) && !this.#without.has(task)) await this.#follow(task);
      }
      await this.fit();
      await this.#deps.clock.sleep(this.#deps.period, signal).catch(() => {});
    }
  }

  /** Forgets what there is no room for. */
  async fit(): Promise<void> {
    let bytes = 0;
    for (const task of [...this.#copies, ...[...this.#former.values()].reverse()]) {
      bytes += bytesOf(task);
      if (bytes <= this.#deps.bytes) continue;
      this.#former.delete(taskName(task.id));
      if (this.#copies.includes(task)) this.#without.add(task);
      bytes -= bytesOf(task);
      await task.forget().catch(() => {});
    }
  }

  async #follow(task: Task): Promise<void> {
    try {
      await task.refresh();
    } catch (error) {
      this.#deps.telemetry.log('warn', `the copy of ${taskName(task.id)} is not up to date: ${messageOf(error)}`);
    }
  }
}

const bytesOf = ({ state }: Task): number => (state === undefined ? 0 : state.store.size * state.bytesPerCell);
