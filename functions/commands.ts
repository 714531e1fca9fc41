/** Answers commands: what can be read of the run, and what is written down for all who work on it. */

import {
  replayLetters,
  replayObstacle,
  type StoredLetter,
  storedLetters,
  storedRun,
  storedState,
  storedTable,
} from '../lib/inspect/index.ts';
import { type Key, MillraceError, taskName } from '../lib/model/index.ts';
import type { Answers, Command, CommandAnswer, CommandEvent, ListAnswer } from '../lib/operations/index.ts';
import { dataToJson } from '../lib/protocol/index.ts';
import { isMendable, notePause, readControl, requestDrain } from '../lib/runtime/index.ts';
import { errorData } from './error-data.ts';
import type { OpenController } from './open-controller.ts';
import { Rings } from './rings.ts';
import { statusOf } from './status.ts';

/** Bytes of an answer: Lambda takes 6 MB, in which each quote of the text inside counts twice. */
const MOST_BYTES = 2_500_000;

export function isCommandEvent(event: unknown): event is CommandEvent {
  return typeof event === 'object' && event !== null && 'command' in event && typeof event.command === 'object';
}

/** Answers whatever happens: an error is an answer too. What this version's code cannot do, the version that brought the newest is asked. */
export async function answerCommand(controller: OpenController, event: CommandEvent): Promise<CommandAnswer> {
  try {
    return { kind: 'answer', answer: dataToJson(await carryOut(controller, event.command)) };
  } catch (error) {
    const isRefused = error instanceof MillraceError && error.kind === 'incompatible' && event.passedOn !== true;
    const newest = isRefused ? await controller.newest().catch(() => undefined) : undefined;
    if (newest === undefined) return { kind: 'error', error: errorData(error) };
    const { call } = await controller.connections();
    return (await call(newest, { ...event, passedOn: true }, true)) as CommandAnswer;
  }
}

function carryOut(controller: OpenController, command: Command): Promise<Answers[Command['name']]> {
  switch (command.name) {
    case 'status':
      return statusOf(controller);
    case 'state':
      return state(controller, command);
    case 'rows':
      return rows(controller, command);
    case 'dead-letters':
      return deadLetters(controller, command);
    case 'replay':
      return replay(controller, command);
    case 'pause':
      return pause(controller);
    case 'resume':
      return resume(controller, command);
    case 'drain':
      return drain(controller);
    default:
      throw new MillraceError(
        'incompatible',
        `the controller knows no command ${(command as { name: unknown }).name}`,
        {
          hint: 'use the version of millrace that the pipeline was deployed with',
        },
      );
  }
}

type Of<N extends Command['name']> = Extract<Command, { readonly name: N }>;

async function state(controller: OpenController, { query }: Of<'state'>): Promise<Answers['state']> {
  const { ports } = await controller.connections();
  return fitting(await storedState(ports, await storedRun(ports, controller.pipeline.name), query));
}

async function rows(controller: OpenController, { operator, query }: Of<'rows'>): Promise<Answers['rows']> {
  const { ports } = await controller.connections();
  const read = await storedTable<Key, unknown>(controller.pipeline, ports, operator).rows(query);
  const { items, of } = fitting(read.rows);
  return { ...read, rows: items, more: read.more || of !== undefined };
}

async function deadLetters(
  controller: OpenController,
  { replayed = false }: Of<'dead-letters'>,
): Promise<Answers['dead-letters']> {
  const { ports } = await controller.connections();
  const { record } = await storedRun(ports, controller.pipeline.name);
  return fitting(await storedLetters(ports, record.pipeline, { run: record.id, replayed }));
}

async function replay(controller: OpenController, { ids = [] }: Of<'replay'>): Promise<Answers['replay']> {
  const { open } = await controller.pump();
  const { ports } = await controller.connections();
  const { record, tasks } = open;
  const stored = await storedLetters(ports, record.pipeline, { run: record.id, replayed: ids.length > 0 });
  const missing = ids.filter((id) => !stored.some((letter) => letter.id === id));
  if (missing.length > 0) {
    throw new MillraceError('invalid-pipeline', `there are no dead letters ${missing.join(', ')}`, {
      hint: 'list them to see their ids',
    });
  }
  const chosen = ids.length === 0 ? stored : stored.filter(({ id }) => ids.includes(id));
  const left = (letter: StoredLetter) => ({ id: letter.id, why: replayObstacle(tasks, letter) ?? '' });
  const lost = ids.length > 0 ? [] : chosen.filter((letter) => replayObstacle(tasks, letter) !== undefined);
  const replayed = await replayLetters(
    tasks,
    chosen.filter((letter) => !lost.includes(letter)),
  );
  return { replayed, left: lost.map(left) };
}

async function pause(controller: OpenController): Promise<Answers['pause']> {
  const { ports } = await controller.connections();
  const { record } = await storedRun(ports, controller.pipeline.name);
  const { drain, over } = await readControl(ports.commits, record);
  if (drain || over) {
    throw new MillraceError('unavailable', `the run is ${over ? 'over' : 'being drained'}, and cannot pause`, {
      retry: false,
    });
  }
  return { asked: await notePause(ports.commits, record, true, ports.clock.now()) };
}

async function resume(controller: OpenController, { tasks: names }: Of<'resume'>): Promise<Answers['resume']> {
  const connections = await controller.connections();
  const { commits, clock } = connections.ports;
  const { open } = await controller.pump();
  const { record, tasks } = open;
  const unknown = (names ?? []).filter((name) => !tasks.some(({ id }) => taskName(id) === name));
  if (unknown.length > 0) {
    throw new MillraceError('invalid-pipeline', `the run has no tasks ${unknown.join(', ')}`, {
      hint: 'status shows their names',
    });
  }
  const lifted = names === undefined && (await notePause(commits, record, false, clock.now())) === 'requested';
  const heads = await Promise.all(tasks.map(({ id }) => commits.head(record.id, id)));
  const rings = new Rings(
    connections,
    tasks.map(({ id }, i) => ({ task: id, head: heads[i], log: undefined })),
  );
  const stopped = tasks.filter(({ id }, i) => {
    const status = heads[i]?.status;
    return status?.kind === 'stopped' && isMendable(status) && names?.includes(taskName(id)) !== false;
  });
  for (const { id, host } of stopped) rings.order(id, { kind: 'resume' }, host.epoch);
  if (lifted) {
    for (const { id, host } of tasks)
      if (host.source !== undefined && !stopped.some((each) => each.id === id)) rings.wake(id, 'backlog');
  }
  await rings.send();
  return { lifted, tasks: stopped.map(({ id }) => taskName(id)) };
}

async function drain(controller: OpenController): Promise<Answers['drain']> {
  const { ports } = await controller.connections();
  const { record } = await storedRun(ports, controller.pipeline.name);
  return { asked: await requestDrain(ports.commits, record, ports.clock.now()) };
}

/** As many of the items, from the first on, as an answer holds. Throws `bad-record` if that is none of them. */
function fitting<T>(items: readonly T[]): ListAnswer<T> {
  let bytes = 0;
  for (let i = 0; i < items.length; i++) {
    bytes += Buffer.byteLength(dataToJson(items[i])) + 1;
    if (bytes <= MOST_BYTES) continue;
    if (i > 0) return { items: items.slice(0, i), of: items.length };
    throw new MillraceError('bad-record', 'what is asked for is longer than an answer of the controller may be', {
      hint: 'read it from where the stores can be reached, by --kafka, --table and --bucket',
    });
  }
  return { items };
}
