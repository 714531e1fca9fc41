/**
 * The controller: called on a schedule and by commands.
 *
 * 1. A scheduled call takes the lease, or ends at once: schedules overlap and fire twice. What it does may be done twice all the same.
 * 2. It creates the run and takes its deployment's code into it; where that cannot go on from the run's state, or a later deployment has brought newer code, it
 *    passes the call on to the version of itself that brought the newest.
 * 3. Commands need no lease, and are answered whatever is wrong.
 */
import type { Pipeline } from '../lib/pipeline/index.ts';
import { answerCommand, isCommandEvent } from './commands.ts';
import type { ConnectController } from './controller-ports.ts';
import type { Invocation } from './deadline.ts';
import { OpenController } from './open-controller.ts';
import { keepRounds } from './rounds.ts';
import type { Settings } from './settings.ts';

export type ControllerHandler = (event: unknown, invocation: Invocation) => Promise<unknown>;

export function controllerHandler(
  pipeline: Pipeline,
  settings: Settings,
  connect: ConnectController,
): ControllerHandler {
  const controller = new OpenController(pipeline, settings, connect);
  return (event, invocation) =>
    isCommandEvent(event) ? answerCommand(controller, event) : keepRounds(controller, event, invocation);
}
