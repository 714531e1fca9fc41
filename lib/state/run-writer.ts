import { constants, crc32, zstdCompressSync } from 'node:zlib';
import type { KeyId } from '../model/index.ts';
import { ByteWriter } from '../protocol/index.ts';
import type { EntryReader, StoredTable } from './cell-entry.ts';
import { type RunBlock, writeRunIndex } from './run-format.ts';
import type { Sub } from './table.ts';

const BLOCK_BYTES = 48 * 1024;
const FAST = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };

/** Makes one run of cells that come in the order of (table name, key, sub), each once. */
export class RunWriter {
  readonly #blockBytes: number;
  readonly #out = new ByteWriter(1 << 16);
  readonly #block: ByteWriter;
  readonly #blocks: RunBlock[] = [];
  readonly #tables: StoredTable[] = [];
  readonly #places = new Map<string, number>();
  #lastTable: StoredTable | undefined;
  #place = 0;
  #inBlock = 0;
  #firstTable = '';
  #firstKey: KeyId = '';
  #firstSub: Sub = undefined;
  /** Cells taken so far. */
  cells = 0;
  /** Their bytes before compression. */
  unpacked = 0;

  /** A block is closed once it has `blockBytes` before compression. */
  constructor(blockBytes = BLOCK_BYTES) {
    this.#blockBytes = blockBytes;
    this.#block = new ByteWriter(blockBytes + 1024);
  }

  /** Bytes of the blocks that are closed. */
  get length(): number {
    return this.#out.length;
  }

  /** Takes the cell at which the entries stand; its value is copied as bytes. */
  add(entries: EntryReader): void {
    const table = entries.tables[entries.table]!;
    if (table !== this.#lastTable) {
      this.#lastTable = table;
      this.#place = this.#placeOf(table);
    }
    if (this.#inBlock === 0) {
      this.#firstTable = table.name;
      this.#firstKey = entries.key;
      this.#firstSub = entries.sub;
    }
    const block = this.#block;
    block.varint(this.#place * 16 + entries.flags);
    copyRange(block, entries.bytes, entries.tail, entries.end);
    this.#inBlock++;
    this.cells++;
    if (block.length >= this.#blockBytes) this.#close();
  }

  /** The run. Nothing may be added after. */
  finish(): Uint8Array {
    if (this.#inBlock > 0) this.#close();
    writeRunIndex(this.#out, { tables: this.#tables, cells: this.cells, blocks: this.#blocks });
    return this.#out.copy();
  }

  #placeOf(table: StoredTable): number {
    const id = `${table.version} ${table.name}`;
    let place = this.#places.get(id);
    if (place === undefined) {
      place = this.#tables.push(table) - 1;
      this.#places.set(id, place);
    }
    return place;
  }

  #close(): void {
    const packed = zstdCompressSync(this.#block.bytes.subarray(0, this.#block.length), FAST);
    this.#blocks.push({
      table: this.#firstTable,
      key: this.#firstKey,
      sub: this.#firstSub,
      offset: this.#out.length,
      length: packed.length,
      unpacked: this.#block.length,
      cells: this.#inBlock,
      checksum: crc32(packed),
    });
    this.#out.raw(packed);
    this.unpacked += this.#block.length;
    this.#block.cut(0);
    this.#inBlock = 0;
  }
}

/** Appends bytes `start` to `end`. */
export function copyRange(writer: ByteWriter, bytes: Uint8Array, start: number, end: number): void {
  const at = writer.take(end - start);
  const target = writer.bytes;
  if (end - start > 64) target.set(bytes.subarray(start, end), at);
  else for (let i = start; i < end; i++) target[at + i - start] = bytes[i]!;
}
