/**
 * Partitions that a source gains while a run lives: what is written down of them, and who may gain any.
 *
 * 1. A task is born before the run is known to have it, and works only after: one that the run has and that has no commits has lost them.
 * 2. What is written is a name alone, the same whoever writes it, so that it needs no condition; the greatest number counts.
 */
import { MillraceError } from '../model/index.ts';
import type { Plan, StagePlan } from '../plan/index.ts';
import type { CommitStore, SourceLog } from '../ports/index.ts';
import type { RunRecord } from '../protocol/index.ts';

/** Where a run's growth is written down: names of records begin with it. */
export const growthPrefix = ({ id }: RunRecord): string => `growth/${id}/`;

/** How to ask a source how many partitions it has now; undefined where it keeps those of its run: it cannot gain any, or its end is fixed. */
export function growthOf(log: SourceLog, source: string, ends: RunRecord['ends']): (() => Promise<number>) | undefined {
  if (log.partitions === undefined || log.info.bounded || ends[source] !== undefined) return undefined;
  return () => log.partitions!();
}

/** The run with the tasks of all partitions that its sources are known to have gained. */
export async function grownRun(commits: Pick<CommitStore, 'records'>, record: RunRecord): Promise<RunRecord> {
  const records = await commits.records(record.pipeline, growthPrefix(record));
  return withGrowth(
    record,
    records.map(({ name }) => name),
  );
}

/** The run with what names of records say of its growth. */
export function withGrowth(record: RunRecord, names: readonly string[]): RunRecord {
  const prefix = growthPrefix(record);
  let grown = record;
  for (const name of names) {
    if (!name.startsWith(prefix)) continue;
    const [, partitions, stage] = /^(\d+)\/(.*)$/.exec(name.slice(prefix.length)) ?? [];
    if (stage !== undefined) grown = withPartitions(grown, stage, Number(partitions));
  }
  return grown;
}

/** Writes down that a source's stage has so many tasks, all born. */
export async function writeGrowth(
  commits: Pick<CommitStore, 'createRecord'>,
  record: RunRecord,
  stage: string,
  partitions: number,
): Promise<void> {
  await commits.createRecord(record.pipeline, `${growthPrefix(record)}${partitions}/${stage}`, null);
}

/** The run with at least so many tasks of a stage; those of a stage stand together. */
export function withPartitions(record: RunRecord, stage: string, partitions: number): RunRecord {
  const known = tasksOfStage(record, stage);
  if (partitions <= known) return record;
  const last = record.tasks.findLastIndex((task) => task.stage === stage);
  const more = Array.from({ length: partitions - known }, (_, i) => ({ stage, partition: known + i }));
  return { ...record, tasks: record.tasks.toSpliced(last + 1, 0, ...more) };
}

export const tasksOfStage = (record: RunRecord, stage: string): number =>
  record.tasks.filter((task) => task.stage === stage).length;

/** Throws `invalid-pipeline` for a source of several partitions, or which may gain some, whose own stage writes a sink that must have one writer. */
export function refuseWriters(plan: Plan, stage: StagePlan, partitions: number, grows: boolean): void {
  const sink = plan.nodes.find((node) => node.kind === 'sink' && node.single && stage.nodes.includes(node.id));
  if (sink === undefined || (partitions <= 1 && !grows)) return;
  const has = partitions > 1 ? `has ${partitions} partitions` : 'may gain partitions';
  throw new MillraceError(
    'invalid-pipeline',
    `source "${stage.source}" ${has}, and sink "${sink.id}" must have a single writer`,
    {
      where: {
        pipeline: plan.pipeline,
        ...(stage.source === undefined ? {} : { source: stage.source }),
        sink: sink.id,
      },
      hint:
        partitions > 1
          ? "let the connector announce its number in options.partitions, or write one file for each task ('{task}' in the path)"
          : "let the connector announce no number in options.partitions, so that records are gathered, or write one file for each task ('{task}' in the path)",
    },
  );
}

/** Throws `data-lost` if a source has fewer partitions than the run has tasks for. */
export function refuseFewer(plan: Plan, source: string, partitions: number, known: number): void {
  if (partitions >= known) return;
  throw new MillraceError('data-lost', `source "${source}" had ${known} partitions, and has ${partitions}`, {
    where: { pipeline: plan.pipeline, source },
    hint: 'put the former data back, or start a new run',
  });
}
