import { MillraceError } from '../../model/index.ts';

/** An unsigned integer of up to 32 bits in groups of seven bits, lowest first, as Protobuf writes it. */
export function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest >>>= 7) bytes.push((rest & 127) | 128);
  return [...bytes, rest];
}

/** Throws `bad-record` where the bytes end before the integer does. */
export function readVarint(bytes: Uint8Array, from: number): { readonly value: number; readonly end: number } {
  let value = 0;
  for (let at = from; at < from + 5; at++) {
    const byte = bytes[at];
    if (byte === undefined) break;
    value |= (byte & 127) << (7 * (at - from));
    if (byte < 128) return { value: value >>> 0, end: at + 1 };
  }
  throw new MillraceError('bad-record', 'its message indexes are cut short');
}
