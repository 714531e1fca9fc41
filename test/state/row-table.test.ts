import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compareKeyIds, type KeyId } from '../../lib/model/index.ts';
import { ByteReader, ByteWriter } from '../../lib/protocol/index.ts';
import {
  type AnyCell,
  type AnyTable,
  applyCells,
  encodeCells,
  KeyedStore,
  type Mark,
  NEVER,
  NONE,
  REMOVED,
  type RowLayout,
  type Sub,
} from '../../lib/state/index.ts';

/** Two numbers and a list beside them. */
interface Value {
  readonly a: number;
  readonly b: number;
  readonly list: number[];
}

const layout: RowLayout<Value> = {
  width: 2,
  clone: (list) => (list as number[]).slice(),
  pack({ a, b, list }, numbers, at) {
    numbers[at] = a;
    numbers[at + 1] = b;
    return list;
  },
  unpack: (numbers, at, list) => ({ a: numbers[at]!, b: numbers[at + 1]!, list: list as number[] }),
  domain: 'event',
};

const bare: RowLayout<number> = {
  width: 1,
  pack(value, numbers, at) {
    numbers[at] = value;
  },
  unpack: (numbers, at) => numbers[at]!,
  domain: 'event',
};

const valueFor = (n: number): Value => ({ a: n, b: -n, list: [n] });

function newStore() {
  const store = new KeyedStore();
  const tables: readonly AnyTable[] = [
    store.rows('op/listed', layout),
    store.rows('op/bare', bare),
    store.table<unknown>('op/cells', { clone: structuredClone, domain: 'event' }),
  ];
  return { store, tables };
}

const textOf = ({ table, key, sub, timer, value }: AnyCell): string =>
  `${table.name} ${typeof key}${key} ${sub} ${timer} ${value === REMOVED ? 'removed' : JSON.stringify(value)}`;

const heldIn = (store: KeyedStore): string[] =>
  store.tables.flatMap((table) => [...table.cells()].map(textOf)).toSorted();

const nameOf = ({ table, key, sub }: AnyCell): string => `${table.index} ${typeof key}${key} ${sub}`;

/** What a plain list says is due at the earliest time, in the order of (key, table, sub). */
function dueFirst(store: KeyedStore): { readonly time: number; readonly names: readonly string[] } {
  const all = store.tables.flatMap((table) => [...table.cells()]).filter(({ timer }) => timer !== NEVER);
  const time = Math.min(NEVER, ...all.map(({ timer }) => timer));
  const order = (a: Sub, b: Sub): number =>
    a === b ? 0 : a === undefined ? -1 : b === undefined ? 1 : compareKeyIds(a, b);
  const names = all
    .filter(({ timer }) => timer === time)
    .sort((a, b) => compareKeyIds(a.key, b.key) || a.table.index - b.table.index || order(a.sub, b.sub))
    .map(nameOf);
  return { time, names };
}

const at = {
  table: fc.nat(2),
  key: fc.constantFrom<KeyId>('a', 1, 2n),
  sub: fc.oneof(
    { weight: 2, arbitrary: fc.constant(undefined) },
    { weight: 8, arbitrary: fc.integer({ min: -1, max: 1 }) },
    { weight: 3, arbitrary: fc.integer({ min: -9, max: 20 }) },
  ),
};
const anyOp = fc.oneof(
  { weight: 9, arbitrary: fc.record({ do: fc.constant('put' as const), ...at, value: fc.nat(9) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('add to' as const), ...at, value: fc.nat(9) }) },
  {
    weight: 9,
    arbitrary: fc.record({ do: fc.constant('schedule' as const), ...at, time: fc.constantFrom(NEVER, 1, 2, 3, 5, 8) }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('remove' as const), ...at }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('mark' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('rollback' as const), to: fc.nat(5) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('fire' as const), again: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('commit' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('encode' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('settle' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('empty' as const) }) },
);

describe('a table of rows', () => {
  test('after any changes, a rollback restores exactly what was at the mark, a delta holds exactly what changed, since the commit or over several, and timers fire as a plain list says', () => {
    fc.assert(
      fc.property(fc.array(anyOp, { maxLength: 120, size: 'max' }), (ops) => {
        const { store, tables } = newStore();
        const committed = newStore().store;
        const written = newStore().store;
        store.gather();
        let marks: { mark: Mark; held: string[] }[] = [{ mark: store.mark(), held: heldIn(store) }];
        const commit = () => {
          const writer = new ByteWriter();
          encodeCells(writer, store.tables, store.changes());
          store.clear();
          applyCells(committed, new ByteReader(writer.copy()));
          encoded = undefined;
          expect(heldIn(committed)).toStrictEqual(heldIn(store));
          expect(store.changes()).toEqual([]);
          marks = [{ mark: store.mark(), held: heldIn(store) }];
        };
        let encoded: { readonly bytes: Uint8Array; readonly held: string[] } | undefined;
        for (const op of ops) {
          const table = 'table' in op ? tables[op.table]! : undefined;
          const cell = 'table' in op ? table!.find(op.key, op.sub) : undefined;
          switch (op.do) {
            case 'put': {
              const value = op.table === 0 ? valueFor(op.value) : op.value;
              if (cell === undefined) table!.create(op.key, op.sub, value);
              else table!.set(cell, value);
              expect(table!.find(op.key, op.sub)!.value).toEqual(value);
              break;
            }
            case 'add to': {
              if (cell === undefined || op.table !== 0) break;
              table!.touch(cell);
              (cell.value as Value).list.push(op.value);
              break;
            }
            case 'schedule':
              if (cell !== undefined) table!.schedule(cell, op.time);
              break;
            case 'remove':
              if (cell !== undefined) table!.remove(cell);
              break;
            case 'mark':
              marks.push({ mark: store.mark(), held: heldIn(store) });
              break;
            case 'rollback': {
              marks = marks.slice(0, 1 + (op.to % marks.length));
              store.rollback(marks.at(-1)!.mark);
              expect(heldIn(store)).toStrictEqual(marks.at(-1)!.held);
              break;
            }
            case 'fire': {
              const { time, names } = dueFirst(store);
              expect(store.eventTimers.earliest()).toBe(time === NEVER ? undefined : time);
              const due = store.eventTimers.takeDue(8) ?? [];
              expect(due.map(nameOf)).toEqual(names);
              for (const each of due) {
                if (op.again) store.eventTimers.add(each);
                else each.table.schedule(each, NEVER);
              }
              break;
            }
            case 'commit':
              commit();
              break;
            case 'encode': {
              if (store.changed > 0) break;
              const writer = new ByteWriter();
              encodeCells(writer, store.tables, store.gathered());
              encoded = { bytes: writer.copy(), held: heldIn(store) };
              break;
            }
            case 'settle':
              if (encoded === undefined) break;
              store.gather();
              applyCells(written, new ByteReader(encoded.bytes));
              expect(heldIn(written)).toStrictEqual(encoded.held);
              encoded = undefined;
              break;
            case 'empty':
              for (const each of store.tables.flatMap((one) => [...one.cells()])) each.table.remove(each);
              expect(heldIn(store)).toEqual([]);
              break;
          }
          for (const each of tables) expect([...each.cells()].length).toBe(each.size);
        }
        commit();
        for (const one of [store, committed]) {
          for (let { time, names } = dueFirst(one); time !== NEVER; { time, names } = dueFirst(one)) {
            const due = one.eventTimers.takeDue(NEVER)!;
            expect(due.map(nameOf)).toEqual(names);
            for (const each of due) each.table.schedule(each, NEVER);
          }
        }
      }),
      { numRuns: 200 },
    );
  });

  test('keeps the rows of a key in the order of their subs, and finds each, however many', () => {
    const store = new KeyedStore();
    const table = store.rows('op/bare', bare);
    const subs = Array.from({ length: 100 }, (_, i) => (i * 37) % 100);
    for (const [i, sub] of subs.entries()) {
      table.create('k', sub, sub);
      for (const there of subs)
        expect(table.find('k', there)?.value).toBe(subs.indexOf(there) <= i ? there : undefined);
    }
    expect(table.cellsOf('k').map(({ sub }) => sub)).toEqual(subs.toSorted((a, b) => a - b));
    const odd = subs.filter((sub) => sub % 2 === 1);
    for (const sub of odd) table.drop(table.row('k', sub));
    expect(table.row('k', 1)).toBe(NONE);
    expect(table.cellsOf('k').map(({ sub }) => sub)).toEqual(Array.from({ length: 50 }, (_, i) => 2 * i));
    for (const { sub } of table.cellsOf('k')) table.drop(table.row('k', sub as number));
    expect([...table.keys()]).toEqual([]);
  });

  test('finds the rows of long and short keys like a plain list, whatever comes, goes and is undone', () => {
    const change = fc.oneof(
      { weight: 12, arbitrary: fc.record({ what: fc.constant('toggle' as const), key: fc.nat(1), sub: fc.nat(80) }) },
      { weight: 6, arbitrary: fc.record({ what: fc.constant('find' as const), key: fc.nat(1), sub: fc.nat(80) }) },
      { weight: 1, arbitrary: fc.record({ what: fc.constantFrom('mark' as const, 'undo' as const) }) },
    );
    fc.assert(
      fc.property(fc.array(change, { maxLength: 400, size: 'max' }), (changes) => {
        const store = new KeyedStore();
        const table = store.rows('op/bare', bare);
        let subs: readonly (readonly number[])[] = [[], []];
        let kept = subs;
        let mark = store.mark();
        for (const step of changes) {
          if (step.what === 'mark') [mark, kept] = [store.mark(), subs];
          else if (step.what === 'undo') {
            store.rollback(mark);
            subs = kept;
          } else if (!('key' in step)) continue;
          else if (step.what === 'toggle') {
            const row = table.row(step.key, step.sub);
            if (row === NONE) table.numbers[table.at(table.add(step.key, step.sub))] = step.sub;
            else table.drop(row);
            const others = subs[step.key]!.filter((sub) => sub !== step.sub);
            subs = subs.map((list, key) => (key !== step.key ? list : row === NONE ? [...others, step.sub] : others));
          } else {
            const below = subs[step.key]!.filter((sub) => sub <= step.sub);
            const row = table.upTo(step.key, step.sub);
            expect(row === NONE ? undefined : table.subAt(row)).toBe(
              below.length === 0 ? undefined : Math.max(...below),
            );
            if (row === NONE) continue;
            const above = subs[step.key]!.filter((sub) => sub > step.sub);
            const after = table.after(row);
            expect(after === NONE ? undefined : table.subAt(after)).toBe(
              above.length === 0 ? undefined : Math.min(...above),
            );
          }
        }
        subs.forEach((list, key) => {
          expect(table.cellsOf(key).map(({ sub }) => sub)).toEqual(list.toSorted((a, b) => a - b));
        });
      }),
      { numRuns: 300 },
    );
  });

  test('gives its room back when nothing is left, and can be used again', () => {
    const store = new KeyedStore();
    const table = store.rows('op/bare', bare);
    for (let round = 0; round < 2; round++) {
      for (let key = 0; key < 10_000; key++) table.schedule(table.create(key, undefined, key), 5 + round);
      store.clear();
      expect(table.numbers.length).toBeGreaterThanOrEqual(10_000 * table.stride);
      for (const cell of store.eventTimers.takeDue(10)!) table.remove(cell);
      store.clear();
      expect(table.numbers.length).toBe(0);
      expect(store.eventTimers.earliest()).toBe(undefined);
    }
  });

  test('rows of keys that come and go take the place of others', () => {
    const store = new KeyedStore();
    const table = store.rows('op/bare', bare);
    for (let key = 0; key < 50_000; key++) {
      table.schedule(table.create(key, undefined, key), key + 10);
      for (const cell of store.eventTimers.takeDue(key) ?? []) table.remove(cell);
      store.clear();
    }
    expect(table.size).toBe(10);
    expect(table.numbers.length).toBeLessThanOrEqual(64 * table.stride);
  });

  test('a timer moved earlier leaves those it stood with in their place', () => {
    const times = fc.array(fc.record({ key: fc.nat(3), time: fc.constantFrom(NEVER, 1, 2, 3) }), { maxLength: 20 });
    fc.assert(
      fc.property(times, (schedule) => {
        const store = new KeyedStore();
        const table = store.rows('op/bare', bare);
        const cells = [0, 1, 2, 3].map((key) => table.create(key, undefined, key));
        for (const { key, time } of schedule) table.schedule(cells[key]!, time);
        for (const time of [1, 2, 3]) {
          const due = cells.filter(({ timer }) => timer === time).map(({ key }) => key);
          expect((store.eventTimers.takeDue(time) ?? []).map(({ key }) => key)).toEqual(due);
        }
      }),
    );
  });

  test('an operator made anew finds its rows', () => {
    const store = new KeyedStore();
    const table = store.rows('op/bare', bare);
    table.schedule(table.create('k', 7, 1), 5);
    store.clear();
    const fired: number[] = [];
    const again = store.rewire().rows('op/bare', { ...bare, onTimer: (row) => void fired.push(again.subAt(row)) });
    for (const cell of store.eventTimers.takeDue(5)!) cell.table.options.onTimer!(cell, 5);
    expect(fired).toEqual([7]);
  });
});
