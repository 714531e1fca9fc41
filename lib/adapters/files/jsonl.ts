import type { SourceConnector } from '../../ports/index.ts';
import { FileLog } from './file-log.ts';
import { type FilePath, findFiles, fingerprint, pathInPlan } from './file-set.ts';
import { jsonLines } from './jsonl-format.ts';
import { dealFiles } from './segments.ts';

/** Longest record read, unless said otherwise: 8 MiB. */
export const MAX_RECORD_BYTES = 8_388_608;

export interface JsonlOptions {
  /** A file, a list of files, a glob, or a function that says them. Names ending in .gz or .zst are decompressed. */
  readonly path: FilePath;
  /** Several files are dealt to that many partitions; one plain file is cut at lines into as many parts. Default 1; one a file with `follow`. */
  readonly partitions?: number;
  /** Go on as the file grows. It then never ends, and a last line counts once its line break is there. */
  readonly follow?: boolean;
  /** A longer line is a bad record. Default 8 MiB. */
  readonly maxRecordBytes?: number;
}

/**
 * Files with one JSON value a line. Blank lines are passed over and have no offset; a byte order mark is ignored; a line that is not JSON, not
 * UTF-8 or too long is a bad record, and the rest goes on. Offsets are numbers of rows.
 *
 * Without `follow` the files must stay as they are while a data directory refers to them: other names, sizes or beginnings are other data,
 * and a change just before the place where reading stopped is `data-lost`. A change in the middle that keeps the size is not seen.
 */
export function jsonl<T = unknown>(options: JsonlOptions): SourceConnector<T> {
  const { path, partitions, follow = false, maxRecordBytes = MAX_RECORD_BYTES } = options;
  return {
    kind: 'jsonl',
    options: { ...pathInPlan(path), follow, maxRecordBytes, ...(partitions === undefined ? {} : { partitions }) },
    bounded: !follow,
    live: follow,
    async open() {
      const files = findFiles(path);
      const segments = dealFiles(files, partitions, follow, true, () => jsonLines);
      const id = fingerprint(files, follow, `jsonl ${segments.length}`);
      return new FileLog(
        { id, partitions: segments.length, bounded: !follow, resumable: true },
        segments,
        () => follow,
        maxRecordBytes,
      );
    },
  };
}
