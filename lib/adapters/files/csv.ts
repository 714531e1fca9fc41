import { MillraceError } from '../../model/index.ts';
import type { SourceConnector } from '../../ports/index.ts';
import { type CsvColumns, type CsvLayout, csvRecords } from './csv-format.ts';
import { FileLog } from './file-log.ts';
import { type FilePath, findFiles, fingerprint, type InputFile, pathInPlan } from './file-set.ts';
import { MAX_RECORD_BYTES } from './jsonl.ts';
import type { RecordFormat } from './record-format.ts';
import { RecordReader } from './record-reader.ts';
import { dealFiles, refusal } from './segments.ts';

/** How CSV text becomes rows. */
export interface CsvText {
  /** With a header: the columns wanted, which must be there (default all). Without: the names of all fields, in order. */
  readonly columns?: readonly string[];
  /** Whether the first record names the columns. Default true. */
  readonly header?: boolean;
  /** What stands between fields, one ASCII character. Default a comma. */
  readonly delimiter?: string;
  /** Whether a quoted field may hold line breaks. Default true; say false to split one file into partitions. */
  readonly multiline?: boolean;
}

export interface CsvOptions extends CsvText {
  /** A file, a list of files, or a glob. Names ending in .gz or .zst are decompressed. */
  readonly path: FilePath;
  /** As for `jsonl`; one file is split only with `multiline: false`. */
  readonly partitions?: number;
  /** As for `jsonl`. The header must be there at the start. */
  readonly follow?: boolean;
  /** A longer record is a bad record. Default 8 MiB. */
  readonly maxRecordBytes?: number;
}

/**
 * CSV files (RFC 4180). A row is an object of strings; a record with another number of fields than the header is a bad record. Empty lines are
 * passed over. A column that is asked for and not there is an error when the source opens. Everything else as with `jsonl`.
 */
export function csv<T = Readonly<Record<string, string>>>(options: CsvOptions): SourceConnector<T> {
  const { path, partitions, follow = false, maxRecordBytes = MAX_RECORD_BYTES } = options;
  const layout = csvLayout(options);
  return {
    kind: 'csv',
    options: {
      ...pathInPlan(path),
      follow,
      maxRecordBytes,
      ...layout,
      ...(options.columns === undefined ? {} : { columns: options.columns }),
      ...(partitions === undefined ? {} : { partitions }),
    },
    bounded: !follow,
    live: follow,
    async open() {
      const files = findFiles(path);
      const formats = new Map<string, RecordFormat>();
      for (const file of files) formats.set(file.path, await formatOf(file, options, layout, follow));
      const segments = dealFiles(
        files,
        partitions,
        follow,
        !layout.multiline,
        (file) => formats.get(file.path) as RecordFormat,
      );
      const id = fingerprint(files, follow, `csv ${segments.length} ${JSON.stringify(layout)}`);
      const info = { id, partitions: segments.length, bounded: !follow, resumable: true };
      return new FileLog(info, segments, () => follow, maxRecordBytes);
    },
  };
}

/** The layout with its defaults; `invalid-pipeline` where it makes no sense. */
export function csvLayout({ columns, header = true, delimiter = ',', multiline = true }: CsvText): CsvLayout {
  if (delimiter.length !== 1 || delimiter.charCodeAt(0) > 127 || delimiter === '"' || delimiter === '\n') {
    throw refusal(
      `a CSV delimiter must be one ASCII character, not ${JSON.stringify(delimiter)}`,
      'use "," or ";" or "\\t"',
    );
  }
  if (!header && columns === undefined)
    throw refusal('a CSV source without a header needs names for its columns', 'list them in columns');
  return { delimiter, multiline, header };
}

/** The columns to read where a record holds these fields; `unavailable` if one that is wanted is missing. */
export function csvColumns(found: readonly string[], wanted: readonly string[] | undefined, path: string): CsvColumns {
  const twice = found.find((name, i) => found.indexOf(name) < i);
  if (twice !== undefined) throw headerError(path, `has two columns named ${twice}`, 'rename one in the header');
  const names = wanted ?? found;
  const missing = names.filter((name) => !found.includes(name));
  if (missing.length > 0) {
    throw headerError(path, `has no column ${missing.join(', ')}`, `its columns are ${found.join(', ')}`);
  }
  return { names, indices: names.map((name) => found.indexOf(name)), fields: found.length };
}

async function formatOf(file: InputFile, text: CsvText, layout: CsvLayout, follow: boolean): Promise<RecordFormat> {
  const { columns } = text;
  if (!layout.header) return csvRecords(layout, csvColumns(columns ?? [], undefined, file.path));
  const found = await headerOf(file, layout, follow);
  return csvRecords(layout, csvColumns(found ?? columns ?? [], columns, file.path));
}

async function headerOf(file: InputFile, layout: CsvLayout, follow: boolean): Promise<readonly string[] | undefined> {
  const { path, packing, size } = file;
  const end = follow || packing !== 'plain' ? undefined : size;
  const segment = { path, packing, start: 0, end, format: csvRecords(layout, undefined) };
  const reader = await RecordReader.open(segment, () => follow, MAX_RECORD_BYTES, undefined);
  try {
    const fields = await readHeader(reader, path);
    if (fields !== undefined || !follow) return fields;
    throw headerError(
      path,
      'has no header line yet',
      'write the header first, or say header: false and name the columns',
    );
  } finally {
    reader.close();
  }
}

/** The fields of the next record, undefined if there is none now. */
export async function readHeader(reader: RecordReader, path: string): Promise<readonly string[] | undefined> {
  const rows: unknown[] = [];
  await reader.read(1, rows, 0);
  const [fields] = rows;
  if (fields === undefined || Array.isArray(fields)) return fields;
  throw headerError(path, 'has a header that is not CSV', 'see whether the delimiter and the quotes are right');
}

function headerError(path: string, fact: string, hint: string): MillraceError {
  return new MillraceError('unavailable', `the file ${path} ${fact}`, { where: { file: path }, retry: false, hint });
}
