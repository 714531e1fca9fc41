/** What a worker looks for from time to time: what was said of its run, and whether the run is known at all. */
import { taskName } from '../../model/index.ts';
import { newestRun, noteBegun, type OpenRun, readControl, type TaskPorts } from '../../runtime/index.ts';
import type { JoinedRun } from './join-run.ts';
import type { TaskLoop } from './task-loop.ts';

export class RunWatch {
  readonly #open: OpenRun;
  readonly #ports: Pick<TaskPorts, 'commits' | 'clock'>;
  readonly #loops: () => Iterable<TaskLoop>;
  #isPaused: boolean;

  /** `loops`: those of the worker, as they are. */
  constructor(
    { open, paused }: JoinedRun,
    ports: Pick<TaskPorts, 'commits' | 'clock'>,
    loops: () => Iterable<TaskLoop>,
  ) {
    this.#open = open;
    this.#isPaused = paused;
    this.#ports = ports;
    this.#loops = loops;
  }

  /** Whether sources are to take in nothing, as far as it knows: what a task is told before it begins. */
  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** Tells the worker's tasks what was said of them, and that they must stop where the run is not known any more. Whether the run is over. */
  async look(): Promise<boolean> {
    const { commits, clock } = this.#ports;
    const { record } = this.#open;
    const { begun, drain, over, pausedAt, stops } = await readControl(commits, record);
    if (!begun) {
      if ((await newestRun(commits, record.pipeline)) === undefined) {
        this.#stopAll();
        return false;
      }
      await noteBegun(commits, record, clock.now());
    }
    this.#isPaused = pausedAt !== undefined;
    for (const loop of this.#loops()) {
      const stop = stops.get(taskName(loop.task.id));
      if (stop !== undefined) loop.halt(stop);
      if (drain) loop.drain();
      loop.pause(this.#isPaused);
    }
    return over;
  }

  /** Where the store was emptied nothing may go on as if commits could still be found there, also not a task that would only notice when its slots come round. */
  #stopAll(): void {
    const { pipeline, id } = this.#open.record;
    const message = `run ${id} of pipeline ${pipeline} is not known to the commit store any more`;
    for (const loop of this.#loops()) loop.halt({ task: loop.task.id, reason: 'state-lost', message });
  }
}
