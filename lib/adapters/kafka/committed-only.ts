import type { AbortedTransaction } from './fetch-request.ts';

/** What the filter looks at of a batch. */
export interface FilteredBatch {
  readonly lastOffset: number;
  readonly producerId: number;
  readonly transactional: boolean;
  readonly control: boolean;
}

/**
 * The batches of data that a reader of committed records may see. `batches` follow one another in one partition's log, below its last
 * stable offset; `aborted` are the aborted transactions that the broker says overlap them, in any order.
 *
 * A producer's batches are dropped from the first offset of an aborted transaction to the marker that ended it. Brokers list a
 * transaction once, so one that begins before the first batch counts from there; several of one producer follow one another.
 */
export function committedOnly<B extends FilteredBatch>(
  batches: readonly B[],
  aborted: readonly AbortedTransaction[],
): B[] {
  const coming = [...aborted].sort((a, b) => b.firstOffset - a.firstOffset);
  const open = new Set<number>();
  return batches.filter((batch) => {
    while (coming.length > 0 && coming.at(-1)!.firstOffset <= batch.lastOffset) open.add(coming.pop()!.producerId);
    if (batch.control) open.delete(batch.producerId);
    return !batch.control && !(batch.transactional && open.has(batch.producerId));
  });
}

/** The batches of data, committed or not. */
export const dataOnly = <B extends FilteredBatch>(batches: readonly B[]): B[] =>
  batches.filter(({ control }) => !control);
