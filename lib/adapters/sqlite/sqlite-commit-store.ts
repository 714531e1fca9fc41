import type { StatementSync } from 'node:sqlite';
import type { TaskId } from '../../model/index.ts';
import type { CommitStore, PipelineRecord, SlotExpectation } from '../../ports/index.ts';
import { type Body, type Commit, type CommitHeader, dataFromJson, dataToJson } from '../../protocol/index.ts';
import { damaged } from './sqlite-error.ts';
import type { SqliteLog } from './sqlite-log.ts';
import type { StateFile } from './state-file.ts';

const SLOTS = 2 ** 20;
const NOTHING = new Uint8Array(0);

/** A commit as the columns of its row. */
export interface CommitRow {
  readonly version: number;
  readonly header: string;
  readonly blob: string | null;
  readonly body: Uint8Array | null;
}

/** Commits in a state file: one row a slot. */
export class SqliteCommitStore implements CommitStore {
  readonly volatile = false;
  readonly #file: StateFile;
  readonly #log: SqliteLog;
  readonly #tasks = new Map<string, number>();
  readonly #insert: StatementSync;
  readonly #update: StatementSync;
  readonly #select: StatementSync;
  readonly #selectVersion: StatementSync;
  readonly #clearBodies: StatementSync;
  readonly #selectHead: StatementSync;
  readonly #selectTask: StatementSync;
  readonly #insertTask: StatementSync;
  readonly #insertRecord: StatementSync;
  readonly #selectRecords: StatementSync;

  /** Puts go through the log's transactions, which also delete what the log has trimmed. */
  constructor(file: StateFile, log: SqliteLog) {
    this.#file = file;
    this.#log = log;
    this.#insert = file.prepare(
      'INSERT INTO commits (version, header, blob, body, id) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING',
    );
    this.#update = file.prepare(
      'UPDATE commits SET version = ?, header = ?, blob = ?, body = ? WHERE id = ? AND version = ?',
    );
    this.#select = file.prepare('SELECT header, blob, body FROM commits WHERE id >= ? AND id < ?');
    this.#selectVersion = file.prepare('SELECT version FROM commits WHERE id = ?');
    this.#clearBodies = file.prepare(
      'UPDATE commits SET body = NULL WHERE id >= ? AND id < ? AND version <= ? AND body IS NOT NULL',
    );
    this.#selectHead = file.prepare(
      'SELECT header FROM commits WHERE id >= ? AND id < ? ORDER BY version DESC LIMIT 1',
    );
    this.#selectTask = file.prepare('SELECT id FROM tasks WHERE run = ? AND stage = ? AND partition = ?');
    this.#insertTask = file.prepare(
      'INSERT INTO tasks (run, stage, partition) VALUES (?, ?, ?) ON CONFLICT DO NOTHING',
    );
    this.#insertRecord = file.prepare(
      'INSERT INTO records (pipeline, name, value) VALUES (?, ?, ?) ON CONFLICT DO NOTHING',
    );
    this.#selectRecords = file.prepare(
      'SELECT name, value FROM records WHERE pipeline = ? AND substr(name, 1, length(?2)) = ?2 ORDER BY name DESC LIMIT ?3',
    );
  }

  async put(
    run: string,
    task: TaskId,
    slot: number,
    commit: Commit,
    expect: SlotExpectation,
  ): Promise<'committed' | 'lost'> {
    const row = rowOf(commit);
    const put = () => this.#log.appendWith([], () => this.write(run, task, slot, row, expect));
    return (await this.#log.alone(put)) ? 'committed' : 'lost';
  }

  /** Puts a row inside a transaction of the log; false if the slot was not as expected. */
  write(run: string, task: TaskId, slot: number, row: CommitRow, expect: SlotExpectation): boolean {
    const id = this.#taskId(run, task) ?? this.#newTask(run, task);
    const place = id * SLOTS + slot;
    const { changes } =
      expect === 'absent'
        ? this.#insert.run(row.version, row.header, row.blob, row.body, place)
        : this.#update.run(row.version, row.header, row.blob, row.body, place, expect);
    return changes === 1;
  }

  /** Lets go of the bodies of versions up to this, inside a transaction: a snapshot holds what they say. */
  clearBodies(run: string, task: TaskId, upTo: number): void {
    const id = this.#taskId(run, task);
    if (id !== undefined) this.#clearBodies.run(id * SLOTS, (id + 1) * SLOTS, upTo);
  }

  /** Whether the slot is as expected. */
  holds(run: string, task: TaskId, slot: number, expect: SlotExpectation): boolean {
    return this.#file.guard(() => {
      const id = this.#taskId(run, task);
      const row = id === undefined ? undefined : this.#selectVersion.get(id * SLOTS + slot);
      return row === undefined ? expect === 'absent' : row['version'] === expect;
    });
  }

  async slots(run: string, task: TaskId): Promise<readonly Commit[]> {
    await this.#log.group?.flush();
    return this.#file.guard(() => {
      const id = this.#taskId(run, task);
      if (id === undefined) return [];
      const rows = this.#select.all(id * SLOTS, (id + 1) * SLOTS);
      return rows.map((row) => ({
        header: this.#parse(row['header'] as string) as CommitHeader,
        body: bodyOf(row['blob'] as string | null, row['body'] as Uint8Array | null),
      }));
    });
  }

  async head(run: string, task: TaskId): Promise<CommitHeader | undefined> {
    const staged = this.#log.group?.head(run, task);
    if (staged !== undefined) return staged;
    return this.#file.guard(() => {
      const id = this.#taskId(run, task);
      const row = id === undefined ? undefined : this.#selectHead.get(id * SLOTS, (id + 1) * SLOTS);
      return row === undefined ? undefined : (this.#parse(row['header'] as string) as CommitHeader);
    });
  }

  async createRecord(pipeline: string, name: string, value: unknown): Promise<'created' | 'exists'> {
    const text = dataToJson(value);
    const insert = () => this.#file.guard(() => this.#insertRecord.run(pipeline, name, text).changes);
    return (await this.#log.alone(insert)) === 1 ? 'created' : 'exists';
  }

  async records(pipeline: string, prefix: string, last?: number): Promise<readonly PipelineRecord[]> {
    return this.#file.guard(() => {
      const rows = this.#selectRecords.all(pipeline, prefix, last ?? -1).reverse();
      return rows.map((row) => ({ name: row['name'] as string, value: this.#parse(row['value'] as string) }));
    });
  }

  #newTask(run: string, task: TaskId): number {
    this.#insertTask.run(run, task.stage, task.partition);
    return this.#selectTask.get(run, task.stage, task.partition)!['id'] as number;
  }

  /** Ids found are remembered, those made are not: their transaction may yet be rolled back. */
  #taskId(run: string, task: TaskId): number | undefined {
    const key = `${run}\0${task.stage}\0${task.partition}`;
    const known = this.#tasks.get(key);
    if (known !== undefined) return known;
    const found = this.#selectTask.get(run, task.stage, task.partition)?.['id'] as number | undefined;
    if (found !== undefined) this.#tasks.set(key, found);
    return found;
  }

  #parse(text: string): unknown {
    try {
      return dataFromJson(text);
    } catch (thrown) {
      throw damaged(this.#file.path, thrown);
    }
  }
}

/** The row of a commit; asks an inline body for its bytes. */
export function rowOf(commit: Commit): CommitRow {
  const { header, body } = commit;
  const inline = body.kind === 'inline';
  return {
    version: header.version,
    header: dataToJson(header),
    blob: inline ? null : body.name,
    body: inline ? body.bytes() : null,
  };
}

function bodyOf(blob: string | null, body: Uint8Array | null): Body {
  if (blob !== null) return { kind: 'blob', name: blob };
  const bytes = body ?? NOTHING;
  return { kind: 'inline', bytes: () => bytes };
}
