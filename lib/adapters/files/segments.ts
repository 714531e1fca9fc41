import { closeSync, openSync, readSync } from 'node:fs';
import { MillraceError } from '../../model/index.ts';
import { fileError } from './file-error.ts';
import type { InputFile } from './file-set.ts';
import type { RecordFormat } from './record-format.ts';
import type { Segment } from './record-reader.ts';

/**
 * Deals files to partitions, sorted by name, one after the other; a single file is cut into ranges of bytes that begin at lines.
 * The same files, sizes and number give the same deal.
 */
export function dealFiles(
  files: readonly InputFile[],
  partitions: number | undefined,
  follow: boolean,
  splittable: boolean,
  formatOf: (file: InputFile) => RecordFormat,
): readonly (readonly Segment[])[] {
  const count = partitions ?? (follow ? files.length : 1);
  const only = files.length === 1 ? files[0] : undefined;
  if (follow) refuseFollow(files, count);
  if (only !== undefined && count > 1) return split(only, count, splittable, formatOf(only));
  const dealt: Segment[][] = Array.from({ length: count }, () => []);
  files.forEach((file, i) => {
    dealt[i % count]?.push(whole(file, follow, formatOf(file)));
  });
  return dealt;
}

function whole(file: InputFile, follow: boolean, format: RecordFormat): Segment {
  const end = follow || file.packing !== 'plain' ? undefined : file.size;
  return { path: file.path, packing: file.packing, start: 0, end, format };
}

function refuseFollow(files: readonly InputFile[], count: number): void {
  const packed = files.find((file) => file.packing !== 'plain');
  if (packed !== undefined)
    throw refusal(`the compressed file ${packed.path} cannot be followed`, 'follow the plain file');
  if (files.length === 1 && count > 1) {
    throw refusal(
      `${files[0]?.path} cannot be both followed and read in ${count} partitions`,
      'leave out partitions, or follow several files',
    );
  }
  if (count < files.length) {
    throw refusal(
      `${files.length} files cannot be followed in ${count} partitions: the second file of a partition would never be reached`,
      'leave out partitions: each file followed is one',
    );
  }
}

function split(
  file: InputFile,
  count: number,
  splittable: boolean,
  format: RecordFormat,
): readonly (readonly Segment[])[] {
  if (file.packing !== 'plain')
    throw refusal(
      `the compressed file ${file.path} cannot be split into ${count} partitions`,
      'unpack it, or leave out partitions',
    );
  if (!splittable) {
    throw refusal(
      `${file.path} cannot be split into ${count} partitions: a quoted field could hold a line break`,
      'say multiline: false if no field does, or leave out partitions',
    );
  }
  const starts = Array.from({ length: count }, (_, i) => lineStart(file, Math.floor((file.size * i) / count)));
  return starts.map((start, i) => {
    const end = starts[i + 1] ?? file.size;
    return start === end && i > 0 ? [] : [{ path: file.path, packing: 'plain' as const, start, end, format }];
  });
}

/** The first beginning of a line at or after `byte`. */
function lineStart(file: InputFile, byte: number): number {
  if (byte === 0) return 0;
  try {
    const fd = openSync(file.path, 'r');
    try {
      const chunk = Buffer.allocUnsafe(65_536);
      for (let at = byte - 1; ; ) {
        const n = readSync(fd, chunk, 0, chunk.length, at);
        const newline = chunk.subarray(0, n).indexOf(10);
        if (n === 0) return file.size;
        if (newline >= 0) return Math.min(file.size, at + newline + 1);
        at += n;
      }
    } finally {
      closeSync(fd);
    }
  } catch (thrown) {
    throw fileError(thrown, file.path);
  }
}

export function refusal(message: string, hint: string): MillraceError {
  return new MillraceError('invalid-pipeline', message, { hint });
}
