import type { KeyId } from '../../model/index.ts';
import { NONE, type RowTable } from '../../state/index.ts';
import type { OperatorContext } from '../operator.ts';
import type { RowLife } from '../row-life.ts';
import { ROWS } from '../table/index.ts';
import { type Comparison, comparison, type Order, type Sortable } from './sort-key.ts';

/** The best records of a group, best first, with what they are ranked by and their event times. Never changed in place. */
export interface Kept {
  readonly rows: readonly unknown[];
  readonly ranks: readonly Sortable[];
  readonly times: readonly number[];
}

/** Sort keys and times of more records than this are not kept as numbers of a row, which has room for the most there can be. */
const MOST_IN_ROW = 16;
/** A group has one row. */
const ONLY = Number.NEGATIVE_INFINITY;
const NO_ROWS: readonly unknown[] = [];

/**
 * The best n records of each group. Where sort keys are numbers and n is small they stand in a table of rows, behind one another, and then the times; what is beside them is the list of records. Otherwise
 * that is all there is to know of the group.
 */
export class KeptBest {
  /** What the list of the group was before `offer` and is after it. */
  before: readonly unknown[] = NO_ROWS;
  after: readonly unknown[] = NO_ROWS;
  readonly #n: number;
  readonly #life: RowLife;
  readonly #compare: Comparison;
  readonly #ascending: boolean;
  readonly #inRow: boolean;
  readonly #table: RowTable<Kept>;

  /** `over` is told of a group that has come to the end of its time, with its records and when that was. */
  constructor(
    context: OperatorContext,
    n: number,
    order: Order | readonly Order[],
    life: RowLife,
    over: (group: KeyId, rows: readonly unknown[], time: number) => void,
  ) {
    this.#n = n;
    this.#life = life;
    this.#compare = comparison(order);
    this.#ascending = order === 'ascending';
    this.#inRow = n <= MOST_IN_ROW;
    this.#table = context.rows<Kept>(ROWS, {
      width: this.#inRow ? 2 * n : 0,
      clone: (part) => part,
      pack: (kept, numbers, at) => this.#pack(kept, numbers, at),
      unpack: (numbers, at, part) => this.#unpack(numbers, at, part as Part),
      domain: life.domain,
      onTimer: (row, time) => {
        if (!life.ends) return;
        const table = this.#table;
        const group = table.keyAt(row);
        const { rows, times } = this.#unpack(table.numbers, table.at(row), table.partAt(row) as Part);
        table.drop(row);
        over(group, rows, life.timeOf(time, Math.max(...times)));
      },
    });
  }

  /** Takes a record in if it is among the best: then `before` and `after` say how the list changed. */
  offer(group: KeyId, rank: Sortable, time: number, record: unknown): boolean {
    const table = this.#table;
    let row = table.last(group);
    if (row === NONE) {
      row = table.add(group, ONLY);
      table.setPart(row, this.#inRow ? NO_ROWS : { rows: NO_ROWS, ranks: [], times: [] });
    }
    const until = this.#life.until(table.timerAt(row), time);
    if (until !== table.timerAt(row)) table.scheduleRow(row, until);
    const part = table.partAt(row) as Part;
    return Array.isArray(part) && typeof rank === 'number'
      ? this.#offerNumber(row, part, rank, time, record)
      : this.#offerAny(row, part, rank, time, record);
  }

  #offerNumber(row: number, rows: readonly unknown[], rank: number, time: number, record: unknown): boolean {
    const table = this.#table;
    const { numbers } = table;
    const n = this.#n;
    const ranks = table.at(row);
    const times = ranks + n;
    const { length } = rows;
    let place = length;
    while (place > 0) {
      const other = numbers[ranks + place - 1]!;
      if (rank === other ? time >= numbers[times + place - 1]! : rank < other !== this.#ascending) break;
      place--;
    }
    if (place >= n) return false;
    table.touchRow(row);
    const last = Math.min(length, n - 1);
    numbers.copyWithin(ranks + place + 1, ranks + place, ranks + last);
    numbers.copyWithin(times + place + 1, times + place, times + last);
    numbers[ranks + place] = rank;
    numbers[times + place] = time;
    this.before = rows;
    this.after = inserted(rows, place, record, n);
    table.setPart(row, this.after);
    return true;
  }

  #offerAny(row: number, part: Part, rank: Sortable, time: number, record: unknown): boolean {
    const table = this.#table;
    const { rows, ranks, times } = this.#unpack(table.numbers, table.at(row), part);
    let place = rows.length;
    while (place > 0) {
      const compared = this.#compare(rank, ranks[place - 1]!);
      if (compared > 0 || (compared === 0 && time >= times[place - 1]!)) break;
      place--;
    }
    if (place >= this.#n) return false;
    const kept: Kept = {
      rows: inserted(rows, place, record, this.#n),
      ranks: inserted(ranks, place, rank, this.#n),
      times: inserted(times, place, time, this.#n),
    };
    table.touchRow(row);
    table.setPart(row, this.#pack(kept, table.numbers, table.at(row)));
    this.before = rows;
    this.after = kept.rows;
    return true;
  }

  #pack(kept: Kept, numbers: Float64Array, at: number): Part {
    const { rows, ranks, times } = kept;
    if (!this.#inRow || !ranks.every((rank) => typeof rank === 'number')) return kept;
    numbers.set(ranks as readonly number[], at);
    numbers.set(times, at + this.#n);
    return rows;
  }

  #unpack(numbers: Float64Array, at: number, part: Part): Kept {
    if (!isList(part)) return part;
    const times = at + this.#n;
    return {
      rows: part,
      ranks: [...numbers.subarray(at, at + part.length)],
      times: [...numbers.subarray(times, times + part.length)],
    };
  }
}

/** The records, if all else is in numbers; otherwise all. */
type Part = readonly unknown[] | Kept;

const isList = (part: Part): part is readonly unknown[] => Array.isArray(part);

/** The list with an item at that place, cut to n. */
function inserted<V>(list: readonly V[], at: number, item: V, n: number): V[] {
  const all = list.slice(0, at);
  all.push(item);
  for (let i = at; i < list.length && all.length < n; i++) all.push(list[i]!);
  return all;
}
