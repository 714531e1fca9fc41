import { describe, expect, it } from 'vitest';
import { crc32c } from '../../../lib/adapters/kafka/crc32c.ts';

describe('CRC-32C', () => {
  it.each([
    ['nothing', Buffer.alloc(0), 0],
    ['the check value of its definition', Buffer.from('123456789'), 0xe3069283],
    ['32 zeros (RFC 3720, B.4)', Buffer.alloc(32), 0x8a9136aa],
    ['32 ones (RFC 3720, B.4)', Buffer.alloc(32, 0xff), 0x62a8ab43],
    ['32 ascending bytes (RFC 3720, B.4)', Buffer.from(Array.from({ length: 32 }, (_, i) => i)), 0x46dd794e],
  ])('knows %s', (_, bytes, sum) => {
    expect(crc32c(bytes)).toBe(sum);
  });

  it('takes a part of the bytes, wherever it begins', () => {
    const text = Buffer.from('123456789');
    for (let before = 0; before < 9; before++) {
      const bytes = Buffer.concat([Buffer.alloc(before, 7), text, Buffer.alloc(3, 9)]);
      expect(crc32c(bytes, before, before + 9)).toBe(0xe3069283);
    }
  });
});
