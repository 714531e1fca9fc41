import { type Key, keyIdOf, keyOf } from '../../model/index.ts';
import { definition, functionMistakes, returnedPromise } from '../author-code.ts';
import type { OperatorDefinition } from '../definition.ts';
import { openRows, putRow, ROWS } from './rows.ts';
import type { StreamTableJoiner } from './stream-table-join.ts';

/** The table's key that a record names; `null` or `undefined` for none. */
export type KeyOfRecord = (record: unknown) => unknown;

/** A row of a table as a record; `null` where it was deleted. */
interface RowRecord {
  readonly key: Key;
  readonly value: unknown;
}

/**
 * Each record of the first input with the row of a table of which every task has all rows, by a key that the record names: records stay where they are. Kafka Streams' join with a
 * GlobalKTable. Each task sees the table's changes where they stand in its own log: two tasks may be some changes apart.
 */
export function globalJoinOperator<T, V, R>(
  kind: 'inner' | 'left',
  keyOfRecord: KeyOfRecord,
  joiner: StreamTableJoiner<T, V | undefined, R>,
): OperatorDefinition {
  return definition({
    type: 'global-join',
    inputs: ['any', 'broadcast'],
    stateful: true,
    state: { [ROWS]: 1 },
    options: { kind },
    functions: [keyOfRecord, joiner],
    mistakes: [...functionMistakes('the key of a join', keyOfRecord), ...functionMistakes('join', joiner)],
    code: {
      create(context) {
        const out = context.output();
        const rows = openRows<V>(context);
        return {
          inputs: [
            {
              record(value, time, key) {
                const named = keyOfRecord(value);
                if (named instanceof Promise) throw returnedPromise('join');
                const id = named === null || named === undefined ? undefined : keyIdOf(named);
                const row = id === undefined ? undefined : rows.find(id, undefined)?.value;
                if (row === undefined && kind === 'inner') {
                  context.count('unmatched', 1);
                  return;
                }
                const joined = joiner(value as T, row, id === undefined ? (named as never) : keyOf(id));
                if (joined instanceof Promise) throw returnedPromise('join');
                out.record(joined, time, key);
              },
            },
            {
              record(value) {
                const { key, value: row } = value as RowRecord;
                const id = keyIdOf(key);
                putRow(rows, rows.find(id, undefined), id, row === null ? undefined : (row as V));
              },
            },
          ],
        };
      },
    },
  });
}
