import { type Duration, MillraceError, type TaskId } from '../../model/index.ts';
import type { Clock, LogEntry, SlotExpectation, StagedCommit, StepGroup } from '../../ports/index.ts';
import type { CommitHeader } from '../../protocol/index.ts';
import { rowOf, type SqliteCommitStore } from './sqlite-commit-store.ts';
import type { Grouping, SqliteLog } from './sqlite-log.ts';

interface Staged {
  readonly run: string;
  readonly task: TaskId;
  readonly slot: number;
  readonly expect: SlotExpectation;
  readonly commit: StagedCommit;
}

/** How long to wait after a flush that failed. */
const RETRY = 1_000;
/** After a flush that took long, the next group lasts so many times as long, and at most so many spans: much state costs more to write, and less often. */
const SHARE = 8;
const MOST_SPANS = 10;

/**
 * Steps in memory, flushed as one transaction a while after the first of them: of a task's commits only the newest, of its messages only those that nobody has consumed and
 * trimmed by then. A flush happens when every staged commit has its body; one whose task is just changing it is waited for, and the others go on.
 */
export class SqliteStepGroup implements StepGroup, Grouping {
  due = false;
  readonly #log: SqliteLog;
  readonly #commits: SqliteCommitStore;
  readonly #clock: Clock;
  readonly #span: Duration;
  readonly #over = new AbortController();
  readonly #staged = new Map<string, Staged>();
  /** Per task the version of the snapshot in its newest commit. */
  readonly #covered = new Map<string, number>();
  /** From the first step of the next group to its flush. */
  #lasts: number;
  #ticking = false;
  #failure: unknown;
  #waiting: (() => void)[] = [];

  /** `span`: from the first step of a group to its flush, at least. */
  constructor(log: SqliteLog, commits: SqliteCommitStore, clock: Clock, span: Duration) {
    this.#log = log;
    this.#commits = commits;
    this.#clock = clock;
    this.#span = span;
    this.#lasts = span;
    log.group = this;
  }

  stage(
    entries: readonly LogEntry[],
    run: string,
    task: TaskId,
    slot: number,
    commit: StagedCommit,
    expect: SlotExpectation,
    replaces: StagedCommit | undefined,
  ): 'committed' | 'lost' {
    const name = nameOf(run, task);
    const before = this.#staged.get(name);
    if (before?.commit !== replaces) return 'lost';
    if (before === undefined && !this.#commits.holds(run, task, slot, expect)) return 'lost';
    this.#log.stage(entries);
    this.#staged.set(name, { run, task, slot, expect, commit });
    if (this.due) queueMicrotask(() => this.freed());
    else this.#tick(this.#lasts);
    return 'committed';
  }

  appended(): void {
    this.#tick(this.#lasts);
  }

  freed(): void {
    if (this.due) this.#attempt();
  }

  check(): void {
    if (this.#failure !== undefined && !this.#flushNow()) throw this.#failure;
  }

  async flush(): Promise<void> {
    while (!this.#flushNow()) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  async alone<T>(work: () => T): Promise<T> {
    while (this.holds) await this.flush();
    return work();
  }

  head(run: string, task: TaskId): CommitHeader | undefined {
    return this.#staged.get(nameOf(run, task))?.commit.header;
  }

  /** Flushes if that can be done now; else what is staged is lost, as if the process had ended. Throws if the flush fails, unless one has failed before and said so. */
  close(): void {
    this.#over.abort();
    const known = this.#failure !== undefined;
    try {
      this.#flushNow();
    } catch (thrown) {
      if (!known) throw thrown;
    }
  }

  /** Whether anything is staged. */
  get holds(): boolean {
    return this.#staged.size > 0 || this.#log.hasStaged;
  }

  /** Sees to it that a flush comes within that time. */
  #tick(span: number): void {
    if (this.#ticking) return;
    this.#ticking = true;
    this.#clock.sleep(span as Duration, this.#over.signal).then(
      () => {
        this.#ticking = false;
        this.#attempt();
      },
      () => {},
    );
  }

  /** A flush that nobody waits for: what it throws is kept for `check`. */
  #attempt(): void {
    try {
      this.#flushNow();
    } catch {
      this.#tick(RETRY);
    }
  }

  /** False if a body cannot be made yet: `due` then asks for it. */
  #flushNow(): boolean {
    if (!this.holds) return true;
    const began = this.#clock.now();
    try {
      const commits = this.#bodies();
      if (commits === undefined) return false;
      this.#log.write(() => {
        for (const [staged, body] of commits) this.#put(staged, body);
      });
    } catch (thrown) {
      this.#failure = thrown;
      this.#wake();
      throw thrown;
    }
    const settled = [...this.#staged];
    this.#staged.clear();
    this.#failure = undefined;
    this.due = false;
    for (const [name, { commit }] of settled) {
      this.#covered.set(name, coveredBy(commit));
      commit.settled();
    }
    const took = this.#clock.now() - began;
    this.#lasts = Math.min(Math.max(this.#span, took * SHARE), this.#span * MOST_SPANS);
    this.#wake();
    return true;
  }

  #bodies(): (readonly [Staged, Uint8Array])[] | undefined {
    const commits: (readonly [Staged, Uint8Array])[] = [];
    this.due = false;
    for (const staged of this.#staged.values()) {
      const body = staged.commit.body();
      if (body === undefined) this.due = true;
      else commits.push([staged, body]);
    }
    return this.due ? undefined : commits;
  }

  #put({ run, task, slot, expect, commit }: Staged, body: Uint8Array): void {
    const row = rowOf({ header: commit.header, body: { kind: 'inline', bytes: () => body } });
    const name = nameOf(run, task);
    if (!this.#commits.write(run, task, slot, row, expect)) {
      throw new MillraceError('internal', `the slot of a staged commit was taken: ${name}`, {
        where: { stage: task.stage, partition: task.partition },
      });
    }
    const covered = coveredBy(commit);
    if (covered > (this.#covered.get(name) ?? -1)) this.#commits.clearBodies(run, task, covered);
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }
}

/** The newest version that the commit's snapshot holds. */
const coveredBy = ({ header }: StagedCommit): number => header.snapshot?.version ?? -1;

const nameOf = (run: string, task: TaskId): string => `${run}\0${task.stage}\0${task.partition}`;
