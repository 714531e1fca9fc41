import type { RowLayout, RowTable } from '../../state/index.ts';
import type { Aggregator, Slots } from '../aggregate/index.ts';

type Rows = RowTable<unknown>;
type AnyAggregator = Aggregator<unknown, unknown, unknown>;

type Layout = Pick<RowLayout<unknown>, 'width' | 'clone' | 'pack' | 'unpack'>;

/**
 * Accumulators in the rows of a table, behind `lead` numbers that are the operator's own: as numbers where the aggregation is made of such, else as the part beside
 * them. A row must have been touched, or be new, before it is changed.
 */
export interface Accumulators {
  /** How a row with such an accumulator is laid out: of a row that is nothing else, the whole layout. */
  readonly layout: Layout;
  /** A new row's accumulator, with its first record. */
  begin(table: Rows, row: number, value: unknown, time: number): void;
  add(table: Rows, row: number, value: unknown, time: number): void;
  /** Folds the accumulator of another row in. That row is dropped afterwards. */
  merge(table: Rows, row: number, other: number): void;
  result(table: Rows, row: number): unknown;
  /** The result over the first `n` of some rows, which are listed latest first. */
  resultOf(table: Rows, rows: readonly number[], n: number): unknown;
  /** A row's accumulator apart from the table, as it is now. */
  copy(table: Rows, row: number): unknown;
  /** A new accumulator apart, of one and then another, neither of which changes. */
  joined(first: unknown, second: unknown): unknown;
  resultApart(acc: unknown): unknown;
}

export function accumulators(aggregator: AnyAggregator, lead = 0): Accumulators {
  return aggregator.slots === undefined ? new Parts(aggregator, lead) : new Numbers(aggregator.slots, lead);
}

class Numbers implements Accumulators {
  readonly layout: Layout;
  readonly #slots: Slots<unknown, unknown>;
  readonly #size: number;
  readonly #lead: number;
  readonly #empty: Float64Array;
  readonly #merged: Float64Array;

  constructor(slots: Slots<unknown, unknown>, lead: number) {
    this.#slots = slots;
    this.#size = slots.width;
    this.#lead = lead;
    this.#empty = new Float64Array(slots.width);
    this.#merged = new Float64Array(slots.width);
    slots.init(this.#empty, 0);
    const size = slots.width;
    this.layout = {
      width: lead + size,
      pack(acc, numbers, at) {
        const given = acc as readonly number[];
        for (let i = 0; i < size; i++) numbers[at + lead + i] = given[i]!;
      },
      unpack(numbers, at) {
        const acc: number[] = [];
        for (let i = 0; i < size; i++) acc.push(numbers[at + lead + i]!);
        return acc;
      },
    };
  }

  begin(table: Rows, row: number, value: unknown, time: number): void {
    const { numbers } = table;
    const at = table.at(row) + this.#lead;
    for (let i = 0; i < this.#size; i++) numbers[at + i] = this.#empty[i]!;
    this.#slots.add(numbers, at, value, time);
  }

  add(table: Rows, row: number, value: unknown, time: number): void {
    this.#slots.add(table.numbers, table.at(row) + this.#lead, value, time);
  }

  merge(table: Rows, row: number, other: number): void {
    const { numbers } = table;
    this.#slots.merge(numbers, table.at(row) + this.#lead, numbers, table.at(other) + this.#lead);
  }

  result(table: Rows, row: number): unknown {
    return this.#slots.result(table.numbers, table.at(row) + this.#lead);
  }

  resultOf(table: Rows, rows: readonly number[], n: number): unknown {
    if (n === 1) return this.result(table, rows[0]!);
    const { numbers } = table;
    const merged = this.#merged;
    const first = table.at(rows[n - 1]!) + this.#lead;
    for (let i = 0; i < this.#size; i++) merged[i] = numbers[first + i]!;
    for (let i = n - 2; i >= 0; i--) this.#slots.merge(merged, 0, numbers, table.at(rows[i]!) + this.#lead);
    return this.#slots.result(merged, 0);
  }

  copy(table: Rows, row: number): unknown {
    const at = table.at(row) + this.#lead;
    return table.numbers.slice(at, at + this.#size);
  }

  joined(first: unknown, second: unknown): unknown {
    const joined = (first as Float64Array).slice();
    this.#slots.merge(joined, 0, second as Float64Array, 0);
    return joined;
  }

  resultApart(acc: unknown): unknown {
    return this.#slots.result(acc as Float64Array, 0);
  }
}

class Parts implements Accumulators {
  readonly layout: Layout;
  readonly #aggregator: AnyAggregator;

  constructor(aggregator: AnyAggregator, lead: number) {
    this.#aggregator = aggregator;
    this.layout = {
      width: lead,
      clone: (acc) => aggregator.clone(acc),
      pack: (acc) => acc,
      unpack: (_numbers, _at, acc) => acc,
    };
  }

  begin(table: Rows, row: number, value: unknown, time: number): void {
    table.setPart(row, this.#aggregator.add(this.#aggregator.create(), value, time));
  }

  add(table: Rows, row: number, value: unknown, time: number): void {
    table.setPart(row, this.#aggregator.add(table.partAt(row), value, time));
  }

  merge(table: Rows, row: number, other: number): void {
    table.setPart(row, this.#aggregator.merge(table.partAt(row), table.partAt(other)));
  }

  result(table: Rows, row: number): unknown {
    return this.#aggregator.result(table.partAt(row));
  }

  resultOf(table: Rows, rows: readonly number[], n: number): unknown {
    if (n === 1) return this.result(table, rows[0]!);
    const aggregator = this.#aggregator;
    let merged = aggregator.clone(table.partAt(rows[n - 1]!));
    for (let i = n - 2; i >= 0; i--) merged = aggregator.merge(merged, aggregator.clone(table.partAt(rows[i]!)));
    return aggregator.result(merged);
  }

  copy(table: Rows, row: number): unknown {
    return this.#aggregator.clone(table.partAt(row));
  }

  joined(first: unknown, second: unknown): unknown {
    const aggregator = this.#aggregator;
    return aggregator.merge(aggregator.clone(first), aggregator.clone(second));
  }

  resultApart(acc: unknown): unknown {
    return this.#aggregator.result(acc);
  }
}
