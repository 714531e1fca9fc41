/**
 * All keyed state of one task: its tables, its timers, and a journal of what changed since the last commit.
 *
 * 1. A cell is entered in the journal with its former value before that first changes after a mark, and with its former timer whenever that changes; so
 *    `rollback` restores exactly what was at the mark.
 * 2. The journal since the last `clear` names every cell that differs from the last commit; the delta is proportional to it.
 * 3. Timers are part of cells; the queues are derived from them and can be rebuilt at any time.
 */
import { MillraceError } from '../model/index.ts';
import { type Cell, CellTable, type TableOptions } from './cell-table.ts';
import { type RowLayout, RowTable } from './row-table.ts';
import { type AnyCell, type AnyTable, NEVER, REMOVED, type Sub, type TimerDomain } from './table.ts';
import { TimerQueue } from './timer-queue.ts';

type StoredCell = Cell<unknown>;

/** What the journal holds in place of a former value: the cell did not exist. */
const ABSENT: unique symbol = Symbol('absent');
/** What the journal holds where not the value but the timer changed. */
const TIMER: unique symbol = Symbol('timer');
/** Beside a former value: it is the value itself, or was put back by others. */
const WHOLE = -1;
/** Room for former numbers that is kept from one commit to the next. */
const MOST_NUMBERS = 65_536;

/** A place in the journal to which `rollback` can return. */
export interface Mark {
  readonly cells: number;
  /** How long the journal of each table of rows is. */
  readonly rows: readonly number[];
}

/** Where the journal begins: the last commit. */
export const LAST_COMMIT: Mark = { cells: 0, rows: [] };

export class KeyedStore {
  readonly tables: AnyTable[] = [];
  readonly #rowTables: RowTable<unknown>[] = [];
  /** Tables that operators made anew will find again, by name. */
  readonly #kept = new Map<string, AnyTable>();
  readonly eventTimers = new TimerQueue();
  readonly processingTimers = new TimerQueue();
  readonly eventExpiry = new TimerQueue();
  readonly processingExpiry = new TimerQueue();
  /** Cells whose `stamp` equals this have been entered in the journal since the last mark. */
  stamp = 0;
  readonly #cells: StoredCell[] = [];
  readonly #values: unknown[] = [];
  /** Beside TIMER the former time; beside the array of a table of numbers where its former numbers begin in `#numbers`; else WHOLE. */
  readonly #extras: number[] = [];
  /** Cells that changed since `gather` have a stamp of at least this; infinitely low where nobody gathers. */
  since = Number.NEGATIVE_INFINITY;
  /** Such cells that were there then, and those made since, each once; some may be as they were. */
  #altered: StoredCell[] = [];
  #born: StoredCell[] = [];
  /** Former numbers, one array's behind another's: no copy has to be allocated for each. */
  #numbers = new Float64Array(256);
  #used = 0;

  /** Adds a table. Its index, the order of registration, is part of no stored format; its name is. */
  table<V>(name: string, options: TableOptions<V>): CellTable<V> {
    const kept = this.#takeKept(name);
    if (kept instanceof CellTable) {
      kept.options = options;
      return kept;
    }
    this.#refuseTwice(name);
    const table = new CellTable<V>(this, this.tables.length, name, options);
    this.tables.push(table);
    return table;
  }

  /** Adds a table of rows: for values that are numbers. */
  rows<V>(name: string, layout: RowLayout<V>): RowTable<V> {
    const kept = this.#takeKept(name);
    if (kept instanceof RowTable) {
      kept.rewire(layout);
      return kept;
    }
    this.#refuseTwice(name);
    const table = new RowTable<V>(this, this.tables.length, name, layout);
    this.tables.push(table);
    this.#rowTables.push(table as RowTable<unknown>);
    this.#queueOf(layout.domain)?.attach(table);
    return table;
  }

  /** Lets operators made anew register their tables: those of the same names and time domains, with their cells. The journal must be clear. */
  rewire(): this {
    for (const table of this.tables.splice(0)) this.#kept.set(table.name, table);
    return this;
  }

  /** Cells in all tables. */
  get size(): number {
    let size = 0;
    for (const table of this.tables) size += table.size;
    return size;
  }

  /** For tables: a cell has come into being. */
  created<V>(cell: Cell<V>): void {
    this.#enter(cell as unknown as StoredCell, ABSENT, WHOLE);
  }

  /** For tables: a cell's value is about to change. */
  touched<V>(cell: Cell<V>): void {
    const { options } = cell.table;
    if (options.numbers === true) {
      const at = this.#used;
      this.#keep(cell.value as readonly number[]);
      this.#enter(cell as unknown as StoredCell, cell.value, at);
    } else this.#enter(cell as unknown as StoredCell, options.clone(cell.value), WHOLE);
  }

  /** For tables: a cell is about to be taken out. */
  removed<V>(cell: Cell<V>): void {
    if (cell.stamp !== this.stamp) this.#enter(cell as unknown as StoredCell, cell.value, WHOLE);
    if (cell.timer !== NEVER) this.#setTimer(cell as unknown as StoredCell, NEVER);
    (cell as unknown as StoredCell).value = REMOVED;
  }

  /** For tables: sets a cell's timer. */
  schedule<V>(cell: Cell<V>, time: number): void {
    const had = cell.timer;
    this.#setTimer(cell as unknown as StoredCell, time);
    if (time !== NEVER && (had === NEVER || time < had))
      this.#queueOf(cell.table.options.domain)?.add(cell as unknown as StoredCell);
  }

  /** Begins a stretch that can be undone by itself. */
  mark(): Mark {
    this.stamp++;
    return { cells: this.#cells.length, rows: this.#rowTables.map((table) => table.changed) };
  }

  /** Undoes everything since the mark, latest first. */
  rollback(mark: Mark): void {
    this.#rowTables.forEach((table, i) => {
      table.rollback(mark.rows[i] ?? 0);
    });
    for (let i = this.#cells.length - 1; i >= mark.cells; i--) {
      const cell = this.#cells[i]!;
      const before = this.#values[i];
      const extra = this.#extras[i]!;
      if (before === TIMER) {
        cell.timer = extra;
        if (extra !== NEVER) this.#queueOf(cell.table.options.domain)?.add(cell);
        continue;
      }
      const gone = cell.value === REMOVED;
      if (before === ABSENT) {
        if (!gone) cell.table.unlink(cell);
        cell.value = REMOVED;
        cell.timer = NEVER;
      } else {
        cell.value = before;
        if (extra !== WHOLE) this.#putBack(before as number[], extra);
        if (gone) cell.table.link(cell);
      }
    }
    this.#cells.length = mark.cells;
    this.#values.length = mark.cells;
    this.#extras.length = mark.cells;
    this.stamp++;
  }

  /** The cells that changed since the last commit, each once, in order of their first change; a removed one has the value REMOVED. */
  changes(): AnyCell[] {
    this.stamp++;
    const seen = this.stamp;
    const changes: AnyCell[] = [];
    for (let i = 0; i < this.#cells.length; i++) {
      const cell = this.#cells[i]!;
      if (cell.stamp === seen) continue;
      cell.stamp = seen;
      if (cell.value === REMOVED && this.#values[i] === ABSENT) continue;
      changes.push(cell);
    }
    for (const table of this.#rowTables) table.changes(0, changes, seen);
    this.stamp++;
    return changes;
  }

  /** From here on, also over `clear`, notes which cells change, beginning with those in the journal; what was noted before is forgotten. */
  gather(): void {
    const since = ++this.stamp;
    this.since = since;
    this.#altered = [];
    this.#born = [];
    for (let i = 0; i < this.#cells.length; i++) {
      const cell = this.#cells[i]!;
      if (cell.stamp === since) continue;
      cell.stamp = since;
      (this.#values[i] === ABSENT ? this.#born : this.#altered).push(cell);
    }
    for (const table of this.#rowTables) table.gather();
    this.stamp++;
  }

  /**
   * The cells that changed since `gather`, each once, a removed one with the value REMOVED; one that came and went since is left out. In this order they lead
   * from the cells of then to those of now. The journal must be clear.
   */
  gathered(): AnyCell[] {
    const cells: AnyCell[] = this.#altered.slice();
    for (const cell of this.#born) if (cell.value !== REMOVED) cells.push(cell);
    const seen = ++this.stamp;
    for (const table of this.#rowTables) table.gathered(cells, seen);
    this.stamp++;
    return cells;
  }

  /** The cells entered in the journal since the mark. */
  changedSince(mark: Mark): readonly AnyCell[] {
    const cells: AnyCell[] = [...new Set(this.#cells.slice(mark.cells))];
    this.stamp++;
    this.#rowTables.forEach((table, i) => {
      table.changes(mark.rows[i]!, cells, this.stamp);
    });
    this.stamp++;
    return cells;
  }

  /** How many entries the journal has. */
  get changed(): number {
    let changed = this.#cells.length;
    for (const table of this.#rowTables) changed += table.changed;
    return changed;
  }

  /** The changes are committed: forgets the journal. */
  clear(): void {
    this.#cells.length = 0;
    this.#values.length = 0;
    this.#extras.length = 0;
    this.#used = 0;
    if (this.#numbers.length > MOST_NUMBERS) this.#numbers = new Float64Array(256);
    for (const table of this.#rowTables) table.clear();
    this.stamp++;
  }

  /** For loading: a cell as it was committed, replacing what was there; the journal takes no part. */
  restore(table: AnyTable, key: AnyCell['key'], sub: Sub, value: unknown, timer: number): void {
    if (table instanceof RowTable) {
      table.restore(key, sub, value, timer);
      return;
    }
    const cell = (table as CellTable<unknown>).obtain(key, sub, value);
    cell.value = value;
    cell.timer = timer;
    if (timer !== NEVER) this.#queueOf(table.options.domain)?.add(cell);
  }

  /** For loading: takes out a cell that a committed delta removed. */
  restoreRemoval(table: AnyTable, key: AnyCell['key'], sub: Sub): void {
    if (table instanceof RowTable) {
      table.restoreRemoval(key, sub);
      return;
    }
    const cell = (table as CellTable<unknown>).find(key, sub);
    if (cell === undefined) return;
    (table as CellTable<unknown>).unlink(cell);
    cell.value = REMOVED;
    cell.timer = NEVER;
  }

  /** For loading: lets go of what the queues hold of timers that have fired elsewhere. */
  dropFired(): void {
    for (const queue of [this.eventTimers, this.processingTimers, this.eventExpiry, this.processingExpiry])
      queue.earliest();
  }

  #takeKept(name: string): AnyTable | undefined {
    const kept = this.#kept.get(name);
    if (kept === undefined) return undefined;
    this.#kept.delete(name);
    kept.index = this.tables.push(kept) - 1;
    return kept;
  }

  #refuseTwice(name: string): void {
    if (!this.tables.some((table) => table.name === name)) return;
    throw new MillraceError('invalid-pipeline', `two state tables have the name "${name}"`, {
      hint: 'give each state of an operator a name of its own',
    });
  }

  #enter(cell: StoredCell, before: unknown, extra: number): void {
    if (cell.stamp < this.since) (before === ABSENT ? this.#born : this.#altered).push(cell);
    cell.stamp = this.stamp;
    this.#cells.push(cell);
    this.#values.push(before);
    this.#extras.push(extra);
  }

  #setTimer(cell: StoredCell, time: number): void {
    if (cell.stamp < this.since) {
      this.#altered.push(cell);
      cell.stamp = this.since;
    }
    this.#cells.push(cell);
    this.#values.push(TIMER);
    this.#extras.push(cell.timer);
    cell.timer = time;
  }

  #keep(numbers: readonly number[]): void {
    const end = this.#used + numbers.length;
    if (end > this.#numbers.length) {
      const larger = new Float64Array(2 * end);
      larger.set(this.#numbers);
      this.#numbers = larger;
    }
    for (let i = 0; i < numbers.length; i++) this.#numbers[this.#used + i] = numbers[i]!;
    this.#used = end;
  }

  #putBack(numbers: number[], at: number): void {
    for (let i = 0; i < numbers.length; i++) numbers[i] = this.#numbers[at + i]!;
    this.#used = at;
  }

  #queueOf(domain: TimerDomain): TimerQueue | undefined {
    switch (domain) {
      case 'event':
        return this.eventTimers;
      case 'processing':
        return this.processingTimers;
      case 'event-ttl':
        return this.eventExpiry;
      case 'processing-ttl':
        return this.processingExpiry;
      case 'none':
        return undefined;
    }
  }
}
