import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { makeFolders } from '../../folders/index.ts';
import { MillraceError } from '../../model/index.ts';
import { isBusy, stateFileError } from './sqlite-error.ts';

/** Holds a data directory until it is released or the process ends. */
export interface DirectoryLock {
  readonly directory: string;
  release(): void;
}

/**
 * Takes a directory, made if there is none, for this process alone. The lock is a write transaction of SQLite on the file
 * `lock` that stays open: the operating system lets go of it when the process ends, however it ends. `lock.pid` beside it only serves the message.
 *
 * Throws `unavailable` if another has it, or if the directory cannot be written.
 */
export function lockDirectory(directory: string): DirectoryLock {
  const file = join(directory, 'lock');
  const owner = join(directory, 'lock.pid');
  let database: DatabaseSync | undefined;
  try {
    makeFolders(directory);
    database = new DatabaseSync(file, { timeout: 0 });
    database.exec('BEGIN IMMEDIATE');
    writeFileSync(owner, `${process.pid}\n`);
  } catch (thrown) {
    database?.close();
    throw lockError(thrown, directory, file, owner);
  }
  const held = database;
  return {
    directory,
    release: () => {
      if (!held.isOpen) return;
      rmSync(owner, { force: true });
      held.close();
    },
  };
}

/** Whether some process, this one too, has taken the directory and not released it. */
export function isInUse(directory: string): boolean {
  const file = join(directory, 'lock');
  if (!existsSync(file)) return false;
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(file, { timeout: 0 });
    database.exec('BEGIN IMMEDIATE');
    return false;
  } catch (thrown) {
    if (isBusy(thrown)) return true;
    throw lockError(thrown, directory, file, join(directory, 'lock.pid'));
  } finally {
    database?.close();
  }
}

/** The process that holds the directory, as far as is known; undefined if none does. */
function lockOwner(directory: string): number | undefined {
  try {
    const pid = Number.parseInt(readFileSync(join(directory, 'lock.pid'), 'utf8'), 10);
    return Number.isNaN(pid) ? undefined : pid;
  } catch {
    return undefined;
  }
}

function lockError(thrown: unknown, directory: string, file: string, owner: string): MillraceError {
  const where = { file: directory };
  if (isBusy(thrown)) {
    const pid = lockOwner(directory);
    const who = pid === undefined ? '' : ` (pid ${pid})`;
    return new MillraceError('unavailable', `the data directory is in use by another process${who}: ${directory}`, {
      where,
      cause: thrown,
      retry: false,
      hint: 'stop that process first, or name another data directory',
    });
  }
  if (thrown instanceof Error && 'syscall' in thrown) {
    return new MillraceError('unavailable', `the data directory cannot be written: ${directory}`, {
      where,
      cause: thrown,
      retry: false,
      hint: `check its permissions and those of ${owner}`,
    });
  }
  return stateFileError(thrown, file);
}
