/** Rows of a pipeline's tables, read from outside: between the steps of tasks in this process, or as stores hold them. */
import {
  compareKeyIds,
  type Key,
  type KeyId,
  keyIdOf,
  keyOf,
  MAX_TIME,
  MIN_TIME,
  MillraceError,
  partitionOf,
  type TaskId,
} from '../model/index.ts';
import type { OperatorDefinition } from '../operators/index.ts';
import type { Pipeline } from '../pipeline/index.ts';
import type { Plan } from '../plan/index.ts';
import type { AnyCell, Sub } from '../state/index.ts';

/** What a reading is as of: the least watermark of the tasks that were read, in milliseconds; `none` before all their inputs have said one, `end` after everything. */
export type AsOf = number | 'none' | 'end';

/** One row, or that there is none. */
export interface RowRead<V> {
  readonly value: V | undefined;
  readonly asOf: AsOf;
}

/** What a watermark says of when a reading is. */
export const asOf = (watermark: number): AsOf =>
  watermark === MIN_TIME ? 'none' : watermark === MAX_TIME ? 'end' : watermark;

export interface RowsRead<K, V> {
  /** In the order of keys, then of windows: numbers by value, texts by UTF-16 code unit. */
  readonly rows: readonly { readonly key: K; readonly value: V }[];
  /** There are more rows than were asked for. */
  readonly more: boolean;
  readonly asOf: AsOf;
}

/** Which rows are wanted; all bounds are optional. */
export interface RowsQuery {
  /** Rows of this key. Of tables of windows: of the key within their key. */
  readonly key?: Key;
  /** Keys at or after this one. */
  readonly from?: Key;
  /** Keys before this one. */
  readonly to?: Key;
  /** Of tables of windows: those that begin at or after this time. */
  readonly windowFrom?: number;
  /** Of tables of windows: those that begin before this time. */
  readonly windowTo?: number;
  /** At most so many. Default 1000. */
  readonly limit?: number;
}

/** Reads a table. Each task is read between two of its steps: never half a batch, though two tasks may be some batches apart. */
export interface TableReader<K, V> {
  /** The row of a key; of a table of windows, its key with the window: `{ key, start, end }`. */
  get(key: K): Promise<RowRead<V>>;
  /** Rows in the order of their keys. Looks at every key of the table, unless the query names one. Throws `bad-record` where the limit is no whole number from 0, or something else is asked for. */
  rows(query?: RowsQuery): Promise<RowsRead<K, V>>;
}

/** A task's cells, as somebody holds them. */
export interface CellsOfTask {
  readonly watermark: AsOf;
  /** Undefined where the task has none. */
  readonly table:
    | {
        cells(): Iterable<Pick<AnyCell, 'key' | 'sub' | 'value'>>;
        cellsOf(key: KeyId): readonly Pick<AnyCell, 'key' | 'sub' | 'value'>[];
      }
    | undefined;
}

/** Lends a task's cells of a state for the time of the call. */
export type LookAtCells = <T>(task: TaskId, table: string, look: (cells: CellsOfTask) => T) => Promise<T>;

/** Ids of the operators whose rows can be read: those of tables that keep any. */
export function readableTables({ operators }: Pick<Pipeline, 'operators'>): readonly string[] {
  return [...operators].filter(([, { rows }]) => rows !== undefined).map(([id]) => id);
}

/**
 * A reader of the table that an operator makes. `planOf`: the plan of the run that is read, which may have another parallelism than the pipeline as it is written. Throws
 * `invalid-pipeline` if there is no such table. What `filter` and `mapValues` make is not kept, and is read where it ends.
 */
export function tableReader<K extends Key, V>(
  pipeline: Pick<Pipeline, 'operators' | 'plan' | 'name'>,
  id: string,
  look: LookAtCells,
  planOf: () => Promise<Pick<Plan, 'stages'>> = async () => pipeline.plan,
): TableReader<K, V> {
  const { rows } = pipeline.operators.get(id) ?? {};
  const stage = pipeline.plan.stages.find(({ nodes }) => nodes.includes(id));
  if (rows === undefined || stage === undefined) {
    const known = readableTables(pipeline).join(', ');
    throw new MillraceError('invalid-pipeline', `the pipeline ${pipeline.name} keeps no table ${id}`, {
      where: { pipeline: pipeline.name },
      hint: known === '' ? 'make one: stream.keyBy(...).toTable(id)' : `it keeps ${known}`,
    });
  }
  const tasksOf = async (key: KeyId | undefined): Promise<readonly TaskId[]> => {
    const { partitions } = (await planOf()).stages.find(({ nodes }) => nodes.includes(id)) ?? stage;
    if (key !== undefined) return [{ stage: stage.id, partition: partitionOf(key, partitions) }];
    return Array.from({ length: partitions }, (_, partition) => ({ stage: stage.id, partition }));
  };
  return new StateRows(tasksOf, rows, `${id}/${rows.state}`, look) as unknown as TableReader<K, V>;
}

type TableRows = NonNullable<OperatorDefinition['rows']>;
/** The task that has a key, or all. */
type TasksOf = (key: KeyId | undefined) => Promise<readonly TaskId[]>;

interface Found {
  readonly id: KeyId;
  readonly start: number;
  readonly key: Key;
  readonly value: unknown;
}

const MOST_ROWS = 1_000;

class StateRows implements TableReader<Key, unknown> {
  readonly #tasksOf: TasksOf;
  readonly #rows: TableRows;
  readonly #table: string;
  readonly #look: LookAtCells;

  constructor(tasksOf: TasksOf, rows: TableRows, table: string, look: LookAtCells) {
    this.#tasksOf = tasksOf;
    this.#rows = rows;
    this.#table = table;
    this.#look = look;
  }

  async get(key: Key): Promise<RowRead<unknown>> {
    const { key: within, start } =
      this.#rows.windows === true ? (key as { key: Key; start: number }) : { key, start: undefined };
    const id = keyIdOf(within);
    const [task] = await this.#tasksOf(id);
    return this.#look(task!, this.#table, ({ table, watermark }) => {
      const cell = table?.cellsOf(id).find(({ sub }) => sub === start);
      return { value: cell === undefined ? undefined : this.#rows.row(cell.value, id), asOf: watermark };
    });
  }

  async rows(query: RowsQuery = {}): Promise<RowsRead<Key, unknown>> {
    const { limit = MOST_ROWS } = query;
    checkQuery(query, limit);
    const id = query.key === undefined ? undefined : keyIdOf(query.key);
    const wanted = wantedBy(query);
    const read = await Promise.all(
      (await this.#tasksOf(id)).map((task) =>
        this.#look(task, this.#table, ({ table, watermark }) => {
          const found: Found[] = [];
          for (const { key, sub, value } of (id === undefined ? table?.cells() : table?.cellsOf(id)) ?? []) {
            if (wanted(key, sub)) found.push(...this.#found(key, sub, value));
          }
          return { found, watermark };
        }),
      ),
    );
    const all = read.flatMap(({ found }) => found).sort((a, b) => compareKeyIds(a.id, b.id) || a.start - b.start);
    return {
      rows: all.slice(0, limit).map(({ key, value }) => ({ key, value })),
      more: all.length > limit,
      asOf: leastOf(read.map(({ watermark }) => watermark)),
    };
  }

  *#found(id: KeyId, sub: Sub, held: unknown): Generator<Found> {
    const value = this.#rows.row(held, id);
    if (value === undefined) return;
    if (this.#rows.windows !== true) yield { id, start: 0, key: keyOf(id), value };
    else {
      const [start, end] = [sub as number, (held as { end: number }).end];
      yield { id, start, key: { key: keyOf(id), start, end }, value };
    }
  }
}

const ASKED = ['key', 'from', 'to', 'windowFrom', 'windowTo', 'limit'] satisfies readonly (keyof RowsQuery)[];

function checkQuery(query: RowsQuery, limit: number): void {
  const unknown = Object.keys(query).find((name) => !(ASKED as readonly string[]).includes(name));
  if (unknown !== undefined) {
    throw new MillraceError('bad-record', `rows are not asked for by ${unknown}`, { hint: `use ${ASKED.join(', ')}` });
  }
  if (Number.isSafeInteger(limit) && limit >= 0) return;
  throw new MillraceError('bad-record', `the limit is ${String(limit)}, which is no number of rows`, {
    hint: 'give a whole number from 0, or leave it out for 1000',
  });
}

function wantedBy({ from, to, windowFrom, windowTo }: RowsQuery): (key: KeyId, sub: Sub) => boolean {
  const [low, high] = [from, to].map((key) => (key === undefined ? undefined : keyIdOf(key)));
  return (key, sub) =>
    (low === undefined || compareKeyIds(key, low) >= 0) &&
    (high === undefined || compareKeyIds(key, high) < 0) &&
    (windowFrom === undefined || (sub as number) >= windowFrom) &&
    (windowTo === undefined || (sub as number) < windowTo);
}

function leastOf(watermarks: readonly AsOf[]): AsOf {
  if (watermarks.includes('none')) return 'none';
  const times = watermarks.filter((each) => typeof each === 'number');
  return times.length === 0 ? 'end' : Math.min(...times);
}
