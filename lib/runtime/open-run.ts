/**
 * From a pipeline and ports to a run with its tasks: creates the run record once, or finds the one there is and checks that pipeline, inputs and topics still fit it.
 */
import { MillraceError, type TaskId, taskName } from '../model/index.ts';
import type { Pipeline } from '../pipeline/index.ts';
import type { Plan, StagePlan } from '../plan/index.ts';
import type { Connections, SinkHost, SourceLog, Topic } from '../ports/index.ts';
import { dataToJson, edgeTimesOf, type RunRecord } from '../protocol/index.ts';
import { deadLetterTopic } from './dead-letter.ts';
import { grownRun, growthOf, refuseFewer, refuseWriters, tasksOfStage } from './growth.ts';
import { birth } from './load.ts';
import { beginRun, newestRun, type TakeOptions, takeCode } from './run-records.ts';
import { RunTasks } from './run-tasks.ts';
import { Task } from './task.ts';
import { defaultLimits, type Limits, type TaskHost, type TaskPorts } from './task-host.ts';

export interface OpenOptions {
  readonly limits?: Partial<Limits>;
  /** Slots per task in the commit store's ring; fixed when the run is created. */
  readonly slots?: number;
  /** Whether state survives the process: what sinks are told. */
  readonly durable: boolean;
  /** Folder for what sources must keep (standard input), if there is one. */
  readonly spool?: string;
  /** What connectors may use, by name. */
  readonly connections?: Connections;
  readonly signal: AbortSignal;
  /** Names the run if one is created. */
  readonly runId: string;
  /**
   * Code that the run has had before is that older version again, there to finish what is still at it while another process brings newer code. Default: it is
   * new code once more.
   */
  readonly rejoinCode?: boolean;
  /** Number of the deployment that this process is of, where later ones have greater numbers: an earlier one's code does not take the place of a later one's. */
  readonly deployment?: number;
  /** Whether this process still counts as the one that works on its tasks; see `Assignment`. Default: always. */
  readonly isCurrent?: () => boolean;
}

/** A run, opened: its record, its sources and its tasks, upstream stages first. Both are as this process knows them now: ask anew after `grow`. */
export interface OpenRun {
  readonly record: RunRecord;
  readonly plan: Plan;
  readonly sources: ReadonlyMap<string, SourceLog>;
  readonly tasks: readonly Task[];
  /**
   * Gives partitions that sources have gained their tasks; returns those new to this process, which the host must call from then on. A controller's
   * round does so; a host that is asked for a task it does not know looks again by this. See `RunTasks.grow`.
   */
  grow(failed?: (stage: string, error: unknown) => void): Promise<readonly Task[]>;
  /** True if it was there before. */
  readonly resumed: boolean;
  /** How many times the run's code had changed with this one. */
  readonly codeVersion: number;
  /** Stages whose code changed since the run was last opened. */
  readonly changedStages: readonly string[];
  /** Closes sinks and sources, once. */
  close(): Promise<void>;
}

const SLOTS = 32;

const noConnections: Connections = new Map();

/** Opens the newest run of the pipeline, or creates one. Throws `incompatible` if the pipeline does not fit the run, `data-lost` if inputs or topics were replaced. */
export async function openRun(pipeline: Pipeline, ports: TaskPorts, options: OpenOptions): Promise<OpenRun> {
  const { plan } = pipeline;
  const sources = new Map<string, SourceLog>();
  try {
    for (const [id, definition] of pipeline.sources) {
      const host = {
        source: id,
        spool: options.spool === undefined ? undefined : `${options.spool}/${plan.pipeline}/${id}`,
        connections: options.connections ?? noConnections,
        signal: options.signal,
        clock: ports.clock,
      };
      sources.set(
        id,
        await definition.connector.open(host).catch((error: unknown) => {
          throw error instanceof MillraceError ? error.at({ source: id }) : error;
        }),
      );
    }
    const known = (await newestRun(ports.commits, plan.pipeline)) ?? (await refuseLostState(ports, plan));
    const { record: first, begun } =
      known === undefined ? await createRun(pipeline, ports, sources, options) : { record: known, begun: false };
    await noteRun(ports, first);
    const record = await grownRun(ports.commits, first);
    const topics = await topicsOf(plan, ports, record, sources);
    const { version, epochs, changed } = await takeCode(
      ports.commits,
      plan,
      first,
      takeOptions(options, ports.clock.now()),
    );
    const run = new RunTasks(
      {
        ...{ plan, record, sources },
        task: (task, partitions) =>
          new Task(taskHost(pipeline, ports, options, { record, partitions, topics, sources, epochs, task })),
      },
      ports,
    );
    await bearTasks(run.tasks, ports, first);
    await run.grow();
    let closed: Promise<void> | undefined;
    return {
      ...{ plan, sources, resumed: !begun, codeVersion: version, changedStages: changed },
      get record() {
        return run.record;
      },
      get tasks() {
        return run.tasks;
      },
      grow: (failed) => run.grow(failed),
      close: () => (closed ??= closeAll(run.tasks, sources)),
    };
  } catch (error) {
    await Promise.all([...sources.values()].map((source) => source.close()));
    throw error;
  }
}

const takeOptions = ({ rejoinCode = false, deployment }: OpenOptions, at: number): TakeOptions => ({
  ...{ rejoin: rejoinCode, at },
  ...(deployment === undefined ? {} : { by: deployment }),
});

async function closeAll(tasks: readonly Task[], sources: ReadonlyMap<string, SourceLog>): Promise<void> {
  try {
    await Promise.all(tasks.map((task) => task.forget()));
  } finally {
    await Promise.all([...sources.values()].map((source) => source.close()));
  }
}

/** Throws `state-lost` for a run known to the blob store alone: the commit store was emptied or is the wrong one. The run, if another process has just created it. */
async function refuseLostState({ blobs, commits }: TaskPorts, { pipeline }: Plan): Promise<RunRecord | undefined> {
  const [noted] = await blobs.list(`runs/${pipeline}/`);
  const created = noted === undefined ? undefined : await newestRun(commits, pipeline);
  if (noted === undefined || created !== undefined) return created;
  throw new MillraceError(
    'state-lost',
    `the blob store knows run ${noted.split('/').at(2)} of pipeline ${pipeline}, and the commit store does not`,
    {
      where: { pipeline },
      hint: 'the commit store was emptied or is another one; restore it, or remove both to start anew',
    },
  );
}

/**
 * Gives tasks without commits their first one. All that a run begins with are born before any of them works, and those of partitions gained before the run is
 * known to have them: so a run of which anything has happened has no such tasks.
 */
async function bearTasks(tasks: readonly Task[], ports: TaskPorts, record: RunRecord): Promise<void> {
  const headOf = (task: Task) => ports.commits.head(record.id, task.id);
  const heads = await Promise.all(tasks.map(headOf));
  const unborn = tasks.filter((_, i) => heads[i] === undefined);
  if (unborn.length === 0) return;
  const isGrown = tasks.length > record.tasks.length;
  const isBegun = isGrown || heads.some((head) => head !== undefined && head.version > 0);
  if (isBegun || (await hasWorked(tasks, ports, record))) {
    const now = await Promise.all(unborn.map(headOf));
    const lost = unborn.filter((_, i) => now[i] === undefined).map(({ id }) => taskName(id));
    if (lost.length === 0) return;
    throw new MillraceError(
      'state-lost',
      `run ${record.id} has worked, and the commits of these tasks are gone: ${lost.join(', ')}`,
      {
        where: { pipeline: record.pipeline },
        hint: 'the commit store was emptied or is another one; restore it, or start a new run',
      },
    );
  }
  for (const task of unborn) await birth(task.host);
}

/** Whether blobs or logs tell of the run. */
async function hasWorked(tasks: readonly Task[], { blobs, log }: TaskPorts, record: RunRecord): Promise<boolean> {
  if ((await blobs.list(`${record.id}/`)).length > 0) return true;
  for (const { host, id } of tasks) {
    if (host.topic === undefined) continue;
    const { messages, start } = await log.read(host.topic, id.partition, 0, { messages: 1, bytes: 1 });
    if (start > 0 || messages.some(({ message }) => message.run === record.id)) return true;
  }
  return false;
}

async function createRun(
  pipeline: Pipeline,
  ports: TaskPorts,
  sources: ReadonlyMap<string, SourceLog>,
  options: OpenOptions,
): Promise<{ readonly record: RunRecord; readonly begun: boolean }> {
  const { plan } = pipeline;
  const counts = new Map(plan.stages.map((stage) => [stage.id, stage.partitions]));
  for (const stage of plan.stages) {
    if (stage.source !== undefined) counts.set(stage.id, await partitionsOfSource(plan, stage, stage.source, sources));
    else counts.set(stage.id, forwardCount(plan, stage, counts));
  }
  const topics: Record<string, string> = {};
  for (const stage of plan.stages) {
    topics[stage.id] =
      stage.source === undefined
        ? (await ports.log.ensureTopic(stage.topic, counts.get(stage.id)!)).id
        : sources.get(stage.source)!.info.id;
  }
  const ends: Record<string, (number | undefined)[]> = {};
  const starts: Record<string, number[]> = {};
  for (const { id, source } of plan.stages) {
    if (source === undefined) continue;
    const log = sources.get(source)!;
    const begins: number[] = [];
    const stops: (number | undefined)[] = [];
    for (let p = 0; p < counts.get(id)!; p++) {
      const { start, end } = (await log.birth?.(p)) ?? { start: (await log.bounds(p)).start, end: undefined };
      begins.push(start);
      stops.push(end);
    }
    starts[source] = begins;
    if (stops.some((end) => end !== undefined)) ends[source] = stops;
  }
  return beginRun(ports.commits, {
    id: options.runId,
    pipeline: plan.pipeline,
    createdAt: ports.clock.now(),
    ...(options.deployment === undefined ? {} : { by: options.deployment }),
    slots: options.slots ?? SLOTS,
    plan,
    tasks: plan.stages.flatMap((stage): TaskId[] =>
      Array.from({ length: counts.get(stage.id)! }, (_, partition) => ({ stage: stage.id, partition })),
    ),
    topics,
    starts,
    ends,
  });
}

/** Notes the run in the blob store too, unless it is: its creation may have been cut short. */
async function noteRun({ blobs }: TaskPorts, { pipeline, id, createdAt }: RunRecord): Promise<void> {
  await blobs.create(`runs/${pipeline}/${id}`, new TextEncoder().encode(dataToJson({ id, createdAt })));
}

/** What the opened source says, refused where the plan counted on one partition for a sink with a single writer. */
async function partitionsOfSource(
  plan: Plan,
  stage: StagePlan,
  source: string,
  sources: ReadonlyMap<string, SourceLog>,
): Promise<number> {
  const log = sources.get(source)!;
  const growth = growthOf(log, source, {});
  const partitions = (await growth?.()) ?? log.info.partitions;
  refuseWriters(plan, stage, partitions, growth !== undefined);
  return partitions;
}

/** Tasks of a stage that takes its partitions from what is before it. */
function forwardCount(plan: Plan, stage: StagePlan, counts: ReadonlyMap<string, number>): number {
  const edges = plan.edges.filter((edge) => edge.to === stage.id);
  if (edges.length === 0 || edges.some((edge) => edge.partitioning.kind !== 'forward')) return stage.partitions;
  return Math.max(...edges.map((edge) => counts.get(edge.from) ?? 1));
}

async function topicsOf(
  plan: Plan,
  ports: TaskPorts,
  record: RunRecord,
  sources: ReadonlyMap<string, SourceLog>,
): Promise<ReadonlyMap<string, Topic>> {
  const topics = new Map<string, Topic>();
  await ports.log.ensureTopic(deadLetterTopic(plan.pipeline), 1);
  for (const stage of plan.stages) {
    const expected = record.topics[stage.id];
    if (stage.source !== undefined) {
      const log = sources.get(stage.source)!;
      const { id } = log.info;
      if (expected !== undefined && id !== expected) {
        throw new MillraceError('data-lost', `the data of source "${stage.source}" is not what the run began with`, {
          where: { pipeline: plan.pipeline, source: stage.source },
          hint: 'put the former data back, or start a new run (another data directory)',
        });
      }
      if (log.partitions === undefined)
        refuseFewer(plan, stage.source, log.info.partitions, tasksOfStage(record, stage.id));
      continue;
    }
    const topic = await ports.log.topic(stage.topic);
    if (expected !== undefined && topic?.id !== expected) {
      throw new MillraceError(
        'data-lost',
        `the topic ${stage.topic} ${topic === undefined ? 'is gone' : 'was deleted and created anew'}`,
        {
          where: { pipeline: plan.pipeline, stage: stage.id, topic: stage.topic },
          hint: 'records between stages were lost with it; start a new run',
        },
      );
    }
    topics.set(stage.id, topic ?? (await ports.log.ensureTopic(stage.topic, tasksOfStage(record, stage.id))));
  }
  return topics;
}

interface TaskParts {
  readonly record: RunRecord;
  readonly partitions: ReadonlyMap<string, number>;
  readonly topics: ReadonlyMap<string, Topic>;
  readonly sources: ReadonlyMap<string, SourceLog>;
  readonly epochs: Readonly<Record<string, number>>;
  readonly task: TaskId;
}

/** Everything one task works with. */
export function taskHost(
  pipeline: Pipeline,
  ports: TaskPorts,
  options: Pick<OpenOptions, 'limits' | 'durable' | 'connections' | 'isCurrent' | 'signal'>,
  parts: TaskParts,
): TaskHost {
  const { plan } = pipeline;
  const { task, record, partitions } = parts;
  const stage = plan.stages.find((s) => s.id === task.stage)!;
  const partitionsOf = (id: string): number => partitions.get(id) ?? 1;
  const log = stage.source === undefined ? undefined : parts.sources.get(stage.source);
  return {
    ...ports,
    run: record,
    task,
    plan,
    stage,
    code: pipeline,
    epoch: parts.epochs[stage.id] ?? 0,
    limits: { ...defaultLimits, ...options.limits },
    seed: seedOf(taskName(task)),
    signal: options.signal,
    isCurrent: options.isCurrent ?? (() => true),
    edgeTimes: edgeTimesOf(plan, stage.id),
    topic: parts.topics.get(stage.id),
    deadLetters: deadLetterTopic(plan.pipeline),
    source:
      stage.source === undefined || log === undefined
        ? undefined
        : {
            definition: pipeline.sources.get(stage.source)!,
            log,
            end: record.ends[stage.source]?.[task.partition],
            partitions: growthOf(log, stage.source, record.ends),
          },
    partitionsOf,
    sinkHost: (sink): SinkHost => ({
      sink,
      pipeline: plan.pipeline,
      run: record.id,
      task: task.partition,
      tasks: partitionsOf(stage.id),
      durable: options.durable,
      connections: options.connections ?? noConnections,
      clock: ports.clock,
      signal: options.signal,
    }),
  };
}

/** FNV-1a of a name. */
function seedOf(name: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  return hash;
}
