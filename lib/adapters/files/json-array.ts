import { MillraceError } from '../../model/index.ts';
import type { SourceConnector } from '../../ports/index.ts';
import { openBytes } from './byte-stream.ts';
import { FileLog } from './file-log.ts';
import { type FilePath, findFiles, fingerprint, type InputFile, pathInPlan } from './file-set.ts';
import { arrayStart, jsonElements } from './json-array-format.ts';
import { MAX_RECORD_BYTES } from './jsonl.ts';
import type { Segment } from './record-reader.ts';

export interface JsonArrayOptions {
  /** A file, a list of files, a glob, or a function that says them. Names ending in .gz or .zst are decompressed. */
  readonly path: FilePath;
  /** Where in the document the array lies: keys joined by dots, such as `features` in GeoJSON. Default: the document is the array. */
  readonly at?: string;
  /** Several files are dealt to that many partitions. Default 1. */
  readonly partitions?: number;
  /** A longer element is a bad record. Default 8 MiB. */
  readonly maxRecordBytes?: number;
}

/**
 * Files that hold one JSON array; each element is a row. Read piece by piece, never as a whole (what stands before the array must fit in memory).
 * An element that is not JSON is a bad record, and the rest goes on; a file that ends within the array gives one at its end.
 * Everything else as with `jsonl`.
 */
export function jsonArray<T = unknown>(options: JsonArrayOptions): SourceConnector<T> {
  const { path, at, partitions = 1, maxRecordBytes = MAX_RECORD_BYTES } = options;
  return {
    kind: 'json-array',
    options: { ...pathInPlan(path), partitions, maxRecordBytes, ...(at === undefined ? {} : { at }) },
    bounded: true,
    async open() {
      const files = findFiles(path);
      const segments: Segment[][] = Array.from({ length: partitions }, () => []);
      for (const [i, file] of files.entries()) segments[i % partitions]?.push(await locate(file, at));
      const id = fingerprint(files, false, `json-array ${partitions} ${at ?? ''}`);
      return new FileLog({ id, partitions, bounded: true, resumable: true }, segments, () => false, maxRecordBytes);
    },
  };
}

async function locate(file: InputFile, at: string | undefined): Promise<Segment> {
  const { path, packing } = file;
  const end = packing === 'plain' ? file.size : undefined;
  const stream = await openBytes({ path, packing, start: 0, end });
  try {
    let head = Buffer.alloc(0);
    for (;;) {
      const space = Buffer.allocUnsafe(Math.max(65_536, head.length));
      const n = await stream.read(space, 0, space.length);
      head = Buffer.concat([head, space.subarray(0, n)]);
      const start = arrayStart(head, at === undefined ? [] : at.split('.'));
      if (typeof start === 'number') return { path, packing, start, end, format: jsonElements };
      if (start === 'none' || n === 0) throw noArray(path, at);
    }
  } finally {
    stream.close();
  }
}

function noArray(path: string, at: string | undefined): MillraceError {
  const where = at === undefined ? '' : ` at ${at}`;
  return new MillraceError('unavailable', `the file ${path} holds no JSON array${where}`, {
    where: { file: path },
    retry: false,
    hint:
      at === undefined
        ? 'name the key that holds the array with `at`, or read JSON lines with jsonl()'
        : 'check the keys in `at`: they are joined by dots, from the outermost',
  });
}
