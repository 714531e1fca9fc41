/**
 * Puts dead letters back where they came from: a record as a frame on a side channel of its edge, a source's row as the log of a small source task
 * beside the source's own. No watermark waits for either. A letter replayed twice counts once: its place among the letters is its position.
 */

import type { Duration, Key } from '../model/index.ts';
import { type KeyId, keyIdOf, MillraceError, NOTHING, partitionOf } from '../model/index.ts';
import type { SourceLog } from '../ports/index.ts';
import type { Frame } from '../protocol/index.ts';
import { type DeadLetter, deadLetterTopic } from './dead-letter.ts';
import { birth } from './load.ts';
import { Task } from './task.ts';
import type { TaskHost } from './task-host.ts';

/** A dead letter and its place in the topic of dead letters, which names it. */
export interface StoredLetter {
  /** `offset.index` in the topic of dead letters. */
  readonly id: string;
  readonly offset: number;
  readonly index: number;
  readonly letter: DeadLetter;
}

/** Channel on which the topic of dead letters remembers what was replayed. */
const REPLAYED = 'replayed';
/** Room for letters per message of the topic: side channels are numbered by (offset, index). */
const PER_MESSAGE = 65_536;

type LogAccess = Pick<TaskHost, 'log'>;

export interface LetterQuery {
  /** Only those of this run. Default: of all runs of the pipeline that the log knows. */
  readonly run?: string;
  /** Also those that were replayed already. */
  readonly replayed?: boolean;
}

/** The dead letters of a pipeline in the order of their topic, each once. */
export async function storedLetters(
  { log }: LogAccess,
  pipeline: string,
  query: LetterQuery = {},
): Promise<StoredLetter[]> {
  const topic = await log.topic(deadLetterTopic(pipeline));
  if (topic === undefined) return [];
  const letters = new Map<string, StoredLetter>();
  const replayed = new Set<string>();
  for (let next = 0; ; ) {
    const slice = await log.read(topic, 0, next, { messages: 1_000, bytes: 16_000_000 });
    for (const { offset, message } of slice.messages) {
      const { run, channel, values } = message as Frame;
      if (channel.edge === REPLAYED) for (const id of values as string[]) replayed.add(id);
      else if (query.run === undefined || query.run === run)
        (values as DeadLetter[]).forEach((letter, index) => {
          const identity = `${run}/${letter.stage}/${letter.partition}/${letter.offset}/${letter.unit}`;
          if (!letters.has(identity)) letters.set(identity, { id: `${offset}.${index}`, offset, index, letter });
        });
    }
    if (slice.next >= slice.end || slice.next === next) break;
    next = slice.next;
  }
  return [...letters.values()].filter(({ id }) => query.replayed === true || !replayed.has(id));
}

/** Why a letter has no way back; undefined if it has one. */
export function replayObstacle(tasks: readonly Task[], { letter }: StoredLetter): string | undefined {
  const host = taskOf(tasks, letter)?.host;
  if (host === undefined) return `there is no task ${letter.stage}/${letter.partition}`;
  if (letter.kind === 'timer') return 'it is of a timer';
  if (letter.cut === true) return 'its record was too large to be kept whole';
  if (letter.kind === 'record') {
    const known = host.plan.edges.some((edge) => edge.id === letter.edge);
    return known ? undefined : `it came on the edge "${letter.edge}", which the pipeline no longer has`;
  }
  const sink = host.stage.nodes.find((node) => host.code.sinks.has(node));
  return sink === undefined
    ? undefined
    : `its source's own stage writes to the sink "${sink}" (an exchange between them, such as rebalance(), would help)`;
}

/** Replays letters; returns how many. Throws `invalid-pipeline`, with nothing replayed, if one has no way back. */
export async function replayLetters(tasks: readonly Task[], letters: readonly StoredLetter[]): Promise<number> {
  for (const stored of letters) {
    const obstacle = replayObstacle(tasks, stored);
    if (obstacle === undefined) continue;
    throw new MillraceError('invalid-pipeline', `dead letter ${stored.id} cannot be replayed: ${obstacle}`, {
      hint: 'replay the others by their ids',
    });
  }
  for (const stored of letters) {
    const { letter } = stored;
    const task = taskOf(tasks, letter)!;
    if (letter.kind === 'record') await appendRecord(task, stored);
    else await runRow(task, stored);
    await remember(task.host, stored.id);
  }
  return letters.length;
}

const taskOf = (tasks: readonly Task[], { stage, partition }: DeadLetter): Task | undefined =>
  tasks.find(({ id }) => id.stage === stage && id.partition === partition);

const sideTask = ({ offset, index }: StoredLetter): number => -(1 + offset * PER_MESSAGE + index);

async function appendRecord({ host, id }: Task, stored: StoredLetter): Promise<void> {
  const { letter, offset, index } = stored;
  const edge = host.plan.edges.find((e) => e.id === letter.edge)!;
  const key: KeyId | undefined = letter.key === undefined ? undefined : keyIdOf(letter.key as Key);
  const partition =
    key !== undefined && edge.partitioning.kind === 'key'
      ? partitionOf(key, host.partitionsOf(id.stage))
      : id.partition;
  const frame: Frame = {
    kind: 'frame',
    run: host.run.id,
    channel: { edge: edge.id, task: sideTask(stored) },
    channels: 1,
    epoch: host.epoch,
    prev: NOTHING,
    thru: { cause: offset, k: index },
    values: [letter.value],
    keys: key === undefined ? undefined : [key],
    times: [letter.eventTime],
    causes: [offset],
    ks: [index],
    steps: [],
  };
  await host.log.append([{ topic: host.stage.topic, partition, message: frame }]);
}

/** Runs a source task of one row. Its partition's number is negative, so its frames go out on side channels. */
async function runRow({ host }: Task, stored: StoredLetter): Promise<void> {
  const { letter } = stored;
  const partition = sideTask(stored);
  const row = typeof letter.value === 'string' ? parsed(letter.value) : letter.value;
  const log: SourceLog = {
    info: { id: host.run.topics[host.stage.id] ?? '', partitions: 1, bounded: true, resumable: true },
    read: async (_partition, from) => ({ values: from === 0 ? [row] : [], next: 1, start: 0, end: 1, sealed: true }),
    bounds: async () => ({ start: 0, end: 1, sealed: true }),
    close: async () => {},
  };
  const task = new Task({
    ...host,
    task: { stage: host.stage.id, partition },
    source: { ...host.source!, log, end: 1, partitions: undefined },
  });
  if ((await host.commits.head(host.run.id, task.id)) === undefined) await birth(task.host);
  for (let done = false; !done; ) {
    const result = await task.ring();
    if (result.kind === 'stopped') throw result.error;
    if (result.kind === 'waiting') await host.clock.sleep(Math.max(1, result.until - host.clock.now()) as Duration);
    done = result.kind === 'idle' || (result.kind === 'advanced' && result.done);
  }
  await task.forget();
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

async function remember(host: TaskHost, letter: string): Promise<void> {
  const frame: Frame = {
    kind: 'frame',
    run: host.run.id,
    channel: { edge: REPLAYED, task: 0 },
    channels: 1,
    epoch: 0,
    prev: NOTHING,
    thru: NOTHING,
    values: [letter],
    keys: undefined,
    times: [0],
    causes: [0],
    ks: [0],
    steps: [],
  };
  await host.log.append([{ topic: host.deadLetters, partition: 0, message: frame }]);
}
