/** A function's stage in the pipeline's run, at each version of the code that its own code is: a change that was taken back makes one code two versions. */
import { seconds, type TaskId } from '../lib/model/index.ts';
import type { Pipeline } from '../lib/pipeline/index.ts';
import type { RunRecord } from '../lib/protocol/index.ts';
import { epochsWithCode, type JoinedStage, joinStage, newestRun, SourceWatch } from '../lib/runtime/index.ts';
import { CLOCK_SKEW } from './clocks.ts';
import type { Connections } from './ports.ts';
import { StageTask } from './stage-task.ts';

interface Joined {
  readonly stage: JoinedStage;
  readonly tasks: Map<number, StageTask>;
}

const never = new AbortController().signal;

/** Of which run, and which versions of the stage's code, this code is; ascending, one at least. */
interface Known {
  readonly run: RunRecord;
  readonly epochs: readonly [number, ...number[]];
}

/** How long nobody is asked again whether this code is a version that it was not. */
const LOOK_PERIOD = seconds(5);

export class StageRun {
  readonly connections: Connections;
  readonly stage: string;
  readonly #pipeline: Pipeline;
  readonly #joined = new Map<number, Promise<Joined>>();
  #known: Known | undefined;
  #lookedAt = Number.NEGATIVE_INFINITY;
  #looking: Promise<Known | undefined> | undefined;
  #watch: SourceWatch | undefined;

  constructor(pipeline: Pipeline, connections: Connections, stage: string) {
    this.#pipeline = pipeline;
    this.connections = connections;
    this.stage = stage;
  }

  /** The run; undefined while there is none of which this is the code: the controller creates it, and brings new code into it. */
  async run(): Promise<RunRecord | undefined> {
    return (this.#known ?? (await this.#look()))?.run;
  }

  /** The task of a partition at the newest version of this code, or at a given one; undefined where the run has none for it, or the code is not that. */
  async task(partition: number, epoch?: number): Promise<StageTask | undefined> {
    const at = epoch === undefined ? this.#known?.epochs.at(-1) : await this.#has(epoch);
    if (at === undefined) return undefined;
    const { stage, tasks } = await this.#join(at);
    const found = stage.task(partition);
    const known = tasks.get(partition);
    if (known !== undefined || found === undefined) return known;
    const task = new StageTask(found, stage.stage.source === undefined ? undefined : this.#watch);
    tasks.set(partition, task);
    return task;
  }

  /** Looks for partitions that the stage's source has gained; whether it may gain any. */
  async grow(): Promise<boolean> {
    const at = this.#known?.epochs.at(-1);
    if (at === undefined) return false;
    const { stage } = await this.#join(at);
    await stage.grow();
    return stage.stage.source !== undefined;
  }

  async #has(epoch: number): Promise<number | undefined> {
    const has = (): boolean => this.#known?.epochs.includes(epoch) === true;
    const isDue = this.connections.ports.clock.now() - this.#lookedAt > LOOK_PERIOD;
    if (!has() && (isDue || this.#looking !== undefined)) await this.#look();
    return has() ? epoch : undefined;
  }

  /** One look at a time, for all who want one. */
  #look(): Promise<Known | undefined> {
    this.#looking ??= this.#lookUp().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  async #lookUp(): Promise<Known | undefined> {
    const { commits, clock } = this.connections.ports;
    const { plan } = this.#pipeline;
    this.#lookedAt = clock.now();
    const run = await newestRun(commits, plan.pipeline);
    const [first, ...rest] = run === undefined ? [] : await epochsWithCode(commits, run, plan, this.stage);
    if (run !== undefined && first !== undefined) this.#known = { run, epochs: [first, ...rest] };
    return this.#known;
  }

  /** Joins once; again where that failed. */
  #join(epoch: number): Promise<Joined> {
    const known = this.#joined.get(epoch);
    if (known !== undefined) return known;
    const joined = this.#joinAt(epoch);
    this.#joined.set(epoch, joined);
    joined.catch(() => this.#joined.delete(epoch));
    return joined;
  }

  async #joinAt(epoch: number): Promise<Joined> {
    const { ports, lent } = this.connections;
    const run = this.#known!.run;
    this.#watch ??= new SourceWatch(ports, run, this.stage);
    const tasks = new Map<number, StageTask>();
    const of = ({ partition }: TaskId): StageTask | undefined => tasks.get(partition);
    const stage = await joinStage(
      this.#pipeline,
      ports,
      { run, stage: this.stage, epoch },
      {
        ...(lent === undefined ? {} : { connections: lent }),
        limits: { clockSkew: CLOCK_SKEW, awaitsSnapshots: true },
        signalOf: (task) => of(task)?.signal ?? never,
        isCurrent: (task) => of(task)?.isCurrent ?? false,
      },
    );
    return { stage, tasks };
  }
}
