import { type Duration, MillraceError, taskName } from '../../model/index.ts';
import type { Clock } from '../../ports/index.ts';
import type { Stop } from '../../protocol/index.ts';
import { Controller, type OpenRun, type TaskPorts } from '../../runtime/index.ts';
import { wakeName } from './wakeups.ts';

/** How often what was sent is held against what has arrived. */
const AUDIT_PERIOD = 3_600_000;

/** Carries out the pump's rounds for the tasks of one process. */
export class Pump {
  readonly #open: OpenRun;
  readonly #controller: Controller;
  readonly #clock: Clock;
  #auditAt: number;
  /** Until when the next round can wait, if that is known. */
  next: number | undefined;

  constructor(open: OpenRun, ports: TaskPorts, skew: Duration) {
    this.#open = open;
    this.#controller = new Controller(open, ports, { skew, grace: 0 as Duration });
    this.#clock = ports.clock;
    this.#auditAt = ports.clock.now() + AUDIT_PERIOD;
  }

  /** One round; names of the loops to wake. Throws if a task's log is not what it has read so far. */
  async round(): Promise<readonly string[]> {
    const { rings, stops, next } = await this.#controller.round();
    refuse(stops);
    if (this.#clock.now() >= this.#auditAt) await this.audit();
    this.next = next;
    return rings.map(({ task }) => {
      const stage = this.#open.plan.stages.find((s) => s.id === task.stage)!;
      return stage.source === undefined ? wakeName(stage.topic, task.partition) : taskName(task);
    });
  }

  /** Throws if something that was sent between tasks has been lost. */
  async audit(): Promise<void> {
    this.#auditAt = this.#clock.now() + AUDIT_PERIOD;
    refuse(await this.#controller.audit());
  }
}

function refuse([stop]: readonly Stop[]): void {
  if (stop === undefined) return;
  const kind = stop.reason === 'state-lost' ? 'state-lost' : 'data-lost';
  throw new MillraceError(kind, `task ${taskName(stop.task)}: ${stop.message}`, { where: { ...stop.task } });
}
