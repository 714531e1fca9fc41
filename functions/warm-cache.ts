import type { Task } from '../lib/runtime/index.ts';

/**
 * Keeps tasks' state in memory between invocations, by the tasks' own estimate no more than so many bytes: those unused longest go first. What is at work
 * is not counted.
 */
export class WarmCache {
  readonly #bytes: number;
  /** Unused longest first. */
  readonly #unused = new Set<Task>();
  readonly #users = new Map<Task, number>();

  constructor(bytes: number) {
    this.#bytes = bytes;
  }

  /** Keeps the task's state while something works on it, and after that while there is room. */
  async use<T>(task: Task, work: () => Promise<T>): Promise<T> {
    this.#unused.delete(task);
    this.#users.set(task, (this.#users.get(task) ?? 0) + 1);
    try {
      return await work();
    } finally {
      const users = this.#users.get(task)! - 1;
      if (users > 0) this.#users.set(task, users);
      else {
        this.#users.delete(task);
        this.#unused.add(task);
      }
    }
  }

  /** Forgets what there is no room for. Never rejects. */
  async fit(): Promise<void> {
    let bytes = 0;
    for (const task of [...this.#unused].reverse()) {
      bytes += bytesOf(task);
      if (bytes <= this.#bytes) continue;
      bytes -= bytesOf(task);
      this.#unused.delete(task);
      await task.forget().catch(() => {});
    }
  }
}

const bytesOf = ({ state }: Task): number => (state === undefined ? 0 : state.store.size * state.bytesPerCell);
