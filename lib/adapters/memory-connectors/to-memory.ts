import { type Key, type KeyId, keyOf, MillraceError } from '../../model/index.ts';
import type { UpsertConnector } from '../../ports/index.ts';

/** A sink that keeps its records, for tests and small results. */
export interface MemorySink<T> extends UpsertConnector<T> {
  /** What has been written, task by task, each task's in order. */
  readonly records: readonly T[];
  /** The same with event time; one array a task. */
  readonly tasks: readonly (readonly { readonly value: T; readonly time: number }[])[];
  /** The records as rows of a table: the latest of each key, in the order in which keys first came, without those that `null` or `undefined` deleted. */
  readonly rows: readonly { readonly key: Key; readonly value: NonNullable<T> }[];
  /** True once every task that wrote has finished. */
  readonly finished: boolean;
  /** Forgets everything. */
  clear(): void;
}

/** Keeps records in memory, exactly once as long as the process lives: reopened with an older state it forgets what came after. */
export function toMemory<T>(): MemorySink<T> {
  const tasks: { value: T; time: number }[][] = [];
  const keys: (KeyId | undefined)[][] = [];
  const finished = new Set<number>();
  return {
    kind: 'memory',
    options: {},
    guarantee: 'exactly-once',
    goesBack: true,
    single: false,
    upserts: true,
    get records() {
      return tasks.flatMap((rows) => rows.map((row) => row.value));
    },
    get tasks() {
      return tasks;
    },
    get rows() {
      const latest = new Map<KeyId, NonNullable<T>>();
      for (const [task, rows] of tasks.entries()) {
        for (const [i, { value }] of rows.entries()) {
          const key = keys[task]?.[i];
          if (key === undefined) continue;
          if (value === null || value === undefined) latest.delete(key);
          else latest.set(key, value);
        }
      }
      return [...latest].map(([key, value]) => ({ key: keyOf(key), value }));
    },
    get finished() {
      return tasks.length > 0 && tasks.every((_, task) => finished.has(task));
    },
    clear() {
      tasks.length = 0;
      keys.length = 0;
      finished.clear();
    },
    async open({ task, sink }, state) {
      while (tasks.length <= task) tasks.push([]);
      while (keys.length <= task) keys.push([]);
      const rows = tasks[task] as { value: T; time: number }[];
      const rowKeys = keys[task] as (KeyId | undefined)[];
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
      rowKeys.length = kept;
      finished.delete(task);
      return {
        async write(batch) {
          for (let i = 0; i < batch.values.length; i++) {
            rows.push({ value: batch.values[i] as T, time: batch.times[i] as number });
            rowKeys.push(batch.keys[i]);
          }
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
