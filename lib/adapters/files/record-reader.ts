import { crc32 } from 'node:zlib';
import { MillraceError } from '../../model/index.ts';
import { type ByteStream, openBytes } from './byte-stream.ts';
import { changedError } from './file-error.ts';
import type { Packing } from './file-set.ts';
import { type Place, placeOf, type RecordFormat, type Spans, undecodable } from './record-format.ts';

/** A part of one file that belongs to one partition. */
export interface Segment {
  readonly path: string;
  readonly packing: Packing;
  /** First byte, unpacked: the beginning of a record. */
  readonly start: number;
  /** End in bytes; undefined where it is found by reading (packed, or followed). */
  readonly end: number | undefined;
  readonly format: RecordFormat;
}

/** A place in a segment, with what is needed to see that the bytes before it are still the same. */
export interface ReaderMark {
  readonly byte: number;
  /** Records passed in this file, blank ones and headers included. */
  readonly number: number;
  /** CRC-32 of the `checked` bytes before `byte`. */
  readonly checked: number;
  readonly crc: number;
}

const CHUNK = 65_536;
const CHECKED = 4_096;
const SPANS = 2_048;
const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);

/**
 * Reads the records of one segment in order. Holds one chunk of the file, or one record if that is longer, never one beyond `maxBytes`.
 * The 4 KB before the place of reading stay in the buffer, for marks.
 */
export class RecordReader {
  readonly #segment: Segment;
  /** Whether more may yet be written behind what is there. */
  readonly #grows: () => boolean;
  readonly #maxBytes: number;
  readonly #stream: ByteStream;
  readonly #spans: Spans = {
    count: 0,
    starts: new Int32Array(SPANS),
    ends: new Int32Array(SPANS),
    numbers: new Float64Array(SPANS),
    gaps: false,
  };
  #buffer = Buffer.allocUnsafeSlow(CHECKED + 2 * CHUNK);
  /** The file's byte that `#buffer[0]` holds. */
  #base: number;
  #start = 0;
  #end = 0;
  #number: number;
  #headers: number;
  #atEnd = false;
  #closed = false;
  /** The beginning of a record that is too long, whose rest is being passed over. */
  #tooLong: string | undefined;

  private constructor(
    segment: Segment,
    grows: () => boolean,
    maxBytes: number,
    stream: ByteStream,
    base: number,
    number: number,
  ) {
    this.#segment = segment;
    this.#grows = grows;
    this.#maxBytes = maxBytes;
    this.#stream = stream;
    this.#base = base;
    this.#number = number;
    this.#headers = segment.start === 0 ? Math.max(0, segment.format.headers - number) : 0;
  }

  /** A reader at the segment's beginning, or at a mark that was made in it; `data-lost` if what the mark saw is not there. */
  static async open(
    segment: Segment,
    grows: () => boolean,
    maxBytes: number,
    mark: ReaderMark | undefined,
  ): Promise<RecordReader> {
    const start = mark === undefined ? segment.start : mark.byte - mark.checked;
    const stream = await openBytes({ path: segment.path, packing: segment.packing, start, end: segment.end });
    const reader = new RecordReader(segment, grows, maxBytes, stream, start, mark?.number ?? 0);
    try {
      if (mark !== undefined) await reader.#resume(mark);
      else if (start === 0) await reader.#skipByteOrderMark();
    } catch (thrown) {
      stream.close();
      throw thrown;
    }
    return reader;
  }

  /** A reader of bytes that are there once only. */
  static async over(
    stream: ByteStream,
    segment: Segment,
    grows: () => boolean,
    maxBytes: number,
  ): Promise<RecordReader> {
    return new RecordReader(segment, grows, maxBytes, stream, 0, 0);
  }

  /** The file's byte at which reading stands, unpacked. */
  get position(): number {
    return this.#base + this.#start;
  }

  /** Whether all of a segment that ends has been read. */
  get ended(): boolean {
    return this.#closed;
  }

  /**
   * Appends up to `limit` rows to `values`, or without `values` only passes over them, and says how many; 0 at the end, or where
   * nothing whole is there now.
   */
  async read(limit: number, values: unknown[] | undefined, row: number): Promise<number> {
    for (;;) {
      const before = this.#number;
      const n = this.#take(limit, values, row);
      if (n > 0 || this.#closed) return n;
      if (this.#number > before) continue;
      const filled = this.#fill();
      const got = typeof filled === 'number' ? filled : await filled;
      if (got === 0) {
        if (this.#grows()) return 0;
        this.#atEnd = true;
      }
    }
  }

  /** Reads on to learn whether all is read; costs nothing where bytes are left. */
  settle(): void {
    const { unclosed } = this.#segment.format;
    const empty = this.#start === this.#end && this.#tooLong === undefined;
    if (empty && !this.#grows() && unclosed === undefined && !this.#stream.more()) this.#closed = true;
  }

  /** Whether nothing whole lies ahead now, in a file that is followed. */
  idle(): boolean {
    return !this.#stream.more() && this.#segment.format.endOf(this.#buffer, this.#start, this.#end) < 0;
  }

  mark(): ReaderMark {
    const checked = Math.min(CHECKED, this.#start);
    return {
      byte: this.#base + this.#start,
      number: this.#number,
      checked,
      crc: crc32(this.#buffer.subarray(this.#start - checked, this.#start)),
    };
  }

  close(): void {
    this.#stream.close();
  }

  /** Cuts what lies in the buffer into records. */
  #take(limit: number, values: unknown[] | undefined, row: number): number {
    const { format } = this.#segment;
    const spans = this.#spans;
    const most = Math.min(limit, SPANS);
    const buffer = this.#buffer;
    spans.count = 0;
    spans.gaps = false;
    let at = this.#start;
    while (spans.count < most) {
      let end = format.endOf(buffer, at, this.#end);
      let next = end + 1;
      if (end < 0) {
        if (!this.#atEnd) break;
        if (at === this.#end && format.unclosed === undefined && this.#tooLong === undefined) {
          this.#closed = true;
          break;
        }
        end = this.#end;
        next = end;
      }
      if (this.#tooLong !== undefined || end - at > this.#maxBytes) {
        if (spans.count > 0) break;
        return this.#passOver(at, next, end, values, row);
      }
      const terminator = end < this.#end ? (buffer[end] as number) : -1;
      this.#number++;
      if (terminator < 0 && format.unclosed !== undefined) {
        this.#start = at;
        if (spans.count > 0) {
          this.#number--;
          break;
        }
        return this.#unclosed(next, values, row);
      }
      const last = end > at && terminator === 10 && buffer[end - 1] === 13 ? end - 1 : end;
      if (this.#headers > 0) this.#headers--;
      else if (format.isBlank(buffer, at, last, terminator)) spans.gaps = true;
      else {
        spans.starts[spans.count] = at;
        spans.ends[spans.count] = last;
        spans.numbers[spans.count] = this.#number;
        spans.count++;
      }
      at = next;
      if (format.closes(terminator) || (this.#atEnd && at === this.#end && terminator < 0)) {
        this.#closed = true;
        break;
      }
    }
    this.#start = at;
    if (values !== undefined && spans.count > 0) format.decode(buffer, spans, values, this.#place(row));
    return spans.count;
  }

  #place(row: number): Place {
    return {
      path: this.#segment.path,
      counted: this.#segment.start === 0 || this.#segment.format.unclosed !== undefined,
      row,
    };
  }

  #passOver(at: number, next: number, end: number, values: unknown[] | undefined, row: number): number {
    const raw = this.#tooLong ?? this.#buffer.toString('utf8', at, at + 4_000);
    this.#tooLong = undefined;
    this.#number++;
    this.#start = next;
    if (this.#atEnd && end === this.#end) this.#closed = true;
    const place = this.#place(row);
    const what = placeOf(this.#segment.format, this.#number, place);
    values?.push(undecodable(`${what} is longer than ${this.#maxBytes} bytes`, raw, place.path, row));
    return 1;
  }

  #unclosed(next: number, values: unknown[] | undefined, row: number): number {
    const raw = this.#buffer.toString('utf8', this.#start, Math.min(next, this.#start + 4_000));
    this.#start = next;
    this.#closed = true;
    values?.push(undecodable(`${this.#segment.format.unclosed}: ${this.#segment.path}`, raw, this.#segment.path, row));
    return 1;
  }

  /** Reads more bytes behind those there, making room first. */
  #fill(): number | Promise<number> {
    if (this.#tooLong !== undefined || this.#end - this.#start > this.#maxBytes) {
      this.#tooLong ??= this.#buffer.toString('utf8', this.#start, this.#start + 4_000);
      this.#start = this.#end;
    }
    const keep = Math.max(0, this.#start - CHECKED);
    if (this.#buffer.length - this.#end < CHUNK) {
      const target =
        this.#buffer.length - (this.#end - keep) < CHUNK
          ? Buffer.allocUnsafeSlow(2 * this.#buffer.length)
          : this.#buffer;
      this.#buffer.copy(target, 0, keep, this.#end);
      this.#buffer = target;
      this.#base += keep;
      this.#start -= keep;
      this.#end -= keep;
    }
    const n = this.#stream.read(
      this.#buffer,
      this.#end,
      Math.min(this.#buffer.length - this.#end, Math.max(CHUNK, this.#end - this.#start)),
    );
    if (typeof n === 'number') {
      this.#end += n;
      return n;
    }
    return n.then((got) => {
      this.#end += got;
      return got;
    });
  }

  async #resume(mark: ReaderMark): Promise<void> {
    while (this.#end < mark.checked) {
      const n = await this.#stream.read(this.#buffer, this.#end, mark.checked - this.#end);
      if (n === 0) throw changedError(this.#segment.path, `it ends before byte ${mark.byte}, where reading stopped`);
      this.#end += n;
    }
    if (crc32(this.#buffer.subarray(0, mark.checked)) !== mark.crc) {
      throw changedError(
        this.#segment.path,
        `the ${mark.checked} bytes before byte ${mark.byte} are not those that were read`,
      );
    }
    this.#start = mark.checked;
  }

  async #skipByteOrderMark(): Promise<void> {
    while (this.#end < 3) {
      const n = await this.#stream.read(this.#buffer, this.#end, 3 - this.#end);
      if (n === 0) break;
      this.#end += n;
    }
    if (this.#buffer.subarray(0, this.#end).equals(BYTE_ORDER_MARK)) this.#start = 3;
  }
}

/** A mark as it was stored, or undefined if it is none. */
export function readMark(json: unknown): ReaderMark | undefined {
  if (typeof json !== 'object' || json === null) return undefined;
  const { byte, number, checked, crc } = json as Record<string, unknown>;
  if (
    typeof byte !== 'number' ||
    typeof number !== 'number' ||
    typeof checked !== 'number' ||
    typeof crc !== 'number'
  ) {
    throw new MillraceError('incompatible', 'the stored place in a file cannot be understood');
  }
  return { byte, number, checked, crc };
}
