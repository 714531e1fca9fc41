import type { OpenRun, TaskPorts } from '../../runtime/index.ts';
import type { Duration } from '../../model/index.ts';

/** Carries out the pump's rounds for the tasks of one process. */
export class Pump {
  constructor(_open: OpenRun, _ports: TaskPorts, _skew: Duration) {}
  async round(): Promise<readonly string[]> {
    return [];
  }
}
