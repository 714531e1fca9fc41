import { resolve, sep } from 'node:path';
import { MillraceError } from '../lib/model/index.ts';

/** What a process that ran `millrace` says to its caller. */
export const exitCodes = {
  ok: 0,
  /** A run failed: a record, the author's code, an input or a disk. */
  failed: 1,
  /** The command line or the pipeline is wrong; nothing was run. */
  usage: 2,
  /** The state cannot be used: in use by another process, of another pipeline, damaged or lost. */
  state: 3,
  /** Ctrl-C. */
  interrupted: 130,
  /** SIGTERM. */
  terminated: 143,
} as const;

/** The table of exit codes in `--help`. */
export const exitCodesHelp = `
Exit codes:
  0    done
  1    the run failed: a record, an operator, an input, a disk
  2    the command line or the pipeline is wrong; nothing was run
  3    the state cannot be used: in use by another process, of another pipeline, damaged or lost
  130  interrupted (Ctrl-C); 143 terminated`;

/** A command line that makes no sense. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
  readonly hint: string | undefined;

  constructor(message: string, hint?: string) {
    super(message);
    this.hint = hint;
  }
}

/** The exit code for something that was thrown, or that a run failed with. With a data directory, what is wrong with that has a code of its own. */
export function exitCodeOf(error: unknown, dataDir?: string): number {
  if (error instanceof UsageError) return exitCodes.usage;
  if (!(error instanceof MillraceError)) return exitCodes.failed;
  switch (error.kind) {
    case 'invalid-pipeline':
      return exitCodes.usage;
    case 'incompatible':
    case 'state-lost':
      return exitCodes.state;
    case 'data-lost':
      return dataDir === undefined ? exitCodes.failed : exitCodes.state;
    case 'unavailable': {
      const { file } = error.where;
      return dataDir !== undefined && isIn(file, dataDir) ? exitCodes.state : exitCodes.failed;
    }
    default:
      return exitCodes.failed;
  }
}

const isIn = (file: string | undefined, folder: string): boolean =>
  file !== undefined && `${resolve(file)}${sep}`.startsWith(`${resolve(folder)}${sep}`);
