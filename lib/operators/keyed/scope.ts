import { type Key, type KeyId, keyIdOf, keyOf, MAX_TIME, MIN_TIME } from '../../model/index.ts';
import { type Cell, type CellTable, NEVER, type Sub } from '../../state/index.ts';
import type { TaskTime } from '../operator.ts';

/**
 * Where the author's code stands while it runs: the key in force, the window if any, and the time. Moved by the operator before each call; the state
 * handles look here, so that they are made once for a task.
 */
export class Scope {
  readonly time: TaskTime;
  key: KeyId = '';
  /** The event time of the record, or the time of the timer. */
  at = 0;
  /** The domain of the timer that fires, undefined while a record is handled. */
  firing: 'event' | 'processing' | undefined = undefined;

  constructor(time: TaskTime) {
    this.time = time;
  }

  /** Stands at a record. */
  record(key: KeyId, time: number): void {
    this.key = key;
    this.at = time;
    this.firing = undefined;
  }

  /** Stands at a timer. */
  timer(key: KeyId, time: number, domain: 'event' | 'processing'): void {
    this.key = key;
    this.at = time;
    this.firing = domain;
  }

  /**
   * The event time by which state is expired or not. While a timer fires it is the timer's, though the watermark may already have
   * gone far beyond it, so that what a timer sees does not depend on how far the watermark jumped. A timer that was set in the past brings nothing back.
   */
  get eventNow(): number {
    return this.firing === 'event' ? Math.max(this.at, this.time.watermarkBefore) : this.time.watermark;
  }

  /** As `eventNow`. */
  get processingNow(): number {
    return this.firing === 'processing' ? Math.max(this.at, this.time.processingTimeBefore) : this.time.processingTime;
  }

  /** When what is written now, to live for `ttl`, expires; never if no event time is known to count from. */
  expiry(ttl: number, by: 'event' | 'processing'): number {
    if (by === 'processing') return this.processingNow + ttl;
    if (this.firing === 'event') return Math.min(this.eventNow + ttl, MAX_TIME);
    const { watermark } = this.time;
    const from = this.firing === undefined ? Math.max(this.at, watermark) : watermark;
    return watermark === MAX_TIME || from === MIN_TIME ? NEVER : Math.min(from + ttl, MAX_TIME);
  }
}

/** Which cells of a key a state has: all of a table's, or those of one window. */
export interface Subs {
  /** The sub of a state's cell: `inner` tells cells of the same state apart. */
  of(inner: KeyId | undefined): Sub;
  /** What was `inner` of the cell. */
  innerOf(cell: Cell<unknown>): KeyId;
  /** The state's cells under the key. */
  cells<V>(table: CellTable<V>, key: KeyId): Cell<V>[];
}

/** State of a key as a whole. */
export const WHOLE_KEY: Subs = {
  of: (inner) => inner,
  innerOf: (cell) => cell.sub!,
  cells: (table, key) => table.cellsOf(key),
};

/** State of the window in force: its cell's sub is the window's identity, alone or paired with `inner`. */
export class WindowSubs implements Subs {
  window = 0;

  of(inner: KeyId | undefined): Sub {
    return inner === undefined ? this.window : keyIdOf([this.window, keyOf(inner)]);
  }

  innerOf(cell: Cell<unknown>): KeyId {
    return keyIdOf(pairOf(cell.sub!)[1]);
  }

  cells<V>(table: CellTable<V>, key: KeyId): Cell<V>[] {
    return table.cellsOf(key).filter((cell) => {
      return cell.sub === this.window || (typeof cell.sub === 'string' && pairOf(cell.sub)[0] === this.window);
    });
  }
}

const pairOf = (sub: KeyId): readonly [window: Key, inner: Key] => keyOf(sub) as unknown as [Key, Key];
