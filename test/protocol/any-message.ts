/** Random messages of every kind. */
import fc from 'fast-check';
import { ALL, type Key, keyIdOf } from '../../lib/model/index.ts';
import type { Barrier, Claims, Frame, Message, Tick } from '../../lib/protocol/index.ts';
import { anyDate, anyNumber, anyText, anyValue } from './any-value.ts';

const MIN = Number.MIN_SAFE_INTEGER;
const MAX = Number.MAX_SAFE_INTEGER;
const position = fc.record(
  {
    cause: fc.oneof(fc.integer({ min: -1, max: 100 }), fc.maxSafeNat()),
    k: fc.oneof(fc.nat(3), fc.constant(ALL)),
  },
  { noNullPrototype: true },
);
const time = fc.oneof(
  fc.integer({ min: 1e12, max: 1e12 + 1e7 }),
  fc.constantFrom(MIN, MAX, 0, -1),
  fc.maxSafeInteger(),
);
const key = fc.oneof<fc.Arbitrary<Key>[]>(
  anyText,
  fc.string({ maxLength: 2 }),
  fc.integer({ min: 0, max: 9 }),
  fc.bigInt(),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.tuple(fc.string(), fc.integer()),
);

const names = fc.constantFrom('a', 'b', 'c', '__proto__', '1', 'é', 'delay');
const flat = fc.oneof(
  fc.record(
    { date: anyDate, delay: fc.integer(), origin: fc.string({ maxLength: 2 }), ok: fc.boolean() },
    { noNullPrototype: true },
  ),
  fc.record(
    { a: anyNumber, at: fc.record({ x: fc.double(), y: anyText }, { noNullPrototype: true }) },
    { noNullPrototype: true },
  ),
  fc.record(
    { a: fc.option(fc.integer()), b: fc.constantFrom(undefined, null, 1), c: anyValue },
    { requiredKeys: ['a'], noNullPrototype: true },
  ),
  fc.dictionary(names, fc.oneof(fc.integer(), fc.string()), { maxKeys: 4, noNullPrototype: true }),
);
/** One kind of record, or a few, or anything, so that every way of storing a column is met. */
const records = fc.oneof(
  ...[fc.nat(), anyNumber, fc.double(), fc.boolean(), anyText, anyDate, flat, anyValue].map((kind) =>
    fc.array(kind, { maxLength: 40 }),
  ),
  fc.tuple(anyValue, fc.nat(40)).map(([value, n]) => new Array(n).fill(value)),
  fc.array(
    fc.record(
      { a: fc.nat(), s: fc.constantFrom('x', 'y', 'é'), when: fc.date({ noInvalidDate: true }) },
      { noNullPrototype: true },
    ),
    {
      maxLength: 90,
    },
  ),
  fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 60, maxLength: 200, size: 'max' }),
  fc.array(fc.string({ maxLength: 2 }), { minLength: 60, maxLength: 200, size: 'max' }),
  fc.array(fc.oneof({ weight: 30, arbitrary: fc.nat(9) }, fc.maxSafeInteger()), {
    minLength: 30,
    maxLength: 90,
    size: 'max',
  }),
);

const column = <T>(of: fc.Arbitrary<T>, n: number): fc.Arbitrary<T[]> => fc.array(of, { minLength: n, maxLength: n });

export const anyFrame: fc.Arbitrary<Frame> = records.chain((values) => {
  const n = values.length;
  return fc.record(
    {
      kind: fc.constant('frame' as const),
      run: fc.string(),
      channel: fc.record({ edge: anyText, task: fc.integer({ min: -3, max: 99 }) }, { noNullPrototype: true }),
      channels: fc.nat(100),
      epoch: fc.nat(),
      prev: position,
      thru: position,
      values: fc.constant(values),
      keys: fc.option(column(key.map(keyIdOf), n), { nil: undefined }),
      times: column(time, n),
      causes: column(fc.oneof(fc.nat(9), fc.maxSafeNat()), n).map((causes) => causes.sort((a, b) => a - b)),
      ks: fc.oneof(fc.constant(new Array<number>(n).fill(0)), column(fc.nat(), n)),
      steps: fc.array(fc.tuple(fc.nat(n), time), { maxLength: 5 }).map((steps) => steps.flat()),
    },
    { noNullPrototype: true },
  );
});

const anyClaims: fc.Arbitrary<Claims> = fc.record(
  {
    kind: fc.constant('claims' as const),
    run: fc.string(),
    time,
    edges: fc.array(fc.tuple(anyText, fc.nat(99)), { maxLength: 3 }),
    list: fc.array(
      fc.record(
        {
          channel: fc.record({ edge: fc.constantFrom('a', 'b'), task: fc.nat(9) }, { noNullPrototype: true }),
          prev: position,
          upTo: fc.maxSafeNat(),
          watermark: fc.option(time, { nil: undefined }),
          silentSince: time,
        },
        { noNullPrototype: true },
      ),
      { maxLength: 12 },
    ),
  },
  { noNullPrototype: true },
);
const anyTick: fc.Arbitrary<Tick> = fc.record(
  { kind: fc.constant('tick' as const), run: fc.string(), time },
  { noNullPrototype: true },
);
const anyBarrier: fc.Arbitrary<Barrier> = fc.record(
  { kind: fc.constant('barrier' as const), run: fc.string(), epoch: fc.nat(), code: fc.string() },
  { noNullPrototype: true },
);

export const anyMessage: fc.Arbitrary<Message> = fc.oneof(
  { weight: 6, arbitrary: anyFrame },
  anyClaims,
  anyTick,
  anyBarrier,
);
