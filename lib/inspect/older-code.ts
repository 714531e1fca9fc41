import type { TaskId } from '../model/index.ts';
import { codeVersions } from '../runtime/index.ts';
import type { ReadPorts, StoredRun } from './stored-run.ts';

/** A task that older code has not finished with, although there is newer. */
export interface OlderCode extends TaskId {
  /** The newest version of the run's code that can work on it: how many times the code had changed with it. */
  readonly code: number;
}

/** Tasks at which older code than the newest is in force: for a moment while workers are replaced one by one, for longer where no worker with that code is left. */
export async function tasksAtOlderCode(
  { commits }: Pick<ReadPorts, 'commits'>,
  { record }: StoredRun,
): Promise<readonly OlderCode[]> {
  const versions = await codeVersions(commits, record);
  const epochOf = (version: number, stage: string): number => versions[version]?.epochs[stage] ?? 0;
  const newest = versions.length - 1;
  const heads = await Promise.all(record.tasks.map((task) => commits.head(record.id, task)));
  return record.tasks.flatMap((task, i) => {
    const epoch = heads[i]?.epoch;
    if (epoch === undefined || epoch >= epochOf(newest, task.stage)) return [];
    return [{ ...task, code: versions.findLastIndex((_, version) => epochOf(version, task.stage) === epoch) }];
  });
}
