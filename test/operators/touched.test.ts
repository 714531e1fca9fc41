/**
 * What a record costs: how many cells and rows its operator looks up, goes through, makes, changes and takes out. Never more because there are more keys; of joins as many as
 * there are matches.
 */
import { describe, expect, it } from 'vitest';
import {
  aggregateGroupsOperator,
  countGroups,
  globalJoinOperator,
  intervalJoinOperator,
  type OperatorDefinition,
  resolveOperator,
  respondOperator,
  streamTableJoinOperator,
  tableJoinOperator,
  temporalJoinOperator,
  toTableOperator,
} from '../../lib/operators/index.ts';
import { type AnyTable, RowTable } from '../../lib/state/index.ts';
import { Harness } from './harness.ts';

/** Counts from here on what is done with the cells of a harness's tables. */
function touching({ store }: Harness): () => number {
  let touched = 0;
  for (const table of store.tables) {
    const calls = table instanceof RowTable ? ON_ROWS : ON_CELLS;
    const methods = table as unknown as Record<string, (...args: unknown[]) => unknown>;
    for (const name of calls) {
      const original = methods[name]!.bind(table);
      methods[name] = (...args) => {
        touched++;
        const result = original(...args);
        if (Array.isArray(result)) touched += result.length;
        return name === 'cells' || name === 'keys' ? counted(result as Iterable<unknown>) : result;
      };
    }
  }
  function* counted(cells: Iterable<unknown>): Generator<unknown> {
    for (const cell of cells) {
      touched++;
      yield cell;
    }
  }
  return () => touched;
}

const ON_CELLS: readonly (keyof AnyTable)[] = [
  ...(['find', 'create', 'touch', 'set', 'schedule', 'remove', 'cells', 'keys', 'cellsOf'] as const),
];
const ON_ROWS = ['upTo', 'before', 'last', 'add', 'touchRow', 'scheduleRow', 'drop', 'cells', 'keys', 'cellsOf'];

interface Given {
  readonly value: unknown;
  readonly input?: number;
}

interface Case {
  readonly name: string;
  readonly made: () => OperatorDefinition;
  /** What stands under every key. */
  readonly standing: readonly Given[];
  /** What comes then, under one of them. */
  readonly coming: Given;
}

const pair = (a: unknown, b: unknown): unknown => [a, b ?? null];
const insert = (n: number) => ({ before: undefined, after: { n } });
const update = { before: { n: 1 }, after: { n: 2 } };
const named = ({ n }: { readonly n: number }) => n;

const cases: readonly Case[] = [
  {
    name: 'a table',
    made: () => toTableOperator(),
    standing: [{ value: 1 }],
    coming: { value: 2 },
  },
  {
    name: 'a stream-table join',
    made: () => streamTableJoinOperator('inner', pair),
    standing: [{ value: insert(1), input: 1 }],
    coming: { value: 'a' },
  },
  {
    name: 'a change of the table of a stream-table join',
    made: () => streamTableJoinOperator('inner', pair),
    standing: [{ value: insert(1), input: 1 }],
    coming: { value: update, input: 1 },
  },
  {
    name: 'a join of tables',
    made: () => tableJoinOperator('outer', pair),
    standing: [{ value: insert(1) }, { value: insert(1), input: 1 }],
    coming: { value: update, input: 1 },
  },
  {
    name: 'a subscription of a foreign-key join',
    made: () => respondOperator(),
    standing: [{ value: insert(1), input: 1 }, { value: { subscriber: 'l', hash: 1, closes: true } }],
    coming: { value: { subscriber: 'm', hash: 2, closes: true } },
  },
  {
    name: 'an answer of a foreign-key join',
    made: () => resolveOperator('left', named, pair),
    standing: [{ value: insert(1) }],
    coming: { value: { hash: 1, closes: false, right: 'r' }, input: 1 },
  },
  {
    name: 'a group',
    made: () => aggregateGroupsOperator(countGroups),
    standing: [{ value: insert(1) }],
    coming: { value: update },
  },
  {
    name: 'a temporal join',
    made: () => temporalJoinOperator({ kind: 'left', joiner: pair, grace: 1_000 }),
    standing: [{ value: 'row', input: 1 }],
    coming: { value: 'a' },
  },
  {
    name: 'an interval join',
    made: () => intervalJoinOperator({ kind: 'outer', lower: -5, upper: 5, join: pair }),
    standing: [{ value: 'l' }, { value: 'r', input: 1 }],
    coming: { value: 'a' },
  },
];

describe('a record', () => {
  it.each(cases)('costs $name the same among few keys and among many', ({ made, standing, coming }) => {
    const among = (keys: number): number => {
      const harness = new Harness(made());
      for (let key = 0; key < keys; key++) {
        for (const { value, input } of standing) harness.record(value, 10, key, input);
      }
      const touched = touching(harness);
      harness.record(coming.value, 12, 0, coming.input);
      return touched();
    };
    const few = among(10);
    expect(few).toBeGreaterThan(0);
    expect(few).toBeLessThan(12);
    expect(among(20_000)).toBe(few);
  });

  it('costs a global join one look, however large the table', () => {
    const harness = new Harness(globalJoinOperator('left', (n) => n, pair));
    for (let key = 0; key < 10_000; key++) harness.record({ key, value: 'row' }, 0, undefined, 1);
    const touched = touching(harness);
    harness.record(77, 0);
    expect(touched()).toBe(1);
  });

  it.each([0, 1, 10, 100])(
    'costs an interval join as much as its %i matches, not what is held of its key',
    (matches) => {
      const harness = new Harness(intervalJoinOperator({ kind: 'left', lower: -50, upper: 50, join: pair }));
      for (let i = 0; i < 5_000; i++) harness.record('early', i, 'k', 1);
      for (let i = 0; i < matches; i++) harness.record('near', 100_000 + (i % 50), 'k', 1);
      for (let i = 0; i < 5_000; i++) harness.record('later', 200_000 + i, 'k', 1);
      harness.record('warms', 100_000, 'k');
      const touched = touching(harness);
      harness.record('l', 100_020, 'k');
      expect(harness.emitted().length).toBe(2 * matches);
      expect(touched()).toBeLessThanOrEqual(10 + 2 * matches);
    },
  );

  it.each([0, 1, 50, 2_000])(
    'costs the right side of a foreign-key join as much as its %i subscribers',
    (subscribers) => {
      const harness = new Harness(respondOperator());
      for (let i = 0; i < 5_000; i++) harness.record({ subscriber: i, hash: 1, closes: true }, 0, 'another');
      for (let i = 0; i < subscribers; i++) harness.record({ subscriber: i, hash: 1, closes: true }, 0, 'k');
      const before = harness.emitted().length;
      const touched = touching(harness);
      harness.record(insert(1), 1, 'k', 1);
      expect(harness.emitted().length - before).toBe(subscribers);
      expect(touched()).toBe(3 + subscribers);
    },
  );
});
