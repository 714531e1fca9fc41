/**
 * The layout of one stored cell, the same in deltas and in the blocks of runs:
 *
 *     varint   table x 16 + flags (1 removed, 2 has a sub, 4 has a timer, 8 the timer is a double)
 *     key id   a string as `ByteWriter.string` writes it, or a byte whose two lowest bits are 1 1: integer (zigzag), double, bigint (hexadecimal)
 *     sub      a key id, if it has one
 *     timer    zigzag or double, if it has one
 *     block    the value, unless removed
 *
 * Everything after the first number is independent of the table list and is copied as it is when entries move between deltas and runs.
 */
import { compareKeyIds, type KeyId } from '../model/index.ts';
import { type ByteReader, type ByteWriter, readValue } from '../protocol/index.ts';
import { NEVER, type Sub } from './table.ts';

export const REMOVED_FLAG = 1;
export const SUB_FLAG = 2;
export const TIMER_FLAG = 4;
export const DOUBLE_TIMER_FLAG = 8;

const INTEGER = 3;
const DOUBLE = 7;
const BIGINT = 11;

/** A table as stored data names it: the version is that of the values' schema. */
export interface StoredTable {
  readonly name: string;
  readonly version: number;
}

export function writeTables(writer: ByteWriter, tables: readonly StoredTable[]): void {
  writer.varint(tables.length);
  for (const { name, version } of tables) {
    writer.string(name);
    writer.varint(version);
  }
}

export function readTables(reader: ByteReader): StoredTable[] {
  const tables: StoredTable[] = [];
  for (let n = reader.count(2); n > 0; n--) tables.push({ name: reader.string(), version: reader.varint() });
  return tables;
}

export function writeKeyId(writer: ByteWriter, id: KeyId): void {
  if (typeof id === 'string') writer.string(id);
  else if (typeof id === 'bigint') {
    writer.u8(BIGINT);
    writer.string(id.toString(16));
  } else if (Number.isSafeInteger(id)) {
    writer.u8(INTEGER);
    writer.zigzag(id);
  } else {
    writer.u8(DOUBLE);
    writer.f64(id);
  }
}

export function readKeyId(reader: ByteReader): KeyId {
  if (reader.remaining > 0 && (reader.bytes[reader.at]! & 3) !== 3) return reader.string();
  const tag = reader.u8();
  if (tag === INTEGER) return reader.zigzag();
  if (tag === DOUBLE) return reader.f64();
  if (tag === BIGINT) {
    const text = reader.string();
    if (!/^-?[0-9a-f]+$/.test(text)) throw reader.damaged('a bigint makes no sense');
    return text.startsWith('-') ? -BigInt(`0x${text.slice(1)}`) : BigInt(`0x${text}`);
  }
  throw reader.damaged(`no key begins with ${tag}`);
}

/** Passes over a key id. */
function skipKeyId(reader: ByteReader): void {
  if (reader.remaining > 0 && (reader.bytes[reader.at]! & 3) !== 3) skipString(reader);
  else {
    const tag = reader.u8();
    if (tag === INTEGER) reader.zigzag();
    else if (tag === DOUBLE) reader.take(8);
    else if (tag === BIGINT) skipString(reader);
    else throw reader.damaged(`no key begins with ${tag}`);
  }
}

function skipString(reader: ByteReader): void {
  const head = reader.varint();
  reader.take((head - (head % 4)) / 4);
}

/**
 * Moves over stored cells one after another. After `next`, the fields tell of the cell it stands at; its key, sub and value are decoded when they are asked
 * for.
 */
export class EntryReader {
  readonly tables: readonly StoredTable[];
  table = 0;
  timer = NEVER;
  removed = false;
  flags = 0;
  /** Where what follows the first number begins, and where the cell ends. */
  tail = 0;
  end = 0;
  readonly #reader: ByteReader;
  #left: number;
  #valueAt = 0;
  #keyKnown = false;
  #key: KeyId = '';
  #sub: Sub = undefined;

  /** Reads `count` cells from where the reader stands. */
  constructor(reader: ByteReader, tables: readonly StoredTable[], count: number) {
    this.#reader = reader;
    this.tables = tables;
    this.#left = count;
  }

  get bytes(): Uint8Array {
    return this.#reader.bytes;
  }

  get key(): KeyId {
    if (!this.#keyKnown) this.#readKey();
    return this.#key;
  }

  get sub(): Sub {
    if (!this.#keyKnown) this.#readKey();
    return this.#sub;
  }

  /** Goes to the next cell; false after the last. The reader then stands behind it. */
  next(): boolean {
    if (this.#left === 0) return false;
    this.#left--;
    const reader = this.#reader;
    const head = reader.varint();
    const flags = head % 16;
    this.flags = flags;
    this.table = (head - flags) / 16;
    if (this.table >= this.tables.length) throw reader.damaged(`there is no table ${this.table}`);
    this.tail = reader.at;
    this.#keyKnown = false;
    skipKeyId(reader);
    if (flags & SUB_FLAG) skipKeyId(reader);
    this.timer = flags & TIMER_FLAG ? (flags & DOUBLE_TIMER_FLAG ? reader.f64() : reader.zigzag()) : NEVER;
    this.removed = (flags & REMOVED_FLAG) !== 0;
    if (!this.removed) {
      const size = reader.varint();
      this.#valueAt = reader.take(size);
    }
    this.end = reader.at;
    return true;
  }

  /** The value of the cell it stands at, which must not be removed. */
  value(): unknown {
    const reader = this.#reader;
    reader.at = this.#valueAt;
    const value = readValue(reader);
    if (reader.at !== this.end) throw reader.damaged('a value is not as long as was said');
    return value;
  }

  #readKey(): void {
    const reader = this.#reader;
    reader.at = this.tail;
    this.#key = readKeyId(reader);
    this.#sub = this.flags & SUB_FLAG ? readKeyId(reader) : undefined;
    this.#keyKnown = true;
    reader.at = this.end;
  }
}

/** Order of subs; undefined first. */
export function compareSubIds(a: Sub, b: Sub): number {
  if (a === b) return 0;
  if (a === undefined || b === undefined) return a === undefined ? -1 : 1;
  return compareKeyIds(a, b);
}
