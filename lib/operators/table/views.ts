/** Tables made of one table row by row, and streams of a table's changes. None keeps state: what stood before is worked out from the change. */
import { type Key, keyOf } from '../../model/index.ts';
import { definition, functionMistakes, returnedPromise } from '../author-code.ts';
import type { OperatorDefinition } from '../definition.ts';
import type { Receiver } from '../operator.ts';
import { type Change, emitChange, rowOf } from './change.ts';

/** An operator without state on the changes of a table. */
function onChanges(
  type: string,
  functions: readonly unknown[],
  updates: boolean,
  receive: (out: Receiver) => Receiver,
): OperatorDefinition {
  return definition({
    type,
    needsKey: true,
    updates,
    functions,
    mistakes: functions.flatMap((fn) => functionMistakes(type, fn)),
    code: { create: (context) => ({ inputs: [receive(context.output())] }) },
  });
}

/** The rows for which the predicate holds. A row that ceases to hold is deleted, one that begins to is inserted. */
export function filterTableOperator<V>(predicate: (row: V, key: Key) => unknown): OperatorDefinition {
  const kept = (row: unknown, key: Key): unknown => {
    if (row === undefined) return undefined;
    const held = predicate(row as V, key);
    if (held instanceof Promise) throw returnedPromise('filter');
    return held ? row : undefined;
  };
  return onChanges('filter-table', [predicate], true, (out) => ({
    record(value, time, id) {
      const { before, after } = value as Change<V>;
      const key = keyOf(id!);
      emitChange(out, kept(before, key), kept(after, key), time, id);
    },
  }));
}

/** Each row made into another under the same key; `null` or `undefined` into none. */
export function mapValuesOperator<V, R>(fn: (row: V, key: Key) => R | null | undefined): OperatorDefinition {
  const mapped = (row: unknown, key: Key): unknown =>
    row === undefined ? undefined : rowOf('mapValues', fn(row as V, key));
  return onChanges('map-values', [fn], true, (out) => ({
    record(value, time, id) {
      const { before, after } = value as Change<V>;
      const key = keyOf(id!);
      emitChange(out, mapped(before, key), mapped(after, key), time, id);
    },
  }));
}

/** Each change as the row that stands now under the table's key, `null` where none does: for a sink that upserts. */
export function upsertsOperator(): OperatorDefinition {
  return onChanges('upserts', [], true, (out) => ({
    record(value, time, key) {
      out.record((value as Change<unknown>).after ?? null, time, key);
    },
  }));
}

/** Each change as a record `{ key, value }` of the row that stands now, its value `null` where none does. */
export function rowsOperator(): OperatorDefinition {
  return onChanges('rows', [], false, (out) => ({
    record(value, time, key) {
      out.record({ key: keyOf(key!), value: (value as Change<unknown>).after ?? null }, time, key);
    },
  }));
}

/** Each change as rows that say what they are, as Flink's changelogs do: `{ kind, key, value }`. */
export function changesOperator(): OperatorDefinition {
  return onChanges('changes', [], false, (out) => ({
    record(value, time, id) {
      const { before, after } = value as Change<unknown>;
      const key = keyOf(id!);
      if (before !== undefined) {
        out.record({ kind: after === undefined ? 'delete' : 'update-before', key, value: before }, time, id);
      }
      if (after !== undefined) {
        out.record({ kind: before === undefined ? 'insert' : 'update-after', key, value: after }, time, id);
      }
    },
  }));
}
