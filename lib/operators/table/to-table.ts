import type { Aggregation } from '../aggregate/index.ts';
import { aggregationMistakes } from '../aggregation-mistakes.ts';
import { definition, faulty, optionalMistakes } from '../author-code.ts';
import type { OperatorDefinition } from '../definition.ts';
import { aggregateKinds, namedAggregation } from '../named-results.ts';
import { emitChange, rowOf } from './change.ts';
import { openRows, putRow, ROWS } from './rows.ts';

/** What a record says of its key's row; `null` or `undefined` that there is none any more. */
export type RowOf<T, V> = (record: T) => V | null | undefined;

/**
 * The latest record of each key, in order of arrival, as a table. A tombstone deletes; one of a key that is not there changes nothing.
 */
export function toTableOperator<T, V>(row?: RowOf<T, V>): OperatorDefinition {
  return definition({
    type: 'table',
    needsKey: true,
    stateful: true,
    updates: true,
    state: { [ROWS]: 1 },
    rows: { state: ROWS, row: (value) => value },
    functions: row === undefined ? [] : [row],
    mistakes: optionalMistakes('toTable', row),
    code: {
      create(context) {
        const out = context.output();
        const rows = openRows<V>(context);
        return {
          inputs: [
            {
              record(value, time, key) {
                const after = rowOf('toTable', row === undefined ? (value as V) : row(value as T));
                const cell = rows.find(key!, undefined);
                const before = cell?.value;
                putRow(rows, cell, key!, after);
                emitChange(out, before, after, time, key);
              },
            },
          ],
        };
      },
    },
  });
}

/** All records of each key aggregated, as a table that changes with every record. Rows are the aggregates, without their key; a result `null` or `undefined` is no row. */
export function aggregateToTableOperator<In, Out>(aggregation: Aggregation<In, Out>): OperatorDefinition {
  const wrong = aggregationMistakes(aggregation);
  if (wrong.length > 0) return faulty('table', wrong);
  const { aggregator } = namedAggregation(aggregation);
  const resultOf = (acc: unknown): unknown => rowOf('toTable', aggregator.result(acc));
  return definition({
    type: 'table',
    needsKey: true,
    stateful: true,
    updates: true,
    state: { [ROWS]: 1 },
    rows: { state: ROWS, row: resultOf },
    options: { aggregates: aggregateKinds(aggregation) },
    functions: [aggregation],
    code: {
      create(context) {
        const out = context.output();
        const rows = context.table<unknown>(ROWS, {
          clone: aggregator.clone,
          numbers: aggregator.slots !== undefined,
          domain: 'none',
        });
        return {
          inputs: [
            {
              record(value, time, key) {
                const found = rows.find(key!, undefined);
                const before = found === undefined ? undefined : resultOf(found.value);
                const cell = found ?? rows.create(key!, undefined, aggregator.create());
                rows.touch(cell);
                cell.value = aggregator.add(cell.value, value, time);
                emitChange(out, before, resultOf(cell.value), time, key);
              },
            },
          ],
        };
      },
    },
  });
}
