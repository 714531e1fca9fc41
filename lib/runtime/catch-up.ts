/** Brings a state in memory up to the newest commit by what has been committed since, instead of by loading everything again. */
import type { Commit } from '../protocol/index.ts';
import { chainOf } from '../protocol/index.ts';
import { bodyOf, load } from './load.ts';
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
 * used any more. Its sinks must be closed.
 */
export async function catchUp(host: TaskHost, old: TaskState): Promise<CaughtUp> {
  const { commits, run, task } = host;
  if ((await commits.head(run.id, task, { version: old.version, slots: run.slots }))?.version === old.version)
    return { state: old, how: 'same' };
  const slots = await commits.slots(run.id, task);
  const found = chainOf(slots);
  if (found.kind !== 'complete') return { state: await load(host), how: 'loaded' };
  const { newest } = found;
  if (newest.header.version === old.version) return { state: old, how: 'same' };
  const since = commitsAfter(old.version, newest, slots);
  if (since === undefined) return { state: await load(host), how: 'loaded' };
  const bodies = await Promise.all(since.map(async (commit) => decodeBody(await bodyOf(host, commit)))).catch(
    () => undefined,
  );
  if (bodies === undefined) return { state: await load(host), how: 'loaded' };
  const state = new TaskState(host, newest.header, bodies.at(-1)!.sheet, old.store.rewire());
  state.bytesPerCell = old.bytesPerCell;
  for (const cells of old.deltas) state.keepDelta(cells);
  for (const { cells } of bodies) state.applyDelta(cells);
  dropCovered(state, since.length + old.deltas.length);
  return { state, how: 'since' };
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
  return since.length === 0 ? undefined : since;
}

/** Forgets the deltas that the newest snapshot holds: kept are those of the versions after it. */
function dropCovered(state: TaskState, kept: number): void {
  const needed = state.version - (state.snapshot?.version ?? -1);
  for (const cells of state.deltas.splice(0, Math.max(0, kept - needed))) state.deltaBytes -= cells.length;
}
