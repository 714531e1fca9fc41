import type { KeyId } from '../../model/index.ts';
import type { Cell, CellTable } from '../../state/index.ts';
import type { OperatorContext } from '../operator.ts';

/** The state in which a table's operator keeps its rows. */
export const ROWS = 'rows';

/** A state of one row a key. Rows are replaced, never changed, so that undoing needs no copies. */
export function openRows<V>(context: OperatorContext, state = ROWS): CellTable<V> {
  return context.table<V>(state, { clone: (row) => row, domain: 'none' });
}

/** Puts a row in its key's place, or takes out what is there if it is undefined. `cell` is what `rows.find` gave; its value is another afterwards. */
export function putRow<V>(rows: CellTable<V>, cell: Cell<V> | undefined, key: KeyId, row: V | undefined): void {
  if (row === undefined) {
    if (cell !== undefined) rows.remove(cell);
  } else if (cell === undefined) rows.create(key, undefined, row);
  else rows.set(cell, row);
}
