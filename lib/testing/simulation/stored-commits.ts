import { type TaskId, taskName } from '../../model/index.ts';
import type { PipelineRecord, SlotExpectation } from '../../ports/index.ts';
import { type Commit, type CommitHeader, dataFromJson, dataToJson, type RunRecord } from '../../protocol/index.ts';

/** A commit as it is stored. The header is frozen. */
export interface StoredCommit {
  readonly header: CommitHeader;
  /** Undefined where the body is a blob of that name. */
  readonly bytes: Uint8Array | undefined;
  readonly blob: string | undefined;
}

/** Names of records that are runs begin with it. */
const RUNS = 'run/';

/** The simulated table of commits. Every method happens at once. */
export class StoredCommits {
  /** Called with every commit as it takes its slot, and with the version of the code that put it. */
  onPut: (commit: StoredCommit, by: number | undefined) => void = () => {};
  /** Called with a run before it is recorded; may give it other properties. */
  onRun: (record: RunRecord) => RunRecord = (record) => record;
  readonly #tasks = new Map<string, Map<number, StoredCommit>>();
  readonly #births = new Map<string, CommitHeader>();
  readonly #records = new Map<string, string>();

  put(task: TaskId, slot: number, commit: Commit, expect: SlotExpectation, by?: number): 'committed' | 'lost' {
    const found = this.#versionIn(task, slot);
    if (found !== expect) return 'lost';
    const stored = storedCommit(commit);
    this.slots(task).set(slot, stored);
    if (stored.header.version === 0) this.#births.set(taskName(task), stored.header);
    this.onPut(stored, by);
    return 'committed';
  }

  /** Whether a slot is as expected. */
  holds(task: TaskId, slot: number, expect: SlotExpectation): boolean {
    return this.#versionIn(task, slot) === expect;
  }

  #versionIn(task: TaskId, slot: number): SlotExpectation {
    return this.slots(task).get(slot)?.header.version ?? 'absent';
  }

  /** The slots of a task as they are. */
  slots(task: TaskId): Map<number, StoredCommit> {
    const name = taskName(task);
    let slots = this.#tasks.get(name);
    if (slots === undefined) {
      slots = new Map();
      this.#tasks.set(name, slots);
    }
    return slots;
  }

  /** Version 0 of a task, also once its slot was taken. */
  birth(task: TaskId): CommitHeader | undefined {
    return this.#births.get(taskName(task));
  }

  newest(task: TaskId): StoredCommit | undefined {
    let newest: StoredCommit | undefined;
    for (const commit of this.slots(task).values()) {
      if (newest === undefined || commit.header.version > newest.header.version) newest = commit;
    }
    return newest;
  }

  createRecord(name: string, value: unknown): 'created' | 'exists' {
    if (this.#records.has(name)) return 'exists';
    this.#records.set(name, dataToJson(name.startsWith(RUNS) ? this.onRun(value as RunRecord) : value));
    return 'created';
  }

  records(prefix: string, last = Number.POSITIVE_INFINITY): PipelineRecord[] {
    const names = [...this.#records.keys()].filter((name) => name.startsWith(prefix)).sort();
    const kept = names.slice(Math.max(0, names.length - last));
    return kept.map((name) => ({ name, value: dataFromJson(this.#records.get(name)!) }));
  }

  runs(): RunRecord[] {
    return this.records(RUNS).map(({ value }) => value as RunRecord);
  }
}

/** As a store hands it out: bytes that nobody shares. */
export function commitOf({ header, bytes, blob }: StoredCommit): Commit {
  if (bytes === undefined) return { header, body: { kind: 'blob', name: blob! } };
  return { header, body: { kind: 'inline', bytes: () => bytes.slice() } };
}

function storedCommit({ header, body }: Commit): StoredCommit {
  const copy = freeze(dataFromJson(dataToJson(header)) as CommitHeader);
  return body.kind === 'blob'
    ? { header: copy, bytes: undefined, blob: body.name }
    : { header: copy, bytes: body.bytes().slice(), blob: undefined };
}

function freeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const part of Object.values(value)) freeze(part);
  }
  return value;
}
