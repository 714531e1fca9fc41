import { createHash } from 'node:crypto';
import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { globSync, isDynamicPattern } from 'tinyglobby';
import { MillraceError } from '../../model/index.ts';
import { fileError } from './file-error.ts';

/** A file, several, or a glob such as `data/*.jsonl`. Names that end in .gz or .zst are decompressed. */
export type FilePath = string | readonly string[];

/** How a file's bytes are packed, told by its name. */
export type Packing = 'plain' | 'gzip' | 'zstd';

/** One input file as found when the source was opened. */
export interface InputFile {
  readonly path: string;
  readonly size: number;
  readonly packing: Packing;
}

const packingOf = (path: string): Packing =>
  path.endsWith('.gz') ? 'gzip' : path.endsWith('.zst') || path.endsWith('.zstd') ? 'zstd' : 'plain';

/** The files a path stands for, sorted by name, each once. Fails with `unavailable` if one is missing, is a directory, or a glob finds none. */
export function findFiles(path: FilePath): readonly InputFile[] {
  const names = new Set<string>();
  for (const entry of typeof path === 'string' ? [path] : path) {
    for (const name of expand(entry)) names.add(name);
  }
  if (names.size === 0) {
    throw new MillraceError('unavailable', 'the list of input files is empty', {
      retry: false,
      hint: 'give a path, a list of paths or a glob',
    });
  }
  return [...names].sort((a, b) => (a < b ? -1 : 1)).map(inspect);
}

function expand(entry: string): readonly string[] {
  if (!isDynamicPattern(entry) || statSync(entry, { throwIfNoEntry: false }) !== undefined) return [entry];
  const found = globSync(entry, { onlyFiles: true, expandDirectories: false });
  if (found.length > 0) return found;
  throw new MillraceError('unavailable', `no file matches ${entry}`, {
    where: { file: entry },
    retry: false,
    hint: 'check the pattern; a relative one is taken from the directory the process was started in',
  });
}

function inspect(path: string): InputFile {
  try {
    const stats = statSync(path);
    if (stats.isDirectory()) throw Object.assign(new Error('is a directory'), { code: 'EISDIR' });
    return { path, size: stats.size, packing: packingOf(path) };
  } catch (thrown) {
    throw fileError(thrown, path);
  }
}

/**
 * Names what a set of files is. For a bounded source: names, sizes and first kilobytes, so that a file which grew, shrank or was
 * replaced is other data. For files that are followed: their names only; cursors check the rest.
 */
export function fingerprint(files: readonly InputFile[], follow: boolean, layout: string): string {
  const hash = createHash('sha256').update(layout);
  for (const file of files) {
    hash.update(`\n${file.path}\n`);
    if (!follow) hash.update(`${file.size}\n`).update(head(file.path));
  }
  return hash.digest('hex').slice(0, 32);
}

function head(path: string): Uint8Array {
  try {
    const fd = openSync(path, 'r');
    try {
      const bytes = Buffer.alloc(1_024);
      return bytes.subarray(0, readSync(fd, bytes, 0, bytes.length, 0));
    } finally {
      closeSync(fd);
    }
  } catch (thrown) {
    throw fileError(thrown, path);
  }
}
