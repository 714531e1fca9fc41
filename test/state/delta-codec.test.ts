import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MillraceError } from '../../lib/model/index.ts';
import { ByteReader, ByteWriter } from '../../lib/protocol/index.ts';
import {
  applyCells,
  decodeCells,
  encodeCells,
  KeyedStore,
  NEVER,
  REMOVED,
  type TableOptions,
} from '../../lib/state/index.ts';
import { anyKeyId, anyStateValue, anySub, anyTimer } from './arbitraries.ts';

const plain = (more: Partial<TableOptions<unknown>> = {}): TableOptions<unknown> => ({
  clone: structuredClone,
  domain: 'event',
  ...more,
});

function sectionOf(store: KeyedStore): Uint8Array {
  const writer = new ByteWriter();
  encodeCells(writer, store.tables, store.changes());
  return writer.copy();
}

function contentsOf(store: KeyedStore): unknown[] {
  return store.tables.flatMap((table) =>
    [...table.cells()].map(({ key, sub, timer, value }) => ({ table: table.name, key, sub, timer, value })),
  );
}

function errorOf(run: () => void): MillraceError {
  try {
    run();
  } catch (error) {
    if (error instanceof MillraceError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe('cells as bytes', () => {
  test('a store restored from a section holds the same cells, timers included', () => {
    const cell = fc.record({
      table: fc.nat(1),
      key: anyKeyId,
      sub: anySub,
      timer: anyTimer,
      value: anyStateValue,
    });
    fc.assert(
      fc.property(fc.array(cell, { maxLength: 30 }), (cells) => {
        const store = new KeyedStore();
        const copy = new KeyedStore();
        for (const each of [store, copy]) for (const name of ['op/a', 'op/b']) each.table(name, plain());
        for (const { table: at, key, sub, timer, value } of cells) {
          const table = store.tables[at]!;
          const cell = table.find(key, sub) ?? table.create(key, sub, undefined);
          table.set(cell, value);
          table.schedule(cell, timer);
        }
        applyCells(copy, new ByteReader(sectionOf(store)));
        const order = (a: unknown, b: unknown) => (JSON.stringify(keysOf(a)) < JSON.stringify(keysOf(b)) ? -1 : 1);
        expect(contentsOf(copy).sort(order)).toStrictEqual(contentsOf(store).sort(order));
        expect(copy.eventTimers.earliest()).toBe(store.eventTimers.earliest());
      }),
    );
  });

  test('values of every length are read back whole', () => {
    for (const size of [0, 120, 124, 125, 126, 127, 128, 129, 16_380, 16_381, 16_382, 16_383, 16_384, 3_000_000]) {
      const store = new KeyedStore();
      const table = store.table<unknown>('op/a', plain());
      table.create('before', undefined, 'b');
      table.create('k', undefined, 'é'.repeat(size));
      table.create('after', undefined, 'a');
      const values: unknown[] = [];
      decodeCells(new ByteReader(sectionOf(store)), (_table, _version, _key, _sub, _timer, value) => {
        values.push(value);
      });
      expect(values).toEqual(['b', 'é'.repeat(size), 'a']);
    }
  });

  test('a section ends by itself, and names only the tables that occur', () => {
    const store = new KeyedStore();
    store.table('op/unused', plain());
    store.table<unknown>('op/used', plain({ version: 3 })).create(1, 2, 'x');
    const writer = new ByteWriter();
    writer.u8(99);
    encodeCells(writer, store.tables, store.changes());
    writer.u8(77);
    const bytes = writer.copy();
    const reader = new ByteReader(bytes);
    expect(reader.u8()).toBe(99);
    const seen: unknown[] = [];
    decodeCells(reader, (...cell) => {
      seen.push(cell);
    });
    expect(reader.u8()).toBe(77);
    expect(seen).toEqual([['op/used', 3, 1, 2, NEVER, 'x']]);
    expect(Buffer.from(bytes).includes('unused')).toBe(false);
  });

  test('removed cells are named without a value, and removed where they are applied', () => {
    const store = new KeyedStore();
    const table = store.table<unknown>('op/a', plain());
    const cell = table.create('k', 7, 'x');
    table.schedule(cell, 5);
    table.create('stays', undefined, 'y');
    const first = sectionOf(store);
    store.clear();
    table.remove(cell);
    const second = sectionOf(store);
    const values: unknown[] = [];
    decodeCells(new ByteReader(second), (_table, _version, key, sub, timer, value) => {
      values.push([key, sub, timer, value]);
    });
    expect(values).toEqual([['k', 7, NEVER, REMOVED]]);
    const copy = new KeyedStore();
    copy.table('op/a', plain());
    applyCells(copy, new ByteReader(first));
    applyCells(copy, new ByteReader(second));
    expect([...copy.tables[0]!.keys()]).toEqual(['stays']);
    expect(copy.eventTimers.earliest()).toBe(undefined);
  });

  test('a cell removed and made again in one commit is there with its new value', () => {
    const store = new KeyedStore();
    const table = store.table<unknown>('op/a', plain());
    const old = table.create('k', undefined, 'old');
    store.clear();
    table.remove(old);
    table.create('k', undefined, 'new');
    const copy = new KeyedStore();
    const copied = copy.table<unknown>('op/a', plain());
    applyCells(copy, new ByteReader(sectionOf(store)));
    expect(copied.find('k', undefined)?.value).toBe('new');
  });

  test('a table without a timer domain stores no timers', () => {
    const store = new KeyedStore();
    const table = store.table<unknown>('op/a', plain({ domain: 'none' }));
    table.schedule(table.create('k', undefined, 1), 5);
    decodeCells(new ByteReader(sectionOf(store)), (_table, _version, _key, _sub, timer) => {
      expect(timer).toBe(NEVER);
    });
  });

  test('a value that cannot be encoded is an error that names operator, state, key and place, and leaves the writer as it was', () => {
    const store = new KeyedStore();
    const table = store.table<unknown>('alerts/last', plain());
    table.create('ok', undefined, 1);
    table.create('LAX', undefined, { of: [() => 1] });
    const writer = new ByteWriter();
    writer.u8(1);
    const error = errorOf(() => encodeCells(writer, store.tables, store.changes()));
    expect(error.kind).toBe('operator-failed');
    expect(error.message).toBe(
      'state "last" of operator "alerts" holds a value that cannot be encoded, key "LAX": a function cannot be encoded at of[0]',
    );
    expect(error.hint).toMatch(/plain data/);
    expect(error.where).toEqual({ operator: 'alerts' });
    expect(writer.copy()).toEqual(Uint8Array.of(1));
  });
});

describe('data of other versions', () => {
  const sectionOfVersion = (version: number): ByteReader => {
    const store = new KeyedStore();
    store.table<unknown>('op/a', plain({ version })).create('k', undefined, 5);
    return new ByteReader(sectionOf(store));
  };
  const storeOf = (options: Partial<TableOptions<unknown>>, name = 'op/a'): KeyedStore => {
    const store = new KeyedStore();
    store.table(name, plain(options));
    return store;
  };

  test('older values go through the migration, told their version', () => {
    const store = storeOf({ version: 3, migrate: (value, version) => [value, version] });
    applyCells(store, sectionOfVersion(2));
    expect(store.tables[0]!.find('k', undefined)?.value).toEqual([5, 2]);
  });

  test('values of the same version do not', () => {
    const store = storeOf({ version: 2, migrate: () => expect.unreachable() });
    applyCells(store, sectionOfVersion(2));
    expect(store.tables[0]!.find('k', undefined)?.value).toBe(5);
  });

  test.each([
    ['older without a migration', storeOf({ version: 3 }), /version 2 in the data, and version 3 .* no migration/],
    ['newer', storeOf({ migrate: (value) => value }), /version 2 in the data, and version 1 in the pipeline/],
    ['of an unknown table', storeOf({ version: 2 }, 'op/b'), /state "op\/a" is in the data but not in the pipeline/],
  ])('values %s are refused', (_, store, message) => {
    const error = errorOf(() => applyCells(store, sectionOfVersion(2)));
    expect(error.kind).toBe('incompatible');
    expect(error.message).toMatch(message);
    expect(error.hint).toBeDefined();
  });

  test('a section of another format is refused', () => {
    const error = errorOf(() => decodeCells(new ByteReader(Uint8Array.of(9, 0, 0)), () => {}));
    expect(error.kind).toBe('incompatible');
    expect(error.message).toBe('a state delta has format 9, and this version reads 1');
  });

  test('a section cut short at any byte is refused', () => {
    const store = new KeyedStore();
    const table = store.table<unknown>('op/a', plain());
    table.schedule(table.create('k', 3n, [1.5, 2]), 1_700_000_000_000);
    table.create(1.5, 'sub', { a: 'text' });
    const bytes = sectionOf(store);
    for (let n = 0; n < bytes.length; n++) {
      expect(errorOf(() => decodeCells(new ByteReader(bytes, 'delta', 0, n), () => {})).kind).toBe('incompatible');
    }
  });
});

function keysOf(cell: unknown): unknown {
  const { table, key, sub } = cell as { table: string; key: unknown; sub: unknown };
  return [table, typeof key, String(key), typeof sub, String(sub)];
}
