/**
 * What a worker does when newer code of its run is there: it hands its sources over, goes on with each changed stage's tasks up to where the newer code takes
 * over, and is superseded when nothing is left that only it can do. Tasks of stages that have not changed are everybody's.
 */
import type { Duration } from '../../model/index.ts';
import type { Clock, CommitStore } from '../../ports/index.ts';
import { type CodeInForce, newestCode, type OpenRun } from '../../runtime/index.ts';
import type { TaskLoop } from './task-loop.ts';

const PERIOD = 50 as Duration;

export class CodeWatch {
  readonly #open: OpenRun;
  readonly #commits: CommitStore;
  readonly #loops: () => Iterable<TaskLoop>;
  #newer: Pick<CodeInForce, 'version' | 'epochs'> | undefined;

  /** `loops`: those of the worker, as they are. */
  constructor(open: OpenRun, commits: CommitStore, loops: () => Iterable<TaskLoop>) {
    this.#open = open;
    this.#commits = commits;
    this.#loops = loops;
  }

  /** Whether newer code is known. */
  get isOld(): boolean {
    return this.#newer !== undefined;
  }

  /** Looks whether there is newer code, and if so hands over. Whether nothing is left that only this code can do. */
  async look(): Promise<boolean> {
    const { record, codeVersion, tasks } = this.#open;
    const newest = await newestCode(this.#commits, record);
    if (newest.version <= codeVersion) return false;
    this.#newer = newest;
    for (const loop of this.#changed) loop.handOver(newest.epochs[loop.task.id.stage] as number);
    if (this.#changed.some(({ state }) => state.kind !== 'newer-code')) return false;
    const changed = tasks.filter(({ id, host }) => (newest.epochs[id.stage] ?? 0) > host.epoch);
    const heads = await Promise.all(changed.map(({ id }) => this.#commits.head(record.id, id)));
    return heads.every((head) => head !== undefined && head.epoch >= (newest.epochs[head.task.stage] ?? 0));
  }

  /** Waits, in bounded time, until the worker's tasks have come to where the newer code takes over. */
  async servePast(clock: Clock, patience: Duration): Promise<void> {
    const end = clock.now() + patience;
    const isThrough = ({ state }: TaskLoop): boolean => state.kind === 'newer-code' || state.kind === 'stopped';
    while (clock.now() < end && !this.#changed.every(isThrough)) await clock.sleep(PERIOD);
  }

  /** Loops of stages that are other in the newer code. */
  get #changed(): readonly TaskLoop[] {
    const epochs = this.#newer?.epochs ?? {};
    return [...this.#loops()].filter(({ task }) => (epochs[task.id.stage] ?? 0) > task.host.epoch);
  }
}
