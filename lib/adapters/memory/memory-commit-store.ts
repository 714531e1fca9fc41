import { MillraceError, type TaskId, taskName } from '../../model/index.ts';
import type { CommitStore, PipelineRecord, SlotExpectation } from '../../ports/index.ts';
import { type Body, type Commit, type CommitHeader, dataFromJson, dataToJson } from '../../protocol/index.ts';

export interface MemoryCommitStoreOptions {
  /** True: bodies are neither asked for nor kept, and only each task's newest header is. False: everything, as bytes. */
  readonly volatile: boolean;
}

interface TaskSlots {
  readonly versions: Map<number, number>;
  /** Empty in a volatile store. */
  readonly commits: Map<number, StoredCommit>;
  newest: CommitHeader;
}

interface StoredCommit {
  readonly header: string;
  readonly body: Body;
}

/**
 * Commits in this process's memory. A store that is not volatile keeps headers as text and bodies as copied bytes, and hands out
 * new objects at each read, so that nothing is shared with who put them.
 */
export class MemoryCommitStore implements CommitStore {
  readonly volatile: boolean;
  readonly #tasks = new Map<string, TaskSlots>();
  /** Per pipeline, name and value as text. */
  readonly #records = new Map<string, Map<string, string>>();

  constructor(options: MemoryCommitStoreOptions) {
    this.volatile = options.volatile;
  }

  async put(
    run: string,
    task: TaskId,
    slot: number,
    commit: Commit,
    expect: SlotExpectation,
  ): Promise<'committed' | 'lost'> {
    return this.putNow(run, task, slot, commit, expect);
  }

  /** `put`, done when it returns. */
  putNow(run: string, task: TaskId, slot: number, commit: Commit, expect: SlotExpectation): 'committed' | 'lost' {
    const key = keyOf(run, task);
    let slots = this.#tasks.get(key);
    if ((slots?.versions.get(slot) ?? 'absent') !== expect) return 'lost';
    const { header } = commit;
    const stored = this.volatile ? undefined : { header: dataToJson(header), body: copyOf(commit.body) };
    if (slots === undefined) {
      slots = { versions: new Map(), commits: new Map(), newest: header };
      this.#tasks.set(key, slots);
    }
    slots.versions.set(slot, header.version);
    if (stored !== undefined) slots.commits.set(slot, stored);
    if (header.version >= slots.newest.version) slots.newest = header;
    return 'committed';
  }

  /** Every slot's commit. A volatile store has the newest alone, and its body's `bytes` throws `state-lost`. */
  async slots(run: string, task: TaskId): Promise<readonly Commit[]> {
    const slots = this.#tasks.get(keyOf(run, task));
    if (slots === undefined) return [];
    if (this.volatile) return [{ header: slots.newest, body: { kind: 'inline', bytes: () => notKept(task) } }];
    return [...slots.commits.values()].map(({ header, body }) => ({ header: headerFrom(header), body: copyOf(body) }));
  }

  async versions(run: string, task: TaskId, versions: readonly number[]): Promise<readonly Commit[]> {
    const found = await this.slots(run, task);
    return versions.flatMap((version) => found.filter(({ header }) => header.version === version));
  }

  async head(run: string, task: TaskId): Promise<CommitHeader | undefined> {
    const slots = this.#tasks.get(keyOf(run, task));
    if (slots === undefined || this.volatile) return slots?.newest;
    return headerFrom(dataToJson(slots.newest));
  }

  async createRecord(pipeline: string, name: string, value: unknown): Promise<'created' | 'exists'> {
    const records = this.#records.get(pipeline) ?? new Map<string, string>();
    if (records.has(name)) return 'exists';
    records.set(name, dataToJson(value));
    this.#records.set(pipeline, records);
    return 'created';
  }

  async records(pipeline: string, prefix: string, last?: number): Promise<readonly PipelineRecord[]> {
    const records = this.#records.get(pipeline) ?? new Map<string, string>();
    const names = [...records.keys()].filter((name) => name.startsWith(prefix)).sort(byBytes);
    const from = last === undefined ? 0 : Math.max(0, names.length - last);
    return names.slice(from).map((name) => ({ name, value: dataFromJson(records.get(name)!) }));
  }
}

const byBytes = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));
const keyOf = (run: string, task: TaskId): string => `${run}\0${taskName(task)}`;
const headerFrom = (text: string): CommitHeader => dataFromJson(text) as CommitHeader;

function copyOf(body: Body): Body {
  if (body.kind === 'blob') return body;
  const bytes = body.bytes().slice();
  return { kind: 'inline', bytes: () => bytes };
}

function notKept(task: TaskId): never {
  throw new MillraceError('state-lost', `a volatile commit store keeps no bodies: ${taskName(task)}`);
}
