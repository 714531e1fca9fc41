import type { CommitHeader } from '../protocol/index.ts';
import type { TaskHost } from './task-host.ts';

/** Where a task stands, as its state or a commit says. */
type Standing = Pick<CommitHeader, 'nextOffset' | 'epoch'>;

/** Whether this host's code is to go on where the task stands: it is in force there, or nothing is left before the barrier behind which it, or code older than it, is. */
export async function isTurnOf(host: TaskHost, standing: Standing): Promise<boolean> {
  return standing.epoch === host.epoch || (standing.epoch < host.epoch && isBarrierNext(host, standing));
}

/** Code that is in force before a barrier has nothing to do where the barrier comes next: newer code may read it as well. */
async function isBarrierNext(
  { log, topic, task, run, epoch: own }: TaskHost,
  { nextOffset, epoch }: Standing,
): Promise<boolean> {
  if (topic === undefined) return false;
  const { messages } = await log.read(topic, task.partition, nextOffset, { messages: 1, bytes: 1 });
  const next = messages.find(({ offset }) => offset >= nextOffset)?.message;
  return next?.kind === 'barrier' && next.run === run.id && next.epoch > epoch && next.epoch <= own;
}
