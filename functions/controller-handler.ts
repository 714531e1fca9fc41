import { MillraceError, seconds, taskName } from '../lib/model/index.ts';
import type { Pipeline } from '../lib/pipeline/index.ts';
import type { Ring, Stop } from '../lib/protocol/index.ts';
import { Controller } from '../lib/runtime/index.ts';
import { type Connect, openDeployed, openOnce } from './open-deployed.ts';
import type { Connections } from './ports.ts';
import type { RingEvent } from './ring-event.ts';
import type { Settings } from './settings.ts';

/** How far clocks of functions may be apart, twice. */
const SKEW = seconds(1);
/** How long a record may take from its event to the log without being late. */
const GRACE = seconds(0);

/**
 * The handler: creates the run if there is none, says what lets waiting timers fire, and rings tasks that nobody else wakes. It may be called twice at
 * once, late, or not at all. Throws `data-lost` or `state-lost` after its round where tasks must not go on, so that its errors can raise an alarm.
 */
export function controllerHandler(pipeline: Pipeline, settings: Settings, connect: Connect): () => Promise<void> {
  const opened = openOnce(async () => {
    const { open, connections } = await openDeployed(pipeline, settings, connect);
    return { controller: new Controller(open, connections.ports, { skew: SKEW, grace: GRACE }), connections };
  });
  return async () => {
    const { controller, connections } = await opened();
    const { rings, stops } = await controller.round();
    await ringAll(rings, connections);
    report(stops, connections);
  };
}

async function ringAll(rings: readonly Ring[], connections: Connections): Promise<void> {
  const byStage = Map.groupBy(rings, ({ task }) => task.stage);
  const calls = [...byStage].map(([stage, list]) => {
    const event: RingEvent = { ring: list.map(({ task, reason }) => ({ partition: task.partition, reason })) };
    return connections.ring(stage, event);
  });
  await Promise.all(calls);
}

function report(stops: readonly Stop[], { ports }: Connections): void {
  for (const { task, message, reason } of stops) {
    ports.telemetry.log('error', `${taskName(task)} must not go on: ${message}`, { reason });
  }
  const [stop] = stops;
  if (stop === undefined) return;
  throw new MillraceError(stop.reason === 'state-lost' ? 'state-lost' : 'data-lost', stop.message, {
    where: { ...stop.task },
  });
}
