import { MillraceError, messageOf } from '../../model/index.ts';

const reasons: Readonly<Record<string, readonly [fact: string, hint: string]>> = {
  ENOENT: ['does not exist', 'check the path; a relative one is taken from the directory the process was started in'],
  EACCES: ['may not be opened', 'give the user that runs the pipeline permission on the file and its folder'],
  EPERM: ['may not be opened', 'give the user that runs the pipeline permission on the file and its folder'],
  EISDIR: ['is a directory', 'name a file, or a glob such as "folder/*.jsonl"'],
  ENOTDIR: ['has a parent that is not a directory', 'check the path'],
  EROFS: ['is on a read-only file system', 'choose a path that can be written'],
  EMFILE: ['cannot be opened: too many files are open', 'raise the limit of open files (ulimit -n)'],
  ENOSPC: ['cannot be written: the disk is full', 'free some space; writing goes on from the last commit'],
  EDQUOT: ['cannot be written: the quota is used up', 'free some space; writing goes on from the last commit'],
};

const passing: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT', 'EMFILE', 'EIO', 'EAGAIN']);

/** What the system said of a file, as `unavailable`; worth another attempt only where the cause may pass (a full disk). */
export function fileError(thrown: unknown, path: string): MillraceError {
  if (thrown instanceof MillraceError) return thrown;
  const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : '';
  const [fact, hint] = reasons[code] ?? [`cannot be used: ${messageOf(thrown)}`, undefined];
  return new MillraceError('unavailable', `the file ${path} ${fact}`, {
    where: { file: path },
    retry: passing.has(code),
    cause: thrown,
    ...(hint === undefined ? {} : { hint }),
  });
}

/** The file is no longer what rows were read from: `data-lost`. */
export function changedError(path: string, how: string): MillraceError {
  return new MillraceError('data-lost', `the file ${path} changed under its offsets: ${how}`, {
    where: { file: path },
    hint: 'restore the file as it was, or start over with a new data directory',
  });
}
