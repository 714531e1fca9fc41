import { MillraceError } from '../../model/index.ts';

/** Longest file name that common file systems take, in bytes. */
const LONGEST = 255;

/**
 * A blob's name as a relative path that any file system takes: each segment percent-encoded where it holds other than letters,
 * digits and `-_.!~'()`. Throws `internal` for a name that is no path of segments or would leave the directory.
 */
export function pathOfName(name: string): string {
  return name
    .split('/')
    .map((segment) => encodeSegment(segment, name))
    .join('/');
}

/** The name whose path that is; undefined if no name has it. */
export function nameOfPath(path: string): string | undefined {
  try {
    const name = decodeURIComponent(path);
    return pathOfName(name) === path ? name : undefined;
  } catch {
    return undefined;
  }
}

function encodeSegment(segment: string, name: string): string {
  if (segment === '' || segment === '.' || segment === '..') throw invalid(name, 'an empty segment, "." or ".."');
  if (!segment.isWellFormed()) throw invalid(name, 'half of a surrogate pair');
  const encoded = encodeURIComponent(segment).replaceAll('*', '%2A');
  if (encoded.length > LONGEST) throw invalid(name, `a segment of more than ${LONGEST} bytes`);
  return encoded;
}

function invalid(name: string, reason: string): MillraceError {
  return new MillraceError('internal', `not a name of a blob, it has ${reason}: ${JSON.stringify(name)}`);
}
