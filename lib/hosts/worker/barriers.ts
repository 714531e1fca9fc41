import type { LogEntry } from '../../ports/index.ts';
import type { OpenRun, Task, TaskPorts } from '../../runtime/index.ts';

/** The barrier behind which this code goes on with the task; it may stand there more than once. */
export const barrierFor = ({ host, id }: Task): LogEntry => ({
  topic: host.stage.topic,
  partition: id.partition,
  message: { kind: 'barrier', run: host.run.id, epoch: host.epoch, code: host.stage.code },
});

/** Says in the logs of all tasks that are at older code than this where they are to switch: before this code does anything that those logs would hold. */
export async function appendBarriers(open: OpenRun, { log, commits }: TaskPorts): Promise<void> {
  const tasks = open.tasks.filter(({ host }) => host.topic !== undefined && host.epoch > 0);
  const heads = await Promise.all(tasks.map(({ id }) => commits.head(open.record.id, id)));
  const older = tasks.filter(({ host }, i) => (heads[i]?.epoch ?? host.epoch) < host.epoch);
  if (older.length > 0) await log.append(older.map(barrierFor));
}
