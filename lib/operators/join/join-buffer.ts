import type { KeyId } from '../../model/index.ts';
import { NONE, type RowTable } from '../../state/index.ts';
import type { OperatorContext } from '../operator.ts';

/** The records of one key and time, as they are stored. */
interface Held {
  readonly matched: boolean;
  /** In the order in which they came. */
  readonly values: readonly unknown[];
}

/** Called when no match can come any more for records that never had one. */
export type Unmatched = (value: unknown, time: number, due: number, key: KeyId) => void;

/**
 * One side of a join: records by key and event time until no match can come. Those of one key and time are one row, as whatever matches one of them matches all: a
 * number (twice their count, plus 1 if they were matched), and the record beside it, or the list of them if there are several.
 */
export class JoinBuffer {
  readonly #table: RowTable<Held>;
  readonly #keeps: boolean;

  /** With `unmatched`, what is dropped without ever having been matched is handed to it. */
  constructor(context: OperatorContext, name: string, unmatched: Unmatched | undefined) {
    this.#keeps = unmatched !== undefined;
    const table: RowTable<Held> = context.rows<Held>(name, {
      width: 1,
      domain: 'event',
      clone: (part) => (Array.isArray(part) ? part.slice() : part),
      pack({ matched, values }, numbers, at) {
        numbers[at] = 2 * values.length + (matched ? 1 : 0);
        return values.length === 1 ? values[0] : values;
      },
      unpack: (numbers, at, part) => ({
        matched: numbers[at]! % 2 === 1,
        values: numbers[at]! < 4 ? [part] : (part as unknown[]).slice(),
      }),
      onTimer(row, due) {
        const code = table.numbers[table.at(row)]!;
        if (unmatched === undefined || code % 2 === 1) {
          table.drop(row);
          return;
        }
        const key = table.keyAt(row);
        const time = table.subAt(row);
        const part = table.partAt(row);
        table.drop(row);
        if (code < 4) unmatched(part, time, due, key);
        else for (const value of part as unknown[]) unmatched(value, time, due, key);
      },
    });
    this.#table = table;
  }

  /** Keeps a record until the watermark has reached `due`. Of records of one time the latest `due` counts: they differ only where the join's bounds were changed. */
  hold(key: KeyId, time: number, value: unknown, matched: boolean, due: number): void {
    const table = this.#table;
    const found = table.row(key, time);
    if (found === NONE) {
      const row = table.add(key, time);
      table.numbers[table.at(row)] = matched && this.#keeps ? 3 : 2;
      table.setPart(row, value);
      table.scheduleRow(row, due);
      return;
    }
    table.touchRow(found);
    if (table.timerAt(found) < due) table.scheduleRow(found, due);
    const at = table.at(found);
    const code = table.numbers[at]!;
    if (code < 4) table.setPart(found, [table.partAt(found), value]);
    else (table.partAt(found) as unknown[]).push(value);
    table.numbers[at] = code + 2;
  }

  /** The rows of a key with times from `from` to `to`, put into `rows`, the latest first; returns how many. */
  find(key: KeyId, from: number, to: number, rows: number[]): number {
    const table = this.#table;
    let n = 0;
    for (let row = table.upTo(key, to); row !== NONE && table.subAt(row) >= from; row = table.before(row))
      rows[n++] = row;
    return n;
  }

  /** Says that the records of a row have a match. */
  match(row: number): void {
    const table = this.#table;
    const at = table.at(row);
    if (!this.#keeps || table.numbers[at]! % 2 === 1) return;
    table.touchRow(row);
    table.numbers[at] = table.numbers[at]! + 1;
  }

  timeAt(row: number): number {
    return this.#table.subAt(row);
  }

  countAt(row: number): number {
    return Math.floor(this.#table.numbers[this.#table.at(row)]! / 2);
  }

  /** The i-th record of a row. */
  valueAt(row: number, i: number): unknown {
    const part = this.#table.partAt(row);
    return this.#table.numbers[this.#table.at(row)]! < 4 ? part : (part as unknown[])[i];
  }
}
