/** The controller's audit: what was sent and has not arrived, although all there was has been read. */
import { comparePositions, NOTHING, type Position } from '../model/index.ts';
import type { Plan } from '../plan/index.ts';
import { isDrained, logFault, type Stop, type TaskFacts } from './facts.ts';
import { channelName } from './message.ts';

export interface AuditedTask extends TaskFacts {
  /** Of the commit `head`: how far each of its input channels has been applied; undefined if its body was not read. */
  readonly thru: ((edge: string, task: number) => Position | undefined) | undefined;
  /** Of the commit `head`: per outgoing edge and receiving partition, how far it has spoken. */
  readonly sent: Readonly<Record<string, readonly Position[]>> | undefined;
}

/**
 * Tasks that must stop: `lost` where a receiver has read its whole log and has less than a sender without debts had sent, `data-lost` where the log is
 * not the one that was read. All commits must have been read before any log's end, else frames under way are taken for lost.
 */
export function audit(plan: Pick<Plan, 'edges'>, tasks: readonly AuditedTask[]): Stop[] {
  const stops: Stop[] = [];
  for (const receiver of tasks) {
    const { task, head } = receiver;
    if (head === undefined || head.status.kind === 'stopped') continue;
    const stop = logFault(receiver) ?? lostFrame(plan, tasks, receiver);
    if (stop !== undefined) stops.push({ ...stop, task });
  }
  return stops;
}

function lostFrame(plan: Pick<Plan, 'edges'>, tasks: readonly AuditedTask[], receiver: AuditedTask): Stop | undefined {
  const { task, thru, log } = receiver;
  if (thru === undefined || !isDrained(receiver)) return undefined;
  for (const edge of plan.edges) {
    if (edge.to !== task.stage) continue;
    for (const sender of tasks) {
      if (sender.task.stage !== edge.from || sender.head === undefined || sender.head.debts > 0) continue;
      const sent = sender.sent?.[edge.id]?.[task.partition] ?? NOTHING;
      const applied = thru(edge.id, sender.task.partition) ?? NOTHING;
      if (comparePositions(sent, applied) <= 0) continue;
      const channel = channelName(edge.id, sender.task.partition);
      const message = `frames of channel ${channel} are lost: sent as far as ${text(sent)}, applied as far as ${text(applied)}, log read to its end ${log?.end}`;
      return { task, reason: 'lost', message };
    }
  }
  return undefined;
}

const text = ({ cause, k }: Position): string => `(${cause}, ${k === Number.POSITIVE_INFINITY ? 'all' : k})`;
