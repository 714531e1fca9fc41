import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compareKeyIds, type KeyId } from '../../lib/model/index.ts';
import { ByteReader, ByteWriter } from '../../lib/protocol/index.ts';
import {
  type AnyCell,
  applyCells,
  type CellTable,
  encodeCells,
  KeyedStore,
  type Mark,
  NEVER,
  REMOVED,
  type Sub,
} from '../../lib/state/index.ts';

const NAMES = ['op/event', 'op/also-event', 'op/processing', 'op/ttl', 'op/none'];
const DOMAINS = ['event', 'event', 'processing', 'event-ttl', 'none'] as const;

function newStore(): KeyedStore {
  const store = new KeyedStore();
  for (const [i, name] of NAMES.entries()) {
    store.table<unknown>(name, { clone: structuredClone, domain: DOMAINS[i]! });
  }
  return store;
}

interface Held {
  readonly table: number;
  readonly key: KeyId;
  readonly sub: Sub;
  readonly timer: number;
  readonly value: unknown;
}

const idOf = (table: number, key: KeyId, sub: Sub): string => `${table} ${typeof key}${key} ${typeof sub}${sub}`;

function heldIn(store: KeyedStore): Map<string, Held> {
  const held = new Map<string, Held>();
  for (const table of store.tables) {
    for (const { key, sub, timer, value } of table.cells()) {
      const id = idOf(table.index, key, sub);
      expect(held.has(id)).toBe(false);
      expect(table.find(key, sub)?.value).toBe(value);
      held.set(id, { table: table.index, key, sub, timer, value: structuredClone(value) });
    }
    expect([...table.cells()].length).toBe(table.size);
    for (const key of table.keys()) expect(table.cellsOf(key).length).toBeGreaterThan(0);
  }
  return held;
}

/** In an order of its own, without the timers that are not kept. */
const inOrder = (held: Map<string, Held>): Map<string, Held> =>
  new Map(
    [...held]
      .map(([id, cell]): [string, Held] => [id, cell.table === 4 ? { ...cell, timer: NEVER } : cell])
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );

const queues = (store: KeyedStore) => [store.eventTimers, store.processingTimers, store.eventExpiry] as const;
const queueOf = [0, 0, 1, 2, undefined];

/** What a plain list says is due, in the order of (time, key, table, sub). */
function inOrderOfFiring(held: Map<string, Held>, queue: number): string[] {
  const before = (a: Sub, b: Sub): number =>
    a === b ? 0 : a === undefined ? -1 : b === undefined ? 1 : compareKeyIds(a, b);
  return [...held.values()]
    .filter(({ table, timer }) => queueOf[table] === queue && timer !== NEVER)
    .sort((a, b) => a.timer - b.timer || compareKeyIds(a.key, b.key) || a.table - b.table || before(a.sub, b.sub))
    .map(({ table, key, sub, timer }) => `${timer} ${idOf(table, key, sub)}`);
}

function fire(cell: AnyCell): string {
  const text = `${cell.timer} ${idOf(cell.table.index, cell.key, cell.sub)}`;
  cell.table.schedule(cell, NEVER);
  return text;
}

function drain(store: KeyedStore, queue: number): string[] {
  const fired: string[] = [];
  const timers = queues(store)[queue]!;
  for (let due = timers.takeDue(NEVER); due !== undefined; due = timers.takeDue(NEVER)) fired.push(...due.map(fire));
  return fired;
}

const key = fc.constantFrom<KeyId>('a', 1, 2n);
const sub = fc.oneof(
  { weight: 6, arbitrary: fc.constant(undefined) },
  { weight: 2, arbitrary: fc.integer({ min: 0, max: 11 }) },
  { weight: 1, arbitrary: fc.constantFrom<Sub>('s', 3n) },
);
const at = { table: fc.nat(4), key, sub };
const anyOp = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('put' as const), ...at, value: fc.nat(9) }) },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('schedule' as const), ...at, time: fc.constantFrom(NEVER, 1, 2, 3, 5, 8) }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('remove' as const), ...at }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('mark' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('rollback' as const), to: fc.nat(5) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('fire' as const), queue: fc.nat(2), limit: fc.nat(8) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('commit' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('look' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('encode' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('settle' as const) }) },
);

test('lists the cells of a key with more of them than a call takes arguments', () => {
  const store = new KeyedStore();
  const table = store.table<number>('op/t', { clone: (n) => n, domain: 'none' });
  for (let i = 200_000; i > 0; i--) table.create('k', i, i);
  expect(table.cellsOf('k').map(({ sub }) => sub)).toEqual(Array.from({ length: 200_000 }, (_, i) => i + 1));
});

describe('keyed state', () => {
  test('fires many timers of one time in the order of keys, tables and subs, each once', () => {
    const someKey = fc.oneof(
      fc.integer({ min: 0, max: 400 }),
      fc.integer({ min: -9, max: 2 ** 40 }),
      fc.double({ noNaN: true }),
    );
    const onlySmall = fc.integer({ min: 0, max: 2 ** 31 - 1 });
    const many = { minLength: 70, maxLength: 200 };
    fc.assert(
      fc.property(fc.oneof(fc.array(someKey, many), fc.array(onlySmall, many)), (keys) => {
        const store = newStore();
        for (const [i, k] of keys.entries()) {
          const table = store.tables[(i * 7) % 2]!;
          const cell = table.find(k, i % 3) ?? table.create(k, i % 3, [0]);
          for (const time of [5, NEVER, 5]) table.schedule(cell, time);
        }
        const expected = inOrderOfFiring(heldIn(store), 0);
        expect((store.eventTimers.takeDue(5) ?? []).map(fire)).toStrictEqual(expected);
      }),
    );
  });

  test('takes back numbers changed in place, however marks are nested', () => {
    const change = fc.oneof(
      { weight: 6, arbitrary: fc.record({ do: fc.constant('add' as const), key, by: fc.integer({ min: 1, max: 9 }) }) },
      { weight: 2, arbitrary: fc.record({ do: fc.constant('remove' as const), key }) },
      { weight: 2, arbitrary: fc.record({ do: fc.constant('mark' as const) }) },
      { weight: 2, arbitrary: fc.record({ do: fc.constant('rollback' as const), to: fc.nat(5) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('commit' as const) }) },
    );
    fc.assert(
      fc.property(fc.array(change, { maxLength: 60, size: 'max' }), (changes) => {
        const store = new KeyedStore();
        const table = store.table<number[]>('sum/totals', { clone: refuse, numbers: true, domain: 'none' });
        const held = () => new Map([...table.cells()].map((cell) => [cell.key, cell.value.slice()]));
        let marks = [{ mark: store.mark(), held: held() }];
        for (const c of changes) {
          if (c.do === 'mark') marks.push({ mark: store.mark(), held: held() });
          else if (c.do === 'commit') {
            store.clear();
            marks = [{ mark: store.mark(), held: held() }];
          } else if (c.do === 'rollback') {
            marks = marks.slice(0, 1 + (c.to % marks.length));
            store.rollback(marks.at(-1)!.mark);
            expect(held()).toStrictEqual(marks.at(-1)!.held);
          } else {
            const cell = table.find(c.key, undefined);
            if (c.do === 'remove') cell?.table.remove(cell);
            else if (cell === undefined) table.create(c.key, undefined, new Array<number>(200).fill(c.by));
            else {
              table.touch(cell);
              for (let i = 0; i < 200; i++) cell.value[i]! += c.by;
            }
          }
        }
      }),
    );
  });

  test('after any changes, a rollback restores exactly what was at the mark, a delta holds exactly what changed, since the commit or over several, and timers fire as a plain list says', () => {
    fc.assert(
      fc.property(fc.array(anyOp, { maxLength: 80, size: 'max' }), (ops) => {
        const store = newStore();
        const committed = newStore();
        const written = newStore();
        store.gather();
        let encoded: { bytes: Uint8Array; held: Map<string, Held> } | undefined;
        const expectHeld = (other: KeyedStore, expected: Map<string, Held>) =>
          expect(inOrder(heldIn(other))).toStrictEqual(inOrder(expected));
        let marks: { mark: Mark; held: Map<string, Held> }[] = [{ mark: store.mark(), held: heldIn(store) }];
        for (const op of ops) {
          switch (op.do) {
            case 'put': {
              const table = store.tables[op.table]!;
              const cell = table.find(op.key, op.sub);
              if (cell === undefined) table.create(op.key, op.sub, [op.value]);
              else if (op.value < 5) {
                table.touch(cell);
                (cell.value as number[]).push(op.value);
              } else table.set(cell, [op.value]);
              break;
            }
            case 'schedule': {
              const table = store.tables[op.table]!;
              const cell = table.find(op.key, op.sub);
              if (cell !== undefined) table.schedule(cell, op.time);
              break;
            }
            case 'remove': {
              const cell = store.tables[op.table]!.find(op.key, op.sub);
              if (cell !== undefined) cell.table.remove(cell);
              break;
            }
            case 'mark':
              marks.push({ mark: store.mark(), held: heldIn(store) });
              break;
            case 'rollback': {
              marks = marks.slice(0, 1 + (op.to % marks.length));
              const { mark, held } = marks.at(-1)!;
              store.rollback(mark);
              expect(heldIn(store)).toStrictEqual(held);
              break;
            }
            case 'fire': {
              const expected = inOrderOfFiring(heldIn(store), op.queue);
              const due = queues(store)[op.queue]!.takeDue(op.limit) ?? [];
              const fired = due.map(fire);
              const time = Number.parseInt(expected[0] ?? '', 10);
              const same = time <= op.limit ? expected.filter((text) => text.startsWith(`${time} `)) : [];
              expect(fired).toEqual(same);
              break;
            }
            case 'commit': {
              const writer = new ByteWriter();
              encodeCells(writer, store.tables, store.changes());
              store.clear();
              applyCells(committed, new ByteReader(writer.copy()));
              expectHeld(committed, heldIn(store));
              encoded = undefined;
              marks = [{ mark: store.mark(), held: heldIn(store) }];
              break;
            }
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
              expectHeld(written, encoded.held);
              encoded = undefined;
              break;
            case 'look':
              for (const [i, queue] of queues(store).entries()) {
                const first = inOrderOfFiring(heldIn(store), i)[0];
                expect(queue.earliest()).toBe(first === undefined ? undefined : Number.parseInt(first, 10));
              }
              break;
          }
        }
        for (const [i] of queues(store).entries()) {
          const expected = inOrderOfFiring(heldIn(store), i);
          expect(drain(store, i)).toEqual(expected);
          const expectedOfCommitted = inOrderOfFiring(heldIn(committed), i);
          expect(drain(committed, i)).toEqual(expectedOfCommitted);
        }
      }),
      { numRuns: 300 },
    );
  });

  test('two tables of one name are refused', () => {
    const store = newStore();
    expect(() => store.table('op/none', { clone: structuredClone, domain: 'none' })).toThrow(
      'two state tables have the name "op/none"',
    );
  });

  test('a cell made and removed while changes are gathered is not among them, nor is one whose making was taken back', () => {
    const store = newStore();
    const table = store.tables[0]!;
    table.create('old', undefined, 1);
    store.clear();
    store.gather();
    const made = table.create('k', undefined, 1);
    store.clear();
    table.remove(made);
    table.remove(table.find('old', undefined)!);
    store.clear();
    const mark = store.mark();
    table.create('k', undefined, 2);
    store.rollback(mark);
    expect(store.gathered().map(({ key }) => key)).toEqual(['old']);
    table.create('k', undefined, 3);
    expect(store.gathered().map(({ key, value }) => [key, value])).toEqual([
      ['old', REMOVED],
      ['k', 3],
    ]);
  });

  test('a cell made and removed since the commit is not in the delta', () => {
    const store = newStore();
    const table = store.tables[0]!;
    table.remove(table.create('k', undefined, 1));
    expect(store.changes()).toEqual([]);
  });

  test('cells of a key come in the order of their subs, however many', () => {
    for (const many of [1, 3, 8, 9, 50]) {
      const table = newStore().tables[0]!;
      const subs = Array.from({ length: many }, (_, i) => (i * 7) % many);
      for (const sub of subs) table.create('k', sub, sub);
      table.create('k', undefined, 'bare');
      expect(table.cellsOf('k').map((cell) => cell.sub)).toEqual([undefined, ...subs.toSorted((a, b) => a - b)]);
      const some: unknown[] = [];
      (table as CellTable<unknown>).eachOf('k', ({ value }) => some.push(value));
      expect(new Set(some)).toEqual(new Set(['bare', ...subs]));
      expect(some).toHaveLength(many + 1);
      for (const sub of subs) table.remove(table.find('k', sub)!);
      expect(table.cellsOf('k').map((cell) => cell.value)).toEqual(['bare']);
      expect(table.size).toBe(1);
    }
  });
});

describe('timers', () => {
  test('a cell whose timer was cleared and set again is due once', () => {
    const store = newStore();
    const table = store.tables[0]!;
    const cells = [1, 2].map((key) => table.create(key, undefined, 1));
    for (const time of [5, NEVER, 5, 7, 5, 6, 5]) for (const cell of cells) table.schedule(cell, time);
    expect(store.eventTimers.takeDue(5)).toEqual(cells);
  });

  test('timers set and cleared for ever take no more room', () => {
    const store = newStore();
    const table = store.tables[0]!;
    const cells = [1, 2, 3].map((key) => table.create(key, undefined, 1));
    for (let i = 0; i < 20_000; i++) {
      for (const cell of cells) {
        table.schedule(cell, NEVER);
        table.schedule(cell, 1000);
      }
    }
    expect(store.eventTimers.entries).toBeLessThan(5_000);
    expect(store.eventTimers.takeDue(1000)).toEqual(cells);
  });

  test('a timer moved later from a crowded time is not lost', () => {
    const store = newStore();
    const table = store.tables[0]!;
    const moved = table.create('moved', undefined, 1);
    table.schedule(moved, 10);
    table.schedule(moved, 30);
    const others = [1, 2].map((key) => table.create(key, undefined, 1));
    for (let i = 0; i < 5_000; i++) {
      for (const other of others) {
        table.schedule(other, NEVER);
        table.schedule(other, 10);
      }
    }
    expect(store.eventTimers.takeDue(100)).toEqual(others);
    expect(store.eventTimers.takeDue(100)).toEqual([moved]);
  });

  test('what is due at one time comes in the order of key, table and sub', () => {
    const store = newStore();
    const cells: AnyCell[] = [];
    for (const key of ['b', 2, 'a', 1n, 1]) {
      for (const at of [1, 0]) {
        for (const sub of ['x', 5, undefined]) {
          const table = store.tables[at]!;
          const cell = table.create(key, sub, 0);
          table.schedule(cell, 9);
          cells.push(cell);
        }
      }
    }
    const due = store.eventTimers.takeDue(9)!.map((cell) => `${cell.key} ${cell.table.index} ${cell.sub}`);
    const keys = ['1', '2', '1', 'a', 'b'];
    expect(due).toEqual(
      keys.flatMap((key) => [0, 1].flatMap((at) => [undefined, 5, 'x'].map((sub) => `${key} ${at} ${sub}`))),
    );
  });
});

function refuse(): never {
  throw new Error('an array of numbers was cloned');
}
