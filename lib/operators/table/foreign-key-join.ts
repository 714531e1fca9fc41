/**
 * Joining a table to another by a key that its rows name, after Kafka Streams' KIP-213. Three operators between four exchanges:
 *
 * 1. `subscribe`, beside the left table, tells the task that has the right row of each left row that it wants to know it, or no longer does.
 * 2. `respond`, by the right table's key, keeps who wants which row, answers every subscription at once, and tells all subscribers when the row changes.
 * 3. `resolve`, by the left table's key again, joins answers to left rows. An answer bears the hash of the left row that it is for, so that one for a former row is dropped.
 *
 * A left row reaches `resolve` directly and its answer by way of `respond`, and either may be first. Each change that subscribes, or ends a subscription, is answered exactly once
 * by an answer that `closes`; `resolve` keeps what is still open, and answers that came early, until they have met. So it forgets a key once its row is gone and all
 * is answered.
 *
 * A result has the time of the change that led to it: of a left row, or of the right row if that is later; of a right row its own.
 */
import { type Key, type KeyId, keyIdOf, keyOf } from '../../model/index.ts';
import type { Cell } from '../../state/index.ts';
import { definition, functionMistakes, returnedPromise } from '../author-code.ts';
import type { OperatorDefinition } from '../definition.ts';
import { type Change, emitChange, rowOf } from './change.ts';
import { openRows, putRow, ROWS } from './rows.ts';
import type { TableJoiner } from './table-table-join.ts';
import { hashOf } from './value-hash.ts';

/** The other table's key that a row names; `null` or `undefined` for none. */
export type ForeignKey<L> = (row: L, key: Key) => unknown;

/** The hash in place of a left row's where there is none, or it names no key. */
const NO_ROW = 0;

/** What `respond` is told of a left row. */
interface Subscription {
  readonly subscriber: KeyId;
  /** NO_ROW: the subscription ends. */
  readonly hash: number;
  readonly closes: boolean;
}

/** What `resolve` is told of a right row. */
interface Answer {
  /** Of the left row for which it is. */
  readonly hash: number;
  readonly closes: boolean;
  readonly right: unknown;
}

/** The identity of the key that a row names. */
function foreignKeyOf<L>(foreignKey: ForeignKey<L>, row: L | undefined, key: Key): KeyId | undefined {
  if (row === undefined) return undefined;
  const named = foreignKey(row, key);
  if (named instanceof Promise) throw returnedPromise('the foreign key');
  return named === null || named === undefined ? undefined : keyIdOf(named);
}

/** Step 1. Takes changes of the left table; emits subscriptions, under the right table's key. What is wrong with the author's function step 3 says, which has the author's id. */
export function subscribeOperator<L>(foreignKey: ForeignKey<L>): OperatorDefinition {
  return definition({
    type: 'subscribe',
    needsKey: true,
    functions: [foreignKey],
    code: {
      create(context) {
        const out = context.output();
        return {
          inputs: [
            {
              record(value, time, subscriber) {
                const { before, after } = value as Change<L>;
                const key = keyOf(subscriber!);
                const from = foreignKeyOf(foreignKey, before, key);
                const to = foreignKeyOf(foreignKey, after, key);
                if (from !== undefined && from !== to) {
                  out.record({ subscriber, hash: NO_ROW, closes: to === undefined }, time, from);
                }
                if (to !== undefined) out.record({ subscriber, hash: hashOf(after), closes: true }, time, to);
              },
            },
          ],
        };
      },
    },
  });
}

/** Step 2. Takes subscriptions and changes of the right table; emits answers, under the left table's key. */
export function respondOperator(): OperatorDefinition {
  return definition({
    type: 'respond',
    inputs: ['key', 'key'],
    needsKey: true,
    stateful: true,
    state: { [ROWS]: 1, subscribers: 1 },
    code: {
      create(context) {
        const out = context.output();
        const rows = openRows<{ readonly right: unknown; readonly time: number }>(context);
        const subscribers = context.table<number>('subscribers', { clone: (hash) => hash, domain: 'none' });
        return {
          inputs: [
            {
              record(value, time, key) {
                const { subscriber, hash, closes } = value as Subscription;
                const cell = subscribers.find(key!, subscriber);
                if (hash === NO_ROW) {
                  if (cell !== undefined) subscribers.remove(cell);
                  if (closes) out.record({ hash, closes, right: undefined }, time, subscriber);
                  return;
                }
                if (cell === undefined) subscribers.create(key!, subscriber, hash);
                else subscribers.set(cell, hash);
                const row = rows.find(key!, undefined)?.value;
                const at = row === undefined ? time : Math.max(time, row.time);
                out.record({ hash, closes, right: row?.right }, at, subscriber);
              },
            },
            {
              record(value, time, key) {
                const { after: right } = value as Change<unknown>;
                putRow(rows, rows.find(key!, undefined), key!, right === undefined ? undefined : { right, time });
                for (const { sub, value: hash } of subscribers.cellsOf(key!)) {
                  out.record({ hash, closes: false, right }, time, sub);
                }
              },
            },
          ],
        };
      },
    },
  });
}

interface EarlyAnswer {
  readonly hash: number;
  readonly right: unknown;
  readonly time: number;
}

/** What is kept of a left key. */
interface Resolving {
  readonly left: unknown;
  /** Of the left row; NO_ROW if there is none or it names no key. */
  readonly hash: number;
  /** The row that stands in the result. */
  readonly result: unknown;
  /** Hashes of changes that have not been answered. */
  readonly open: readonly number[];
  /** Answers to changes that have not come. */
  readonly early: readonly EarlyAnswer[];
}

/** No items: one list for all keys. */
const NONE: readonly never[] = [];

const UNKNOWN: Resolving = { left: undefined, hash: NO_ROW, result: undefined, open: NONE, early: NONE };

/** Step 3. Takes changes of the left table and answers; emits changes of the result. */
export function resolveOperator<L, R, Out>(
  kind: 'inner' | 'left',
  foreignKey: ForeignKey<L>,
  joiner: TableJoiner<L, R | undefined, Out>,
): OperatorDefinition {
  const joined = (left: unknown, right: unknown, key: Key): unknown =>
    right === undefined && kind === 'inner' ? undefined : rowOf('join', joiner(left as L, right as R, key));
  return definition({
    type: 'foreign-key-join',
    inputs: ['key', 'key'],
    needsKey: true,
    stateful: true,
    updates: true,
    state: { resolving: 1 },
    rows: { state: 'resolving', row: (resolving) => (resolving as Resolving).result },
    options: { kind },
    functions: [foreignKey, joiner],
    mistakes: [...functionMistakes('the foreign key', foreignKey), ...functionMistakes('join', joiner)],
    code: {
      create(context) {
        const out = context.output();
        const cells = openRows<Resolving>(context, 'resolving');
        const settle = (cell: Cell<Resolving> | undefined, key: KeyId, has: Resolving, time: number): void => {
          const before = cell?.value.result;
          const over = has.left === undefined && has.open.length === 0 && has.early.length === 0;
          putRow(cells, cell, key, over ? undefined : has);
          if (has.result !== before) emitChange(out, before, has.result, time, key);
        };
        return {
          inputs: [
            {
              record(value, time, id) {
                const { before, after } = value as Change<L>;
                const key = keyOf(id!);
                const cell = cells.find(id!, undefined);
                const had = cell?.value ?? UNKNOWN;
                const named = foreignKeyOf(foreignKey, after, key) !== undefined;
                const hash = named ? hashOf(after) : NO_ROW;
                let { open, early, result } = had;
                let at = time;
                let answer: EarlyAnswer | undefined;
                if (named || foreignKeyOf(foreignKey, before, key) !== undefined) {
                  if (early.length > 0) answer = early.find((each) => each.hash === hash);
                  if (answer === undefined) open = open.length === 0 ? [hash] : [...open, hash];
                  else early = without(early, answer);
                }
                if (!named) result = after === undefined ? undefined : joined(after, undefined, key);
                else if (answer !== undefined) {
                  result = joined(after, answer.right, key);
                  at = Math.max(time, answer.time);
                }
                settle(cell, id!, { left: after, hash, result, open, early }, at);
              },
            },
            {
              record(value, time, id) {
                const { hash, closes, right } = value as Answer;
                const cell = cells.find(id!, undefined);
                const had = cell?.value ?? UNKNOWN;
                let { open, early, result } = had;
                if (closes && !open.includes(hash)) early = [...early, { hash, right, time }];
                else {
                  if (closes) open = without(open, hash);
                  else if (early.length > 0 && early.some((each) => each.hash === hash)) {
                    early = early.map((each) => (each.hash === hash ? { hash, right, time } : each));
                  }
                  if (hash !== NO_ROW && hash === had.hash) result = joined(had.left, right, keyOf(id!));
                }
                settle(cell, id!, { left: had.left, hash: had.hash, result, open, early }, time);
              },
            },
          ],
        };
      },
    },
  });
}

/** The list without the first of its items that is this one. */
function without<T>(items: readonly T[], item: T): readonly T[] {
  if (items.length === 1 && items[0] === item) return NONE;
  const at = items.indexOf(item);
  return at < 0 ? items : [...items.slice(0, at), ...items.slice(at + 1)];
}
