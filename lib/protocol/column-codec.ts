/**
 * A column of values as bytes: the batch encoding of records, times, positions and keys. A column of one kind of value is stored
 * as that kind; plain objects of one shape as their field names once and a column per field, and so on inside; a column of a few
 * kinds or shapes as the kind of each row and a column per kind; what is left, value by value. What is read back is
 * deepStrictEqual to what was written.
 */
import type { ByteReader, ByteWriter } from './bytes.ts';
import { areIntegers, readIntegers, writeIntegers } from './int-column.ts';
import { readShape, type Shape, shapeOf } from './shape.ts';
import { readTexts, writeTexts } from './text-column.ts';
import { isPlain, read, write } from './value-codec.ts';

const VALUES = 0;
const INTEGERS = 1;
const DOUBLES = 2;
const BOOLEANS = 3;
const TEXTS = 4;
const DATES = 5;
const OBJECTS = 6;
const KINDS = 7;
const UNDEFINEDS = 8;
const NULLS = 9;

/** Objects nested deeper than this are stored value by value. */
const MAX_DEPTH = 8;
const MAX_KINDS = 32;
/** Columns shorter than this are not split by kind. */
const FEW = 4;

/** Appends the values; their number is not written. Throws `REFUSED` for what the codec of values refuses. */
export function writeColumn(writer: ByteWriter, values: readonly unknown[], depth = 0): void {
  if (values.length === 0 || writeOneKind(writer, values, depth) || writeKinds(writer, values, depth)) return;
  writer.u8(VALUES);
  for (let i = 0; i < values.length; i++) write(writer, values[i], depth);
}

/** Reads `n` values that `writeColumn` wrote. */
export function readColumn(reader: ByteReader, n: number, depth = 0): unknown[] {
  if (n === 0) return [];
  const kind = reader.u8();
  switch (kind) {
    case INTEGERS:
      return readIntegers(reader, n);
    case TEXTS:
      return readTexts(reader, n);
    case DATES:
      return readIntegers(reader, n).map((time) => new Date(time));
    case DOUBLES:
      return readDoubles(reader, n);
    case BOOLEANS:
      return readBooleans(reader, n);
    case OBJECTS:
      return readObjects(reader, n, depth);
    case KINDS:
      return readKinds(reader, n, depth);
    case UNDEFINEDS:
      return new Array<undefined>(n).fill(undefined);
    case NULLS:
      return new Array<null>(n).fill(null);
    case VALUES: {
      const values: unknown[] = [];
      for (let i = 0; i < n; i++) values.push(read(reader, depth));
      return values;
    }
    default:
      throw reader.damaged(`no column begins with ${kind}`);
  }
}

function writeOneKind(writer: ByteWriter, values: readonly unknown[], depth: number): boolean {
  const first = values[0];
  switch (typeof first) {
    case 'number':
      return writeNumbers(writer, values);
    case 'string':
      if (!areOf<string>(values, 'string')) return false;
      writer.u8(TEXTS);
      writeTexts(writer, values);
      return true;
    case 'boolean':
      if (!areOf<boolean>(values, 'boolean')) return false;
      writeBooleans(writer, values);
      return true;
    case 'undefined':
      return writeAllThe(writer, values, undefined, UNDEFINEDS);
    case 'object':
      if (first === null) return writeAllThe(writer, values, null, NULLS);
      return isPlain(first) ? writeObjects(writer, values, first, depth) : writeDates(writer, values);
    default:
      return false;
  }
}

function areOf<T>(values: readonly unknown[], type: string): values is readonly T[] {
  for (let i = 1; i < values.length; i++) if (typeof values[i] !== type) return false;
  return true;
}

function writeAllThe(writer: ByteWriter, values: readonly unknown[], one: unknown, kind: number): boolean {
  for (let i = 1; i < values.length; i++) if (values[i] !== one) return false;
  writer.u8(kind);
  return true;
}

function writeNumbers(writer: ByteWriter, values: readonly unknown[]): boolean {
  if (areIntegers(values)) {
    writer.u8(INTEGERS);
    writeIntegers(writer, values);
    return true;
  }
  if (!areOf<number>(values, 'number')) return false;
  writer.u8(DOUBLES);
  const at = writer.take(values.length * 8);
  const view = writer.view;
  for (let i = 0; i < values.length; i++) view.setFloat64(at + i * 8, values[i] as number, true);
  return true;
}

function readDoubles(reader: ByteReader, n: number): number[] {
  const values: number[] = [];
  const at = reader.take(n * 8);
  const view = reader.view;
  for (let i = 0; i < n; i++) values.push(view.getFloat64(at + i * 8, true));
  return values;
}

function writeBooleans(writer: ByteWriter, values: readonly boolean[]): void {
  writer.u8(BOOLEANS);
  for (let i = 0; i < values.length; i += 8) {
    let bits = 0;
    for (let j = 0; j < 8 && i + j < values.length; j++) if (values[i + j]) bits |= 1 << j;
    writer.u8(bits);
  }
}

function readBooleans(reader: ByteReader, n: number): boolean[] {
  const at = reader.take((n + 7) >>> 3);
  const values: boolean[] = [];
  for (let i = 0; i < n; i++) values.push((((reader.bytes[at + (i >>> 3)] as number) >>> (i & 7)) & 1) === 1);
  return values;
}

function writeDates(writer: ByteWriter, values: readonly unknown[]): boolean {
  const times: number[] = [];
  for (let i = 0; i < values.length; i++) {
    const time = timeOf(values[i]);
    if (Number.isNaN(time)) return false;
    times.push(time);
  }
  writer.u8(DATES);
  writeIntegers(writer, times);
  return true;
}

/** A valid date's time; NaN for anything else. */
function timeOf(value: unknown): number {
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Date.prototype) return Number.NaN;
  return (value as Date).getTime();
}

function writeObjects(
  writer: ByteWriter,
  values: readonly unknown[],
  first: Record<string, unknown>,
  depth: number,
): boolean {
  if (depth >= MAX_DEPTH) return false;
  const shape = shapeOf(first);
  for (let i = 1; i < values.length; i++) {
    const value = values[i];
    if (!isPlain(value) || !shape.fits(value)) return false;
  }
  writer.u8(OBJECTS);
  writeFields(writer, values as readonly Record<string, unknown>[], shape, depth);
  return true;
}

function writeFields(writer: ByteWriter, rows: readonly Record<string, unknown>[], shape: Shape, depth: number): void {
  shape.write(writer);
  for (const name of shape.names) {
    const column: unknown[] = [];
    for (let i = 0; i < rows.length; i++) column.push((rows[i] as Record<string, unknown>)[name]);
    writeColumn(writer, column, depth + 1);
  }
}

function readObjects(reader: ByteReader, n: number, depth: number): unknown[] {
  if (depth >= MAX_DEPTH) throw reader.damaged('objects are nested too deep');
  const shape = readShape(reader);
  const columns: unknown[][] = [];
  for (let f = 0; f < shape.names.length; f++) columns.push(readColumn(reader, n, depth + 1));
  return shape.fromColumns(columns, n);
}

/** Values by kind, so that each kind's column is of one kind; false if there are too many kinds for that. */
function writeKinds(writer: ByteWriter, values: readonly unknown[], depth: number): boolean {
  if (values.length < FEW) return false;
  const numbers = new Map<unknown, number>();
  const columns: unknown[][] = [];
  const rows: number[] = [];
  for (let i = 0; i < values.length; i++) {
    const kind = kindOf(values[i], depth);
    let number = numbers.get(kind);
    if (number === undefined) {
      number = columns.length;
      if (number === MAX_KINDS || number * 2 > values.length) return false;
      numbers.set(kind, number);
      columns.push([]);
    }
    rows.push(number);
    columns[number]?.push(values[i]);
  }
  if (columns.length === 1) return false;
  writer.u8(KINDS);
  writer.varint(columns.length);
  writeIntegers(writer, rows);
  for (const column of columns) writeColumn(writer, column, depth);
  return true;
}

/** A token that is the same for values that one column can hold; `other` for those that none does. */
function kindOf(value: unknown, depth: number): unknown {
  if (typeof value !== 'object') return typeof value;
  if (value === null) return null;
  if (isPlain(value) && depth < MAX_DEPTH) return shapeOf(value);
  return Number.isNaN(timeOf(value)) ? 'other' : 'date';
}

function readKinds(reader: ByteReader, n: number, depth: number): unknown[] {
  const count = reader.count();
  const rows = readIntegers(reader, n);
  const sizes = new Array<number>(count).fill(0);
  for (const row of rows) {
    if (!(row >= 0 && row < count)) throw reader.damaged('a row is of no kind');
    sizes[row] = (sizes[row] as number) + 1;
  }
  const columns = sizes.map((size) => readColumn(reader, size, depth));
  const next = new Array<number>(count).fill(0);
  return rows.map((row) => {
    const at = next[row] as number;
    next[row] = at + 1;
    return columns[row]?.[at];
  });
}
