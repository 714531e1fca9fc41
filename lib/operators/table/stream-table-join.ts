import { type Key, keyOf } from '../../model/index.ts';
import { definition, functionMistakes, returnedPromise } from '../author-code.ts';
import type { OperatorDefinition } from '../definition.ts';
import type { Change } from './change.ts';
import { openRows, putRow, ROWS } from './rows.ts';

/** Makes a record of a record and the row of its key; `row` is undefined only in a left join. */
export type StreamTableJoiner<T, V, R> = (record: T, row: V, key: Key) => R;

/**
 * Each record of the first input with the row that the table, the second input, has for its key when the record comes; changes of the table emit nothing. An
 * inner join drops records without a row (counted as `unmatched`), a left join hands them on with undefined.
 */
export function streamTableJoinOperator<T, V, R>(
  kind: 'inner' | 'left',
  joiner: StreamTableJoiner<T, V | undefined, R>,
): OperatorDefinition {
  return definition({
    type: 'table-join',
    inputs: ['key', 'key'],
    needsKey: true,
    stateful: true,
    state: { [ROWS]: 1 },
    options: { kind },
    functions: [joiner],
    mistakes: functionMistakes('join', joiner),
    code: {
      create(context) {
        const out = context.output();
        const rows = openRows<V>(context);
        return {
          inputs: [
            {
              record(value, time, key) {
                const cell = rows.find(key!, undefined);
                if (cell === undefined && kind === 'inner') {
                  context.count('unmatched', 1);
                  return;
                }
                const joined = joiner(value as T, cell?.value, keyOf(key!));
                if (joined instanceof Promise) throw returnedPromise('join');
                out.record(joined, time, key);
              },
            },
            {
              record(change, _time, key) {
                const { after } = change as Change<V>;
                putRow(rows, rows.find(key!, undefined), key!, after);
              },
            },
          ],
        };
      },
    },
  });
}
