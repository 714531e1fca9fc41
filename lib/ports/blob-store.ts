/**
 * Named immutable byte strings: snapshots, large deltas, debts.
 *
 * Guarantees needed: a put acknowledged is durable and read by every later get; a put never leaves half a blob visible. A put of
 * a name that exists replaces it (millrace never puts two contents under one name). Names are paths of segments joined by "/".
 */
export interface BlobStore {
  put(name: string, bytes: Uint8Array): Promise<void>;
  /** Puts the blob unless there is one of that name: 'exists' then, and nothing has changed. Of all who try, one is told 'created'. */
  create(name: string, bytes: Uint8Array): Promise<'created' | 'exists'>;
  /** The blob, or undefined if there is none. */
  get(name: string): Promise<Uint8Array | undefined>;
  /** Bytes `start` (inclusive) to `end` (exclusive), fewer at the blob's end; undefined if there is no such blob. */
  getRange(name: string, start: number, end: number): Promise<Uint8Array | undefined>;
  /** Names that begin with `prefix`, in ascending order of code units. */
  list(prefix: string): Promise<readonly string[]>;
  /** Deletes those that exist. */
  delete(names: readonly string[]): Promise<void>;
}
