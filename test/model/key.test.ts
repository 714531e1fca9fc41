import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  compareKeyIds,
  type Key,
  type KeyId,
  keyIdOf,
  keyOf,
  MillraceError,
  partitionBytes,
  partitionOf,
} from '../../lib/model/index.ts';
import { murmur2 } from '../../lib/model/murmur2.ts';

const { key } = fc.letrec<{ key: Key }>((tie) => ({
  key: fc.oneof(
    { maxDepth: 3 },
    fc.string({ unit: 'binary' }),
    fc.string().map((s) => `\u0000${s}`),
    fc.constantFrom('\u0000', '\u0000\u0000', '\u0000[]', '\ud800', '', '1', '1n', '__proto__'),
    fc.integer(),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.bigInt(),
    fc.array(tie('key'), { maxLength: 3 }),
    fc.dictionary(fc.oneof(fc.string(), fc.constantFrom('__proto__', 'a', 'b')), tie('key'), { maxKeys: 3 }),
  ),
}));

const zeroed = (k: Key): unknown =>
  typeof k === 'number'
    ? k + 0
    : typeof k !== 'object'
      ? k
      : Array.isArray(k)
        ? k.map(zeroed)
        : Object.fromEntries(Object.entries(k).map(([name, value]) => [name, zeroed(value)]));

const hash = (text: string): number => murmur2(new TextEncoder().encode(text));

describe('key identity', () => {
  it('gives back the key it was made from', () => {
    fc.assert(fc.property(key, (k) => void expect(keyOf(keyIdOf(k))).toStrictEqual(zeroed(k))));
  });

  it('is a primitive that does not depend on the order of properties', () => {
    expect(keyIdOf({ b: 1, a: [2n, 'x'] })).toBe(keyIdOf({ a: [2n, 'x'], b: 1 }));
    expect(keyIdOf({ b: 1, a: [2n, 'x'] })).toBe('\u0000{"a":[2n,"x"],"b":1}');
    expect(Object.is(keyIdOf(-0), 0)).toBe(true);
    expect(keyIdOf([-0])).toBe(keyIdOf([0]));
  });

  it('is equal for equal keys and distinct for distinct ones', () => {
    const same = (a: Key, b: Key): boolean => {
      try {
        expect(zeroed(a)).toStrictEqual(zeroed(b));
        return true;
      } catch {
        return false;
      }
    };
    fc.assert(fc.property(key, key, (a, b) => void expect(keyIdOf(a) === keyIdOf(b)).toBe(same(a, b))));
    const alike: Key[] = [
      1,
      1n,
      '1',
      [1],
      [1n],
      ['1'],
      [[1]],
      { a: 1 },
      '\u0000[1]',
      '[1]',
      '\u0000',
      '',
      [],
      {},
      [''],
      '\u0000\u0000[1]',
    ];
    expect(new Set(alike.map(keyIdOf)).size).toBe(alike.length);
  });

  it('refuses what is not a key, and names it', () => {
    const cycle: unknown[] = [];
    cycle.push(cycle);
    const refused: [unknown, RegExp][] = [
      [undefined, /a key cannot be undefined/],
      [null, /cannot be null/],
      [Number.NaN, /cannot be NaN/],
      [Number.NEGATIVE_INFINITY, /cannot be -Infinity/],
      [true, /cannot be a boolean/],
      [Symbol('x'), /cannot be a symbol/],
      [() => 1, /cannot be a function/],
      [new Date(0), /cannot be an instance of Date/],
      [new Map(), /cannot be an instance of Map/],
      [['a', undefined], /\[1\] of a key cannot be undefined/],
      [{ a: { b: Number.NaN } }, /\.a\.b of a key cannot be NaN/],
      [{ [Symbol('x')]: 1 }, /an object with symbols/],
      [cycle, /nested more than 64 deep/],
    ];
    for (const [value, message] of refused) {
      expect(() => keyIdOf(value)).toThrow(MillraceError);
      expect(() => keyIdOf(value)).toThrow(message);
    }
  });

  it('refuses an id that no key has', () => {
    for (const id of [
      '\u0000',
      '\u0000[1',
      '\u0000[1]]',
      '\u0000{"a"1}',
      '\u0000["a]',
      '\u0000[1,]',
      '\u0000[x]',
      '\u0000[1 2]',
    ]) {
      expect(() => keyOf(id), id).toThrow(/damaged key/);
    }
  });
});

describe('the order of key ids', () => {
  const id = fc.oneof(key.map(keyIdOf), fc.integer({ min: -2, max: 2 }), fc.bigInt({ min: -2n, max: 2n }));
  it('is total', () => {
    fc.assert(
      fc.property(id, id, id, (a, b, c) => {
        const sign = (x: KeyId, y: KeyId): number => Math.sign(compareKeyIds(x, y));
        expect(sign(a, b) + sign(b, a)).toBe(0);
        expect(sign(a, b) === 0).toBe(a === b);
        if (sign(a, b) <= 0 && sign(b, c) <= 0) expect(sign(a, c)).toBeLessThanOrEqual(0);
      }),
    );
  });
  it('puts numbers before bigints before strings', () => {
    expect(['a', 2n, 'B', 10, 9, 1n].sort(compareKeyIds)).toEqual([9, 10, 1n, 2n, 'B', 'a']);
  });
});

describe('partitions of keys', () => {
  it("hash as Kafka's Java client", () => {
    expect(hash('21')).toBe(-973932308);
    expect(hash('foobar')).toBe(-790332482);
    expect(hash('a-little-bit-long-string')).toBe(-985981536);
    expect(hash('a-little-bit-longer-string')).toBe(-1486304829);
    expect(hash('lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8')).toBe(-58897971);
    expect(hash('abc')).toBe(479470107);
  });

  it('are the hash of the bytes without its sign, whatever the key', () => {
    fc.assert(
      fc.property(fc.oneof(key, fc.string({ maxLength: 12 })), fc.integer({ min: 1, max: 1000 }), (k, n) => {
        const id = keyIdOf(k);
        expect(partitionOf(id, n)).toBe((murmur2(partitionBytes(id)) & 0x7fffffff) % n);
      }),
    );
  });

  it('use the text that another producer would send', () => {
    const text = (k: Key): string => new TextDecoder().decode(partitionBytes(keyIdOf(k)));
    expect([text('é'), text(12), text(12n), text(-0), text(['a', 1])]).toEqual(['é', '12', '12', '0', '["a",1]']);
    expect(text('\u0000a')).toBe('\u0000a');
    expect(partitionOf('foobar', 8)).toBe((-790332482 & 0x7fffffff) % 8);
  });
});
