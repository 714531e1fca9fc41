/**
 * Steps of one process staged over the simulated stores: the process sees them at once, and they are there for good once a flush, at a random moment or when
 * it is asked for, has written all of them. A crash takes all that is staged away, of all tasks at one instant. Nothing of a flush that fails is written; the
 * process may try again, or end before or after it.
 */
import { MillraceError, type TaskId, taskName } from '../../model/index.ts';
import type { LogEntry, SlotExpectation, StagedCommit, StepGroup } from '../../ports/index.ts';
import type { CommitHeader } from '../../protocol/index.ts';
import type { SimProcess } from './sim-process.ts';
import type { World } from './world.ts';

interface Staged {
  readonly task: TaskId;
  readonly slot: number;
  readonly expect: SlotExpectation;
  readonly commit: StagedCommit;
}

/** How long to wait after a flush that failed. */
const RETRY = 1_000;

export class SimStepGroup implements StepGroup {
  due = false;
  readonly #world: World;
  readonly #process: SimProcess;
  readonly #span: number;
  readonly #version: number;
  readonly #staged = new Map<string, Staged>();
  #ticking = false;
  #failure: unknown;
  #waiting: (() => void)[] = [];

  /** `span`: from the first step of a group to its flush, at most. `version`: of the process's code. */
  constructor(world: World, process: SimProcess, span: number, version: number) {
    this.#world = world;
    this.#process = process;
    this.#span = span;
    this.#version = version;
    process.onCrash = () => this.#lose();
  }

  stage(
    entries: readonly LogEntry[],
    _run: string,
    task: TaskId,
    slot: number,
    commit: StagedCommit,
    expect: SlotExpectation,
    replaces: StagedCommit | undefined,
  ): 'committed' | 'lost' {
    const name = taskName(task);
    this.#mishap(`stage ${name}`);
    if (!this.#process.alive) return 'lost';
    const before = this.#staged.get(name);
    if (before?.commit !== replaces) return 'lost';
    if (before === undefined && !this.#world.commits.holds(task, slot, expect)) return 'lost';
    this.#world.log.stage(entries);
    this.#staged.set(name, { task, slot, expect, commit });
    this.#world.tell(
      this.#process.name,
      `stages ${name} version ${commit.header.version}: next ${commit.header.nextOffset}`,
    );
    if (this.due) this.#world.schedule.after(0, () => this.freed());
    else this.#tick();
    return 'committed';
  }

  /** Messages by themselves, seen at once and written with the rest. */
  append(entries: readonly LogEntry[]): void {
    this.#world.log.stage(entries);
    this.#tick();
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

  /** Does `work` at a moment at which nothing is staged. */
  async alone<T>(work: () => T): Promise<T> {
    while (this.holds) await this.flush();
    return work();
  }

  /** The newest header of a task, if it is staged. */
  head(task: TaskId): CommitHeader | undefined {
    return this.#staged.get(taskName(task))?.commit.header;
  }

  /** Whether anything is staged. */
  get holds(): boolean {
    return this.#staged.size > 0 || this.#world.log.hasStaged;
  }

  #tick(span = 1 + this.#process.random.below(this.#span)): void {
    if (this.#ticking) return;
    this.#ticking = true;
    this.#world.schedule.after(span, () => {
      this.#ticking = false;
      this.#attempt();
    });
  }

  /** A flush that nobody waits for: what it throws is kept for `check`. */
  #attempt(): void {
    try {
      this.#flushNow();
    } catch {
      this.#tick(RETRY);
    }
  }

  /** False if a body cannot be made yet, or the process is over. */
  #flushNow(): boolean {
    if (!this.#process.alive) return false;
    if (!this.holds) return true;
    const commits = this.#bodies();
    if (commits === undefined) return false;
    const written = [...this.#staged.values()];
    try {
      const crashed = this.#mishap('flush', () => this.#write(commits));
      if (crashed) return false;
    } catch (thrown) {
      this.#failure = thrown;
      this.#wake();
      throw thrown;
    }
    this.#write(commits);
    this.#failure = undefined;
    for (const { commit } of written) commit.settled();
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

  #write(commits: readonly (readonly [Staged, Uint8Array])[]): void {
    const { log, commits: stored } = this.#world;
    this.#world.tell(this.#process.name, `flushes ${commits.length} commits`);
    log.settle();
    for (const [{ task, slot, expect, commit }, bytes] of commits) {
      const body = { kind: 'inline', bytes: () => bytes } as const;
      if (stored.put(task, slot, { header: commit.header, body }, expect, this.#version) === 'committed') continue;
      this.#world.violate(
        '1 at most one writer commits a version',
        `the slot of a staged commit was taken: ${taskName(task)}`,
      );
    }
    this.#staged.clear();
  }

  /** What goes wrong now, if anything: throws if it fails without effect; true if the process ends, sometimes once `effect` is done. */
  #mishap(what: string, effect?: () => void): boolean {
    switch (this.#process.mishap(what)) {
      case 'crash':
        if (this.#process.random.next() < 0.5) effect?.();
        this.#process.crash(`in ${what}`);
        return true;
      case 'fail':
        throw new MillraceError('unavailable', `simulated failure of ${what} of ${this.#process.name}`);
      default:
        return false;
    }
  }

  /** The process has ended. */
  #lose(): void {
    this.#staged.clear();
    this.#world.log.lose();
    this.#world.onLoss();
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }
}
