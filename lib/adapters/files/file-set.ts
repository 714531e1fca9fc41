import { createHash } from 'node:crypto';
import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { basename, isAbsolute } from 'node:path';
import { globSync, isDynamicPattern } from 'tinyglobby';
import { MillraceError, messageOf } from '../../model/index.ts';
import type { Json } from '../../ports/index.ts';
import { fileError } from './file-error.ts';

/**
 * A file, several, or a glob such as `data/*.jsonl`; or a function that says which when the source is opened, where that cannot be said before, as of a file
 * in a package. Names that end in .gz or .zst are decompressed.
 */
export type FilePath = string | readonly string[] | (() => string | readonly string[]);

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

/** A path as the plan has it, which is the same on every machine: of an absolute path the last name, of a function nothing. */
export function pathInPlan(path: FilePath): { readonly path?: Json } {
  if (typeof path === 'function') return {};
  const short = (entry: string): string => (isAbsolute(entry) ? basename(entry) : entry);
  return { path: typeof path === 'string' ? short(path) : path.map(short) };
}

/** The files a path stands for, sorted by name, each once. Fails with `unavailable` if one is missing, is a directory, or a glob finds none. */
export function findFiles(path: FilePath): readonly InputFile[] {
  const names = new Set<string>();
  const said = typeof path === 'function' ? called(path) : path;
  for (const entry of typeof said === 'string' ? [said] : said) {
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

function called(path: () => string | readonly string[]): string | readonly string[] {
  try {
    return path();
  } catch (thrown) {
    throw new MillraceError('unavailable', `the path of an input file cannot be told: ${messageOf(thrown)}`, {
      retry: false,
      cause: thrown,
      hint: 'the function given as `path` threw this',
    });
  }
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
