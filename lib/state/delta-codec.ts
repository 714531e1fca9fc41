/**
 * Cells as bytes: what a commit's body holds of keyed state. One section names the tables that occur in it and their state versions once, then the
 * cells in the order given, each as `cell-entry.ts` lays it out. A section is as long as what changed, and ends by itself.
 */
import { describeKey, type KeyId, MillraceError } from '../model/index.ts';
import { type ByteReader, type ByteWriter, writeValue } from '../protocol/index.ts';
import {
  DOUBLE_TIMER_FLAG,
  EntryReader,
  REMOVED_FLAG,
  readTables,
  type StoredTable,
  SUB_FLAG,
  TIMER_FLAG,
  writeKeyId,
  writeTables,
} from './cell-entry.ts';
import type { KeyedStore } from './keyed-store.ts';
import { type AnyCell, type AnyTable, NEVER, REMOVED, type Sub } from './table.ts';

const FORMAT = 1;

/**
 * Is told one stored cell: its table's name, the state version its value was written with, key, sub, timer (NEVER without one), and the value or REMOVED.
 * May throw to end the reading.
 */
export type CellVisitor = (
  table: string,
  version: number,
  key: KeyId,
  sub: Sub,
  timer: number,
  value: unknown | typeof REMOVED,
) => void;

/**
 * Appends the cells, which `KeyedStore.changes` gives: a removed one has the value REMOVED. Throws `operator-failed`, and leaves the writer as it was, if a
 * value cannot be encoded.
 */
export function encodeCells(writer: ByteWriter, tables: readonly AnyTable[], cells: readonly AnyCell[]): void {
  const start = writer.length;
  writer.u8(FORMAT);
  const places = writeUsedTables(writer, tables, cells);
  writer.varint(cells.length);
  let at = 0;
  try {
    for (; at < cells.length; at++) {
      const cell = cells[at]!;
      writeCell(writer, places[cell.table.index]!, cell);
    }
  } catch (error) {
    writer.cut(start);
    throw at < cells.length ? notEncodable(cells[at]!, error) : error;
  }
}

/** Reads one section, cell by cell; the reader then stands behind it. Throws `incompatible` for bytes that are no section or of another format. */
export function decodeCells(reader: ByteReader, visit: CellVisitor): void {
  visitEntries(openCells(reader), visit);
}

/** As `decodeCells`, leaving the values as bytes. */
export function openCells(reader: ByteReader): EntryReader {
  const format = reader.u8();
  if (format !== FORMAT) {
    throw new MillraceError('incompatible', `a state delta has format ${format}, and this version reads ${FORMAT}`, {
      hint: 'run the version of millrace that wrote it, or a newer one',
    });
  }
  const tables = readTables(reader);
  return new EntryReader(reader, tables, reader.count(2));
}

/** Tells the visitor every cell that is left. */
export function visitEntries(entries: EntryReader, visit: CellVisitor): void {
  while (entries.next()) visitEntry(entries, visit);
}

/** Tells the visitor the cell at which the entries stand. */
export function visitEntry(entries: EntryReader, visit: CellVisitor): void {
  const { name, version } = entries.tables[entries.table]!;
  const value = entries.removed ? REMOVED : entries.value();
  visit(name, version, entries.key, entries.sub, entries.timer, value);
}

/**
 * Puts the cells of one section in the store, over what is there. Older values go through their table's `migrate`. Throws `incompatible` if a table is not
 * among the store's, or its values are newer than the code or older with no migration.
 */
export function applyCells(store: KeyedStore, reader: ByteReader): void {
  decodeCells(reader, restoring(store));
}

/** A visitor that puts the cells in the store, as `applyCells` does. */
export function restoring(store: KeyedStore): CellVisitor {
  const byName = new Map(store.tables.map((table) => [table.name, table]));
  let table: AnyTable | undefined;
  return (name, version, key, sub, timer, value) => {
    if (table?.name !== name) table = byName.get(name);
    if (table === undefined) {
      throw new MillraceError('incompatible', `state "${name}" is in the data but not in the pipeline`, {
        hint: 'give the operator and its state back their names, or start with fresh data',
      });
    }
    if (value === REMOVED) store.restoreRemoval(table, key, sub);
    else store.restore(table, key, sub, migrated(table, version, value), timer);
  };
}

function migrated(table: AnyTable, version: number, value: unknown): unknown {
  const { version: current = 1, migrate } = table.options;
  if (version === current) return value;
  if (version > current) {
    throw new MillraceError(
      'incompatible',
      `state "${table.name}" has version ${version} in the data, and version ${current} in the pipeline`,
      { hint: 'run the newer pipeline that wrote it' },
    );
  }
  if (migrate === undefined) {
    throw new MillraceError(
      'incompatible',
      `state "${table.name}" has version ${version} in the data, and version ${current} in the pipeline has no migration`,
      { hint: 'give the state a migrate function that brings older values to the new version' },
    );
  }
  return migrate(value, version);
}

/** Writes the tables that occur, and tells the place of each by its index in the store. */
function writeUsedTables(
  writer: ByteWriter,
  tables: readonly AnyTable[],
  cells: readonly AnyCell[],
): readonly number[] {
  const places: number[] = new Array(tables.length).fill(-1);
  const used: StoredTable[] = [];
  for (let i = 0; i < cells.length && used.length < tables.length; i++) {
    const { table } = cells[i]!;
    if (places[table.index] !== -1) continue;
    places[table.index] = used.length;
    used.push({ name: table.name, version: table.options.version ?? 1 });
  }
  writeTables(writer, used);
  return places;
}

function writeCell(writer: ByteWriter, place: number, cell: AnyCell): void {
  const { sub, timer, value } = cell;
  const removed = value === REMOVED;
  let flags = removed ? REMOVED_FLAG : 0;
  if (sub !== undefined) flags |= SUB_FLAG;
  if (timer !== NEVER && cell.table.options.domain !== 'none') {
    flags |= Number.isSafeInteger(timer) ? TIMER_FLAG : TIMER_FLAG | DOUBLE_TIMER_FLAG;
  }
  writer.varint(place * 16 + flags);
  writeKeyId(writer, cell.key);
  if (sub !== undefined) writeKeyId(writer, sub);
  if (flags & DOUBLE_TIMER_FLAG) writer.f64(timer);
  else if (flags & TIMER_FLAG) writer.zigzag(timer);
  if (!removed) writeSized(writer, value);
}

/** The value's length, then the value; one byte is kept for the length, which most need, and longer values are moved. */
function writeSized(writer: ByteWriter, value: unknown): void {
  const at = writer.take(1);
  writeValue(writer, value);
  const size = writer.length - at - 1;
  if (size < 0x80) {
    writer.bytes[at] = size;
    return;
  }
  let more = 1;
  for (let rest = size; rest >= 0x4000; rest /= 0x80) more++;
  writer.take(more);
  writer.bytes.copyWithin(at + 1 + more, at + 1, at + 1 + size);
  writer.cut(at);
  writer.varint(size);
  writer.cut(at + 1 + more + size);
}

function notEncodable(cell: AnyCell, error: unknown): unknown {
  if (!(error instanceof MillraceError) || error.kind !== 'bad-record') return error;
  const { name } = cell.table;
  const slash = name.indexOf('/');
  const operator = slash < 0 ? undefined : name.slice(0, slash);
  const state = `state "${name.slice(slash + 1)}"${operator === undefined ? '' : ` of operator "${operator}"`}`;
  return new MillraceError(
    'operator-failed',
    `${state} holds a value that cannot be encoded, key ${JSON.stringify(describeKey(cell.key))}: ${error.message}`,
    {
      cause: error,
      ...(error.hint === undefined ? {} : { hint: error.hint }),
      where: operator === undefined ? {} : { operator },
    },
  );
}
