import { deepStrictEqual } from 'node:assert/strict';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MillraceError } from '../../lib/model/index.ts';
import { ByteReader, ByteWriter, decodeValue, encodeValue, readValue, writeValue } from '../../lib/protocol/index.ts';
import { anyNumber, anyText, anyValue } from './any-value.ts';

const copy = (value: unknown): unknown => decodeValue(encodeValue(value));
const refused = (value: unknown): MillraceError => {
  try {
    encodeValue(value);
  } catch (error) {
    if (error instanceof MillraceError) return error;
    throw error;
  }
  throw new Error('it was encoded');
};

describe('the codec of values', () => {
  it('gives back what was written', () => {
    fc.assert(
      fc.property(anyValue, (value) => deepStrictEqual(copy(value), value)),
      { numRuns: 1_000 },
    );
  });

  it('gives back objects of a shape met often, whatever their names', () => {
    const made = { a: 1, __proto__: null };
    for (let i = 0; i < 200; i++) {
      for (const value of [
        { ['__proto__']: i, constructor: 'x' },
        { 'a"b\u2028': i, é: 1.5 },
        { 1: i, 0: i },
        {},
        made,
      ]) {
        deepStrictEqual(copy(value), value);
      }
    }
  });

  it('tells apart field names whose bytes have one hash', () => {
    for (const value of [{ Aa: 1 }, { BB: 1 }, { Aa: 2 }, { BB: 2 }]) deepStrictEqual(copy(value), value);
  });

  it('forgets shapes rather than keep endless ones', () => {
    for (let i = 0; i < 9_000; i++) deepStrictEqual(copy({ [`k${i}`]: i }), { [`k${i}`]: i });
    const wide = Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`f${i}`, i]));
    deepStrictEqual(copy([wide, wide]), [wide, wide]);
  });

  it('takes several values one after another', () => {
    fc.assert(
      fc.property(fc.array(anyValue, { maxLength: 4 }), (values) => {
        const writer = new ByteWriter(1);
        for (const value of values) writeValue(writer, value);
        const reader = new ByteReader(writer.copy());
        for (const value of values) deepStrictEqual(readValue(reader), value);
        expect(reader.remaining).toBe(0);
      }),
    );
  });

  it('shares no memory with what it read or wrote', () => {
    const array = new Uint8Array([1, 2, 3]);
    const bytes = encodeValue([array]);
    array[0] = 9;
    const [decoded] = decodeValue(bytes) as [Uint8Array];
    bytes.fill(0);
    encodeValue('something else');
    expect([...decoded]).toEqual([1, 2, 3]);
  });

  it('is compact', () => {
    expect(encodeValue(5).length).toBe(1);
    expect(encodeValue('JFK').length).toBe(5);
    expect(encodeValue({ n: 1, s: 'JFK' }).length).toBe(13);
    expect(encodeValue(Array.from({ length: 100 }, (_, i) => ({ name: i }))).length).toBeLessThan(115);
  });

  it('refuses what is not data, and says where it stands', () => {
    class Money {}
    expect(refused({ a: [1, new Money()] })).toMatchObject({
      kind: 'bad-record',
      message: 'a value of class Money cannot be encoded at a[1]',
      hint: expect.stringContaining('plain data'),
    });
    expect(refused({ a: { f: () => 1 } }).message).toBe('a function cannot be encoded at a.f');
    expect(refused(Symbol('x')).message).toBe('a symbol cannot be encoded');
    expect(refused([Promise.resolve(1)])).toMatchObject({
      message: 'a promise cannot be encoded at [0]',
      hint: expect.stringContaining('await'),
    });
    expect(refused(new Map([['k', new Error('x')]])).message).toBe(
      'a value of class Error cannot be encoded at .get(k)'.replace(' .', ' '),
    );
    expect(refused(new Set([/x/])).message).toBe('a value of class RegExp cannot be encoded at item(0)');
    expect(refused([{ a: new WeakMap() }, { a: 1 }]).message).toBe(
      'a value of class WeakMap cannot be encoded at [0].a',
    );
    expect(refused(new (class extends Date {})()).message).toMatch(/a value of class .* cannot be encoded/);
  });

  it('refuses cycles', () => {
    const cycle: Record<string, unknown> = { x: 1 };
    cycle['self'] = { inner: [cycle] };
    expect(refused(cycle).message).toMatch(
      /nested more than 128 deep, or a cycle, cannot be encoded at self\.inner\[0\]/,
    );
    const list: unknown[] = [];
    list.push(list);
    expect(refused(list).message).toMatch(/cycle/);
    const rows: unknown[] = [{ a: 1 }, { a: 2 }];
    (rows[1] as Record<string, unknown>)['a'] = rows;
    expect(refused(rows).message).toMatch(/cycle/);
  });

  it('reads back all that it does not refuse for its depth', () => {
    const nest: ((inner: unknown) => unknown)[] = [
      (inner) => [inner],
      (inner) => ({ inner }),
      (inner) => [{ inner }, { inner: 0 }],
      (inner) => new Map([[inner, 1]]),
      (inner) => new Set([inner]),
    ];
    for (let levels = 60; levels < 132; levels++) {
      for (let kind = 0; kind <= nest.length; kind++) {
        let value: unknown = [];
        for (let i = 1; i < levels; i++) value = nest[(kind === nest.length ? i : kind) % nest.length]?.(value);
        let bytes: Uint8Array | undefined;
        try {
          bytes = encodeValue(value);
        } catch (error) {
          expect((error as Error).message).toMatch(/nested more than 128 deep/);
          expect(levels * 2).toBeGreaterThan(128);
        }
        if (bytes !== undefined) deepStrictEqual(decodeValue(bytes), value);
        else if (kind !== 2 && kind !== nest.length) expect(levels).toBeGreaterThan(128);
      }
    }
  });

  it('leaves the writer as it was after refusing', () => {
    const writer = new ByteWriter();
    writeValue(writer, 'before');
    expect(() => writeValue(writer, ['x', () => 1], 'state')).toThrow('at state[1]');
    writeValue(writer, 'after');
    const reader = new ByteReader(writer.copy());
    expect([readValue(reader), readValue(reader), reader.remaining]).toEqual(['before', 'after', 0]);
  });

  it('refuses damaged bytes with a clear error, and never hangs on them', () => {
    fc.assert(
      fc.property(anyValue, fc.nat(), fc.integer({ min: 1, max: 255 }), fc.boolean(), (value, at, flip, cut) => {
        const bytes = encodeValue(value);
        const i = at % bytes.length;
        bytes[i] = (bytes[i] as number) ^ flip;
        try {
          decodeValue(cut ? bytes.subarray(0, i) : bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(MillraceError);
          expect((error as MillraceError).kind).toBe('incompatible');
        }
      }),
      { numRuns: 1_000 },
    );
    expect(() => decodeValue(new Uint8Array(0))).toThrow(/damaged value at byte 0: it ends too early/);
    expect(() => decodeValue(new Uint8Array([1, 1]))).toThrow(/1 bytes follow the value/);
    expect(() => decodeValue(new Uint8Array([127]))).toThrow(/no value begins with 127/);
  });
});

describe('bytes', () => {
  it('hold numbers and strings of every size', () => {
    const nat = fc.oneof(
      fc.maxSafeNat(),
      fc.nat(300),
      fc.constantFrom(127, 128, 2 ** 28 - 1, 2 ** 28, 2 ** 31, 2 ** 35, 2 ** 53 - 1),
    );
    const whole = anyNumber.filter((n) => Number.isSafeInteger(n)).map((n) => n + 0);
    fc.assert(
      fc.property(nat, whole, anyNumber, anyText, fc.uint8Array({ maxLength: 60 }), (n, z, f, s, b) => {
        const writer = new ByteWriter(1);
        writer.varint(n);
        writer.zigzag(z);
        writer.f64(f);
        writer.string(s);
        writer.block(b);
        writer.u32(n % 2 ** 32);
        const reader = new ByteReader(writer.copy());
        const found = [reader.varint(), reader.zigzag(), reader.f64(), reader.string(), reader.block(), reader.u32()];
        deepStrictEqual(found, [n, z, f, s, b, n % 2 ** 32]);
        expect(reader.remaining).toBe(0);
      }),
      { numRuns: 500 },
    );
  });

  it('that end too early are an error', () => {
    const short = (read: (reader: ByteReader) => unknown): unknown =>
      read(new ByteReader(new Uint8Array([0xff, 1, 2]), 'block'));
    for (const read of [
      (r: ByteReader) => r.f64(),
      (r: ByteReader) => r.raw(4),
      (r: ByteReader) => r.string(),
      (r: ByteReader) => r.block(),
    ]) {
      expect(() => short(read)).toThrow(/damaged block/);
    }
    expect(() => new ByteReader(new Uint8Array(12).fill(0xff)).varint()).toThrow(/out of range/);
  });
});
