import { snapshotsOf } from './load.ts';
import type { TaskHost } from './task-host.ts';

/** Deletes blobs of a task that no slot can reach any more, by version; returns how many. */
export async function collectGarbage(host: TaskHost): Promise<number> {
  const { commits, run, task } = host;
  if (commits.volatile) return 0;
  const live = (await commits.slots(run.id, task)).map(({ header }) => header);
  if (live.length === 0) return 0;
  return snapshotsOf(host).collect({
    minBase: Math.min(...live.map(({ snapshot }) => snapshot?.base ?? 0)),
    minVersion: Math.min(...live.map(({ version }) => version)),
  });
}
