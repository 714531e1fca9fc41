import { isUtf8 } from 'node:buffer';
import { parse } from 'csv-parse/sync';
import { messageOf } from '../../model/index.ts';
import { broken, type Place, type RecordFormat, type Spans } from './record-format.ts';

const NEWLINE = 10;
const QUOTE = 34;

/** How a CSV file is laid out. */
export interface CsvLayout {
  /** One ASCII character. */
  readonly delimiter: string;
  /** Whether a quoted field may hold line breaks. */
  readonly multiline: boolean;
  /** Whether the first record names the columns. */
  readonly header: boolean;
}

/** Which fields of a record become which columns of a row: `indices[i]` is the field of column `names[i]`. */
export interface CsvColumns {
  readonly names: readonly string[];
  readonly indices: readonly number[];
  /** Fields that every record must have. */
  readonly fields: number;
}

/** CSV as in RFC 4180: fields in quotes where they need it, a quote in them doubled. Without `columns` rows are arrays of fields. */
export function csvRecords(layout: CsvLayout, columns: CsvColumns | undefined): RecordFormat {
  const delimiter = layout.delimiter.charCodeAt(0);
  const format: RecordFormat = {
    noun: layout.multiline ? 'record' : 'line',
    headers: layout.header && columns !== undefined ? 1 : 0,
    unclosed: undefined,
    endOf: layout.multiline ? (bytes, from, end) => recordEnd(bytes, from, end, delimiter) : lineEnd,
    closes: () => false,
    isBlank: (_, from, end) => from === end,
    decode(bytes, spans, values, place) {
      const { count, starts, ends } = spans;
      if (count === 0) return;
      const block = bytes.subarray(starts[0] as number, ends[count - 1] as number);
      const together =
        block.includes(QUOTE) && isUtf8(block) ? parseTogether(block, count, layout.delimiter) : undefined;
      for (let i = 0; i < count; i++) {
        values.push(
          together === undefined ? decodeOne(bytes, spans, i, place) : rowOf(together[i] ?? [], bytes, spans, i, place),
        );
      }
    },
  };
  return format;

  function decodeOne(bytes: Buffer, spans: Spans, i: number, place: Place): unknown {
    const record = bytes.subarray(spans.starts[i], spans.ends[i]);
    if (!isUtf8(record)) return broken(format, bytes, spans, i, place, 'is not valid UTF-8');
    const text = record.toString('utf8');
    if (!text.includes('"')) return rowOf(text.split(layout.delimiter), bytes, spans, i, place);
    try {
      const [fields = []] = parseCsv(text, layout.delimiter);
      return rowOf(fields, bytes, spans, i, place);
    } catch (thrown) {
      return broken(format, bytes, spans, i, place, `is not CSV: ${messageOf(thrown)}`, thrown);
    }
  }

  function rowOf(fields: readonly string[], bytes: Buffer, spans: Spans, i: number, place: Place): unknown {
    if (columns === undefined) return fields;
    if (fields.length !== columns.fields) {
      return broken(format, bytes, spans, i, place, `has ${fields.length} fields, not ${columns.fields}`);
    }
    const row: Record<string, string | undefined> = {};
    const { names, indices } = columns;
    for (let c = 0; c < names.length; c++) row[names[c] as string] = fields[indices[c] as number];
    return row;
  }
}

function parseCsv(text: string | Buffer, delimiter: string): string[][] {
  return parse(text, { delimiter, relax_column_count: true, skip_empty_lines: true, record_delimiter: ['\r\n', '\n'] });
}

function parseTogether(block: Buffer, count: number, delimiter: string): string[][] | undefined {
  try {
    const records = parseCsv(block, delimiter);
    return records.length === count ? records : undefined;
  } catch {
    return undefined;
  }
}

function lineEnd(bytes: Buffer, from: number, end: number): number {
  const at = bytes.indexOf(NEWLINE, from);
  return at >= end ? -1 : at;
}

/** The line break that ends a record: the first outside quotes. A quote opens a field only at its beginning. */
function recordEnd(bytes: Buffer, from: number, end: number, delimiter: number): number {
  for (let i = from; i < end; i++) {
    const byte = bytes[i];
    if (byte === NEWLINE) return i;
    if (byte !== QUOTE || (i > from && bytes[i - 1] !== delimiter)) continue;
    for (i++; ; i += 2) {
      i = bytes.indexOf(QUOTE, i);
      if (i < 0 || i >= end) return -1;
      if (i + 1 >= end || bytes[i + 1] !== QUOTE) break;
    }
  }
  return -1;
}
