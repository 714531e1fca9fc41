import { existsSync, statSync } from 'node:fs';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { MillraceError } from '../../model/index.ts';
import { notAStateFile, stateFileError } from './sqlite-error.ts';

/** "mill" in ASCII: marks the file as ours (https://sqlite.org/fileformat.html#application_id). */
const APPLICATION_ID = 0x6d696c6c;
/** Version of the tables below. */
const FORMAT = 2;

/**
 * A partition's messages have ids from `partition id * 2^36` on, so that one table serves all logs in order; a commit's id is
 * `task id * 2^20 + slot`. Both stay below 2^53, the integers that a JavaScript number holds.
 */
const TABLES = `
  CREATE TABLE topics (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, incarnation TEXT NOT NULL, partitions INTEGER NOT NULL);
  CREATE TABLE partitions (
    id INTEGER PRIMARY KEY AUTOINCREMENT, topic INTEGER NOT NULL, partition INTEGER NOT NULL,
    first INTEGER NOT NULL, next INTEGER NOT NULL, last_time INTEGER NOT NULL, UNIQUE (topic, partition));
  CREATE TABLE messages (id INTEGER PRIMARY KEY, time INTEGER NOT NULL, bytes BLOB NOT NULL);
  CREATE TABLE tasks (id INTEGER PRIMARY KEY, run TEXT NOT NULL, stage TEXT NOT NULL, partition INTEGER NOT NULL, UNIQUE (run, stage, partition));
  CREATE TABLE commits (id INTEGER PRIMARY KEY, version INTEGER NOT NULL, header TEXT NOT NULL, blob TEXT, body BLOB);
  CREATE TABLE records (pipeline TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (pipeline, name)) WITHOUT ROWID;
`;

export interface StateFileOptions {
  readonly path: string;
  /** Opens an existing file for reading only, also while another process writes. Default: false. */
  readonly readOnly?: boolean;
  /** `normal`: what is committed survives the end of the process, however it comes. `full`: also a power cut. Default: `normal`. */
  readonly synchronous?: 'normal' | 'full';
  /** Refuses to let the file grow beyond, as if the disk were full. Default: no bound. */
  readonly maxFileBytes?: number;
}

/** An open SQLite file with millrace's tables. Whatever it throws is a MillraceError that names the file. */
export class StateFile {
  readonly path: string;
  readonly readOnly: boolean;
  readonly #database: DatabaseSync;
  readonly #begin: StatementSync;
  readonly #commit: StatementSync;
  readonly #rollback: StatementSync;

  constructor(options: StateFileOptions) {
    this.path = options.path;
    this.readOnly = options.readOnly ?? false;
    this.#database = this.guard(() => open(options));
    this.#begin = this.prepare('BEGIN IMMEDIATE');
    this.#commit = this.prepare('COMMIT');
    this.#rollback = this.prepare('ROLLBACK');
  }

  prepare(sql: string): StatementSync {
    return this.guard(() => this.#database.prepare(sql));
  }

  /** Runs work on the file; errors come out as MillraceErrors. */
  guard<T>(work: () => T): T {
    try {
      return work();
    } catch (thrown) {
      throw stateFileError(thrown, this.path);
    }
  }

  /** Runs `work` as one transaction; nothing of it remains if it throws or returns `undefined`. */
  transaction<T>(work: () => T | undefined): T | undefined {
    return this.guard(() => {
      this.#begin.run();
      try {
        const result = work();
        if (result === undefined) this.#rollback.run();
        else this.#commit.run();
        return result;
      } catch (thrown) {
        if (this.#database.isTransaction) this.#rollback.run();
        throw thrown;
      }
    });
  }

  /** Runs reads that see one instant of the file: a process that only reads may have another write meanwhile. */
  snapshot<T>(work: () => T): T {
    if (!this.readOnly) return this.guard(work);
    return this.guard(() => {
      this.#database.exec('BEGIN');
      try {
        return work();
      } finally {
        this.#database.exec('COMMIT');
      }
    });
  }

  close(): void {
    if (this.#database.isOpen) this.guard(() => this.#database.close());
  }
}

function open(options: StateFileOptions): DatabaseSync {
  const { path, readOnly = false } = options;
  if (readOnly && !existsSync(path)) {
    throw new MillraceError('unavailable', `there is no state file: ${path}`, { where: { file: path }, retry: false });
  }
  const database = new DatabaseSync(path, { readOnly, timeout: 1_000, enableForeignKeyConstraints: false });
  try {
    if (!readOnly) configure(database, options);
    check(database, path, readOnly);
    return database;
  } catch (thrown) {
    database.close();
    throw thrown;
  }
}

function configure(database: DatabaseSync, options: StateFileOptions): void {
  const isNew = statSync(options.path).size === 0;
  if (!isNew && numberOf(database, 'application_id') !== APPLICATION_ID) throw notAStateFile(options.path);
  if (isNew) database.exec('PRAGMA page_size = 8192');
  database.exec('PRAGMA journal_mode = WAL');
  database.exec(`PRAGMA synchronous = ${options.synchronous === 'full' ? 'FULL' : 'NORMAL'}`);
  database.exec('PRAGMA wal_autocheckpoint = 4096');
  database.exec('PRAGMA journal_size_limit = 67108864');
  database.exec('PRAGMA cache_size = -16384');
  if (options.maxFileBytes !== undefined) {
    const pages = Math.max(1, Math.floor(options.maxFileBytes / numberOf(database, 'page_size')));
    database.exec(`PRAGMA max_page_count = ${pages}`);
  }
}

function check(database: DatabaseSync, path: string, readOnly: boolean): void {
  const application = numberOf(database, 'application_id');
  const format = numberOf(database, 'user_version');
  if (application === 0 && format === 0 && !readOnly) {
    database.exec(
      `BEGIN IMMEDIATE; ${TABLES} PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${FORMAT}; COMMIT`,
    );
    return;
  }
  if (application !== APPLICATION_ID) throw notAStateFile(path);
  if (format !== FORMAT) {
    throw new MillraceError(
      'incompatible',
      `the state file has format ${format}, this millrace reads ${FORMAT}: ${path}`,
      {
        where: { file: path },
        hint: format > FORMAT ? 'use the newer millrace that wrote it' : 'use the older millrace that wrote it',
      },
    );
  }
}

function numberOf(database: DatabaseSync, pragma: string): number {
  const row = database.prepare(`PRAGMA ${pragma}`).get();
  return Number(row === undefined ? 0 : Object.values(row)[0]);
}
