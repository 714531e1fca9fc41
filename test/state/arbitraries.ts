import fc from 'fast-check';
import type { KeyId } from '../../lib/model/index.ts';
import { NEVER, type Sub } from '../../lib/state/index.ts';

/** Key ids of every sort, few enough that they meet again. */
export const anyKeyId: fc.Arbitrary<KeyId> = fc.oneof(
  fc.constantFrom('', 'a', 'b', 'key-1', '\u0000["a",1]', 'ü', '\ud800', 'x'.repeat(40)),
  fc.constantFrom(0, 1, -1, 1.5, 2 ** 31, -(2 ** 40), Number.MAX_SAFE_INTEGER, 1e300, 5e-324),
  fc.constantFrom(0n, -1n, 2n ** 80n),
);

export const anySub: fc.Arbitrary<Sub> = fc.oneof(fc.constant(undefined), anyKeyId);

export const anyTimer: fc.Arbitrary<number> = fc.oneof(
  fc.constant(NEVER),
  fc.constantFrom(0, -1, 5, 1.25, 1_700_000_000_000, Number.MAX_SAFE_INTEGER),
);

export const anyStateValue: fc.Arbitrary<unknown> = fc.oneof(
  fc.array(fc.double({ noNaN: true }), { maxLength: 4 }),
  fc.array(fc.integer(), { maxLength: 4 }),
  fc.string({ maxLength: 300 }),
  fc.constantFrom(undefined, null, true, 0, -0, 2n ** 70n, 'z'.repeat(127), 'z'.repeat(20_000)),
  fc.record({ count: fc.nat(), of: fc.string() }),
  fc.constant(new Map([['a', new Set([1])]])),
);
