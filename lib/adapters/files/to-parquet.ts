import { rmSync, statSync } from 'node:fs';
import { MillraceError } from '../../model/index.ts';
import type { Json, SinkBatch, SinkConnector, SinkWriter } from '../../ports/index.ts';
import { AppendFile } from './append-file.ts';
import { type ParquetSchema, writeParquet } from './parquet-file.ts';
import { refusal } from './segments.ts';
import { fillPath, isSingle } from './sink-path.ts';
import { cellValue, stagedLine } from './staged-row.ts';

export interface ParquetSinkOptions {
  /** One file for all, or, with `{task}` in it, one a task. `{pipeline}` and `{run}` are filled in too. Missing folders are made. */
  readonly path: string;
  /** The columns to write and their types. Default: all fields of all records, with the types that hold them. */
  readonly schema?: ParquetSchema;
  /** Begin another file after that many rows: `<name>-00000.parquet`, `<name>-00001.parquet`, ... Needs a schema, so that all files have the same. */
  readonly rollRows?: number;
}

/**
 * Parquet files. Exactly once: rows gather in `<path>.staging`, put back to the length that the commit remembers when a writer takes over, and
 * become a file when the input has ended or the file is full; files appear whole. Without `rollRows` nothing can be read before the end, and after it
 * the file takes no more records.
 */
export function toParquet<T = unknown>(options: ParquetSinkOptions): SinkConnector<T> {
  const { path, schema, rollRows } = options;
  if (rollRows !== undefined && (schema === undefined || !(rollRows >= 1))) {
    throw refusal(
      'a Parquet sink with rollRows needs a schema and at least one row a file',
      'give schema: { column: type, ... }',
    );
  }
  return {
    kind: 'parquet',
    options: { path, ...(schema === undefined ? {} : { schema }), ...(rollRows === undefined ? {} : { rollRows }) },
    guarantee: 'exactly-once',
    goesBack: true,
    single: isSingle(path),
    async open(host, state) {
      return new ParquetSinkWriter(fillPath(path, host), schema, rollRows, readState(state));
    },
  };
}

interface State {
  readonly part: number;
  readonly rows: number;
  readonly bytes: number;
}

class ParquetSinkWriter implements SinkWriter {
  readonly #path: string;
  readonly #schema: ParquetSchema | undefined;
  readonly #rollRows: number;
  #part: number;
  #rows: number;
  /** Undefined where the file was finished before. */
  #staging: AppendFile | undefined;
  /** Stagings below are gone. Those of files that are written are kept until the commit that says so. */
  #spent: number;

  constructor(path: string, schema: ParquetSchema | undefined, rollRows: number | undefined, state: State | undefined) {
    this.#path = path;
    this.#schema = schema;
    this.#rollRows = rollRows ?? Number.POSITIVE_INFINITY;
    this.#part = state?.part ?? 0;
    this.#spent = this.#part;
    this.#rows = state?.rows ?? 0;
    const staging = this.#stagingPath(this.#part);
    const finished = state !== undefined && exists(this.#partPath(this.#part)) && !exists(staging);
    if (finished) return;
    this.#staging = AppendFile.open(staging, state?.bytes, true);
    if (rollRows === undefined) return;
    for (let part = this.#part - 1; part >= 0 && exists(this.#stagingPath(part)); part--)
      rmSync(this.#stagingPath(part));
    for (let part = this.#part; exists(this.#partPath(part)) || exists(this.#stagingPath(part)); part++) {
      rmSync(this.#partPath(part), { force: true });
      if (part > this.#part) rmSync(this.#stagingPath(part), { force: true });
    }
  }

  async write(batch: SinkBatch): Promise<Json> {
    const { values } = batch;
    for (let i = 0; i < values.length; ) {
      const count = Math.min(values.length - i, this.#rollRows - this.#rows);
      const staging = this.#open();
      let lines = '';
      for (const value of values.slice(i, i + count)) lines += `${this.#line(value)}\n`;
      staging.append([Buffer.from(lines)]);
      this.#rows += count;
      i += count;
      if (this.#rows === this.#rollRows) await this.#roll(staging);
    }
    return { part: this.#part, rows: this.#rows, bytes: this.#staging?.length ?? 0 };
  }

  committed(state: Json): void {
    const { part } = state as unknown as State;
    while (this.#spent < part) rmSync(this.#stagingPath(this.#spent++), { force: true });
  }

  async finish(): Promise<void> {
    if (this.#staging === undefined) return;
    while (this.#spent < this.#part) rmSync(this.#stagingPath(this.#spent++), { force: true });
    this.#staging.close();
    const staging = this.#stagingPath(this.#part);
    if (this.#rows > 0 || this.#part === 0) await writeParquet(staging, this.#partPath(this.#part), this.#schema);
    rmSync(staging, { force: true });
    this.#staging = undefined;
  }

  async close(): Promise<void> {
    this.#staging?.close();
  }

  async #roll(staging: AppendFile): Promise<void> {
    staging.close();
    await writeParquet(this.#stagingPath(this.#part), this.#partPath(this.#part), this.#schema);
    this.#part++;
    this.#rows = 0;
    this.#staging = AppendFile.open(this.#stagingPath(this.#part), undefined, true);
  }

  #open(): AppendFile {
    if (this.#staging !== undefined) return this.#staging;
    throw new MillraceError(
      'incompatible',
      `the Parquet file ${this.#partPath(this.#part)} is finished and takes no more records`,
      {
        where: { file: this.#partPath(this.#part) },
        hint: 'start over with a new data directory, or write JSON lines, which can be added to',
      },
    );
  }

  /** The staged line, a value of the wrong type being found while its record is still at hand. */
  #line(value: unknown): string {
    const line = stagedLine(value);
    if (this.#schema !== undefined) {
      const row: Record<string, unknown> = JSON.parse(line);
      for (const [name, type] of Object.entries(this.#schema)) {
        if (cellValue(row[name], type) !== undefined) continue;
        throw new MillraceError(
          'bad-record',
          `the column ${name} is declared ${type}, and a record holds ${JSON.stringify(row[name])}`,
          {
            hint: 'correct the schema of the Parquet sink, or map the record',
          },
        );
      }
    }
    return line;
  }

  #partPath(part: number): string {
    if (this.#rollRows === Number.POSITIVE_INFINITY) return this.#path;
    return `${this.#path.replace(/\.parquet$/, '')}-${String(part).padStart(5, '0')}.parquet`;
  }

  #stagingPath(part: number): string {
    return `${this.#partPath(part)}.staging`;
  }
}

const exists = (path: string): boolean => statSync(path, { throwIfNoEntry: false }) !== undefined;

function readState(state: Json | undefined): State | undefined {
  if (state === undefined || state === null) return undefined;
  const { part, rows, bytes } = state as { readonly part?: Json; readonly rows?: Json; readonly bytes?: Json };
  if (typeof part !== 'number' || typeof rows !== 'number' || typeof bytes !== 'number') {
    throw new MillraceError('incompatible', 'the state of a Parquet sink cannot be understood');
  }
  return { part, rows, bytes };
}
