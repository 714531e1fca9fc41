import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { dataFromJson, dataToJson } from '../../lib/protocol/index.ts';

const data = fc.anything({
  withBigInt: true,
  withNullPrototype: false,
  withDate: false,
  withMap: false,
  withSet: false,
  withTypedArray: false,
  withSparseArray: false,
  key: fc.oneof(fc.constantFrom('~', 'value', '__proto__'), fc.string()),
});

/** What JSON cannot tell apart: -0 and 0, and properties that are undefined or absent. */
const settled = (value: unknown): unknown => {
  if (value === 0) return 0;
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(settled);
  const kept = Object.entries(value).filter(([, field]) => field !== undefined);
  return Object.fromEntries(kept.map(([key, field]) => [key, settled(field)]));
};

describe('data as JSON', () => {
  it('brings back whatever plain data was written', () => {
    fc.assert(
      fc.property(data, (value) => {
        expect(dataFromJson(dataToJson(value))).toEqual(settled(value));
      }),
    );
  });

  it('keeps infinities, absent numbers in arrays, bigints and objects that look like its own marks', () => {
    const value = {
      k: Infinity,
      low: -Infinity,
      ends: [1, undefined, NaN],
      big: 2n ** 70n,
      odd: { '~': 'inf' },
      own: '"~"',
    };
    expect(dataFromJson(dataToJson(value))).toEqual(value);
    expect((dataFromJson(dataToJson(value)) as typeof value).ends).toHaveLength(3);
  });

  it('writes data that is JSON already as ordinary JSON', () => {
    const value = { version: 3, watermark: Number.MIN_SAFE_INTEGER, list: [null, true, 'x'], gone: undefined };
    expect(dataToJson(value)).toBe(JSON.stringify(value));
  });

  it('refuses what is not data', () => {
    expect(() => dataToJson({ f: () => 1 })).toThrow(TypeError);
  });
});
