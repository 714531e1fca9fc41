import type { KeyId } from '../model/index.ts';
import { NONE } from './key-rows.ts';
import { CHANGED, CREATED, DROPPED, RowJournal } from './row-journal.ts';
import { RowTimers } from './row-timers.ts';
import { GONE, HEAD, NEXT, Rows, STAMP, TIMER } from './rows.ts';
import { type AnyCell, type AnyTable, NEVER, REMOVED, type Sub, type TimerDomain } from './table.ts';
import type { TimedTable } from './timer-queue.ts';

/** How the values of a table of rows are laid out, and what its timers do. */
export interface RowLayout<V> {
  /** How many numbers a value has. */
  readonly width: number;
  /** If given, a value has a part beside its numbers, of which this makes a copy that later changes do not reach. */
  readonly clone?: ((part: unknown) => unknown) | undefined;
  /** Puts a value's numbers at `at` and returns the part that is not numbers. */
  pack(value: V, numbers: Float64Array, at: number): unknown;
  /** The value again: what is stored, and what is seen from outside. */
  unpack(numbers: Float64Array, at: number, part: unknown): V;
  readonly domain: TimerDomain;
  /** Called when a row's timer is due; the timer is already cleared. */
  onTimer?(row: number, time: number): void;
  readonly version?: number;
}

/** The marks of the store that keeps the tables. */
interface RowStore {
  /** Rows that bear it have been entered in the journal since the last mark. */
  readonly stamp: number;
  /** Rows that changed since the store began to gather bear at least this; infinitely low where it does not. */
  readonly since: number;
}

/** What stands for the sub `undefined`. */
const NO_SUB = Number.NEGATIVE_INFINITY;

/** More room than this is given back when no row is left. */
const KEPT = 4_096;

/**
 * Cells whose values are numbers, perhaps with one thing beside them, as rows of one array: (sub, timer, mark, next row of the key, numbers). To the
 * processor a row is a line or two of its cache, and to the garbage collector nothing, where a cell is half a dozen objects. Subs are numbers or undefined.
 *
 * Operators name rows by number, valid until the row is dropped. `add` may move all rows: take `numbers` anew after it. To everybody else rows look like cells,
 * whose `value` is a copy.
 */
export class RowTable<V> extends Rows implements TimedTable {
  readonly name: string;
  readonly operator: string;
  index: number;
  options: AnyTable['options'];
  readonly #store: RowStore;
  readonly #journal: RowJournal;
  readonly #timers = new RowTimers();
  readonly #parted: boolean;
  #layout: RowLayout<unknown>;
  #parts: unknown[] = [];
  /** Dropped since the commit. */
  #gone: number[] = [];
  /** Rows that changed since the store began to gather, those that were there then and those made since; some may be named twice, or be as they were. */
  #altered: number[] = [];
  #born: number[] = [];
  /** Dropped and committed since then. */
  #kept: number[] = [];

  constructor(store: RowStore, index: number, name: string, layout: RowLayout<V>) {
    super(layout.width);
    this.#store = store;
    this.index = index;
    this.name = name;
    this.operator = name.slice(0, Math.max(0, name.indexOf('/')));
    this.#journal = new RowJournal(layout.width);
    this.#parted = layout.clone !== undefined;
    this.#layout = layout as RowLayout<unknown>;
    this.options = optionsOf(layout);
  }

  /** Gives the table, with its rows, to an operator made anew. */
  rewire(layout: RowLayout<V>): void {
    this.#layout = layout as RowLayout<unknown>;
    this.options = optionsOf(layout);
  }

  /** What a row holds beside its numbers. */
  partAt(row: number): unknown {
    return this.#parts[row];
  }

  /** Comes after `touchRow`, or `add`. */
  setPart(row: number, part: unknown): void {
    this.#parts[row] = part;
  }

  /** A new row, whose numbers are undefined. There must be none of that key and sub. */
  add(key: KeyId, sub: number): number {
    const row = this.place(key, sub);
    const place = row * this.stride;
    if (this.#store.since !== Number.NEGATIVE_INFINITY) this.#born.push(row);
    this.#journal.enter(CREATED, row, NEVER, this.numbers, place + HEAD);
    this.numbers[place + STAMP] = this.#store.stamp;
    return row;
  }

  /** Says that a row is about to change. Cheap when said again in the same step. */
  touchRow(row: number): void {
    const place = row * this.stride;
    if (this.numbers[place + STAMP] !== this.#store.stamp) this.#enter(CHANGED, row, place);
  }

  /** Sets the row's one timer (NEVER clears it). */
  scheduleRow(row: number, time: number): void {
    this.touchRow(row);
    const place = row * this.stride + TIMER;
    this.numbers[place] = time;
    if (time !== NEVER) this.#timers.add(row, time);
  }

  /** Takes a row out. */
  drop(row: number): void {
    this.#enter(DROPPED, row, row * this.stride);
    this.unlink(row);
    this.#gone.push(row);
  }

  find(key: KeyId, sub: Sub): AnyCell | undefined {
    const row = sub === undefined || typeof sub === 'number' ? this.row(key, sub ?? NO_SUB) : NONE;
    return row === NONE ? undefined : new RowCell(this, row);
  }

  create(key: KeyId, sub: Sub, value: unknown): AnyCell {
    const row = this.add(key, numberOf(sub));
    this.#pack(row, value);
    return new RowCell(this, row);
  }

  touch(cell: AnyCell): void {
    this.touchRow(rowOf(cell));
  }

  set(cell: AnyCell, value: unknown): void {
    const row = rowOf(cell);
    this.touchRow(row);
    this.#pack(row, value);
  }

  schedule(cell: AnyCell, time: number): void {
    this.scheduleRow(rowOf(cell), time);
  }

  remove(cell: AnyCell): void {
    this.drop(rowOf(cell));
  }

  *cells(): IterableIterator<AnyCell> {
    for (const key of this.keys()) {
      for (let row = this.last(key); row !== NONE; row = this.before(row)) yield new RowCell(this, row);
    }
  }

  cellsOf(key: KeyId): AnyCell[] {
    const cells: AnyCell[] = [];
    for (let row = this.last(key); row !== NONE; row = this.before(row)) cells.push(new RowCell(this, row));
    return cells.reverse();
  }

  get leastTime(): number {
    return this.#timers.least;
  }

  earliestTimer(): number {
    for (;;) {
      const time = this.#timers.least;
      if (time === NEVER) return NEVER;
      for (let row = this.#timers.first; row !== NONE; row = this.#timers.after(row)) {
        if (this.timerAt(row) === time) return time;
      }
      this.takeDue([]);
    }
  }

  takeDue(into: AnyCell[]): void {
    const timers = this.#timers;
    const time = timers.least;
    for (let row = timers.take(); row !== NONE; ) {
      const next = timers.leave(row);
      const timer = this.timerAt(row);
      if (timer === time) into.push(new RowCell(this, row));
      else if (timer !== NEVER) timers.add(row, timer);
      row = next;
    }
  }

  enterAgain(cell: AnyCell): void {
    const row = rowOf(cell);
    const timer = this.timerAt(row);
    if (timer !== NEVER) this.#timers.add(row, timer);
  }

  /** For cells: what a row's value is, REMOVED if it was dropped. */
  valueAt(row: number): unknown {
    if (this.numbers[row * this.stride + NEXT] === GONE) return REMOVED;
    return this.#layout.unpack(this.numbers, this.at(row), this.#parts[row]);
  }

  /** For the store: how long the journal is. */
  get changed(): number {
    return this.#journal.length;
  }

  /** For the store: undoes what was entered in the journal since it had this length. */
  rollback(length: number): void {
    const journal = this.#journal;
    for (let entry = journal.length - 1; entry >= length; entry--) this.#undo(entry);
    journal.cut(length);
  }

  /** For the store: the rows entered in the journal since it had this length, each once, but for those both made and dropped since then. */
  changes(length: number, into: AnyCell[], seen: number): void {
    const journal = this.#journal;
    for (let entry = length; entry < journal.length; entry++) {
      const row = journal.rowAt(entry);
      const gone = this.numbers[row * this.stride + NEXT] === GONE;
      if (!(gone && journal.whatAt(entry) === CREATED)) this.#tell(row, into, seen);
      else this.numbers[row * this.stride + STAMP] = seen;
    }
  }

  /** For the store: the changes are committed. */
  clear(): void {
    this.#journal.cut(0);
    if (this.#store.since === Number.NEGATIVE_INFINITY) this.#free(this.#gone);
    else for (let i = 0; i < this.#gone.length; i++) this.#kept.push(this.#gone[i]!);
    this.#gone = [];
  }

  /** For the store: from here on notes which rows change, beginning with those in the journal. */
  gather(): void {
    const { since } = this.#store;
    const journal = this.#journal;
    this.#altered = [];
    this.#born = [];
    for (let entry = 0; entry < journal.length; entry++) {
      const row = journal.rowAt(entry);
      const place = row * this.stride + STAMP;
      if (this.numbers[place] === since) continue;
      this.numbers[place] = since;
      (journal.whatAt(entry) === CREATED ? this.#born : this.#altered).push(row);
    }
    const kept = this.#kept;
    this.#kept = [];
    this.#free(kept);
  }

  /** For the store: the rows that changed since it began to gather, each once, but for those that came and went. */
  gathered(into: AnyCell[], seen: number): void {
    for (let i = 0; i < this.#altered.length; i++) this.#tell(this.#altered[i]!, into, seen);
    for (let i = 0; i < this.#born.length; i++) {
      const row = this.#born[i]!;
      if (this.numbers[row * this.stride + NEXT] !== GONE) this.#tell(row, into, seen);
    }
  }

  /** For loading: a row as it was committed, replacing what was there. */
  restore(key: KeyId, sub: Sub, value: unknown, timer: number): void {
    const number = numberOf(sub);
    let row = this.row(key, number);
    if (row === NONE) row = this.place(key, number);
    this.#pack(row, value);
    this.numbers[row * this.stride + TIMER] = timer;
    if (timer !== NEVER) this.#timers.add(row, timer);
  }

  /** For loading: takes out a row that a committed delta removed. */
  restoreRemoval(key: KeyId, sub: Sub): void {
    const row = this.row(key, numberOf(sub));
    if (row === NONE) return;
    this.unlink(row);
    this.release(row);
  }

  #pack(row: number, value: unknown): void {
    const part = this.#layout.pack(value, this.numbers, this.at(row));
    if (this.#parted) this.#parts[row] = part;
  }

  #enter(what: number, row: number, place: number): void {
    const { numbers } = this;
    if (numbers[place + STAMP]! < this.#store.since) this.#altered.push(row);
    this.#journal.enter(what, row, numbers[place + TIMER]!, numbers, place + HEAD);
    numbers[place + STAMP] = this.#store.stamp;
    if (!this.#parted) return;
    const part = this.#parts[row];
    this.#journal.keep(what === CHANGED ? this.#layout.clone!(part) : part);
  }

  /** Adds a row as it is, unless that was done. */
  #tell(row: number, into: AnyCell[], seen: number): void {
    const place = row * this.stride + STAMP;
    if (this.numbers[place] === seen) return;
    this.numbers[place] = seen;
    into.push(new RowCell(this, row));
  }

  #free(rows: readonly number[]): void {
    for (let i = 0; i < rows.length; i++) this.release(rows[i]!);
    if (this.size === 0 && this.#journal.length === 0 && this.room > KEPT) this.shrink();
  }

  #undo(entry: number): void {
    const journal = this.#journal;
    const row = journal.rowAt(entry);
    const what = journal.whatAt(entry);
    if (what === CREATED) {
      this.unlink(row);
      this.release(row);
      return;
    }
    if (what === DROPPED) {
      this.#gone.pop();
      this.link(row);
    }
    journal.putBack(entry, this.numbers, this.at(row));
    if (this.#parted) this.#parts[row] = journal.partAt(entry);
    const timer = journal.timerAt(entry);
    this.numbers[row * this.stride + TIMER] = timer;
    if (timer !== NEVER) this.#timers.add(row, timer);
  }

  protected override release(row: number): void {
    if (this.#parted) this.#parts[row] = undefined;
    super.release(row);
  }

  protected override grow(rows: number): void {
    super.grow(rows);
    this.#timers.grow(rows);
  }

  protected override shrink(): void {
    super.shrink();
    this.#timers.shrink();
    this.#parts = [];
  }
}

/** A row as others see it. */
class RowCell implements AnyCell {
  readonly table: RowTable<unknown>;
  readonly row: number;

  constructor(table: RowTable<unknown>, row: number) {
    this.table = table;
    this.row = row;
  }

  get key(): KeyId {
    return this.table.keyAt(this.row);
  }

  get sub(): Sub {
    const sub = this.table.subAt(this.row);
    return sub === NO_SUB ? undefined : sub;
  }

  get timer(): number {
    return this.table.timerAt(this.row);
  }

  get value(): unknown {
    return this.table.valueAt(this.row);
  }
}

function optionsOf<V>({ domain, version, clone, onTimer }: RowLayout<V>): AnyTable['options'] {
  return {
    domain,
    numbers: clone === undefined,
    ...(version === undefined ? {} : { version }),
    ...(onTimer === undefined ? {} : { onTimer: (cell: AnyCell, time: number) => onTimer(rowOf(cell), time) }),
  };
}

const rowOf = (cell: AnyCell): number => (cell as RowCell).row;

function numberOf(sub: Sub): number {
  if (sub === undefined) return NO_SUB;
  if (typeof sub === 'number') return sub;
  throw new TypeError(`a table of rows has numbers as subs, not ${String(sub)}`);
}
