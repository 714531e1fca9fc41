import { createHash } from 'node:crypto';
import {
  asyncBufferFromFile,
  type DecodedArray,
  type FileMetaData,
  parquetMetadataAsync,
  parquetRead,
} from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { MillraceError, messageOf } from '../../model/index.ts';
import type { SourceConnector, SourceLog, SourceSlice } from '../../ports/index.ts';
import { changedError, fileError } from './file-error.ts';
import { type FilePath, findFiles, fingerprint, pathInPlan } from './file-set.ts';
import { undecodable } from './record-format.ts';

export interface ParquetOptions {
  /** A file, a list of files, a glob, or a function that says them. */
  readonly path: FilePath;
  /** The columns wanted, which must be there. Default all. Columns not wanted are not read. */
  readonly columns?: readonly string[];
  /** Row groups are dealt to that many partitions, each a stretch of neighbours. Default 1. */
  readonly partitions?: number;
  /** What 64-bit integers become. Default `number`: a row with one beyond 2^53 is then a bad record. */
  readonly integers?: 'number' | 'bigint';
}

/**
 * Parquet files, read a row group at a time (one decoded group per partition is held). A row is an object; timestamps and dates are `Date`s,
 * those without a zone read as UTC; microseconds and nanoseconds are cut to milliseconds. Offsets are numbers of rows; reading goes on anywhere
 * without a scan. All compressions are understood, zstd among them.
 */
export function parquet<T = unknown>(options: ParquetOptions): SourceConnector<T> {
  const { path, columns, partitions = 1, integers = 'number' } = options;
  return {
    kind: 'parquet',
    options: { ...pathInPlan(path), partitions, integers, ...(columns === undefined ? {} : { columns }) },
    bounded: true,
    async open() {
      const files = findFiles(path);
      const groups: RowGroup[] = [];
      const footers = createHash('sha256');
      for (const file of files) {
        const metadata = await metadataOf(file.path);
        const names = columnsOf(metadata, columns, file.path);
        footers.update(
          JSON.stringify(metadata.row_groups.map((group) => [Number(group.num_rows), Number(group.total_byte_size)])),
        );
        let start = 0;
        for (const group of metadata.row_groups) {
          const rows = Number(group.num_rows);
          groups.push({ path: file.path, size: file.size, metadata, names, start, rows });
          start += rows;
        }
      }
      const dealt = Array.from({ length: partitions }, (_, p) =>
        groups.slice(Math.floor((p * groups.length) / partitions), Math.floor(((p + 1) * groups.length) / partitions)),
      );
      const id = fingerprint(files, false, `parquet ${partitions} ${footers.digest('hex')}`);
      return new ParquetLog(id, dealt, integers === 'bigint');
    },
  };
}

interface RowGroup {
  readonly path: string;
  readonly size: number;
  readonly metadata: FileMetaData;
  readonly names: readonly string[];
  /** First row in the file. */
  readonly start: number;
  readonly rows: number;
}

interface DecodedGroup {
  readonly index: number;
  readonly columns: readonly DecodedArray[];
}

class ParquetLog implements SourceLog {
  readonly info;
  readonly #groups: readonly (readonly RowGroup[])[];
  readonly #bigints: boolean;
  readonly #lengths: readonly number[];
  readonly #decoded: (DecodedGroup | undefined)[] = [];

  constructor(id: string, groups: readonly (readonly RowGroup[])[], bigints: boolean) {
    this.info = { id, partitions: groups.length, bounded: true, resumable: true };
    this.#groups = groups;
    this.#bigints = bigints;
    this.#lengths = groups.map((own) => own.reduce((sum, group) => sum + group.rows, 0));
  }

  async read(partition: number, from: number, limit: number): Promise<SourceSlice> {
    const end = this.#lengths[partition] ?? 0;
    const groups = this.#groups[partition] ?? [];
    if (from > end) throw changedError(groups[0]?.path ?? '', `it has ${end} rows, and ${from} were read from it`);
    let index = 0;
    let start = 0;
    while (index < groups.length && from >= start + (groups[index]?.rows ?? 0)) start += groups[index++]?.rows ?? 0;
    const group = groups[index];
    if (group === undefined) return { values: [], next: from, start: 0, end, sealed: true };
    const decoded = await this.#decode(partition, index, group);
    const first = from - start;
    const count = Math.min(limit, group.rows - first);
    const values = new Array<unknown>(count);
    for (let i = 0; i < count; i++) values[i] = this.#row(group, decoded, first + i, from + i);
    return { values, next: from + count, start: 0, end, sealed: from + count === end };
  }

  async bounds(partition: number): Promise<{ start: number; end: number; sealed: boolean }> {
    return { start: 0, end: this.#lengths[partition] ?? 0, sealed: true };
  }

  async close(): Promise<void> {
    this.#decoded.length = 0;
  }

  #row(group: RowGroup, decoded: DecodedGroup, at: number, offset: number): unknown {
    const row: Record<string, unknown> = {};
    for (let c = 0; c < group.names.length; c++) {
      const name = group.names[c] as string;
      const value = decoded.columns[c]?.[at];
      if (typeof value !== 'bigint' || this.#bigints) row[name] = value ?? null;
      else {
        const number = Number(value);
        if (!Number.isSafeInteger(number)) {
          const message = `row ${group.start + at + 1} of ${group.path} has an integer beyond 2^53 in ${name}: read it with integers: 'bigint'`;
          return undecodable(message, String(value), group.path, offset);
        }
        row[name] = number;
      }
    }
    return row;
  }

  async #decode(partition: number, index: number, group: RowGroup): Promise<DecodedGroup> {
    const held = this.#decoded[partition];
    if (held?.index === index) return held;
    this.#decoded[partition] = undefined;
    const parts = new Map<string, DecodedArray[]>();
    try {
      const file = await asyncBufferFromFile(group.path);
      if (file.byteLength !== group.size)
        throw changedError(group.path, `it has ${file.byteLength} bytes, and had ${group.size}`);
      await parquetRead({
        file,
        metadata: group.metadata,
        columns: [...group.names],
        compressors,
        rowStart: group.start,
        rowEnd: group.start + group.rows,
        onChunk({ columnName, columnData }) {
          const had = parts.get(columnName);
          if (had === undefined) parts.set(columnName, [columnData]);
          else had.push(columnData);
        },
      });
    } catch (thrown) {
      throw readError(thrown, group.path);
    }
    const columns = group.names.map((name) => joined(parts.get(name) ?? [], group));
    const decoded = { index, columns };
    this.#decoded[partition] = decoded;
    return decoded;
  }
}

function joined(parts: readonly DecodedArray[], group: RowGroup): DecodedArray {
  const [only] = parts;
  const column = parts.length === 1 && only !== undefined ? only : parts.flatMap((part) => Array.from<unknown>(part));
  if (column.length !== group.rows) {
    throw new MillraceError(
      'unavailable',
      `a row group of ${group.path} has ${column.length} values of ${group.rows}`,
      {
        where: { file: group.path },
        retry: false,
      },
    );
  }
  return column;
}

async function metadataOf(path: string): Promise<FileMetaData> {
  try {
    return await parquetMetadataAsync(await asyncBufferFromFile(path));
  } catch (thrown) {
    throw readError(thrown, path);
  }
}

function readError(thrown: unknown, path: string): MillraceError {
  if (thrown instanceof MillraceError || (thrown instanceof Error && 'code' in thrown)) return fileError(thrown, path);
  return new MillraceError('unavailable', `the file ${path} cannot be read as Parquet: ${messageOf(thrown)}`, {
    where: { file: path },
    retry: false,
    cause: thrown,
    hint: 'see whether it is a Parquet file, and whole',
  });
}

function columnsOf(metadata: FileMetaData, wanted: readonly string[] | undefined, path: string): readonly string[] {
  const found: string[] = [];
  for (let i = 1; i < metadata.schema.length; i = afterElement(metadata, i)) found.push(metadata.schema[i]?.name ?? '');
  const missing = (wanted ?? []).filter((name) => !found.includes(name));
  if (missing.length === 0) return wanted ?? found;
  throw new MillraceError('unavailable', `the file ${path} has no column ${missing.join(', ')}`, {
    where: { file: path },
    retry: false,
    hint: `its columns are ${found.join(', ')}`,
  });
}

/** Index of the schema element after the one at `i` and all that belongs to it. */
function afterElement(metadata: FileMetaData, i: number): number {
  let next = i + 1;
  for (let left = metadata.schema[i]?.num_children ?? 0; left > 0; left--) next = afterElement(metadata, next);
  return next;
}
