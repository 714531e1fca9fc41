import { blobPrefix, type TaskHost } from '../../runtime/index.ts';
import { Snapshots } from '../../state/index.ts';

/** Deletes what no commit of a task that can still be read refers to; tells how many blobs that was. */
export async function collectGarbage(host: TaskHost): Promise<number> {
  const commits = await host.commits.slots(host.run.id, host.task);
  if (commits.length === 0) return 0;
  const minBase = Math.min(...commits.map(({ header }) => header.snapshot?.base ?? 0));
  const minVersion = Math.min(...commits.map(({ header }) => header.version));
  const snapshots = new Snapshots({ blobs: host.blobs, prefix: blobPrefix(host), nonce: () => '' });
  return snapshots.collect({ minBase, minVersion });
}
