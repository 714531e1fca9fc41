/** The tasks of a run as far as this process knows them; more come when sources gain partitions. */
import type { TaskId } from '../model/index.ts';
import type { Plan, StagePlan } from '../plan/index.ts';
import type { SourceLog } from '../ports/index.ts';
import type { RunRecord } from '../protocol/index.ts';
import { grownRun, growthOf, refuseFewer, refuseWriters, tasksOfStage, withPartitions, writeGrowth } from './growth.ts';
import { birth } from './load.ts';
import type { Task } from './task.ts';
import type { TaskPorts } from './task-host.ts';

export interface RunTasksParts {
  readonly plan: Plan;
  /** With the partitions gained so far. */
  readonly record: RunRecord;
  readonly sources: ReadonlyMap<string, SourceLog>;
  /** Makes a task. `partitions` is how many tasks each stage has, now and at any later time. */
  task(id: TaskId, partitions: ReadonlyMap<string, number>): Task;
}

export class RunTasks {
  readonly #parts: RunTasksParts;
  readonly #ports: Pick<TaskPorts, 'commits'>;
  readonly #partitions = new Map<string, number>();
  #record: RunRecord;
  #tasks: readonly Task[];
  #extending: Promise<unknown> = Promise.resolve();

  constructor(parts: RunTasksParts, ports: Pick<TaskPorts, 'commits'>) {
    this.#parts = parts;
    this.#ports = ports;
    this.#record = parts.record;
    for (const { id } of parts.plan.stages) this.#partitions.set(id, tasksOfStage(parts.record, id));
    this.#tasks = parts.record.tasks.map((task) => parts.task(task, this.#partitions));
  }

  /** The run as it is now. */
  get record(): RunRecord {
    return this.#record;
  }

  /** Its tasks, upstream stages first; another list once there are more. */
  get tasks(): readonly Task[] {
    return this.#tasks;
  }

  /**
   * Looks how many partitions sources have, and gives each that was gained a task. Those that are new to this process are returned; others may have
   * seen and born them before. May be called at any time, by several processes at once.
   *
   * Throws what a source throws; `data-lost` if one has lost partitions, `invalid-pipeline` if its own stage must have one task. With `failed`, that is
   * told instead, with the stage, and the other sources are looked at all the same.
   */
  async grow(failed?: (stage: string, error: unknown) => void): Promise<readonly Task[]> {
    const gained: Task[] = [];
    for (const stage of this.#parts.plan.stages) {
      try {
        gained.push(...(await this.#growStage(stage)));
      } catch (error) {
        if (failed === undefined) throw error;
        failed(stage.id, error);
      }
    }
    return gained;
  }

  async #growStage(stage: StagePlan): Promise<readonly Task[]> {
    const { plan, sources } = this.#parts;
    const log = stage.source === undefined ? undefined : sources.get(stage.source);
    const count = log === undefined ? undefined : growthOf(log, stage.source!, this.#record.ends);
    if (log === undefined || count === undefined) return [];
    const known = this.#partitions.get(stage.id) as number;
    const partitions = await count();
    refuseFewer(plan, stage.source!, partitions, known);
    return partitions > known ? this.#alone(() => this.#extend(stage, log, partitions)) : [];
  }

  /** Extends one after another, each from what the one before has left. */
  #alone<T>(extend: () => Promise<T>): Promise<T> {
    const extended = this.#extending.then(extend);
    this.#extending = extended.catch(() => {});
    return extended;
  }

  /** To so many partitions, if it has not come to that meanwhile. Births first, then writes down that they are: only then does any of the new tasks work. */
  async #extend(stage: StagePlan, log: SourceLog, partitions: number): Promise<readonly Task[]> {
    const { plan, task } = this.#parts;
    if (partitions <= this.#partitions.get(stage.id)!) return [];
    refuseWriters(plan, stage, partitions, true);
    const born = tasksOfStage(await grownRun(this.#ports.commits, this.#record), stage.id);
    const drained = await this.#isDrained(stage);
    const record = withPartitions(this.#record, stage.id, partitions);
    const tasks = record.tasks.map((id) => this.#find(id) ?? task(id, this.#partitions));
    const gained = tasks.filter((each) => !this.#tasks.includes(each));
    for (const { host, id } of gained) {
      if (id.partition < born) continue;
      const { start } = await log.bounds(id.partition);
      await birth(host, { start, drainTo: drained ? start : undefined });
    }
    if (partitions > born) await writeGrowth(this.#ports.commits, record, stage.id, partitions);
    this.#partitions.set(stage.id, partitions);
    this.#record = record;
    this.#tasks = tasks;
    return gained;
  }

  /** Whether the source's end was fixed where it stood: a partition gained after that has nothing to say but its end. */
  async #isDrained(stage: StagePlan): Promise<boolean> {
    const known = this.#tasks.filter(({ id }) => id.stage === stage.id);
    const heads = await Promise.all(known.map(({ id }) => this.#ports.commits.head(this.#record.id, id)));
    return heads.some((head) => head?.source?.drainTo !== undefined);
  }

  #find({ stage, partition }: TaskId): Task | undefined {
    return this.#tasks.find(({ id }) => id.stage === stage && id.partition === partition);
  }
}
