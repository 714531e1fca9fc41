/** Keyed state as an author's code sees it: synchronous, of the key (and window) in force. Values must be plain data. */
import type { Key } from '../../model/index.ts';

/** One value. */
export interface ValueState<T> {
  /** The stored object itself, not a copy: to change it, `set` a new one. Undefined if there is none. */
  get(): T | undefined;
  /** Replaces the value; undefined clears it. */
  set(value: T): void;
  clear(): void;
}

/** A list. */
export interface ListState<T> {
  /** A new array of the stored items, in the order in which they were added. */
  get(): readonly T[];
  add(item: T): void;
  /** Replaces all items. */
  update(items: Iterable<T>): void;
  isEmpty(): boolean;
  clear(): void;
}

/** Values under keys of their own. */
export interface MapState<K extends Key, V> {
  /** The stored object itself, not a copy: to change it, `set` a new one. Undefined if there is none. */
  get(key: K): V | undefined;
  has(key: K): boolean;
  set(key: K, value: V): void;
  /** Whether there was such an entry. */
  delete(key: K): boolean;
  /** The entries in the order of their keys: numbers, then bigints, then strings and composites. Entries may be changed meanwhile. */
  entries(): readonly (readonly [key: K, value: V])[];
  keys(): readonly K[];
  values(): readonly V[];
  isEmpty(): boolean;
  clear(): void;
}

/** One value that others are folded into. */
export interface ReducingState<T> {
  /** The stored object itself, not a copy. Undefined if nothing was added. */
  get(): T | undefined;
  add(value: T): void;
  clear(): void;
}

/** An aggregation. */
export interface AggregatingState<In, Out> {
  /** The aggregation's result. Undefined if nothing was added. */
  get(): Out | undefined;
  /** Folds a record in; its time is that of the record or timer at hand. */
  add(record: In): void;
  clear(): void;
}
