import type { Key, KeyId, TaskId } from '../model/index.ts';
import type { Pipeline } from '../pipeline/index.ts';
import { REMOVED, type Sub } from '../state/index.ts';
import { type ReadPorts, storedRun } from './stored-run.ts';
import { visitCells } from './stored-state.ts';
import { type CellsOfTask, type TableReader, tableReader } from './table-rows.ts';

/**
 * A reader of a table as stores hold it, for processes other than those that run the pipeline. Each call reads the state of all tasks that may have the rows: for a look now and then, not
 * for serving. Throws `invalid-pipeline` if the pipeline keeps no such table; calls throw `unavailable` where there is no run, or its commits are just being written over.
 */
export function storedTable<K extends Key, V>(
  pipeline: Pick<Pipeline, 'operators' | 'plan' | 'name'>,
  ports: ReadPorts,
  id: string,
): TableReader<K, V> {
  const run = () => storedRun(ports, pipeline.name);
  return tableReader(
    pipeline,
    id,
    async (task, name, look) => look(await cellsOf(task, name, ports, await run())),
    async () => (await run()).plan,
  );
}

interface StoredCell {
  readonly key: KeyId;
  readonly sub: Sub;
  readonly value: unknown;
}

async function cellsOf(
  task: TaskId,
  name: string,
  ports: ReadPorts,
  run: Awaited<ReturnType<typeof storedRun>>,
): Promise<CellsOfTask> {
  const byKey = new Map<KeyId, Map<Sub, StoredCell>>();
  const watermark = await visitCells(ports, run, task, (table, _version, key, sub, _timer, value) => {
    if (table !== name) return;
    const cells = byKey.get(key) ?? new Map<Sub, StoredCell>();
    byKey.set(key, cells);
    if (value === REMOVED) cells.delete(sub);
    else cells.set(sub, { key, sub, value });
  });
  return {
    watermark,
    table: {
      cells: () => [...byKey.values()].flatMap((cells) => [...cells.values()]),
      cellsOf: (key) => [...(byKey.get(key)?.values() ?? [])],
    },
  };
}
