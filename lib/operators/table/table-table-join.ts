import { type Key, keyOf } from '../../model/index.ts';
import { definition, functionMistakes } from '../author-code.ts';
import type { OperatorDefinition } from '../definition.ts';
import type { Receiver } from '../operator.ts';
import { type Change, emitChange, rowOf } from './change.ts';
import { openRows, putRow } from './rows.ts';

/** Makes a row of the rows that two tables have for a key; `null` or `undefined` for none. */
export type TableJoiner<L, R, Out> = (left: L, right: R, key: Key) => Out | null | undefined;

/** The rows of a key on both sides, each with the time of the change that brought it. */
interface Pair {
  readonly left: unknown;
  readonly leftTime: number;
  readonly right: unknown;
  readonly rightTime: number;
}

const NOTHING: Pair = {
  left: undefined,
  leftTime: Number.NEGATIVE_INFINITY,
  right: undefined,
  rightTime: Number.NEGATIVE_INFINITY,
};

/**
 * Two tables joined by their key, as a table: `inner` has a row where both have one, `left` where the first has, `outer` where either has. Every change of either
 * changes the result at once, with the later of its own time and that of the other table's row.
 */
export function tableJoinOperator<L, R, Out>(
  kind: 'inner' | 'left' | 'outer',
  joiner: TableJoiner<L | undefined, R | undefined, Out>,
): OperatorDefinition {
  const joined = ({ left, right }: Pair, key: Key): unknown => {
    if (left === undefined && (kind !== 'outer' || right === undefined)) return undefined;
    if (right === undefined && kind === 'inner') return undefined;
    return rowOf('join', joiner(left as L, right as R, key));
  };
  return definition({
    type: 'tables-join',
    inputs: ['key', 'key'],
    needsKey: true,
    stateful: true,
    updates: true,
    state: { pairs: 1 },
    rows: { state: 'pairs', row: (pair, key) => joined(pair as Pair, keyOf(key)) },
    options: { kind },
    functions: [joiner],
    mistakes: functionMistakes('join', joiner),
    code: {
      create(context) {
        const out = context.output();
        const pairs = openRows<Pair>(context, 'pairs');
        const side = (
          change: (had: Pair, row: unknown, time: number) => Pair,
          otherTime: (had: Pair) => number,
        ): Receiver => ({
          record(value, time, id) {
            const key = keyOf(id!);
            const cell = pairs.find(id!, undefined);
            const had = cell?.value ?? NOTHING;
            const has = change(had, (value as Change<unknown>).after, time);
            putRow(pairs, cell, id!, has.left === undefined && has.right === undefined ? undefined : has);
            emitChange(out, joined(had, key), joined(has, key), Math.max(time, otherTime(had)), id);
          },
        });
        return {
          inputs: [
            side(
              ({ right, rightTime }, left, time) => ({ left, leftTime: timeOf(left, time), right, rightTime }),
              ({ rightTime }) => rightTime,
            ),
            side(
              ({ left, leftTime }, right, time) => ({ left, leftTime, right, rightTime: timeOf(right, time) }),
              ({ leftTime }) => leftTime,
            ),
          ],
        };
      },
    },
  });
}

const timeOf = (row: unknown, time: number): number => (row === undefined ? Number.NEGATIVE_INFINITY : time);
