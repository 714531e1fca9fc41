import { dirname } from 'node:path';
import type { Duration } from '../../model/index.ts';
import type { AtomicStep, Clock, CommitStore } from '../../ports/index.ts';
import { lockDirectory } from './directory-lock.ts';
import { rowOf, SqliteCommitStore } from './sqlite-commit-store.ts';
import { SqliteLog } from './sqlite-log.ts';
import { SqliteStepGroup } from './sqlite-step-group.ts';
import { StateFile, type StateFileOptions } from './state-file.ts';
import type { TailCacheLimits } from './tail-cache.ts';

export interface SqliteStoreOptions extends StateFileOptions {
  /** Gives messages their append time. */
  readonly clock: Clock;
  /** How much of what was appended last is kept as objects, to be read without decoding. Default: 4,096 messages, 16 MiB. */
  readonly cache?: TailCacheLimits;
  /** Refuses larger messages as `bad-record`. Default: 16 MiB. */
  readonly maxMessageBytes?: number;
  /**
   * How long steps of a `StepGroup` may be kept in memory, to be written in one transaction; plain appends are kept too. Not given or 0: there is no group, and
   * everything is written at once.
   */
  readonly flushEvery?: Duration;
  /** True if the caller holds the lock of the file's directory already; otherwise a store that writes takes it. */
  readonly locked?: boolean;
}

/** A log and a commit store in one file, with steps that are one transaction over both. */
export interface SqliteStore {
  readonly log: SqliteLog;
  readonly commits: CommitStore;
  readonly atomic: AtomicStep;
  /** Ends all use of the file. May be called again. */
  close(): void;
}

/**
 * Opens the state file at `path`, made if there is none and it is not opened read-only.
 *
 * Throws `data-lost` if it is damaged, `incompatible` if it is not a state file or of another format, `unavailable` if it cannot be
 * read or written or another process has it.
 */
export function openSqliteStore(options: SqliteStoreOptions): SqliteStore {
  const needsLock = options.readOnly !== true && options.locked !== true;
  const lock = needsLock ? lockDirectory(dirname(options.path)) : undefined;
  let file: StateFile | undefined;
  try {
    file = new StateFile(options);
    return storeOn(file, options, () => lock?.release());
  } catch (thrown) {
    file?.close();
    lock?.release();
    throw thrown;
  }
}

function storeOn(file: StateFile, options: SqliteStoreOptions, released: () => void): SqliteStore {
  const log = new SqliteLog(file, {
    clock: options.clock,
    cache: options.cache ?? { messages: 4_096, bytes: 16 * 2 ** 20 },
    maxMessageBytes: options.maxMessageBytes ?? 16 * 2 ** 20,
  });
  const commits = new SqliteCommitStore(file, log);
  const { clock, flushEvery = 0, readOnly = false } = options;
  const group =
    flushEvery === 0 || readOnly ? undefined : new SqliteStepGroup(log, commits, clock, flushEvery as Duration);
  const atomic: AtomicStep = {
    ...(group === undefined ? {} : { group }),
    appendAndPut: async (entries, run, task, slot, commit, expect) => {
      const row = rowOf(commit);
      const put = () => log.appendWith(entries, () => commits.write(run, task, slot, row, expect));
      return (await log.alone(put)) ? 'committed' : 'lost';
    },
  };
  let open = true;
  const close = () => {
    if (!open) return;
    open = false;
    try {
      group?.close();
      if (group?.holds !== true) log.flush();
    } finally {
      file.close();
      released();
    }
  };
  return { log, commits, atomic, close };
}
