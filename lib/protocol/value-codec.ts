/**
 * Values as bytes: records, state values, anything made of plain data. What is read back is deepStrictEqual to what was written.
 *
 * Encoded: undefined, null, booleans, numbers (-0, NaN, infinities), bigints, strings, dates, arrays (holes too), plain objects,
 * maps, sets, typed arrays and buffers. Refused with `bad-record`: functions, symbols, promises, errors, instances of other
 * classes, and anything nested deeper than `MAX_VALUE_DEPTH`, which catches cycles. Symbol-named, inherited and non-enumerable
 * properties are not part of a value. An object referred to twice is written, and read back, as two.
 */
import { ByteReader, ByteWriter } from './bytes.ts';
import { readShape, type Shape, shapeOf } from './shape.ts';
import { bytesOfTypedArray, typedArrayKind, typedArrayOf } from './typed-array.ts';
import { MAX_VALUE_DEPTH, REFUSED, refusal } from './value-refusal.ts';

const UNDEFINED = 0;
const NULL = 1;
const FALSE = 2;
const TRUE = 3;
const INTEGER = 4;
const DOUBLE = 5;
const BIGINT = 6;
const STRING = 7;
const DATE = 8;
const INVALID_DATE = 9;
const ARRAY = 10;
const DOUBLES = 11;
const ROWS = 12;
const HOLE = 13;
const OBJECT = 14;
const BARE_OBJECT = 15;
const MAP = 16;
const SET = 17;
const TYPED_ARRAY = 18;
/** From here on the tag is itself a small integer. */
const SMALL = 128;

let idle: ByteWriter | undefined = new ByteWriter(1 << 12);

/** The value as bytes. Throws `bad-record`, naming the class and the path inside the value, for what cannot be encoded. */
export function encodeValue(value: unknown): Uint8Array {
  const writer = idle ?? new ByteWriter();
  idle = undefined;
  writer.cut(0);
  try {
    writeValue(writer, value);
    return writer.copy();
  } finally {
    if (writer.capacity <= 1 << 20) idle = writer;
  }
}

/** The value of bytes made by `encodeValue`. Throws `incompatible` for any other bytes. */
export function decodeValue(bytes: Uint8Array): unknown {
  const reader = new ByteReader(bytes);
  const value = readValue(reader);
  if (reader.remaining > 0) throw reader.damaged(`${reader.remaining} bytes follow the value`);
  return value;
}

/** Appends a value. Throws `bad-record`, naming the path from `path` on, and leaves the writer as it was. */
export function writeValue(writer: ByteWriter, value: unknown, path = ''): void {
  const start = writer.length;
  try {
    write(writer, value, 0);
  } catch (thrown) {
    writer.cut(start);
    throw thrown === REFUSED ? refusal(value, path) : thrown;
  }
}

/** Reads what `writeValue` wrote. */
export function readValue(reader: ByteReader): unknown {
  return read(reader, 0);
}

/** As `writeValue`, inside something larger: throws `REFUSED` and leaves bytes behind. */
export function write(writer: ByteWriter, value: unknown, depth: number): void {
  switch (typeof value) {
    case 'string':
      writer.u8(STRING);
      writer.string(value);
      return;
    case 'number':
      writeNumber(writer, value);
      return;
    case 'boolean':
      writer.u8(value ? TRUE : FALSE);
      return;
    case 'undefined':
      writer.u8(UNDEFINED);
      return;
    case 'bigint':
      writer.u8(BIGINT);
      writer.string(value.toString(16));
      return;
    case 'object':
      if (value === null) writer.u8(NULL);
      else writeObject(writer, value, depth);
      return;
    default:
      throw REFUSED;
  }
}

/** As `readValue`, inside something larger. */
export function read(reader: ByteReader, depth: number): unknown {
  const tag = reader.u8();
  if (tag >= SMALL) return tag - SMALL;
  switch (tag) {
    case UNDEFINED:
      return undefined;
    case NULL:
      return null;
    case FALSE:
      return false;
    case TRUE:
      return true;
    case INTEGER:
      return reader.zigzag();
    case DOUBLE:
      return reader.f64();
    case STRING:
      return reader.string();
    case BIGINT:
      return readBigInt(reader);
    case DATE:
      return new Date(reader.zigzag());
    case INVALID_DATE:
      return new Date(Number.NaN);
    case OBJECT:
      return readShape(reader).fromReader(reader, deeper(reader, depth), read);
    case BARE_OBJECT:
      return Object.assign(Object.create(null), readShape(reader).fromReader(reader, deeper(reader, depth), read));
    default:
      return readCollection(reader, tag, deeper(reader, depth));
  }
}

function writeNumber(writer: ByteWriter, value: number): void {
  if (Number.isSafeInteger(value) && (value !== 0 || 1 / value > 0)) {
    if (value >= 0 && value < 256 - SMALL) writer.u8(SMALL + value);
    else {
      writer.u8(INTEGER);
      writer.zigzag(value);
    }
  } else {
    writer.u8(DOUBLE);
    writer.f64(value);
  }
}

function writeObject(writer: ByteWriter, value: object, depth: number): void {
  if (depth >= MAX_VALUE_DEPTH) throw REFUSED;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === Object.prototype || prototype === null) {
    writer.u8(prototype === null ? BARE_OBJECT : OBJECT);
    shapeOf(value as Record<string, unknown>).write(writer);
    for (const name in value) write(writer, (value as Record<string, unknown>)[name], depth + 1);
  } else if (prototype === Array.prototype) writeArray(writer, value as unknown[], depth + 1);
  else if (prototype === Date.prototype) {
    const time = (value as Date).getTime();
    writer.u8(Number.isNaN(time) ? INVALID_DATE : DATE);
    if (!Number.isNaN(time)) writer.zigzag(time);
  } else if (prototype === Map.prototype) {
    writer.u8(MAP);
    writer.varint((value as Map<unknown, unknown>).size);
    for (const [key, item] of value as Map<unknown, unknown>) {
      write(writer, key, depth + 1);
      write(writer, item, depth + 1);
    }
  } else if (prototype === Set.prototype) {
    writer.u8(SET);
    writer.varint((value as Set<unknown>).size);
    for (const item of value as Set<unknown>) write(writer, item, depth + 1);
  } else {
    const kind = typedArrayKind(prototype);
    if (kind < 0) throw REFUSED;
    writer.u8(TYPED_ARRAY);
    writer.u8(kind);
    writer.block(bytesOfTypedArray(value));
  }
}

function writeArray(writer: ByteWriter, items: readonly unknown[], depth: number): void {
  const n = items.length;
  if (n > 1 && typeof items[0] === 'number' && areDoubles(items)) {
    writer.u8(DOUBLES);
    writer.varint(n);
    for (let i = 0; i < n; i++) writer.f64(items[i] as number);
    return;
  }
  if (n > 1 && isPlain(items[0]) && depth < MAX_VALUE_DEPTH) {
    const shape = shapeOf(items[0]);
    if (shape.names.length > 0 && areRows(items, shape)) {
      writer.u8(ROWS);
      writer.varint(n);
      shape.write(writer);
      for (const item of items) {
        for (const name in item as object) write(writer, (item as Record<string, unknown>)[name], depth + 1);
      }
      return;
    }
  }
  writer.u8(ARRAY);
  writer.varint(n);
  for (let i = 0; i < n; i++) {
    const item = items[i];
    if (item === undefined && !(i in items)) writer.u8(HOLE);
    else write(writer, item, depth);
  }
}

/** Numbers all, and not integers all. */
function areDoubles(items: readonly unknown[]): boolean {
  let integers = true;
  for (let i = 0; i < items.length; i++) {
    const item = items[i];
    if (typeof item !== 'number') return false;
    integers &&= Number.isSafeInteger(item);
  }
  return !integers;
}

function areRows(items: readonly unknown[], shape: Shape): boolean {
  for (let i = 0; i < items.length; i++) {
    const item = items[i];
    if (!isPlain(item) || !shape.fits(item)) return false;
  }
  return true;
}

function readCollection(reader: ByteReader, tag: number, depth: number): unknown {
  switch (tag) {
    case ARRAY:
      return readArray(reader, depth);
    case DOUBLES:
      return readDoubles(reader);
    case ROWS: {
      const items: unknown[] = [];
      const n = reader.varint();
      const shape = readShape(reader);
      if (!(n * shape.names.length <= reader.remaining) || shape.names.length === 0)
        throw reader.damaged('too many rows');
      for (let i = 0; i < n; i++) items.push(shape.fromReader(reader, depth + 1, read));
      return items;
    }
    case MAP: {
      const map = new Map<unknown, unknown>();
      for (let n = reader.count(2); n > 0; n--) map.set(read(reader, depth), read(reader, depth));
      return map;
    }
    case SET: {
      const set = new Set<unknown>();
      for (let n = reader.count(); n > 0; n--) set.add(read(reader, depth));
      return set;
    }
    case TYPED_ARRAY: {
      const array = typedArrayOf(reader.u8(), reader.block());
      if (array === undefined) throw reader.damaged('a typed array of an unknown kind');
      return array;
    }
    default:
      throw reader.damaged(`no value begins with ${tag}`);
  }
}

function readDoubles(reader: ByteReader): number[] {
  const n = reader.count(8);
  if (n === 2) return [reader.f64(), reader.f64()];
  if (n === 3) return [reader.f64(), reader.f64(), reader.f64()];
  const items: number[] = [];
  for (let i = 0; i < n; i++) items.push(reader.f64());
  return trimmed(items);
}

/** A short array in no more room than it needs: one that was pushed to has place for seventeen items, which keyed state pays for every key. */
function trimmed<T>(items: T[]): T[] {
  return items.length > 0 && items.length <= 12 ? items.slice() : items;
}

function readArray(reader: ByteReader, depth: number): unknown[] {
  const n = reader.count();
  const items: unknown[] = [];
  for (let i = 0; i < n; i++) {
    if (reader.bytes[reader.at] === HOLE && reader.remaining > 0) {
      reader.at++;
      items.length++;
    } else items.push(read(reader, depth));
  }
  return trimmed(items);
}

function readBigInt(reader: ByteReader): bigint {
  const text = reader.string();
  if (!/^-?[0-9a-f]+$/.test(text)) throw reader.damaged('a bigint makes no sense');
  return text.startsWith('-') ? -BigInt(`0x${text.slice(1)}`) : BigInt(`0x${text}`);
}

function deeper(reader: ByteReader, depth: number): number {
  if (depth >= MAX_VALUE_DEPTH) throw reader.damaged(`nested more than ${MAX_VALUE_DEPTH} deep`);
  return depth + 1;
}

/** Whether it is an object as a literal makes it. */
export function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}
