import { MillraceError, messageOf } from '../../model/index.ts';

/** True if the error is the operating system's of that name (`ENOENT`). */
export function hasCode(thrown: unknown, code: string): boolean {
  return thrown instanceof Error && 'code' in thrown && thrown.code === code;
}

/** What a call to the file system threw, as `unavailable` with what a person can do; a MillraceError is returned as it is. */
export function directoryError(thrown: unknown, path: string): MillraceError {
  if (thrown instanceof MillraceError) return thrown;
  const details = { where: { file: path }, cause: thrown };
  if (hasCode(thrown, 'ENOSPC') || hasCode(thrown, 'EDQUOT')) {
    const hint = 'free some space and run again: it goes on where it was';
    return new MillraceError('unavailable', `the disk is full, a blob cannot be written: ${path}`, {
      ...details,
      hint,
    });
  }
  if (hasCode(thrown, 'EACCES') || hasCode(thrown, 'EPERM') || hasCode(thrown, 'EROFS')) {
    const hint = 'check the permissions of the data directory';
    return new MillraceError('unavailable', `a blob's file cannot be read or written: ${path}`, { ...details, hint });
  }
  return new MillraceError('unavailable', `a blob's file: ${messageOf(thrown)}`, details);
}
