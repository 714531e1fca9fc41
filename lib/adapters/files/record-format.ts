import { MillraceError } from '../../model/index.ts';
import { Undecodable } from '../../ports/index.ts';

/** Where the records of one block lie in its bytes; parallel arrays, the first `count` entries hold. */
export interface Spans {
  count: number;
  readonly starts: Int32Array;
  /** One past each record's last byte, its terminator left out. */
  readonly ends: Int32Array;
  /** Number of each record in its file, counted from one, blank ones included. */
  readonly numbers: Float64Array;
  /** True if something that is no record (a blank line) lies between two of them. */
  gaps: boolean;
}

/** Where a block comes from, for messages. */
export interface Place {
  readonly path: string;
  /** False where reading began in the middle of the file, so that `numbers` do not count from its beginning. */
  readonly counted: boolean;
  /** Offset of the block's first row. */
  readonly row: number;
}

/** How a file's bytes are cut into records, and these made rows. */
export interface RecordFormat {
  /** What a record is called in messages. */
  readonly noun: string;
  /** Records at the head of a file that are no rows. */
  readonly headers: number;
  /** Index of the byte that ends the record which begins at `from`, or -1 if that lies at or beyond `end`. */
  endOf(bytes: Buffer, from: number, end: number): number;
  /** Whether nothing follows a record that ended with this byte. */
  closes(terminator: number): boolean;
  /** What is wrong if the file ends without such a byte, or undefined if that is in order. */
  readonly unclosed: string | undefined;
  /** Whether these bytes are no record at all. */
  isBlank(bytes: Buffer, from: number, end: number, terminator: number): boolean;
  /** Appends one value per span. */
  decode(bytes: Buffer, spans: Spans, values: unknown[], place: Place): void;
}

const RAW_LENGTH = 1_000;

/** Stands for record `i` of the spans, which `why` says is not what it should be. */
export function broken(
  format: RecordFormat,
  bytes: Buffer,
  spans: Spans,
  i: number,
  place: Place,
  why: string,
  cause?: unknown,
): Undecodable {
  const start = spans.starts[i] ?? 0;
  const raw = bytes.toString('utf8', start, Math.min(spans.ends[i] ?? 0, start + 4 * RAW_LENGTH)).slice(0, RAW_LENGTH);
  return undecodable(`${placeOf(format, spans.numbers[i] ?? 0, place)} ${why}`, raw, place.path, place.row + i, cause);
}

/** `line 7 of x.jsonl`, or `a line of x.jsonl` where the lines before were not counted. */
export function placeOf(format: RecordFormat, number: number, place: Place): string {
  return place.counted ? `${format.noun} ${number} of ${place.path}` : `a ${format.noun} of ${place.path}`;
}

export function undecodable(message: string, raw: string, file: string, offset: number, cause?: unknown): Undecodable {
  const hint = 'mend the data, or let the source skip or dead-letter what does not fit (badRecords)';
  const details = { where: { file, offset }, hint, ...(cause === undefined ? {} : { cause }) };
  return new Undecodable(new MillraceError('bad-record', message, details), raw.slice(0, RAW_LENGTH));
}
