/** The typed arrays that values may hold, by their number in the format. */

type TypedArrayClass = {
  readonly prototype: object;
  new (buffer: ArrayBufferLike): object;
  readonly BYTES_PER_ELEMENT?: number;
};
type View = { readonly buffer: ArrayBufferLike; readonly byteOffset: number; readonly byteLength: number };

/** Never reordered, only added to. Elements are kept in the order of bytes of the machine, little-endian wherever millrace runs. */
const kinds: readonly TypedArrayClass[] = [
  Uint8Array,
  Int8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  BigInt64Array,
  BigUint64Array,
  Float32Array,
  Float64Array,
];
const BUFFER = kinds.length;

/** The number of the class whose prototype this is; -1 for every other. */
export function typedArrayKind(prototype: unknown): number {
  return prototype === Buffer.prototype ? BUFFER : kinds.findIndex((kind) => kind.prototype === prototype);
}

/** The bytes of a typed array, not copied. */
export function bytesOfTypedArray(array: object): Uint8Array {
  const { buffer, byteOffset, byteLength } = array as View;
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** The typed array over bytes that own their whole buffer; undefined for a number that is not known or bytes that do not fit. */
export function typedArrayOf(kind: number, bytes: Uint8Array): object | undefined {
  if (kind === BUFFER) return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const type = kinds[kind];
  if (type === undefined || bytes.length % (type.BYTES_PER_ELEMENT ?? 1) !== 0) return undefined;
  return new type(bytes.buffer);
}
