import type { Pipeline } from '../../pipeline/index.ts';
import { noteBegun, type OpenOptions, type OpenRun, openRun, type TaskPorts } from '../../runtime/index.ts';
import { appendBarriers } from './barriers.ts';

/** Opens the run, says in the logs of tasks that are at older code where they are to switch, and notes that the run is worked on. Throws what `openRun` throws. */
export async function joinRun(pipeline: Pipeline, ports: TaskPorts, options: OpenOptions): Promise<OpenRun> {
  const open = await openRun(pipeline, ports, { rejoinCode: true, ...options });
  try {
    await appendBarriers(open, ports);
    await noteBegun(ports.commits, open.record, ports.clock.now());
    return open;
  } catch (error) {
    await open.close();
    throw error;
  }
}
