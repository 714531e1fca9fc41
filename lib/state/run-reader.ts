import { crc32, zstdDecompressSync } from 'node:zlib';
import { compareKeyIds, type KeyId } from '../model/index.ts';
import type { BlobStore } from '../ports/index.ts';
import { ByteReader } from '../protocol/index.ts';
import { BlobMissing } from './blob-missing.ts';
import { EntryReader, type StoredTable } from './cell-entry.ts';
import { type CellVisitor, visitEntry } from './delta-codec.ts';
import { compareCells, damagedRun, type RunBlock, type RunIndex, readRunIndex } from './run-format.ts';

/** How much is read at once while streaming. */
const CHUNK_BYTES = 4 * 1024 * 1024;

/** Reads one run. Throws `unavailable` (try again) if its blob is missing, `data-lost` if it is damaged, `incompatible` if of another format. */
export class RunReader {
  readonly name: string;
  readonly #blobs: BlobStore;
  readonly #index: RunIndex;

  private constructor(blobs: BlobStore, name: string, index: RunIndex) {
    this.#blobs = blobs;
    this.name = name;
    this.#index = index;
  }

  /** Reads the end of a run that has `size` bytes. */
  static async open(blobs: BlobStore, name: string, size: number): Promise<RunReader> {
    const index = await readRunIndex(name, size, (start, end) => readRange(blobs, name, start, end));
    return new RunReader(blobs, name, index);
  }

  get tables(): readonly StoredTable[] {
    return this.#index.tables;
  }

  get cells(): number {
    return this.#index.cells;
  }

  /** All cells in order, block by block. The next chunk is asked for while the present one is in use. */
  async *entries(chunkBytes = CHUNK_BYTES): AsyncGenerator<EntryReader, void> {
    const { blocks } = this.#index;
    let from = 0;
    let to = chunkEnd(blocks, from, chunkBytes);
    let ahead = this.#chunk(from, to);
    while (from < blocks.length) {
      const chunk = await ahead;
      const next = to;
      const nextEnd = chunkEnd(blocks, next, chunkBytes);
      ahead = this.#chunk(next, nextEnd);
      ahead.catch(() => undefined);
      const base = blocks[from]!.offset;
      for (; from < to; from++) {
        const block = blocks[from]!;
        yield this.#unpack(block, chunk.subarray(block.offset - base, block.offset - base + block.length));
      }
      to = nextEnd;
    }
  }

  /** Tells the visitor the cells of one key, removed ones too; reads only the blocks that can hold them. */
  async find(table: string, key: KeyId, visit: CellVisitor): Promise<void> {
    const { blocks } = this.#index;
    let low = 0;
    for (let high = blocks.length; low < high; ) {
      const middle = (low + high) >> 1;
      const { table: t, key: k, sub } = blocks[middle]!;
      if (compareCells(t, k, sub, table, key, undefined) <= 0) low = middle + 1;
      else high = middle;
    }
    for (let i = Math.max(0, low - 1); i < blocks.length; i++) {
      const block = blocks[i]!;
      if (i >= low && (block.table !== table || compareKeyIds(block.key, key) !== 0)) return;
      const bytes = await readRange(this.#blobs, this.name, block.offset, block.offset + block.length);
      const entries = this.#unpack(block, bytes);
      while (entries.next()) {
        if (entries.key === key && entries.tables[entries.table]!.name === table) visitEntry(entries, visit);
      }
    }
  }

  async #chunk(from: number, to: number): Promise<Uint8Array> {
    if (from === to) return new Uint8Array();
    const { blocks } = this.#index;
    const last = blocks[to - 1]!;
    return readRange(this.#blobs, this.name, blocks[from]!.offset, last.offset + last.length);
  }

  #unpack(block: RunBlock, bytes: Uint8Array): EntryReader {
    if (crc32(bytes) !== block.checksum) {
      throw damagedRun(this.name, `the block at ${block.offset} does not match its checksum`);
    }
    let unpacked: Uint8Array;
    try {
      unpacked = zstdDecompressSync(bytes, { maxOutputLength: Math.max(1, block.unpacked) });
    } catch (cause) {
      throw damagedRun(this.name, `the block at ${block.offset} cannot be unpacked`, cause);
    }
    return new EntryReader(new ByteReader(unpacked, 'snapshot block'), this.#index.tables, block.cells);
  }
}

/** The blob. Throws `unavailable` if there is none: it may have been collected, and a newer commit names another. */
export async function readBlob(blobs: BlobStore, name: string): Promise<Uint8Array> {
  return (await blobs.get(name)) ?? missing(name);
}

async function readRange(blobs: BlobStore, name: string, start: number, end: number): Promise<Uint8Array> {
  const bytes = (await blobs.getRange(name, start, end)) ?? missing(name);
  if (bytes.length !== end - start) throw damagedRun(name, `it ends at ${start + bytes.length}, before ${end}`);
  return bytes;
}

function missing(name: string): never {
  throw new BlobMissing(name);
}

function chunkEnd(blocks: readonly RunBlock[], from: number, chunkBytes: number): number {
  let to = from;
  for (let bytes = 0; to < blocks.length && (bytes === 0 || bytes + blocks[to]!.length <= chunkBytes); to++) {
    bytes += blocks[to]!.length;
  }
  return to;
}
