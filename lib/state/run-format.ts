/**
 * A run: stored cells in the order of (table name, key, sub), each once, in one immutable blob.
 *
 *     block ...   cells as `cell-entry.ts` lays them out, compressed with zstd
 *     footer      tables; count of cells; then per block its first cell's (table, key, sub), count, length, length unpacked and CRC-32
 *     u32         length of the footer
 *     u8          format
 *     u32         CRC-32 of the footer and the five bytes after it
 *     u32         magic number
 *
 * So a reader that knows the blob's size reads its end, and then only the blocks it needs. Every byte is under a checksum or compared.
 */
import { crc32 } from 'node:zlib';
import { compareKeyIds, type KeyId, MillraceError } from '../model/index.ts';
import { ByteReader, ByteWriter } from '../protocol/index.ts';
import { compareSubIds, readKeyId, readTables, type StoredTable, writeKeyId, writeTables } from './cell-entry.ts';
import type { Sub } from './table.ts';

const FORMAT = 1;
const MAGIC = 0x6e75726d;
const TRAILER = 13;

/** Where one block of a run is, and with what it begins. */
export interface RunBlock {
  readonly table: string;
  readonly key: KeyId;
  readonly sub: Sub;
  readonly offset: number;
  readonly length: number;
  readonly unpacked: number;
  readonly cells: number;
  readonly checksum: number;
}

export interface RunIndex {
  readonly tables: readonly StoredTable[];
  readonly cells: number;
  readonly blocks: readonly RunBlock[];
}

/** The order of cells in runs. */
export function compareCells(aTable: string, aKey: KeyId, aSub: Sub, bTable: string, bKey: KeyId, bSub: Sub): number {
  if (aTable !== bTable) return aTable < bTable ? -1 : 1;
  if (aKey !== bKey) return compareKeyIds(aKey, bKey);
  return compareSubIds(aSub, bSub);
}

/** Appends footer and trailer. */
export function writeRunIndex(writer: ByteWriter, index: RunIndex): void {
  const footer = new ByteWriter(64 + index.blocks.length * 32);
  writeTables(footer, index.tables);
  footer.varint(index.cells);
  footer.varint(index.blocks.length);
  for (const block of index.blocks) {
    footer.string(block.table);
    writeKeyId(footer, block.key);
    footer.u8(block.sub === undefined ? 0 : 1);
    if (block.sub !== undefined) writeKeyId(footer, block.sub);
    footer.varint(block.cells);
    footer.varint(block.length);
    footer.varint(block.unpacked);
    footer.u32(block.checksum);
  }
  footer.u32(footer.length);
  footer.u8(FORMAT);
  const bytes = footer.copy();
  writer.raw(bytes);
  writer.u32(crc32(bytes));
  writer.u32(MAGIC);
}

/**
 * Reads the index from the end of a run of `size` bytes: `read` gives the bytes of a range, all of them. Throws `data-lost` if it is damaged and
 * `incompatible` if it is of another format.
 */
export async function readRunIndex(
  name: string,
  size: number,
  read: (start: number, end: number) => Promise<Uint8Array>,
): Promise<RunIndex> {
  let start = Math.max(0, size - 0x8000);
  let bytes = await read(start, size);
  if (bytes.length < TRAILER) throw damagedRun(name, 'it is too short');
  const trailer = new ByteReader(bytes, 'snapshot run', bytes.length - TRAILER);
  const length = trailer.u32();
  const format = trailer.u8();
  const checksum = trailer.u32();
  if (trailer.u32() !== MAGIC) throw damagedRun(name, 'its end is not that of a run');
  if (format !== FORMAT) {
    throw new MillraceError(
      'incompatible',
      `snapshot run ${name} has format ${format}, and this version reads ${FORMAT}`,
      { hint: 'run the version of millrace that wrote it, or a newer one' },
    );
  }
  const footerAt = size - TRAILER - length;
  if (footerAt < 0) throw damagedRun(name, 'its index is longer than the run');
  if (footerAt < start) {
    start = footerAt;
    bytes = await read(start, size);
  }
  const checked = bytes.subarray(footerAt - start, bytes.length - 8);
  if (crc32(checked) !== checksum) throw damagedRun(name, 'its index does not match its checksum');
  return readFooter(new ByteReader(checked, 'snapshot run', 0, length));
}

function readFooter(reader: ByteReader): RunIndex {
  const tables = readTables(reader);
  const cells = reader.varint();
  const blocks: RunBlock[] = [];
  let offset = 0;
  for (let n = reader.count(8); n > 0; n--) {
    const table = reader.string();
    const key = readKeyId(reader);
    const sub = reader.u8() === 0 ? undefined : readKeyId(reader);
    const count = reader.varint();
    const length = reader.varint();
    blocks.push({ table, key, sub, offset, cells: count, length, unpacked: reader.varint(), checksum: reader.u32() });
    offset += length;
  }
  return { tables, cells, blocks };
}

/** The error for a run that is not what was written. */
export function damagedRun(name: string, fact: string, cause?: unknown): MillraceError {
  return new MillraceError('data-lost', `snapshot run ${name} is damaged: ${fact}`, {
    hint: 'restore the blob from a backup, or start a new run from a savepoint',
    ...(cause === undefined ? {} : { cause }),
  });
}
