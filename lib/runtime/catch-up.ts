/** Brings a state in memory up to the newest commit by what has been committed since, instead of by loading everything again. */
import { MillraceError } from '../model/index.ts';
import { type Commit, type CommitHeader, chainOf } from '../protocol/index.ts';
import { restoring } from '../state/index.ts';
import { bodyOf, load, snapshotsOf } from './load.ts';
import { decodeBody } from './sheet.ts';
import type { TaskHost } from './task-host.ts';
import { TaskState } from './task-state.ts';

/** What became of a state that was looked after. */
export interface CaughtUp {
  readonly state: TaskState;
  /** `same`: nothing was committed since. `since`: what was has been added. `loaded`: too much has happened, or none was there. */
  readonly how: 'same' | 'since' | 'loaded';
}

/**
 * The task's newest committed state, made of `old`, which is used up by it and must be a committed one. Throws what `load` throws; `old` is then not to be
 * used any more. Its sinks are closed, unless it is the newest.
 */
export async function catchUp(host: TaskHost, old: TaskState): Promise<CaughtUp> {
  const { commits, run, task } = host;
  let head: CommitHeader | undefined;
  try {
    head = await commits.head(run.id, task, { version: old.version, slots: run.slots });
    if (head?.version === old.version) return { state: old, how: 'same' };
  } finally {
    if (head?.version !== old.version) await old.close().catch(() => {});
  }
  const few = await fewSince(host, old.version, head?.version ?? 0);
  const slots = few ?? (await commits.slots(run.id, task));
  const found = few === undefined ? chainOf(slots) : { kind: 'complete' as const, newest: few.at(-1)! };
  if (found.kind !== 'complete') return { state: await load(host), how: 'loaded' };
  if (found.newest.header.version === old.version) return { state: old, how: 'same' };
  try {
    const state = await advanced(host, old, found.newest, slots);
    if (state !== undefined) return { state, how: 'since' };
  } catch (error) {
    // A blob may be gone because there is a newer commit by now.
    if (!(error instanceof MillraceError && error.kind === 'unavailable')) throw error;
  }
  return { state: await load(host), how: 'loaded' };
}

/** So many commits are read one by one. */
const FEW = 8;

/** The commits after a version up to another, ascending; undefined if they are many, or one is not there any more, or the store cannot read them alone. */
async function fewSince(
  { commits, run, task }: TaskHost,
  version: number,
  newest: number,
): Promise<readonly Commit[] | undefined> {
  const count = newest - version;
  if (commits.versions === undefined || count < 1 || count > FEW) return undefined;
  const wanted = Array.from({ length: count }, (_, i) => version + 1 + i);
  const found = await commits.versions(run.id, task, wanted, run.slots);
  return found.length === count ? found : undefined;
}

/** The state of `newest`, from the old one: by the commits since, or, where some are gone, by the snapshot's newer runs and the commits after it. */
async function advanced(
  host: TaskHost,
  old: TaskState,
  newest: Commit,
  slots: readonly Commit[],
): Promise<TaskState | undefined> {
  const since = commitsAfter(old.version, newest, slots);
  const { snapshot } = newest.header;
  const later = since ?? (snapshot === undefined ? undefined : commitsAfter(snapshot.version, newest, slots));
  if (later === undefined) return undefined;
  const bodies = await Promise.all(later.map(async (commit) => decodeBody(await bodyOf(host, commit))));
  const last = bodies.at(-1) ?? decodeBody(await bodyOf(host, newest));
  const state = new TaskState(host, newest.header, last.sheet, old.store.rewire());
  state.bytesPerCell = old.bytesPerCell;
  if (since === undefined) {
    const isTold = await snapshotsOf(host).loadSince(snapshot!, old.version, restoring(state.store));
    if (!isTold) return undefined;
  } else for (const cells of old.deltas) state.keepDelta(cells);
  for (const { cells } of bodies) state.applyDelta(cells);
  state.store.dropFired();
  dropCovered(state);
  return state;
}

/** All commits after a version up to the newest, ascending; undefined if one is not there any more. */
function commitsAfter(version: number, newest: Commit, slots: readonly Commit[]): readonly Commit[] | undefined {
  const byVersion = new Map(slots.map((commit) => [commit.header.version, commit]));
  const since: Commit[] = [];
  for (let v = version + 1; v <= newest.header.version; v++) {
    const commit = byVersion.get(v);
    if (commit === undefined) return undefined;
    since.push(commit);
  }
  return newest.header.version < version ? undefined : since;
}

/** Forgets the deltas that the newest snapshot holds: kept are those of the versions after it. */
function dropCovered(state: TaskState): void {
  const needed = state.version - (state.snapshot?.version ?? -1);
  const covered = Math.max(0, state.deltas.length - needed);
  for (const cells of state.deltas.splice(0, covered)) state.deltaBytes -= cells.length;
}
