import { MillraceError } from '../model/index.ts';
import type { Plan } from '../plan/index.ts';
import type { BlobStore, CommitStore, Log } from '../ports/index.ts';
import type { RunRecord } from '../protocol/index.ts';
import { grownRun, newestRun } from '../runtime/index.ts';

/** The ports that views read. Nothing here writes to them. */
export interface ReadPorts {
  readonly log: Log;
  readonly commits: CommitStore;
  readonly blobs: BlobStore;
}

/** A run as its stores know it. */
export interface StoredRun {
  /** With the tasks of partitions that sources have gained since. */
  readonly record: RunRecord;
  /** The plan that began it. Code may have changed since; stages, tasks and what owns state have not. */
  readonly plan: Plan;
}

/** Names of the pipelines that have a run in these stores, in order. */
export async function storedPipelines({ blobs }: Pick<ReadPorts, 'blobs'>): Promise<readonly string[]> {
  const names = await blobs.list('runs/');
  return [...new Set(names.map((name) => name.split('/')[1] as string))];
}

/**
 * The newest run of a pipeline, or of the only one there is. Throws `unavailable` if there is none, and `invalid-pipeline` if there are several to choose
 * from.
 */
export async function storedRun(ports: ReadPorts, pipeline?: string): Promise<StoredRun> {
  const known = await storedPipelines(ports);
  if (pipeline === undefined && known.length > 1) {
    throw new MillraceError('invalid-pipeline', `there is state of several pipelines: ${known.join(', ')}`, {
      hint: 'say of which',
    });
  }
  const name = pipeline ?? known[0];
  const record = name === undefined ? undefined : await newestRun(ports.commits, name);
  if (record === undefined) {
    const fact =
      pipeline === undefined ? 'there is no state of a pipeline' : `there is no state of a pipeline ${pipeline}`;
    throw new MillraceError('unavailable', fact, {
      retry: false,
      hint: known.length === 0 ? 'run the pipeline with this data directory first' : `there is of ${known.join(', ')}`,
    });
  }
  return { record: await grownRun(ports.commits, record), plan: record.plan as Plan };
}
