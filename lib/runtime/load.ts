/**
 * Birth and loading of a task. A query of the slots is not a snapshot of them, so it is judged by `chainOf`: a chain of commits from a snapshot to the newest, complete, or
 * read again.
 */
import { type Duration, MIN_TIME, MillraceError, taskName } from '../model/index.ts';
import type { Clock } from '../ports/index.ts';
import { type Commit, type CommitHeader, chainOf, expectedInSlot, slotOf } from '../protocol/index.ts';
import { BlobMissing, restoring, Snapshots } from '../state/index.ts';

import { decodeBody, encodeBody, type Sheet } from './sheet.ts';
import type { TaskHost } from './task-host.ts';
import { TaskState } from './task-state.ts';

const emptySheet: Sheet = { channels: [], edges: [], sent: {}, sinks: {}, generator: undefined, debts: [] };

/** Where a task's blobs stand. */
export const blobPrefix = (host: Pick<TaskHost, 'run' | 'task'>): string =>
  `${host.run.id}/${host.task.stage}/${host.task.partition}`;

export function snapshotsOf(host: TaskHost): Snapshots {
  return new Snapshots({
    blobs: host.blobs,
    prefix: blobPrefix(host),
    nonce: () => nonceOf(host),
    pause: pausesOf(host.clock),
  });
}

/** Milliseconds of work on stored state after which others have their turn. */
const STRETCH = 30;

/** What long work calls between its pieces: now and then there is a turn of the others to wait for. */
function pausesOf(clock: Clock): () => Promise<void> | undefined {
  let since = clock.now();
  return () => {
    const now = clock.now();
    if (now - since < STRETCH) return undefined;
    return clock.sleep(0 as Duration).then(() => {
      since = clock.now();
    });
  };
}

/** A name that no other attempt chooses. */
export const nonceOf = (host: TaskHost): string =>
  Math.floor(host.random.next() * 0x1_0000_0000_0000)
    .toString(36)
    .padStart(10, '0');

/** What a source's task is born with, if it is not what the run began with. */
export interface BirthOptions {
  /** Where it begins to read. */
  readonly start: number;
  /** Where it ends. */
  readonly drainTo: number | undefined;
}

/** Commits version 0 of a task that was never born. Whoever comes second finds it born. */
export async function birth(host: TaskHost, options?: BirthOptions): Promise<void> {
  const { run, task } = host;
  const source = host.stage.source;
  const begun = source === undefined ? 0 : (run.starts[source]?.[task.partition] ?? 0);
  const { start, drainTo } = options ?? { start: begun, drainTo: undefined };
  const header: CommitHeader = {
    run: run.id,
    task,
    version: 0,
    topicId: run.topics[task.stage] ?? '',
    nextOffset: start,
    epoch: host.epoch,
    watermark: MIN_TIME,
    processingTime: 0,
    eventTimer: undefined,
    processingTimer: undefined,
    status: { kind: 'ok' },
    snapshot: undefined,
    source:
      source === undefined
        ? undefined
        : {
            watermark: MIN_TIME,
            lastArrival: host.clock.now(),
            spoken: false,
            cursor: undefined,
            drainTo,
            handOver: undefined,
            done: false,
            sent: {},
          },
    debts: 0,
    heldBy: undefined,
    stateBytes: 0,
    stateEntries: 0,
    restarts: 0,
    at: host.clock.now(),
  };
  const commit: Commit = { header, body: { kind: 'inline', bytes: () => encodeBody(emptySheet, new Uint8Array(0)) } };
  await host.commits.put(run.id, task, slotOf(0, run.slots), commit, expectedInSlot(0, run.slots));
}

/** The task's newest committed state. Throws `state-lost`, `data-lost` (commits or blobs stay missing) or `incompatible`; `unavailable` if a store cannot be read, which says nothing of what it holds. */
export async function load(host: TaskHost): Promise<TaskState> {
  const { run, task, commits, limits } = host;
  const where = { stage: task.stage, partition: task.partition };
  let missing: unknown;
  let unread: unknown;
  for (let attempt = 0; attempt < limits.loadAttempts; attempt++) {
    if (attempt > 0) await host.clock.sleep((10 * 2 ** attempt * (0.5 + host.random.next())) as never);
    const slots = await commits.slots(run.id, task);
    const found = chainOf(slots);
    if (found.kind === 'none') {
      throw new MillraceError(
        'state-lost',
        `task ${taskName(task)} of run ${run.id} has no commits although the run exists`,
        {
          where,
          hint: 'the commit store was emptied or replaced; restore it, or start a new run',
        },
      );
    }
    if (found.kind === 'incomplete') continue;
    try {
      return await restore(host, found.newest, found.chain);
    } catch (error) {
      if (!(error instanceof MillraceError && error.kind === 'unavailable')) throw error;
      if (error instanceof BlobMissing) missing = error;
      else unread = error;
    }
  }
  if (unread !== undefined) throw unread;
  throw new MillraceError(
    'data-lost',
    `the commits of task ${taskName(task)} are not complete: ${missing === undefined ? 'versions are missing' : String(missing)}`,
    {
      where,
      cause: missing,
      hint: 'a commit or blob is gone; restore the store it was in, or start a new run',
    },
  );
}

async function restore(host: TaskHost, newest: Commit, chain: readonly Commit[]): Promise<TaskState> {
  if (host.commits.volatile) {
    if (newest.header.version === 0) return new TaskState(host, newest.header, emptySheet);
    throw new MillraceError('internal', `task ${taskName(host.task)} was to be loaded from a store that keeps nothing`);
  }
  const last = decodeBody(await bodyOf(host, newest));
  const state = new TaskState(host, newest.header, last.sheet);
  const { snapshot } = newest.header;
  if (snapshot !== undefined) {
    await snapshotsOf(host).load(snapshot, restoring(state.store));
  }
  const pause = pausesOf(host.clock);
  for (const commit of chain) {
    state.applyDelta(commit === newest ? last.cells : decodeBody(await bodyOf(host, commit)).cells);
    const wait = pause();
    if (wait !== undefined) await wait;
  }
  return state;
}

export async function bodyOf(host: TaskHost, commit: Commit): Promise<Uint8Array> {
  if (commit.body.kind === 'inline') return commit.body.bytes();
  const bytes = await host.blobs.get(commit.body.name);
  if (bytes !== undefined) return bytes;
  throw new BlobMissing(commit.body.name);
}
