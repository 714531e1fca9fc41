import fc from 'fast-check';
import { expect, it } from 'vitest';
import { encodeValue } from '../../lib/protocol/index.ts';
import { sizeOfValue } from '../../lib/protocol/value-size.ts';
import { anyValue } from './any-value.ts';

const longName = fc.string({ minLength: 1, maxLength: 60, unit: 'grapheme' });

it('a value is never estimated at less than a fourth of its encoded bytes, whatever its properties are called', () => {
  fc.assert(
    fc.property(fc.oneof(anyValue, fc.dictionary(longName, fc.oneof(fc.boolean(), anyValue))), (value) => {
      const size = sizeOfValue(value);
      expect(4 * size + 16).toBeGreaterThanOrEqual(encodeValue(value).length);
    }),
  );
});
