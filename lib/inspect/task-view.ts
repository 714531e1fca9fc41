import { MAX_TIME, MIN_TIME, type TaskId } from '../model/index.ts';
import type { Plan } from '../plan/index.ts';
import type { CommitStore, Log, SourceLog } from '../ports/index.ts';
import type { CommitHeader, Failure, StopReason } from '../protocol/index.ts';
import type { StoredRun } from './stored-run.ts';

/** Where a task stands by its newest commit. Times are milliseconds since the epoch. */
export interface TaskView extends TaskId {
  /** `done`: it has heard the end of its input. `backoff`: it waits to try again. `stopped`: it needs somebody. */
  readonly status: 'unborn' | 'ok' | 'done' | 'backoff' | 'stopped';
  readonly version: number;
  /** Next offset of its log: everything below is committed. */
  readonly offset: number;
  /** End of its log. Of a source that is not open: as it was known at its last commit; undefined where it was not. */
  readonly end: number | undefined;
  /** Messages, or rows of a source, that wait for it. */
  readonly lag: number | undefined;
  /** Bytes that wait for a source whose rows are not known before they are read, as of its last commit. */
  readonly bytesLeft: number | undefined;
  /** `none`: not every channel has spoken. `end`: after everything. */
  readonly watermark: number | 'none' | 'end';
  /** The sending task that holds the watermark back, as `stage/partition`. Undefined for a source: its own rows do. */
  readonly heldBy: string | undefined;
  readonly stateEntries: number;
  /** An estimate from what was written last. */
  readonly stateBytes: number;
  /** Outputs that it still owes to logs and sinks. */
  readonly debts: number;
  readonly restarts: number;
  /** Why it waits or has stopped. */
  readonly error: Failure | undefined;
  readonly reason: StopReason | undefined;
  /** When it tries again. */
  readonly until: number | undefined;
  /** When it last committed. */
  readonly at: number | undefined;
}

/** What is read of tasks that are only looked at. */
export interface HeadPorts {
  readonly log: Pick<Log, 'topic' | 'bounds'>;
  readonly commits: Pick<CommitStore, 'head'>;
}

/**
 * Where every task of a run stands, upstream stages first. With `sources`, the opened sources by id, lag is known of them too. Stages are looked at one
 * after another, so that nothing can move on from one that is not looked at yet to one that was.
 */
export async function viewTasks(
  ports: HeadPorts,
  { record, plan }: StoredRun,
  sources?: ReadonlyMap<string, SourceLog>,
): Promise<readonly TaskView[]> {
  const views: TaskView[] = [];
  for (const tasks of Map.groupBy(record.tasks, ({ stage }) => stage).values()) {
    const ofStage = tasks.map(async (task) => {
      const head = await ports.commits.head(record.id, task);
      return viewOf(plan, task, head, await endOf(ports, plan, task, head, sources));
    });
    views.push(...(await Promise.all(ofStage)));
  }
  return views;
}

function viewOf(plan: Plan, task: TaskId, head: CommitHeader | undefined, end: number | undefined): TaskView {
  const { status } = head ?? {};
  const halted = status === undefined || status.kind === 'ok' ? undefined : status;
  const offset = head?.nextOffset ?? 0;
  const lag = end === undefined ? undefined : Math.max(0, end - offset);
  return {
    ...task,
    status: statusOf(head, lag),
    version: head?.version ?? -1,
    offset,
    end,
    lag,
    bytesLeft: lag === undefined ? head?.source?.ahead?.bytes : undefined,
    watermark: watermarkOf(head),
    heldBy: senderOf(plan, head),
    stateEntries: head?.stateEntries ?? 0,
    stateBytes: head?.stateBytes ?? 0,
    debts: head?.debts ?? 0,
    restarts: head?.restarts ?? 0,
    error: halted?.failure,
    reason: halted?.kind === 'stopped' ? halted.reason : undefined,
    until: halted?.kind === 'backoff' ? halted.until : undefined,
    at: head?.at,
  };
}

function statusOf(head: CommitHeader | undefined, lag: number | undefined): TaskView['status'] {
  if (head === undefined) return 'unborn';
  if (head.status.kind !== 'ok') return head.status.kind;
  const ended = head.source === undefined ? head.watermark === MAX_TIME && lag === 0 : head.source.done;
  return ended && head.debts === 0 && head.processingTimer === undefined ? 'done' : 'ok';
}

function watermarkOf(head: CommitHeader | undefined): TaskView['watermark'] {
  const watermark = head?.source === undefined ? head?.watermark : Math.max(head.watermark, head.source.watermark);
  if (watermark === undefined || watermark <= MIN_TIME) return 'none';
  return watermark >= MAX_TIME ? 'end' : watermark;
}

/** A channel is named `edge#task`; its sender is the edge's stage at that partition. */
function senderOf(plan: Plan, head: CommitHeader | undefined): string | undefined {
  const { heldBy } = head ?? {};
  if (heldBy === undefined || head?.watermark === MAX_TIME) return undefined;
  const at = heldBy.lastIndexOf('#');
  const edge = plan.edges.find(({ id }) => id === heldBy.slice(0, at));
  return edge === undefined ? heldBy : `${edge.from}/${heldBy.slice(at + 1)}`;
}

async function endOf(
  { log }: HeadPorts,
  plan: Plan,
  { stage, partition }: TaskId,
  head: CommitHeader | undefined,
  sources: ReadonlyMap<string, SourceLog> | undefined,
): Promise<number | undefined> {
  const planned = plan.stages.find(({ id }) => id === stage);
  if (planned === undefined) return undefined;
  if (planned.source !== undefined) {
    if (head?.source?.done === true) return head.nextOffset;
    const source = sources?.get(planned.source);
    if (source !== undefined) return (await source.bounds(partition)).end;
    const { end, bytes } = head?.source?.ahead ?? {};
    return bytes === 0 ? head?.nextOffset : end;
  }
  const topic = await log.topic(planned.topic);
  return topic === undefined ? undefined : (await log.bounds(topic, partition)).end;
}
