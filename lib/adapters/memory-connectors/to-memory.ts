import { MillraceError } from '../../model/index.ts';
import type { SinkConnector } from '../../ports/index.ts';

/** A sink that keeps its records, for tests and small results. */
export interface MemorySink<T> extends SinkConnector<T> {
  /** What has been written, task by task, each task's in order. */
  readonly records: readonly T[];
  /** The same with event time; one array a task. */
  readonly tasks: readonly (readonly { readonly value: T; readonly time: number }[])[];
  /** True once every task that wrote has finished. */
  readonly finished: boolean;
  /** Forgets everything. */
  clear(): void;
}

/** Keeps records in memory, exactly once as long as the process lives: reopened with an older state it forgets what came after. */
export function toMemory<T>(): MemorySink<T> {
  const tasks: { value: T; time: number }[][] = [];
  const finished = new Set<number>();
  return {
    kind: 'memory',
    options: {},
    guarantee: 'exactly-once',
    goesBack: true,
    single: false,
    get records() {
      return tasks.flatMap((rows) => rows.map((row) => row.value));
    },
    get tasks() {
      return tasks;
    },
    get finished() {
      return tasks.length > 0 && tasks.every((_, task) => finished.has(task));
    },
    clear() {
      tasks.length = 0;
      finished.clear();
    },
    async open({ task, sink }, state) {
      while (tasks.length <= task) tasks.push([]);
      const rows = tasks[task] as { value: T; time: number }[];
      const kept = typeof state === 'number' ? state : 0;
      if (rows.length < kept) {
        throw new MillraceError(
          'data-lost',
          `the memory sink holds ${rows.length} records of ${kept} that were committed`,
          {
            where: { sink },
            hint: 'a memory sink lasts as long as its process; write to a file to go on after a restart',
          },
        );
      }
      rows.length = kept;
      finished.delete(task);
      return {
        async write(batch) {
          for (let i = 0; i < batch.values.length; i++)
            rows.push({ value: batch.values[i] as T, time: batch.times[i] as number });
          return rows.length;
        },
        async finish() {
          finished.add(task);
        },
        async close() {},
      };
    },
  };
}
