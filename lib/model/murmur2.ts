/**
 * MurmurHash 2 with the seed and the reading of bytes of Kafka's Java client (`org.apache.kafka.common.utils.Utils.murmur2`), so
 * that millrace and other producers agree on the partition of a key.
 */

const SEED = 0x9747b28c | 0;
const M = 0x5bd1e995;

/** The hash of the bytes at and after `from`, as Kafka's Java client computes it: a signed 32-bit number. */
export function murmur2(bytes: Uint8Array, from = 0): number {
  const { length: end } = bytes;
  let h = SEED ^ (end - from);
  let i = from;
  for (; i + 4 <= end; i += 4) {
    const word =
      (bytes[i] as number) |
      ((bytes[i + 1] as number) << 8) |
      ((bytes[i + 2] as number) << 16) |
      ((bytes[i + 3] as number) << 24);
    const k = Math.imul(word, M);
    h = Math.imul(h, M) ^ Math.imul(k ^ (k >>> 24), M);
  }
  const rest = end - i;
  if (rest === 3) h ^= (bytes[i + 2] as number) << 16;
  if (rest >= 2) h ^= (bytes[i + 1] as number) << 8;
  if (rest >= 1) h = Math.imul(h ^ (bytes[i] as number), M);
  return finish(h);
}

/** The partition for bytes, as Kafka's default partitioner: the hash without its sign bit, modulo `partitions`. */
export function partitionOfBytes(bytes: Uint8Array, partitions: number): number {
  return (murmur2(bytes) & 0x7fffffff) % partitions;
}

const digits = new Uint8Array(16);

/** The partition for the decimal digits of a safe integer that is not negative; no text is made of it. */
export function partitionOfDigits(n: number, partitions: number): number {
  let at = digits.length;
  let rest = n;
  do {
    const tenth = Math.floor(rest / 10);
    digits[--at] = 48 + (rest - tenth * 10);
    rest = tenth;
  } while (rest > 0);
  return (murmur2(digits, at) & 0x7fffffff) % partitions;
}

/** The partition for the UTF-8 bytes of an ASCII text, read in place; -1 if the text is not ASCII. */
export function partitionOfText(text: string, partitions: number): number {
  const length = text.length;
  let h = SEED ^ length;
  let seen = 0;
  let i = 0;
  for (; i + 4 <= length; i += 4) {
    const a = text.charCodeAt(i);
    const b = text.charCodeAt(i + 1);
    const c = text.charCodeAt(i + 2);
    const d = text.charCodeAt(i + 3);
    seen |= a | b | c | d;
    const k = Math.imul(a | (b << 8) | (c << 16) | (d << 24), M);
    h = Math.imul(h, M) ^ Math.imul(k ^ (k >>> 24), M);
  }
  const rest = length - i;
  if (rest === 3) {
    const c = text.charCodeAt(i + 2);
    seen |= c;
    h ^= c << 16;
  }
  if (rest >= 2) {
    const b = text.charCodeAt(i + 1);
    seen |= b;
    h ^= b << 8;
  }
  if (rest >= 1) {
    const a = text.charCodeAt(i);
    seen |= a;
    h = Math.imul(h ^ a, M);
  }
  return seen > 0x7f ? -1 : (finish(h) & 0x7fffffff) % partitions;
}

function finish(hash: number): number {
  let h = hash;
  h ^= h >>> 13;
  h = Math.imul(h, M);
  return h ^ (h >>> 15);
}
