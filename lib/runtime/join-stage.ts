/** One stage of a run that others have opened, for a process that works on that stage alone: nothing is created, and nothing of other stages is opened. */
import { MillraceError, type TaskId } from '../model/index.ts';
import type { Pipeline } from '../pipeline/index.ts';
import { comparePlans, type Plan, type StagePlan } from '../plan/index.ts';
import type { CommitStore, Connections, SourceLog, Topic } from '../ports/index.ts';
import type { RunRecord } from '../protocol/index.ts';
import { grownRun } from './growth.ts';
import { taskHost } from './open-run.ts';
import { codeVersions } from './run-records.ts';
import { RunTasks } from './run-tasks.ts';
import { Task } from './task.ts';
import type { Limits, TaskHost, TaskPorts } from './task-host.ts';

/** Which stage, and as what. */
export interface StageInRun {
  readonly run: RunRecord;
  readonly stage: string;
  /** The version of the stage's code that this is, one of `epochsWithCode`. */
  readonly epoch: number;
}

export interface JoinOptions {
  readonly limits?: Partial<Limits>;
  /** What connectors may use, by name. */
  readonly connections?: Connections;
  /** Asked at each step: aborted when calls to the outside are to end, and their step with nothing applied. */
  signalOf(task: TaskId): AbortSignal;
  /** Asked after a source's rows are read: whether nobody can have handed the task over before that. See `TaskHost.isCurrent`. */
  isCurrent(task: TaskId): boolean;
}

/** A stage's tasks, as this process knows them now: ask anew after `grow`. */
export interface JoinedStage {
  readonly run: RunRecord;
  readonly stage: StagePlan;
  readonly epoch: number;
  /** The task of a partition; undefined if the run has none for it, as far as known. */
  task(partition: number): Task | undefined;
  /** Looks for partitions that the stage's source has gained. See `RunTasks.grow`. */
  grow(): Promise<void>;
  close(): Promise<void>;
}

/**
 * At which versions of a stage's code the run had, or has, the code that this plan has for it, ascending; none while nobody has brought the plan into the
 * run. What other stages run is of no concern, as long as the plans fit together.
 */
export async function epochsWithCode(
  commits: Pick<CommitStore, 'createRecord' | 'records'>,
  run: RunRecord,
  plan: Plan,
  stage: string,
): Promise<readonly number[]> {
  const epochs = new Set<number>();
  for (const version of await codeVersions(commits, run)) {
    const { compatible, changedStages } = comparePlans(version.plan, plan);
    if (compatible && !changedStages.includes(stage)) epochs.add(version.epochs[stage] ?? 0);
  }
  return [...epochs].sort((a, b) => a - b);
}

/** Joins. Throws `data-lost` where the stage's source or topic is not the one that the run began with, and what opening the source throws. */
export async function joinStage(
  pipeline: Pipeline,
  ports: TaskPorts,
  { run: begun, stage: id, epoch }: StageInRun,
  options: JoinOptions,
): Promise<JoinedStage> {
  const { plan } = pipeline;
  const stage = plan.stages.find((each) => each.id === id);
  if (stage === undefined) {
    throw new MillraceError('incompatible', `pipeline ${plan.pipeline} has no stage ${id}`, {
      where: { pipeline: plan.pipeline, stage: id },
      hint: 'deploy code and settings together',
    });
  }
  const closing = new AbortController();
  const source = stage.source;
  const [run, topic, log] = await Promise.all([
    grownRun(ports.commits, begun),
    source === undefined ? ports.log.topic(stage.topic) : undefined,
    source === undefined ? undefined : openSource(pipeline, source, ports, options, closing.signal),
  ]);
  try {
    refuseOther(plan, stage, begun.topics[id], topic?.id ?? log?.info.id);
    const sources = new Map(log === undefined || source === undefined ? [] : [[source, log]]);
    const topics = new Map<string, Topic>(topic === undefined ? [] : [[id, topic]]);
    const tasks = new RunTasks(
      {
        ...{ plan, sources, record: run },
        task: (task, partitions) =>
          new Task(
            heldBy(
              taskHost(
                pipeline,
                ports,
                { ...options, durable: true, isCurrent: () => options.isCurrent(task), signal: closing.signal },
                { ...{ record: run, partitions, topics, sources, task }, epochs: { [id]: epoch } },
              ),
              options,
            ),
          ),
      },
      ports,
    );
    const own = (): readonly Task[] => tasks.tasks.filter((task) => task.id.stage === id);
    return {
      ...{ stage, epoch },
      get run() {
        return tasks.record;
      },
      task: (partition) => own().find((task) => task.id.partition === partition),
      grow: async () => void (await tasks.grow()),
      close: async () => {
        closing.abort();
        await Promise.all(own().map((task) => task.forget()));
        await log?.close();
      },
    };
  } catch (error) {
    await log?.close();
    throw error;
  }
}

/** The host, with the signal of whatever step asks. */
function heldBy(host: TaskHost, { signalOf }: JoinOptions): TaskHost {
  return {
    ...host,
    get signal() {
      return signalOf(host.task);
    },
  };
}

async function openSource(
  pipeline: Pipeline,
  source: string,
  { clock }: TaskPorts,
  { connections = new Map() }: JoinOptions,
  signal: AbortSignal,
): Promise<SourceLog> {
  try {
    return await pipeline.sources.get(source)!.connector.open({ source, spool: undefined, connections, clock, signal });
  } catch (error) {
    throw error instanceof MillraceError ? error.at({ source }) : error;
  }
}

function refuseOther(plan: Plan, stage: StagePlan, expected: string | undefined, found: string | undefined): void {
  if (found !== undefined && (expected === undefined || expected === found)) return;
  const what = stage.source === undefined ? `the topic ${stage.topic}` : `the data of source "${stage.source}"`;
  throw new MillraceError(
    'data-lost',
    `${what} ${found === undefined ? 'is gone' : 'is not what the run began with'}`,
    {
      where: { pipeline: plan.pipeline, stage: stage.id },
      hint: 'put the former data back, or start a new run',
    },
  );
}
