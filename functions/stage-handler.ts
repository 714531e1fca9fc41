/**
 * One stage's tasks, called by the event source of its topic or rung by the controller.
 *
 * 1. A delivery is a doorbell with a message in hand: what is missing before it, or cannot be decoded, the task reads from the log itself.
 * 2. Partitions of a delivery work side by side and commit apart.
 * 3. A partition that the run does not know has been gained by its source, perhaps: the run looks again.
 * 4. A task that waits, has stopped or is at other code acknowledges what was delivered: the log keeps it, and the controller rings.
 */
import { MillraceError, messageOf, taskName } from '../lib/model/index.ts';
import type { Pipeline } from '../lib/pipeline/index.ts';
import type { LogMessage } from '../lib/ports/index.ts';
import { decodeMessage } from '../lib/protocol/index.ts';
import type { Task } from '../lib/runtime/index.ts';
import { type Delivery, deliveriesOf, isKafkaEvent } from './kafka-event.ts';
import { type Connect, type Deployed, type Invocation, openDeployed, openOnce } from './open-deployed.ts';
import { isRingEvent } from './ring-event.ts';
import type { Settings } from './settings.ts';

/** No step begins with less time left than this. */
const LAST_START = 5_000;
/** Commits lost in a row before the delivery is given back. */
const MAX_LOST = 5;

/** The handler. It throws only what a later delivery may mend, and `incompatible` for an event that is none of its own. */
export function stageHandler(
  pipeline: Pipeline,
  settings: Settings,
  connect: Connect,
): (event: unknown, invocation: Invocation) => Promise<void> {
  const opened = openOnce(() => openDeployed(pipeline, settings, connect));
  return async (event, invocation) => {
    const deployed = await opened();
    const work = await workOf(event, deployed, settings.stage);
    const ends = await Promise.allSettled(work.map(({ task, messages }) => carryOut(task, messages, invocation)));
    const failed = ends.find((end) => end.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  };
}

interface Work {
  readonly task: Task;
  /** Undefined: whatever the log holds. */
  readonly messages: readonly LogMessage[] | undefined;
}

async function workOf(event: unknown, { open }: Deployed, stage: string | undefined): Promise<Work[]> {
  const taskAt = (partition: number): Task => {
    const task = taskOf(open, stage, partition);
    if (task !== undefined) return task;
    const grows = open.tasks.some(({ id, host }) => id.stage === stage && host.source?.partitions !== undefined);
    throw new MillraceError(grows ? 'unavailable' : 'incompatible', `stage ${stage} has no task ${partition}`, {
      where: { ...(stage === undefined ? {} : { stage }), partition },
      hint: grows
        ? 'its source has gained the partition and does not yet say so; what was delivered comes again'
        : 'its topic has more partitions than the run knows: give it as many as the plan says',
    });
  };
  const look = async (partitions: readonly number[]): Promise<void> => {
    if (partitions.some((partition) => taskOf(open, stage, partition) === undefined)) await open.grow();
  };
  if (isRingEvent(event)) {
    await look(event.ring.map(({ partition }) => partition));
    return event.ring.map(({ partition }) => ({ task: taskAt(partition), messages: undefined }));
  }
  if (!isKafkaEvent(event)) {
    throw new MillraceError('incompatible', `stage ${stage} was called with an event that it does not know`, {
      hint: 'it is called by an event source mapping of Kafka, or with { ring: [...] } by the controller',
    });
  }
  const deliveries = deliveriesOf(event);
  await look(deliveries.map(({ partition }) => partition));
  return deliveries.map((delivery) => {
    const task = taskAt(delivery.partition);
    return { task, messages: task.host.source === undefined ? messagesOf(delivery) : undefined };
  });
}

const taskOf = ({ tasks }: Deployed['open'], stage: string | undefined, partition: number): Task | undefined =>
  tasks.find(({ id }) => id.stage === stage && id.partition === partition);

/** Undefined where any of them cannot be decoded: the task finds it in the log, and stops there with a reason that is kept. */
function messagesOf({ records }: Delivery): readonly LogMessage[] | undefined {
  try {
    return records.flatMap(({ offset, time, value }) =>
      value === undefined ? [] : [{ offset, time, message: decodeMessage(value) }],
    );
  } catch {
    return undefined;
  }
}

async function carryOut(task: Task, messages: Work['messages'], invocation: Invocation): Promise<void> {
  const upTo = messages === undefined ? Number.POSITIVE_INFINITY : (messages.at(-1)?.offset ?? -1) + 1;
  for (let lost = 0; ; ) {
    if (invocation.getRemainingTimeInMillis() < LAST_START) {
      if (messages === undefined) return;
      throw notDone(task, 'the invocation has no time left');
    }
    const result = messages === undefined ? await task.ring() : await task.deliver(messages);
    switch (result.kind) {
      case 'advanced':
        if (result.nextOffset >= upTo) return;
        lost = 0;
        break;
      case 'lost':
        if (++lost >= MAX_LOST) throw notDone(task, `it lost ${lost} commits in a row`);
        break;
      case 'idle':
        return;
      case 'waiting':
        return;
      case 'stopped':
        task.host.telemetry.log('error', `${taskName(task.id)} is stopped: ${messageOf(result.error)}`, {
          reason: result.reason,
        });
        return;
      case 'other-code':
        task.host.telemetry.log('info', `${taskName(task.id)} is at code version ${result.epoch}`);
        return;
    }
  }
}

function notDone({ id }: Task, why: string): MillraceError {
  return new MillraceError('unavailable', `${taskName(id)} is not done with what was delivered: ${why}`, {
    where: { ...id },
  });
}
