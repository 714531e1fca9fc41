import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { KeyId } from '../../lib/model/index.ts';
import { KeyRows, NONE } from '../../lib/state/key-rows.ts';

/** Keys that fall on few slots beside others that do not. */
const anyKey = fc.oneof(
  fc.integer({ min: -20, max: 40 }),
  fc.nat(7).map((n) => n * 2 ** 28),
  fc.constantFrom<KeyId>(2 ** 31 - 1, -(2 ** 31), 2 ** 31, 2 ** 40, 0.5, 7n, '', '7', 'key'),
);

describe('rows by key', () => {
  test('are found like those in a map, whatever is put in and taken out', () => {
    const change = fc.record({ key: anyKey, row: fc.option(fc.nat(99), { freq: 2 }) });
    fc.assert(
      fc.property(fc.array(change, { maxLength: 300, size: 'max' }), (changes) => {
        const rows = new KeyRows();
        const plain = new Map<KeyId, number>();
        for (const { key, row } of changes) {
          if (row !== null) {
            rows.set(key, row);
            plain.set(key, row);
          } else if (plain.has(key)) {
            rows.delete(key);
            plain.delete(key);
          }
          expect(rows.get(key)).toBe(plain.get(key) ?? NONE);
        }
        for (const { key } of changes) expect(rows.get(key)).toBe(plain.get(key) ?? NONE);
        expect(new Set(rows.keys())).toEqual(new Set(plain.keys()));
        expect([...rows.keys()].length).toBe(plain.size);
        for (const key of plain.keys()) rows.delete(key);
        rows.shrink();
        expect(rows.get(1)).toBe(NONE);
        rows.set(1, 2);
        expect([...rows.keys()]).toEqual([1]);
      }),
    );
  });

  test('stay few steps away among a hundred thousand keys', () => {
    const rows = new KeyRows();
    for (let key = 0; key < 100_000; key++) rows.set(key * 16, key);
    for (let key = 0; key < 100_000; key += 3) rows.delete(key * 16);
    for (let key = 0; key < 100_000; key++) expect(rows.get(key * 16) === key).toBe(key % 3 !== 0);
  });
});
