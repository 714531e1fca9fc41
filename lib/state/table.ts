/** What the store, the codec and the runtime know of a table of keyed state, whatever its cells are made of. */
import type { KeyId } from '../model/index.ts';

/** Distinguishes the cells of one key: a window's end, a map's key, a timer's name; undefined where a key has one cell. */
export type Sub = KeyId | undefined;

/** No timer. */
export const NEVER = Number.POSITIVE_INFINITY;

/** What the value of a cell that was taken out becomes. */
export const REMOVED: unique symbol = Symbol('removed');

/** What a table's cells' timers mean. */
export type TimerDomain = 'event' | 'processing' | 'event-ttl' | 'processing-ttl' | 'none';

/** One value of keyed state, and one timer. */
export interface AnyCell {
  readonly table: AnyTable;
  readonly key: KeyId;
  readonly sub: Sub;
  readonly value: unknown;
  /** NEVER without one. */
  readonly timer: number;
}

/** Cells by (key, sub). */
export interface AnyTable {
  readonly name: string;
  /** The operator it belongs to: what stands before the slash in its name. */
  readonly operator: string;
  /** Its place among the store's tables: upstream operators' first. */
  index: number;
  readonly size: number;
  readonly options: {
    readonly domain: TimerDomain;
    /** True if values hold nothing but numbers, so that all can be encoded. */
    readonly numbers?: boolean;
    readonly version?: number;
    migrate?(value: unknown, version: number): unknown;
    onTimer?(cell: AnyCell, time: number): void;
  };
  find(key: KeyId, sub: Sub): AnyCell | undefined;
  /** A new cell. There must be none of that key and sub. */
  create(key: KeyId, sub: Sub, value: unknown): AnyCell;
  /** Says that the cell is about to change. */
  touch(cell: AnyCell): void;
  /** Replaces the value. */
  set(cell: AnyCell, value: unknown): void;
  /** Sets the cell's one timer (NEVER clears it). */
  schedule(cell: AnyCell, time: number): void;
  remove(cell: AnyCell): void;
  keys(): IterableIterator<KeyId>;
  cells(): IterableIterator<AnyCell>;
  /** The cells of a key in the order of their subs. */
  cellsOf(key: KeyId): readonly AnyCell[];
}
