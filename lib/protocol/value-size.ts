/** Whether values can be encoded, and about how long they will be, without encoding them. */
import type { Frame } from './message.ts';
import { typedArrayKind } from './typed-array.ts';

/** Deeper values are left to the codec to judge. */
const DEEP = 32;
/** Of a bigint that is not longer than this many bits. */
const BIGINT_BYTES = 24;
const LARGE_BIGINT = 2n ** 64n;

/** About how many bytes the codec of values makes of it, never less than a fourth of them; infinite for what only the codec can tell whether it takes. */
export function sizeOfValue(value: unknown, depth = 0): number {
  switch (typeof value) {
    case 'string':
      return value.length + 2;
    case 'number':
      return 8;
    case 'boolean':
    case 'undefined':
      return 1;
    case 'bigint':
      return value < LARGE_BIGINT && value > -LARGE_BIGINT ? BIGINT_BYTES : Number.POSITIVE_INFINITY;
    case 'object':
      return value === null ? 1 : sizeOfObject(value, depth + 1);
    default:
      return Number.POSITIVE_INFINITY;
  }
}

/** As `sizeOfValue`, of a whole frame. */
export function sizeOfFrame({ values, keys, steps }: Frame): number {
  let size = 256 + values.length * 12 + steps.length * 4;
  for (let i = 0; i < values.length; i++) size += sizeOfValue(values[i]);
  if (keys !== undefined) for (let i = 0; i < keys.length; i++) size += sizeOfValue(keys[i]);
  return size;
}

function sizeOfObject(value: object, depth: number): number {
  if (depth > DEEP) return Number.POSITIVE_INFINITY;
  const prototype: unknown = Object.getPrototypeOf(value);
  let size = 4;
  if (prototype === Object.prototype || prototype === null) {
    for (const name in value) size += 1 + name.length + sizeOfValue((value as Record<string, unknown>)[name], depth);
    return size;
  }
  if (prototype === Array.prototype || prototype === Set.prototype) {
    for (const item of value as Iterable<unknown>) size += sizeOfValue(item, depth);
    return size;
  }
  if (prototype === Date.prototype) return 9;
  if (prototype === Map.prototype) {
    for (const [key, item] of value as Map<unknown, unknown>)
      size += sizeOfValue(key, depth) + sizeOfValue(item, depth);
    return size;
  }
  return typedArrayKind(prototype) < 0 ? Number.POSITIVE_INFINITY : size + (value as Uint8Array).byteLength;
}
