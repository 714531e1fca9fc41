/** Which commits of a task build its state: what a query of its slots must hold to be believed. */
import type { CommitHeader } from './commit.ts';

/** What the slots of a task hold. */
export type CommitChain<T> =
  /** The task was never born, or its commits are gone. */
  | { readonly kind: 'none' }
  /** `chain`: the commits after the newest one's snapshot, ascending; the last of them is `newest` unless the snapshot holds it already. */
  | { readonly kind: 'complete'; readonly newest: T; readonly chain: readonly T[] }
  /** Some are missing. A query is not a snapshot of the slots: look again, a bounded number of times, before this is data lost. */
  | { readonly kind: 'incomplete'; readonly newest: T; readonly missing: readonly number[] };

/** The newest commit and those its state is built from, from all slots' commits in any order. */
export function chainOf<T extends { readonly header: CommitHeader }>(commits: readonly T[]): CommitChain<T> {
  const byVersion = new Map<number, T>();
  let newest: T | undefined;
  for (const commit of commits) {
    byVersion.set(commit.header.version, commit);
    if (newest === undefined || commit.header.version > newest.header.version) newest = commit;
  }
  if (newest === undefined) return { kind: 'none' };
  const chain: T[] = [];
  const missing: number[] = [];
  for (let version = firstNeeded(newest.header); version <= newest.header.version; version++) {
    const commit = byVersion.get(version);
    if (commit === undefined) missing.push(version);
    else chain.push(commit);
  }
  return missing.length === 0 ? { kind: 'complete', newest, chain } : { kind: 'incomplete', newest, missing };
}

/** The oldest version that a task's state still needs as a commit: the one after its snapshot. */
export const firstNeeded = (newest: CommitHeader): number => (newest.snapshot?.version ?? -1) + 1;

/** How many slots hold commits that no snapshot covers. At the number of slots, the next commit needs a snapshot first. */
export const slotsUsed = (newest: CommitHeader): number => newest.version + 1 - firstNeeded(newest);
