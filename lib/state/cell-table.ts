import { compareKeyIds, type KeyId } from '../model/index.ts';
import { type AnyCell, type AnyTable, NEVER, type Sub, type TimerDomain } from './table.ts';

export interface TableOptions<V> {
  /** A copy that later changes of the value do not reach: what undo puts back. */
  clone(value: V): V;
  /** True if a value is always an array of numbers whose length does not change: then its numbers are kept for undo, without a clone. */
  readonly numbers?: boolean;
  /** In which time `timer` of its cells runs; the ttl domains remove the cell, by themselves, when it is due. */
  readonly domain: TimerDomain;
  /** Called when a cell's timer is due; the timer is already cleared. */
  onTimer?(cell: Cell<V>, time: number): void;
  /** Schema version of the values; 1 if not given. */
  readonly version?: number;
  /** Brings a value of an older version to this one. */
  migrate?(value: unknown, version: number): V;
}

/**
 * One value of keyed state, and one timer. Change `value` in place only after `table.touch(cell)`; set timers by `table.schedule`.
 */
export class Cell<V> implements AnyCell {
  readonly sub: Sub;
  next: Cell<V> | undefined = undefined;
  value: V;
  /** Mark of the store under which it was last touched. */
  stamp = -1;
  readonly table: CellTable<V>;
  readonly key: KeyId;
  timer: number = NEVER;

  constructor(table: CellTable<V>, key: KeyId, sub: Sub, value: V) {
    this.table = table;
    this.key = key;
    this.sub = sub;
    this.value = value;
  }
}

/** A key with more cells than this gets a map of its own: the panes of ten overlapping windows still make a chain. */
const CHAIN_LIMIT = 16;

/** What a table tells the store that keeps the journal and the timers of all tables. */
export interface CellJournal {
  /** Cells that bear it have been entered in the journal since the last mark. */
  readonly stamp: number;
  created<V>(cell: Cell<V>): void;
  /** Comes before the change. */
  touched<V>(cell: Cell<V>): void;
  removed<V>(cell: Cell<V>): void;
  schedule<V>(cell: Cell<V>, time: number): void;
}

/**
 * Cells by (key, sub). One cell of a key stands in the map directly, a few are chained, the newest first, many get a map of their own, so that a key with one
 * window costs little and a key with ten thousand map entries stays quick.
 */
export class CellTable<V> implements AnyTable {
  readonly store: CellJournal;
  /** Its place among the store's tables: upstream operators' first. */
  index: number;
  readonly name: string;
  /** The operator it belongs to: what stands before the slash in its name. */
  readonly operator: string;
  options: TableOptions<V>;
  readonly #byKey = new Map<KeyId, Cell<V> | Map<Sub, Cell<V>>>();
  size = 0;

  constructor(store: CellJournal, index: number, name: string, options: TableOptions<V>) {
    this.store = store;
    this.index = index;
    this.name = name;
    this.operator = name.slice(0, Math.max(0, name.indexOf('/')));
    this.options = options;
  }

  /** The cell, or undefined. */
  find(key: KeyId, sub: Sub): Cell<V> | undefined {
    const found = this.#byKey.get(key);
    if (found === undefined) return undefined;
    if (found instanceof Map) return found.get(sub);
    let cell: Cell<V> | undefined = found;
    while (cell !== undefined && cell.sub !== sub) cell = cell.next;
    return cell;
  }

  /** A new cell. There must be none of that key and sub. */
  create(key: KeyId, sub: Sub, value: V): Cell<V> {
    const cell = new Cell<V>(this, key, sub, value);
    this.link(cell);
    this.store.created(cell);
    return cell;
  }

  /** For loading: the cell of that key and sub; a new one with this value, of which the store is not told, if there is none. */
  obtain(key: KeyId, sub: Sub, value: V): Cell<V> {
    const found = this.#byKey.get(key);
    if (found === undefined) {
      const cell = new Cell<V>(this, key, sub, value);
      this.#byKey.set(key, cell);
      this.size++;
      return cell;
    }
    const there = this.find(key, sub);
    if (there !== undefined) return there;
    const cell = new Cell<V>(this, key, sub, value);
    this.link(cell);
    return cell;
  }

  /** Says that the cell is about to change. Cheap when said again in the same step. */
  touch(cell: Cell<V>): void {
    if (cell.stamp !== this.store.stamp) this.store.touched(cell);
  }

  /** Replaces the value. */
  set(cell: Cell<V>, value: V): void {
    if (cell.stamp !== this.store.stamp) this.store.touched(cell);
    cell.value = value;
  }

  /** Sets the cell's one timer (NEVER clears it). */
  schedule(cell: Cell<V>, time: number): void {
    this.store.schedule(cell, time);
  }

  remove(cell: Cell<V>): void {
    this.store.removed(cell);
    this.unlink(cell);
  }

  /** The cells of a key in the order of their subs. */
  cellsOf(key: KeyId): Cell<V>[] {
    const found = this.#byKey.get(key);
    if (found === undefined) return [];
    const cells = found instanceof Map ? [...found.values()] : chained(found);
    if (cells.length > 1) sortBySub(cells);
    return cells;
  }

  /** Calls with each cell of a key, in no certain order, as a search for few among many needs none. Nothing may be added or removed meanwhile. */
  eachOf(key: KeyId, visit: (cell: Cell<V>) => void): void {
    const found = this.#byKey.get(key);
    if (found instanceof Map) found.forEach(visit);
    else for (let cell: Cell<V> | undefined = found; cell !== undefined; cell = cell.next) visit(cell);
  }

  /** The first cell of a key's chain; only for tables of at most one cell a key. */
  single(key: KeyId): Cell<V> | undefined {
    const found = this.#byKey.get(key);
    return found instanceof Map ? found.values().next().value : found;
  }

  *keys(): IterableIterator<KeyId> {
    yield* this.#byKey.keys();
  }

  *cells(): IterableIterator<Cell<V>> {
    for (const found of this.#byKey.values()) {
      if (found instanceof Map) yield* found.values();
      else for (let cell: Cell<V> | undefined = found; cell !== undefined; cell = cell.next) yield cell;
    }
  }

  /** For the store: puts a cell in its place. */
  link(cell: Cell<V>): void {
    this.size++;
    cell.next = undefined;
    const found = this.#byKey.get(cell.key);
    if (found === undefined) {
      this.#byKey.set(cell.key, cell);
    } else if (found instanceof Map) {
      found.set(cell.sub, cell);
    } else {
      let length = 1;
      for (let last = found; last.next !== undefined; last = last.next) length++;
      if (length < CHAIN_LIMIT) {
        cell.next = found;
        this.#byKey.set(cell.key, cell);
      } else this.#byKey.set(cell.key, mapOf(found, cell));
    }
  }

  /** For the store: takes a cell out. */
  unlink(cell: Cell<V>): void {
    this.size--;
    const found = this.#byKey.get(cell.key);
    if (found instanceof Map) {
      found.delete(cell.sub);
      if (found.size === 0) this.#byKey.delete(cell.key);
    } else if (found === cell) {
      if (cell.next === undefined) this.#byKey.delete(cell.key);
      else this.#byKey.set(cell.key, cell.next);
    } else {
      let previous = found;
      while (previous !== undefined && previous.next !== cell) previous = previous.next;
      if (previous !== undefined) previous.next = cell.next;
    }
    cell.next = undefined;
  }
}

function chained<V>(first: Cell<V>): Cell<V>[] {
  const cells: Cell<V>[] = [];
  for (let cell: Cell<V> | undefined = first; cell !== undefined; cell = cell.next) cells.push(cell);
  return cells;
}

function mapOf<V>(first: Cell<V>, added: Cell<V>): Map<Sub, Cell<V>> {
  const map = new Map<Sub, Cell<V>>();
  for (let cell: Cell<V> | undefined = first; cell !== undefined; ) {
    const next: Cell<V> | undefined = cell.next;
    cell.next = undefined;
    map.set(cell.sub, cell);
    cell = next;
  }
  return map.set(added.sub, added);
}

/** Sorts in place; in one pass what is in order or, as a chain of windows mostly is, in the opposite order. */
function sortBySub(cells: Cell<unknown>[]): void {
  let ascends = true;
  let descends = true;
  for (let i = 1; i < cells.length; i++) {
    if (compareSubs(cells[i - 1]!, cells[i]!) < 0) descends = false;
    else ascends = false;
  }
  if (ascends) return;
  if (descends) cells.reverse();
  else cells.sort(compareSubs);
}

/** Order of subs; undefined first. */
export function compareSubs(a: AnyCell, b: AnyCell): number {
  if (a.sub === undefined || b.sub === undefined) return a.sub === b.sub ? 0 : a.sub === undefined ? -1 : 1;
  return compareKeyIds(a.sub, b.sub);
}
