import type { Pipeline } from '../../pipeline/index.ts';
import {
  noteBegun,
  type OpenOptions,
  type OpenRun,
  openRun,
  readControl,
  type TaskPorts,
} from '../../runtime/index.ts';
import { appendBarriers } from './barriers.ts';

/** A run that a worker has joined. */
export interface JoinedRun {
  readonly open: OpenRun;
  /** Whether its sources are to take in nothing for now. */
  readonly paused: boolean;
}

/** Opens the run, says in the logs of tasks that are at older code where they are to switch, and notes that the run is worked on. Throws what `openRun` throws. */
export async function joinRun(pipeline: Pipeline, ports: TaskPorts, options: OpenOptions): Promise<JoinedRun> {
  const open = await openRun(pipeline, ports, { rejoinCode: true, ...options });
  try {
    await appendBarriers(open, ports);
    await noteBegun(ports.commits, open.record, ports.clock.now());
    const { pausedAt } = await readControl(ports.commits, open.record);
    return { open, paused: pausedAt !== undefined };
  } catch (error) {
    await open.close();
    throw error;
  }
}
