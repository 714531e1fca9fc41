/** What the controller has read before it decides: plain facts, and what follows from a single one of them. */
import { MAX_TIME, type TaskId } from '../model/index.ts';
import type { Plan } from '../plan/index.ts';
import type { EdgeTime } from './channel-minimum.ts';
import type { CommitHeader, StopReason } from './commit.ts';

/** The end of a task's log as it was read after the task's newest commit. */
export interface LogFacts {
  /** Id of the topic, or of the source's data, as it is now. */
  readonly id: string;
  readonly start: number;
  /** First offset not yet written (high watermark), or the fixed end of a bounded source; undefined if not known. */
  readonly end: number | undefined;
  /** Nothing will ever follow `end`. */
  readonly sealed: boolean;
}

export interface TaskFacts {
  readonly task: TaskId;
  /** Its newest commit; undefined where it has none (any more). */
  readonly head: CommitHeader | undefined;
  /** Undefined if it could not be read this time: then nothing is concluded from it. */
  readonly log: LogFacts | undefined;
}

/** A task that must not go on. */
export interface Stop {
  readonly task: TaskId;
  readonly reason: StopReason;
  /** Lower case, the fact first, the values last. */
  readonly message: string;
}

/** Why a task's log is not the one it has read so far; undefined if it is. A finished source is not held to it. */
export function logFault({ task, head, log }: TaskFacts): Stop | undefined {
  if (head === undefined || log === undefined || head.source?.done === true) return undefined;
  const lost = (message: string): Stop => ({ task, reason: 'data-lost', message });
  if (log.id !== head.topicId) return lost(`its log was made anew: it read ${head.topicId}, now there is ${log.id}`);
  if (log.end !== undefined && log.end < head.nextOffset)
    return lost(`its log ends at ${log.end}, before the next offset ${head.nextOffset}`);
  if (log.start > head.nextOffset)
    return lost(`its log begins at ${log.start}, after the next offset ${head.nextOffset}`);
  return undefined;
}

/** Whether the task has read all there was, or all there will ever be. */
export function isDrained({ head, log }: TaskFacts): boolean {
  if (head === undefined) return false;
  return head.source?.done === true || (log?.end !== undefined && head.nextOffset >= log.end);
}

/** Whether all tasks have worked off all there will ever be. The facts must be in the order of a round: commits first, then ends of logs. */
export function isOver(tasks: readonly TaskFacts[]): boolean {
  return tasks.every((each) => {
    const { head } = each;
    if (head === undefined || head.status.kind !== 'ok' || head.debts > 0) return false;
    if (head.source !== undefined) return head.source.done;
    return head.watermark === MAX_TIME && head.processingTimer === undefined && isDrained(each);
  });
}

/** The rules of time on the edges into a stage. */
export function edgeTimesOf(plan: Pick<Plan, 'nodes' | 'stages' | 'edges'>, stage: string): EdgeTime[] {
  return plan.edges
    .filter((edge) => edge.to === stage)
    .map((edge) => {
      const source = plan.stages.find((s) => s.id === edge.from)?.source;
      const node = source === undefined ? undefined : plan.nodes.find((n) => n.id === source);
      return node?.kind === 'source'
        ? { edge: edge.id, bound: node.watermark.bound, idle: node.idle }
        : { edge: edge.id, bound: 0, idle: undefined };
    });
}
