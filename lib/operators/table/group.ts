/** Aggregates of a table by another key, kept right as rows change and go: Kafka Streams' KGroupedTable. */
import { type Key, type KeyId, keyIdOf, keyOf } from '../../model/index.ts';
import { definition, functionMistakes, returnedPromise } from '../author-code.ts';
import type { Mistake, OperatorDefinition } from '../definition.ts';
import { type Change, emitChange, rowOf } from './change.ts';
import { openRows, putRow, ROWS } from './rows.ts';

/** A change of a row within its group, with the row's own key. */
export interface EntryChange<V> extends Change<V> {
  readonly entry: KeyId;
}

/**
 * Sends each change of a table to the groups of its rows: where the group changes, first to the former group what leaves it, then to the other what joins it.
 * `entries`: changes bear the row's own key. What is wrong with the selector the exchange behind it says, which has the author's id.
 */
export function regroupOperator<V>(
  selector: (row: V, key: Key) => unknown,
  { entries = false }: { readonly entries?: boolean } = {},
): OperatorDefinition {
  const groupOf = (row: V | undefined, key: Key): KeyId | undefined => {
    if (row === undefined) return undefined;
    const group = selector(row, key);
    if (group instanceof Promise) throw returnedPromise('groupBy');
    return keyIdOf(group);
  };
  const changed = (before: V | undefined, after: V | undefined, entry: KeyId): Change<V> | EntryChange<V> =>
    entries ? { before, after, entry } : { before, after };
  return definition({
    type: 'regroup',
    needsKey: true,
    updates: true,
    options: entries ? { entries } : null,
    functions: [selector],
    code: {
      create(context) {
        const out = context.output();
        return {
          inputs: [
            {
              record(value, time, id) {
                const { before, after } = value as Change<V>;
                const key = keyOf(id!);
                const from = groupOf(before, key);
                const to = groupOf(after, key);
                if (from === to) {
                  out.record(entries ? changed(before, after, id!) : value, time, to);
                  return;
                }
                if (from !== undefined) out.record(changed(before, undefined, id!), time, from);
                if (to !== undefined) out.record(changed(undefined, after, id!), time, to);
              },
            },
          ],
        };
      },
    },
  });
}

/** How a group's rows come to one value. The functions return new values and change none: results are compared with former ones. */
export interface GroupAggregation<V, A, K = Key> {
  /** The value of a group without rows. */
  init(): A;
  /** The value once a row has joined. */
  add(value: A, row: V, key: K): A;
  /** The value once a row has left: the inverse of `add`. */
  subtract(value: A, row: V, key: K): A;
}

export interface GroupOptions {
  /** What becomes of a group whose last row has left: `delete` (default) deletes its row; `keep` keeps it at what `subtract` gave, as Kafka Streams does. */
  readonly whenEmpty?: 'delete' | 'keep';
}

/** What is kept of a group: its value, and how many rows it has. */
interface Group<A> {
  readonly value: A;
  readonly rows: number;
}

/**
 * Each group's rows aggregated, as a table. Of a change within a group, first the former row is subtracted, then the new one added, and one change is emitted.
 * `functions` are the author's, where `aggregation` was made of them.
 */
export function aggregateGroupsOperator<V, A>(
  aggregation: GroupAggregation<V, A>,
  { whenEmpty = 'delete' }: GroupOptions = {},
  kind = 'aggregate',
  functions: readonly unknown[] = [aggregation.init, aggregation.add, aggregation.subtract],
): OperatorDefinition {
  const { init, add, subtract } = aggregation;
  const called = (value: A): A => {
    if (value instanceof Promise) throw returnedPromise(`${kind} of groups`);
    return value;
  };
  return definition({
    type: 'group-table',
    needsKey: true,
    stateful: true,
    updates: true,
    state: { [ROWS]: 1 },
    rows: { state: ROWS, row: (group) => rowOf(kind, (group as Group<A>).value) },
    options: { kind, whenEmpty },
    functions,
    mistakes: [...functions.flatMap((fn) => functionMistakes(`${kind} of groups`, fn)), ...emptyMistakes(whenEmpty)],
    code: {
      create(context) {
        const out = context.output();
        const groups = openRows<Group<A>>(context);
        return {
          inputs: [
            {
              record(change, time, id) {
                const { before, after } = change as Change<V>;
                const key = keyOf(id!);
                const cell = groups.find(id!, undefined);
                const had = cell?.value;
                let { value, rows } = had ?? { value: called(init()), rows: 0 };
                if (before !== undefined) {
                  value = called(subtract(value, before, key));
                  rows--;
                }
                if (after !== undefined) {
                  value = called(add(value, after, key));
                  rows++;
                }
                const gone = rows <= 0 && whenEmpty === 'delete';
                putRow(groups, cell, id!, gone ? undefined : { value, rows });
                emitChange(out, rowOf(kind, had?.value), gone ? undefined : rowOf(kind, value), time, id);
              },
            },
          ],
        };
      },
    },
  });
}

function emptyMistakes(whenEmpty: string): Mistake[] {
  if (whenEmpty === 'delete' || whenEmpty === 'keep') return [];
  return [{ rule: `its whenEmpty is "${whenEmpty}"`, fix: "say 'delete' or 'keep'" }];
}

/** How many rows each group has. */
export const countGroups: GroupAggregation<unknown, number> = {
  init: () => 0,
  add: (count) => count + 1,
  subtract: (count) => count - 1,
};

/** Reducing as an aggregation of groups. */
export function reduceGroups<V>(
  adder: (reduced: V, row: V) => V,
  subtractor: (reduced: V, row: V) => V,
): GroupAggregation<V, V | undefined> {
  return {
    init: () => undefined,
    add: (reduced, row) => (reduced === undefined ? row : adder(reduced, row)),
    subtract: (reduced, row) => (reduced === undefined ? undefined : subtractor(reduced, row)),
  };
}
