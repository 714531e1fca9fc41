/** The processes of a simulation, each with its own tasks and caches; they die and are replaced. */
import { type Duration, MillraceError, type TaskId, taskName } from '../../model/index.ts';
import type { Pipeline } from '../../pipeline/index.ts';
import type { SinkConnector, SourceConnector, SourceLog, Telemetry, Topic } from '../../ports/index.ts';
import type { RunRecord } from '../../protocol/index.ts';
import {
  Controller,
  growthPrefix,
  openRun,
  RunTasks,
  Task,
  type TaskPorts,
  taskHost,
  withGrowth,
} from '../../runtime/index.ts';
import { groupPorts } from './group-ports.ts';
import { simPorts } from './sim-ports.ts';
import { SimProcess } from './sim-process.ts';
import { simSinkConnector } from './sim-sink.ts';
import { simSourceLog } from './sim-source.ts';
import { SimStepGroup } from './sim-step-group.ts';
import { WatchedSources } from './watched-sources.ts';
import type { World } from './world.ts';

/** One version of the code, deployed. */
export interface Deployment {
  readonly version: number;
  /** The run as it began. */
  readonly record: RunRecord;
  readonly epochs: Readonly<Record<string, number>>;
  readonly topics: ReadonlyMap<string, Topic>;
}

/** A process that runs one version of the code. */
export interface Worker {
  readonly process: SimProcess;
  readonly version: number;
  readonly ports: TaskPorts;
  /** Undefined for one that the process does not know yet. */
  task(id: TaskId): Task | undefined;
  /** Looks again for one that it does not know. Throws `unavailable` if it is still not there. */
  find(id: TaskId): Promise<Task>;
  /** Looks for partitions that sources have gained. */
  grow(): Promise<unknown>;
  /** Whether a source's task is to stand still; never unless tasks look. */
  isHeld(task: Task): Promise<boolean>;
  readonly controller: Controller;
}

const silent: Telemetry = { count() {}, gauge() {}, observe() {}, log() {} };

export class Fleet {
  readonly world: World;
  readonly pipelines: readonly Pipeline[];
  readonly deployments: Deployment[] = [];
  /** Where sources' tasks go over to which epoch, by task. */
  readonly handOvers = new Map<string, { readonly at: number; readonly epoch: number }[]>();
  readonly #workers: Worker[] = [];
  /** Tasks of sources go by what they see in the run's records. */
  readonly looks: boolean;
  #born = 0;

  constructor(world: World, pipelines: readonly Pipeline[], looks: boolean) {
    this.world = world;
    this.pipelines = pipelines;
    this.looks = looks;
  }

  /** The run with all tasks it is known to have by now. */
  get record(): RunRecord {
    const { record } = this.deployments[0]!;
    const grown = this.world.commits.records(growthPrefix(record));
    return withGrowth(
      record,
      grown.map(({ name }) => name),
    );
  }

  /** Whether a source gains partitions. */
  get grows(): boolean {
    return [...this.world.sources.values()].some(({ spec }) => spec.since !== undefined);
  }

  get clockSkew(): Duration {
    return (2 * this.world.sizes.deviation) as Duration;
  }

  /** Which epoch a version's code is of a stage. */
  epochOf(version: number, stage: string): number {
    return this.deployments[version]?.epochs[stage] ?? 0;
  }

  /** Opens the run with a version's code, again and again until it succeeds. */
  async deploy(version: number): Promise<void> {
    const { world } = this;
    for (;;) {
      const process = this.#process();
      const ports = this.#ports(process, version);
      const opening = openRun(this.#bound(version, process), ports, {
        runId: 'run',
        slots: world.sizes.slots,
        limits: this.#limits(),
        durable: true,
        signal: new AbortController().signal,
      });
      const open = await this.within(
        60_000,
        opening.catch((error: unknown) => (error instanceof Error ? error : new Error(String(error)))),
      );
      // Stores that a process has for itself are the next one's only after its end.
      if (world.sizes.flushEvery !== undefined) process.crash('after opening the run');
      if (open instanceof MillraceError && !open.retry) throw open;
      if (open instanceof Error || open === undefined) continue;
      const topics = new Map<string, Topic>();
      for (const { host } of open.tasks) if (host.topic !== undefined) topics.set(host.stage.id, host.topic);
      const epochs = Object.fromEntries(open.tasks.map(({ host }) => [host.stage.id, host.epoch]));
      const record = world.commits.runs().find(({ id }) => id === open.record.id)!;
      this.deployments.push({ version, record, epochs, topics });
      return;
    }
  }

  /** What a promise comes to, or undefined if it has not within a span of simulated time. */
  within<T>(span: number, promise: Promise<T>): Promise<T | undefined> {
    return Promise.race([
      promise,
      new Promise<undefined>((resolve) => this.world.schedule.after(span, () => resolve(undefined))),
    ]);
  }

  /** A living worker with a version of the code: mostly one that is there, sometimes a new one. */
  worker(version: number, other?: Worker): Worker {
    const { world } = this;
    const alive = this.#workers.filter((w) => w.version === version && w.process.alive && w !== other);
    if (alive.length < world.sizes.processes) {
      const worker = this.#start(version);
      this.#workers.push(worker);
      alive.push(worker);
    }
    return alive[world.random.below(alive.length)]!;
  }

  /** Living workers, of all versions. */
  get workers(): readonly Worker[] {
    return this.#workers.filter((w) => w.process.alive);
  }

  #start(version: number): Worker {
    const process = this.#process();
    const ports = this.#ports(process, version);
    const pipeline = this.#bound(version, process);
    const { record, epochs, topics } = this.deployments[version]!;
    const grown = this.record;
    const knowsGrowth = grown.tasks.length > record.tasks.length && process.random.next() < 0.5;
    const sources = new Map<string, SourceLog>();
    for (const [id, stored] of this.world.sources) sources.set(id, simSourceLog(stored, process));
    const options = { limits: this.#limits(), durable: true, signal: new AbortController().signal };
    const watched = this.looks ? new WatchedSources(ports, record) : undefined;
    const run = new RunTasks(
      {
        ...{ plan: pipeline.plan, record: knowsGrowth ? grown : record, sources },
        task: (task, partitions) => {
          const isCurrent = (): boolean => watched?.isCurrent(task) ?? true;
          const known = { record, partitions, topics, sources, epochs, task };
          const made = new Task(taskHost(pipeline, ports, { ...options, isCurrent }, known));
          watched?.add(made);
          return made;
        },
      },
      ports,
    );
    const task = ({ stage, partition }: TaskId): Task | undefined =>
      run.tasks.find(({ id }) => id.stage === stage && id.partition === partition);
    const find = async (id: TaskId): Promise<Task> => {
      if (task(id) === undefined) await run.grow();
      const found = task(id);
      if (found === undefined) throw new MillraceError('unavailable', `${process.name} knows no task ${taskName(id)}`);
      return found;
    };
    const controller = new Controller(
      {
        ...{ record, plan: pipeline.plan, sources },
        get tasks() {
          return run.tasks;
        },
        grow: () => run.grow(),
      },
      ports,
      { skew: this.clockSkew, grace: 0 as Duration },
    );
    this.world.tell(process.name, `starts, code version ${version}, clock ${process.skew} ms ahead`);
    const isHeld = async (of: Task): Promise<boolean> => (await watched?.isHeld(of)) ?? false;
    return { process, version, ports, task, find, grow: () => run.grow(), isHeld, controller };
  }

  #process(): SimProcess {
    const { world } = this;
    return new SimProcess(`p${++this.#born}`, world.sizes.deviation, {
      schedule: world.schedule,
      dice: world.dice,
      random: world.random.fork(),
      tell: world.tell,
    });
  }

  #ports(process: SimProcess, version: number): TaskPorts {
    const ports = simPorts(this.world, process, version, silent);
    const { flushEvery } = this.world.sizes;
    if (flushEvery === undefined) return ports;
    return groupPorts(this.world, process, version, new SimStepGroup(this.world, process, flushEvery, version), ports);
  }

  #limits() {
    const { batchMessages, sourceRows, inlineBytes } = this.world.sizes;
    return { batchMessages, sourceRows, inlineBytes, clockSkew: this.clockSkew };
  }

  /** The pipeline with connectors whose calls are the process's. */
  #bound(version: number, process: SimProcess): Pipeline {
    const pipeline = this.pipelines[version]!;
    const sources = new Map(
      [...pipeline.sources].map(([id, source]) => {
        const stored = this.world.sources.get(id);
        if (stored === undefined) throw new RangeError(`the simulation has no rows for source "${id}"`);
        const open = async () => simSourceLog(stored, process);
        return [id, { ...source, connector: { ...source.connector, open } as SourceConnector<unknown> }] as const;
      }),
    );
    const sinks = new Map(
      [...pipeline.sinks].map(([id, { connector }]) => {
        const simulated = simSinkConnector(id, this.world.sink(id), process, connector);
        return [id, { connector: { ...connector, ...simulated } as SinkConnector<unknown> }] as const;
      }),
    );
    return { ...pipeline, sources, sinks };
  }
}
