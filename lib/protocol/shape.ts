/**
 * Shapes of plain objects: their field names in order. A shape is written as one run of bytes, and found again by those bytes,
 * so that names are neither encoded nor decoded again for each object; and it makes objects of one hidden class.
 *
 * The caches below hold only what can be made again from the names, so they change speed and never results.
 */
import { ByteReader, ByteWriter } from './bytes.ts';

/** Objects of more fields are taken for dictionaries and not remembered. */
const MAX_FIELDS = 200;
const MAX_SHAPES = 2_000;
const MAX_STEPS = 8_000;
/** Constructors are generated for shapes met this often. */
const HOT = 64;

type Fields = Readonly<Record<string, unknown>>;
type FromColumns = (columns: readonly (readonly unknown[])[], count: number) => unknown[];
type FromReader = (reader: ByteReader, depth: number, read: (reader: ByteReader, depth: number) => unknown) => unknown;
interface Step {
  readonly next: Map<string, Step>;
  shape: Shape | undefined;
}

const newStep = (): Step => ({ next: new Map(), shape: undefined });
let root = newStep();
let steps = 0;
const byHash = new Map<number, Shape>();

/** The field names of a plain object, in order. */
export class Shape {
  readonly names: readonly string[];
  /** Count and names, as they are written after their length. */
  readonly bytes: Uint8Array;
  #met = 0;
  #fromColumns: FromColumns | undefined;
  #fromReader: FromReader | undefined;

  constructor(names: readonly string[], bytes?: Uint8Array) {
    this.names = names;
    this.bytes = bytes ?? namesToBytes(names);
  }

  write(writer: ByteWriter): void {
    writer.block(this.bytes);
  }

  /** Whether the object has just these fields in this order. */
  fits(object: Fields): boolean {
    const names = this.names;
    let i = 0;
    for (const name in object) if (name !== names[i++]) return false;
    return i === names.length;
  }

  /** Objects of this shape from one column of values per field. */
  fromColumns(columns: readonly (readonly unknown[])[], count: number): unknown[] {
    this.#met += count;
    if (this.#met > HOT) this.#fromColumns ??= compileColumns(this.names);
    return (this.#fromColumns ?? columnsOneByOne(this.names))(columns, count);
  }

  /** One object whose values `read` finds next, in order. */
  fromReader(reader: ByteReader, depth: number, read: (reader: ByteReader, depth: number) => unknown): unknown {
    if (this.#fromReader === undefined) {
      if (++this.#met <= HOT || this.names.length > MAX_FIELDS) return readOneByOne(this.names, reader, depth, read);
      this.#fromReader = compileReader(this.names);
    }
    return this.#fromReader(reader, depth, read);
  }
}

/** The shape of a plain object. Symbols and fields that do not enumerate are not part of it. */
export function shapeOf(object: Fields): Shape {
  let step = root;
  let i = 0;
  for (const name in object) {
    if (++i > MAX_FIELDS) return new Shape(Object.keys(object));
    let next = step.next.get(name);
    if (next === undefined) {
      if (++steps > MAX_STEPS) forgetShapes();
      next = newStep();
      step.next.set(name, next);
    }
    step = next;
  }
  step.shape ??= new Shape(Object.keys(object));
  return step.shape;
}

/** Reads what `Shape.write` wrote. */
export function readShape(reader: ByteReader): Shape {
  const size = reader.varint();
  const at = reader.take(size);
  const bytes = reader.bytes;
  let hash = size;
  for (let i = at; i < at + size; i++) hash = (Math.imul(hash, 31) + (bytes[i] as number)) | 0;
  const known = byHash.get(hash);
  if (known !== undefined && sameBytes(known.bytes, bytes, at, size)) return known;
  const inner = new ByteReader(bytes, 'field names', at, at + size);
  const count = inner.count();
  const names: string[] = [];
  for (let i = 0; i < count; i++) names.push(inner.string());
  if (inner.remaining > 0 || new Set(names).size < count) throw reader.damaged('field names make no sense');
  const shape = new Shape(names, Uint8Array.from(bytes.subarray(at, at + size)));
  if (count <= MAX_FIELDS) {
    if (byHash.size >= MAX_SHAPES) byHash.clear();
    byHash.set(hash, shape);
  }
  return shape;
}

function forgetShapes(): void {
  root = newStep();
  steps = 0;
}

function namesToBytes(names: readonly string[]): Uint8Array {
  const writer = new ByteWriter(64);
  writer.varint(names.length);
  for (const name of names) writer.string(name);
  return writer.copy();
}

function sameBytes(known: Uint8Array, bytes: Uint8Array, at: number, size: number): boolean {
  if (known.length !== size) return false;
  for (let i = 0; i < size; i++) if (known[i] !== bytes[at + i]) return false;
  return true;
}

function put(object: Record<string, unknown>, name: string, value: unknown): void {
  if (name !== '__proto__') object[name] = value;
  else Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true });
}

const columnsOneByOne =
  (names: readonly string[]): FromColumns =>
  (columns, count) => {
    const rows: Record<string, unknown>[] = [];
    for (let i = 0; i < count; i++) {
      const row: Record<string, unknown> = {};
      for (let f = 0; f < names.length; f++) put(row, names[f] as string, columns[f]?.[i]);
      rows.push(row);
    }
    return rows;
  };

const readOneByOne = (
  names: readonly string[],
  reader: ByteReader,
  depth: number,
  read: (reader: ByteReader, depth: number) => unknown,
): unknown => {
  const object: Record<string, unknown> = {};
  for (const name of names) put(object, name, read(reader, depth));
  return object;
};

function compileColumns(names: readonly string[]): FromColumns {
  const columns = names.map((_, f) => `const c${f} = columns[${f}];`).join('');
  const code = `${columns} const rows = []; for (let i = 0; i < count; i++) rows.push(${literal(names, (f) => `c${f}[i]`)}); return rows;`;
  return generate<FromColumns>(['columns', 'count'], code) ?? columnsOneByOne(names);
}

function compileReader(names: readonly string[]): FromReader {
  const code = `return ${literal(names, () => 'read(reader, depth)')};`;
  const generated = generate<FromReader>(['reader', 'depth', 'read'], code);
  return generated ?? ((reader, depth, read) => readOneByOne(names, reader, depth, read));
}

/** An object literal: the only form that V8 gives its final hidden class at once. A computed name keeps `__proto__` a plain field. */
function literal(names: readonly string[], value: (field: number) => string): string {
  return `{${names.map((name, f) => `${name === '__proto__' ? '["__proto__"]' : JSON.stringify(name)}: ${value(f)}`).join(', ')}}`;
}

/** Undefined where the process forbids generated code. */
function generate<F>(parameters: readonly string[], code: string): F | undefined {
  try {
    return new Function(...parameters, code) as F;
  } catch {
    return undefined;
  }
}
