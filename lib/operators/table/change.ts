import type { KeyId } from '../../model/index.ts';
import { returnedPromise } from '../author-code.ts';
import type { Receiver } from '../operator.ts';

/**
 * What happened to one key of a table: what stood there, and what stands there now; undefined where nothing does. An insert has only `after`, a delete only
 * `before`. Tables hand these on among themselves, under the table's key.
 */
export interface Change<V> {
  readonly before: V | undefined;
  readonly after: V | undefined;
}

/** What a row of a changelog says: an update comes as two, `update-before` and right after it `update-after`. */
export type ChangeKind = 'insert' | 'update-before' | 'update-after' | 'delete';

/** A change as rows of a changelog have it. */
export interface ChangeRow<K, V> {
  readonly kind: ChangeKind;
  readonly key: K;
  readonly value: V;
}

/** Emits a change, unless there was nothing and is nothing. */
export function emitChange(out: Receiver, before: unknown, after: unknown, time: number, key: KeyId | undefined): void {
  if (before !== undefined || after !== undefined) out.record({ before, after }, time, key);
}

/** What the author's function returned, as a table's value: nothing for `null`. Throws for a promise. */
export function rowOf<V>(what: string, returned: V | null | undefined): V | undefined {
  if (returned === null) return undefined;
  if (returned instanceof Promise) throw returnedPromise(what);
  return returned;
}
