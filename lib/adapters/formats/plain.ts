import { MillraceError } from '../../model/index.ts';

/** How 64-bit integers are given: as numbers (a larger one than 2^53 is a bad record), or as bigints. */
export type Longs = 'number' | 'bigint';

/** What a schema's library decoded, as plain data: its classes are laid off, and 64-bit integers are as asked. */
export function plain(value: unknown, longs: Longs): unknown {
  if (typeof value === 'bigint') return longs === 'bigint' ? value : safe(value);
  if (typeof value !== 'object' || value === null || value instanceof Date) return value;
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  if (Array.isArray(value)) return value.map((item) => plain(item, longs));
  if (isLong(value)) return longs === 'bigint' ? BigInt(value.toString()) : safe(BigInt(value.toString()));
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, plain(part, longs)]));
}

function safe(value: bigint): number {
  const number = Number(value);
  if (Number.isSafeInteger(number)) return number;
  throw new MillraceError('bad-record', `the 64-bit integer ${value} is no exact number`, {
    hint: "give the format longs: 'bigint'",
  });
}

/** A 64-bit integer as protobufjs holds it. */
const isLong = (value: object): value is { toString(): string } => '__isLong__' in value;
