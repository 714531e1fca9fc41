import { MillraceError } from '../../model/index.ts';
import type { Pipeline } from '../../pipeline/index.ts';
import {
  hasCode,
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

export interface JoinOptions extends OpenOptions {
  /** Neither begins a run nor brings code into it: others do, for instance the controller of a deployment. */
  readonly awaitsCode?: boolean;
}

/**
 * Opens the run, says in the logs of tasks that are at older code where they are to switch, and notes that the run is worked on. Throws what `openRun` throws, and
 * `unavailable` while code is awaited.
 */
export async function joinRun(pipeline: Pipeline, ports: TaskPorts, options: JoinOptions): Promise<JoinedRun> {
  if (options.awaitsCode === true && !(await hasCode(ports.commits, pipeline.plan))) {
    throw new MillraceError('unavailable', `nobody has brought this code into a run of ${pipeline.plan.pipeline} yet`, {
      where: { pipeline: pipeline.plan.pipeline },
      hint: 'the controller does, once it is deployed; see its log if it does not',
    });
  }
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
