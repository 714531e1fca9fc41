import { statSync } from 'node:fs';
import { MillraceError } from '../../model/index.ts';
import type { Json, SourceInfo, SourceLog, SourceSlice } from '../../ports/index.ts';
import { changedError } from './file-error.ts';
import { RecordReader, readMark, type Segment } from './record-reader.ts';

/** How much of a partition one read takes at most, in rows, whatever the caller's limit. */
const MOST_ROWS = 16_384;
/** How much of a file one read takes, in bytes: it ends with the row that reaches this. */
const MOST_BYTES = 8_388_608;

/**
 * Files as a source's log. A partition is a list of segments, read one after the other; an offset is the number of rows before it in its
 * partition. The cursor names segment and byte, so that going on there is a seek; without one the rows before are counted by reading them.
 */
export class FileLog implements SourceLog {
  readonly info: SourceInfo;
  readonly #partitions: readonly FilePartition[];

  constructor(info: SourceInfo, segments: readonly (readonly Segment[])[], grows: () => boolean, maxBytes: number) {
    this.info = info;
    this.#partitions = segments.map((own, partition) => new FilePartition(own, partition, grows, maxBytes));
  }

  read(partition: number, from: number, limit: number, cursor: Json | undefined): Promise<SourceSlice> {
    return this.#at(partition).read(from, limit, cursor);
  }

  async bounds(partition: number): Promise<{ start: number; end: number | undefined; sealed: boolean }> {
    return this.#at(partition).bounds();
  }

  async close(): Promise<void> {
    for (const partition of this.#partitions) partition.close();
  }

  #at(partition: number): FilePartition {
    const found = this.#partitions[partition];
    if (found === undefined)
      throw new MillraceError('internal', `there is no partition ${partition} of ${this.info.partitions}`);
    return found;
  }
}

class FilePartition {
  readonly #segments: readonly Segment[];
  readonly #partition: number;
  readonly #grows: () => boolean;
  readonly #maxBytes: number;
  #reader: RecordReader | undefined;
  #segment = 0;
  #row = 0;
  #last: Promise<void> | undefined;
  /** The partition's length, once its end was reached. */
  #length: number | undefined;

  constructor(segments: readonly Segment[], partition: number, grows: () => boolean, maxBytes: number) {
    this.#segments = segments;
    this.#partition = partition;
    this.#grows = grows;
    this.#maxBytes = maxBytes;
    if (segments.length === 0) this.#length = 0;
  }

  /** Reads of one partition follow one another, also when asked for side by side. */
  read(from: number, limit: number, cursor: Json | undefined): Promise<SourceSlice> {
    const before = this.#last;
    const slice =
      before === undefined ? this.#read(from, limit, cursor) : before.then(() => this.#read(from, limit, cursor));
    const done: Promise<void> = slice.then(
      () => this.#settled(done),
      () => this.#settled(done),
    );
    this.#last = done;
    return slice;
  }

  bounds(): { start: number; end: number | undefined; sealed: boolean } {
    if (this.#length !== undefined) return { start: 0, end: this.#length, sealed: true };
    const idle = this.#grows() && this.#reader?.idle() === true;
    return { start: 0, end: idle ? this.#row : undefined, sealed: false };
  }

  close(): void {
    this.#reader?.close();
    this.#reader = undefined;
  }

  #settled(done: Promise<void>): void {
    if (this.#last === done) this.#last = undefined;
  }

  async #read(from: number, limit: number, cursor: Json | undefined): Promise<SourceSlice> {
    try {
      if (from !== this.#row || (this.#reader === undefined && this.#length !== from)) await this.#seek(from, cursor);
      const values: unknown[] = [];
      await this.#advance(Math.min(limit, MOST_ROWS), values);
      return this.#slice(values);
    } catch (thrown) {
      this.close();
      throw thrown instanceof MillraceError ? thrown.at({ partition: this.#partition }) : thrown;
    }
  }

  /** Up to `limit` rows appended to `values`, or passed over. Stops early at a chunk's end rather than wait for more, and where the rows are large. */
  async #advance(limit: number, values: unknown[] | undefined): Promise<number> {
    let taken = 0;
    let bytes = 0;
    while (taken < limit && (values === undefined || bytes < MOST_BYTES)) {
      const reader = this.#reader;
      if (reader === undefined) break;
      const before = reader.position;
      const n = await reader.read(limit - taken, values, this.#row);
      bytes += reader.position - before;
      this.#row += n;
      taken += n;
      reader.settle();
      if (reader.ended) await this.#nextSegment();
      else if (n === 0) break;
    }
    return taken;
  }

  async #nextSegment(): Promise<void> {
    this.close();
    this.#segment++;
    const segment = this.#segments[this.#segment];
    if (segment === undefined) this.#length = this.#row;
    else this.#reader = await RecordReader.open(segment, this.#grows, this.#maxBytes, undefined);
  }

  async #seek(from: number, cursor: Json | undefined): Promise<void> {
    this.close();
    if (cursor === undefined || cursor === null || from === 0) {
      this.#segment = -1;
      this.#row = 0;
      await this.#nextSegment();
      while (this.#row < from && (await this.#advance(from - this.#row, undefined)) > 0) {}
      if (this.#row < from) throw this.#short(from);
      return;
    }
    const { segment, mark } = readCursor(cursor);
    this.#segment = segment;
    this.#row = from;
    const found = this.#segments[segment];
    if (found === undefined) {
      if (segment !== this.#segments.length) throw this.#short(from);
      this.#length = from;
      await this.#checkLast(mark);
    } else this.#reader = await RecordReader.open(found, this.#grows, this.#maxBytes, readMark(mark));
  }

  /** At the end of everything there is nothing to read, but the last file must still be there. */
  async #checkLast(mark: unknown): Promise<void> {
    const last = this.#segments.at(-1);
    if (last === undefined) return;
    const reader = await RecordReader.open(last, this.#grows, this.#maxBytes, readMark(mark));
    reader.close();
  }

  #short(from: number): MillraceError {
    const path = this.#segments.at(-1)?.path ?? 'of no name';
    return changedError(path, `it ends at row ${this.#row}, and ${from} rows were read from it`);
  }

  #slice(values: unknown[]): SourceSlice {
    const cursor = { segment: this.#segment, mark: this.#reader === undefined ? null : { ...this.#reader.mark() } };
    const sealed = this.#length === this.#row;
    const bytesLeft = this.#length === undefined ? this.#bytesLeft() : undefined;
    return { values, next: this.#row, cursor, start: 0, end: this.#length, sealed, bytesLeft };
  }

  /** Unknown where a packed file is among what is left. */
  #bytesLeft(): number | undefined {
    let left = 0;
    for (const [i, { path, packing, start, end }] of this.#segments.entries()) {
      if (i < this.#segment) continue;
      if (packing !== 'plain') return undefined;
      const from = i === this.#segment ? (this.#reader?.position ?? start) : start;
      left += (end ?? statSync(path, { throwIfNoEntry: false })?.size ?? from) - from;
    }
    return left;
  }
}

function readCursor(cursor: Json): { segment: number; mark: unknown } {
  const { segment, mark } = cursor as { segment?: unknown; mark?: unknown };
  if (typeof segment !== 'number')
    throw new MillraceError('incompatible', 'the stored place in a file set cannot be understood');
  return { segment, mark };
}
