import { type ErrorDetails, MillraceError, messageOf } from '../../model/index.ts';

/** SQLite's primary result codes (https://sqlite.org/rescode.html) that have a meaning of their own here. */
const code = {
  perm: 3,
  busy: 5,
  locked: 6,
  noMemory: 7,
  readOnly: 8,
  ioError: 10,
  corrupt: 11,
  full: 13,
  cannotOpen: 14,
  tooBig: 18,
  notADatabase: 26,
} as const;

/** The primary result code of an error of `node:sqlite`; undefined for any other thing thrown. */
export function sqliteCode(thrown: unknown): number | undefined {
  if (!(thrown instanceof Error) || !('errcode' in thrown) || typeof thrown.errcode !== 'number') return undefined;
  return thrown.errcode & 0xff;
}

/** True if another connection holds what this one needs. */
export function isBusy(thrown: unknown): boolean {
  const found = sqliteCode(thrown);
  return found === code.busy || found === code.locked;
}

/** What `node:sqlite` threw while working on the state file `file`, as a MillraceError; one already is returned as it is. */
export function stateFileError(thrown: unknown, file: string): MillraceError {
  if (thrown instanceof MillraceError) return thrown;
  const details: ErrorDetails = { where: { file }, cause: thrown };
  const unavailable = (message: string, hint: string) =>
    new MillraceError('unavailable', `${message}: ${file}`, { ...details, hint });
  switch (sqliteCode(thrown)) {
    case code.corrupt:
      return damaged(file, thrown);
    case code.notADatabase:
      return notAStateFile(file, thrown);
    case code.busy:
    case code.locked:
      return unavailable('the state file is in use by another process', 'wait until it is done, or stop it');
    case code.full:
      return unavailable(
        'the disk is full, the state file cannot grow',
        'free some space and run again: it goes on where it was',
      );
    case code.perm:
    case code.readOnly:
      return unavailable('the state file cannot be written', 'check the permissions of the file and of its directory');
    case code.cannotOpen:
      return unavailable('the state file cannot be opened', 'check that its directory exists and may be written');
    case code.ioError:
      return unavailable('the state file cannot be read or written', 'check the disk and its free space');
    case code.noMemory:
      return unavailable('there is not enough memory to work on the state file', 'give the process more memory');
    case code.tooBig:
      return new MillraceError('bad-record', `too large for the state file: ${file}`, details);
  }
  if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ERR_INVALID_STATE') {
    return new MillraceError('unavailable', `the state file has been closed: ${file}`, { ...details, retry: false });
  }
  return new MillraceError('internal', `the state file: ${messageOf(thrown)}: ${file}`, details);
}

/** The error for a state file whose content is not what was written. */
export function damaged(file: string, cause: unknown): MillraceError {
  return new MillraceError('data-lost', `the state file is damaged: ${file}`, {
    where: { file },
    cause,
    hint: 'restore the data directory from a copy, or start again with an empty one',
  });
}

/** The error for a file that something else wrote. */
export function notAStateFile(file: string, cause?: unknown): MillraceError {
  return new MillraceError('incompatible', `the file is not a state file of millrace: ${file}`, {
    where: { file },
    ...(cause === undefined ? {} : { cause }),
    hint: 'name another data directory; if it was a state file before, its beginning is damaged',
  });
}
