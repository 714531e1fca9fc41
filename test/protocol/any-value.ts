/** Random values of every kind that the codec knows. */
import fc from 'fast-check';

class Hole {}
const hole = new Hole();
const sparse = (items: readonly unknown[]): unknown[] => {
  const array: unknown[] = [];
  for (const item of items) {
    if (item === hole) array.length++;
    else array.push(item);
  }
  return array;
};

export const anyText = fc.oneof(
  fc.string(),
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.string({ unit: 'grapheme', maxLength: 80 }),
  fc.constantFrom(
    '',
    'JFK',
    '\u0000',
    '\ud800',
    'a\udc00',
    'é',
    'x'.repeat(24),
    'x'.repeat(25),
    'é'.repeat(31),
    '€'.repeat(70),
  ),
  fc.string().map((s) => s.repeat(20)),
);

export const anyNumber = fc.oneof(
  fc.integer(),
  fc.double(),
  fc.maxSafeInteger(),
  fc.integer({ min: -70, max: 200 }),
  fc.constantFrom(
    0,
    -0,
    Number.NaN,
    Infinity,
    -Infinity,
    2 ** 31,
    -(2 ** 31),
    2 ** 30,
    -(2 ** 30),
    -(2 ** 30) - 1,
    2 ** 53,
    -(2 ** 53),
  ),
  fc.constantFrom(Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, 127, 128, 2 ** 28, 2 ** 35, 0.1, Number.MIN_VALUE),
);

export const anyDate = fc.oneof(fc.date({ noInvalidDate: true }), fc.constant(new Date(Number.NaN)));
const name = fc.oneof(
  fc.string({ maxLength: 6 }),
  fc.constantFrom('a', 'b', '1', '0', '__proto__', 'constructor', 'é'),
);

export const { value: anyValue } = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    anyNumber,
    anyText,
    fc.constantFrom(undefined, null, true, false),
    fc.oneof(fc.bigInt(), fc.constantFrom(0n, -1n, 2n ** 64n, -(2n ** 200n))),
    anyDate,
    fc.array(fc.double(), { maxLength: 5 }),
    fc.array(tie('value'), { maxLength: 5 }),
    fc.array(fc.oneof(anyNumber, fc.constant(hole)), { maxLength: 4 }).map(sparse),
    fc.array(fc.oneof(tie('value'), fc.constant(hole)), { maxLength: 4 }).map(sparse),
    fc.array(fc.record({ a: tie('value'), b: anyNumber }, { noNullPrototype: true }), { maxLength: 3 }),
    fc.dictionary(name, tie('value'), { maxKeys: 4, noNullPrototype: false }),
    fc.array(fc.tuple(tie('value'), tie('value')), { maxLength: 3 }).map((entries) => new Map(entries)),
    fc.array(tie('value'), { maxLength: 3 }).map((items) => new Set(items)),
    fc.uint8Array({ maxLength: 100 }),
    fc.uint8Array({ maxLength: 9 }).map((bytes) => Buffer.from(bytes)),
    fc.oneof(fc.float64Array(), fc.int16Array(), fc.bigInt64Array(), fc.float32Array(), fc.uint8ClampedArray()),
  ),
}));
