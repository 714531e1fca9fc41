import type { KeyId } from './key.ts';

const numberBytes = new DataView(new ArrayBuffer(8));

/**
 * Writes 64 well-mixed bits of a key's identity to `into` as two unsigned 32-bit words. The same on every machine and for ever, as
 * persisted sketches depend on it: two lanes of MurmurHash3's mixing (Appleby 2011, the constants of its x86 128-bit form), 32 bits of input a round
 * (two UTF-16 code units of a string, half a double of a number, a bigint as its decimal text), seeded by the kind.
 */
export function hash64(id: KeyId, into: Uint32Array): void {
  if (typeof id === 'number') {
    numberBytes.setFloat64(0, id);
    const high = numberBytes.getInt32(0);
    const low = numberBytes.getInt32(4);
    finish(lane2(lane2(2, high), low), lane1(lane1(1, high), low), 8, into);
    return;
  }
  const text = typeof id === 'string' ? id : id.toString();
  let a = typeof id === 'string' ? 3 : 5;
  let b = typeof id === 'string' ? 4 : 6;
  for (let i = 0; i < text.length; i += 2) {
    const word = text.charCodeAt(i) | (i + 1 < text.length ? text.charCodeAt(i + 1) << 16 : 0);
    a = lane1(a, word);
    b = lane2(b, word);
  }
  finish(a, b, text.length, into);
}

function lane1(h: number, word: number): number {
  const k = Math.imul(rotl(Math.imul(word, 0x239b961b), 15), 0xab0e9789);
  return (Math.imul(rotl(h ^ k, 19), 5) + 0x561ccd1b) | 0;
}

function lane2(h: number, word: number): number {
  const k = Math.imul(rotl(Math.imul(word, 0x38b34ae5), 17), 0xa1e38b93);
  return (Math.imul(rotl(h ^ k, 13), 5) + 0x32ac3b17) | 0;
}

function finish(a: number, b: number, length: number, into: Uint32Array): void {
  let h1 = a ^ length;
  let h2 = b ^ length;
  h1 = (h1 + h2) | 0;
  h2 = (h2 + h1) | 0;
  h1 = avalanche(h1);
  h2 = avalanche(h2);
  h1 = (h1 + h2) | 0;
  into[0] = h1;
  into[1] = h2 + h1;
}

function avalanche(word: number): number {
  let h = Math.imul(word ^ (word >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

const rotl = (word: number, bits: number): number => (word << bits) | (word >>> (32 - bits));
