import { type Duration, MillraceError, taskName } from '../../model/index.ts';
import { Controller, type OpenRun, type TaskPorts } from '../../runtime/index.ts';
import { wakeName } from './wakeups.ts';

/** Carries out the pump's rounds for the tasks of one process. */
export class Pump {
  readonly #open: OpenRun;
  readonly #controller: Controller;
  /** Until when the next round can wait, if that is known. */
  next: number | undefined;

  constructor(open: OpenRun, ports: TaskPorts, skew: Duration) {
    this.#open = open;
    this.#controller = new Controller(open, ports, { skew, grace: 0 as Duration });
  }

  /** One round; names of the loops to wake. Throws if a task's log is not what it has read so far. */
  async round(): Promise<readonly string[]> {
    const { rings, stops, next } = await this.#controller.round();
    const [stop] = stops;
    if (stop !== undefined) {
      throw new MillraceError(
        stop.reason === 'state-lost' ? 'state-lost' : 'data-lost',
        `task ${taskName(stop.task)}: ${stop.message}`,
        { where: { ...stop.task } },
      );
    }
    this.next = next;
    return rings.map(({ task }) => {
      const stage = this.#open.plan.stages.find((s) => s.id === task.stage)!;
      return stage.source === undefined ? wakeName(stage.topic, task.partition) : taskName(task);
    });
  }
}
