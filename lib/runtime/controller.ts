/**
 * The pump's I/O: gives partitions that sources have gained their tasks, reads the facts in the order that makes them true, has `decideRound` decide, and appends what it says. It keeps nothing but hints: it may run twice at once, late, or not at all.
 */
import { type Duration, MillraceError, messageOf, taskName } from '../model/index.ts';
import type { Plan } from '../plan/index.ts';
import type { SourceLog } from '../ports/index.ts';
import {
  type AuditedTask,
  audit,
  type CommitHeader,
  channelName,
  decideRound,
  type LogFacts,
  type Round,
  type RunRecord,
  type Stop,
  type TaskFacts,
} from '../protocol/index.ts';
import { bodyOf } from './load.ts';
import { decodeBody, type Sheet } from './sheet.ts';
import type { Task } from './task.ts';
import type { TaskPorts } from './task-host.ts';
import type { TaskState } from './task-state.ts';

/** What a controller looks after. */
export interface ControllerRun {
  readonly record: RunRecord;
  readonly plan: Plan;
  readonly sources: ReadonlyMap<string, SourceLog>;
  /** All that are known; another list once there are more. */
  readonly tasks: readonly Task[];
  /** Gives partitions that sources have gained their tasks; tells the stages of sources for which that failed. */
  grow(failed: (stage: string, error: unknown) => void): Promise<unknown>;
}

export interface ControllerOptions {
  /** Twice the greatest deviation of a clock. */
  readonly skew: Duration;
  /** How long a record may take from its event to the log without being late. */
  readonly grace: Duration;
}

export class Controller {
  readonly #run: ControllerRun;
  readonly #ports: TaskPorts;
  readonly #options: ControllerOptions;
  /** Newest versions seen: where a store may begin to look. */
  readonly #known = new Map<Task, number>();
  #seen: readonly TaskFacts[] = [];
  #trouble: unknown;

  constructor(run: ControllerRun, ports: TaskPorts, options: ControllerOptions) {
    this.#run = run;
    this.#ports = ports;
    this.#options = options;
  }

  /** What the last round went by. */
  get facts(): readonly TaskFacts[] {
    return this.#seen;
  }

  /** What some log or source could not be read for at the last round, which went on without it; undefined if all could. */
  get trouble(): unknown {
    return this.#trouble;
  }

  /** One round: claims and ticks are appended, unless it is to be `silent`; whom to ring and to stop is the host's to do. */
  async round({ silent = false }: { readonly silent?: boolean } = {}): Promise<Round> {
    const { record, plan } = this.#run;
    const now = this.#ports.clock.now();
    this.#trouble = undefined;
    const tasks = await this.#facts();
    this.#seen = tasks;
    const round = decideRound({
      run: record.id,
      plan,
      tasks,
      slots: this.#ports.commits.volatile ? undefined : record.slots,
      now,
      ...this.#options,
    });
    const topics = new Map(plan.stages.map((stage) => [stage.id, stage.topic]));
    const said = silent ? [] : [...round.claims, ...round.ticks];
    const entries = said.map(({ stage, partition, message }) => ({
      topic: topics.get(stage)!,
      partition,
      message,
    }));
    if (entries.length > 0) await this.#ports.log.append(entries);
    return round;
  }

  /** Looks for what was lost between tasks. Reads all commits of tasks that are not in memory, so now and then only. */
  async audit(): Promise<readonly Stop[]> {
    const audited: AuditedTask[] = [];
    for (const facts of await this.#facts()) {
      const task = this.#run.tasks.find(
        ({ id }) => id.stage === facts.task.stage && id.partition === facts.task.partition,
      )!;
      const sheet = facts.head === undefined ? undefined : await this.#sheetOf(task, facts.head);
      const thru = new Map(sheet?.channels.map((each) => [channelName(each.edge, each.task), each.thru]));
      const sent = Object.entries(sheet?.sent ?? {}).map(([edge, each]) => [edge, each.map((s) => s.thru)] as const);
      audited.push({
        ...facts,
        thru: sheet === undefined ? undefined : (edge, sender) => thru.get(channelName(edge, sender)),
        sent: sheet === undefined ? undefined : Object.fromEntries(sent),
      });
    }
    return audit(this.#run.plan, audited);
  }

  /** What the commit says of channels; undefined where it cannot be had, or is gone past. */
  async #sheetOf(task: Task, head: CommitHeader): Promise<Pick<Sheet, 'channels' | 'sent'> | undefined> {
    const { state, host, id } = task;
    if (state !== undefined && isAt(state, head)) return state.sheet(state.debts);
    const { commits } = this.#ports;
    if (commits.volatile) return undefined;
    const commit = (await commits.slots(host.run.id, id)).find(({ header }) => isAt(positionOf(header), head));
    return commit === undefined ? undefined : decodeBody(await bodyOf(host, commit)).sheet;
  }

  /**
   * Partitions are counted after the commits were read: what those say of time was read before one was gained that is not counted. Of a log that cannot be
   * read, and of a source whose partitions cannot be counted, nothing is known.
   */
  async #facts(): Promise<TaskFacts[]> {
    for (;;) {
      const { tasks } = this.#run;
      const heads = await Promise.all(tasks.map((task) => this.#head(task)));
      const uncounted = new Set<string>();
      await this.#run.grow((stage, error) => {
        if (!isPassing(error)) throw error;
        uncounted.add(stage);
        this.#warn(`partitions of ${stage} cannot be counted`, error);
      });
      if (this.#run.tasks !== tasks) continue;
      const logs = await Promise.all(tasks.map((task) => (uncounted.has(task.id.stage) ? undefined : this.#log(task))));
      return tasks.map((task, i) => ({ task: task.id, head: heads[i], log: logs[i] }));
    }
  }

  async #head(task: Task): Promise<CommitHeader | undefined> {
    const { id, slots } = this.#run.record;
    const version = this.#known.get(task);
    const head = await this.#ports.commits.head(id, task.id, version === undefined ? undefined : { version, slots });
    if (head !== undefined) this.#known.set(task, head.version);
    return head;
  }

  async #log(task: Task): Promise<LogFacts | undefined> {
    try {
      return await this.#bounds(task);
    } catch (error) {
      this.#warn(`the log of ${taskName(task.id)} cannot be read`, error);
      return undefined;
    }
  }

  #warn(what: string, error: unknown): void {
    this.#trouble ??= error;
    this.#ports.telemetry.log('warn', `${what}: ${messageOf(error)}`);
  }

  async #bounds({ host, id }: Task): Promise<LogFacts | undefined> {
    if (host.source !== undefined) {
      const { start, end, sealed } = await host.source.log.bounds(id.partition);
      const fixed = host.source.end;
      return {
        id: host.source.log.info.id,
        start,
        end: fixed === undefined ? end : Math.min(end ?? fixed, fixed),
        sealed: sealed || (fixed !== undefined && end !== undefined && end >= fixed),
      };
    }
    const topic = await this.#ports.log.topic(host.stage.topic);
    if (topic === undefined) return undefined;
    const { start, end } = await this.#ports.log.bounds(topic, id.partition);
    return { id: topic.id, start, end, sealed: false };
  }
}

/** Whether it may be over at the next round; a source that has lost partitions has lost them. */
const isPassing = (error: unknown): boolean => !(error instanceof MillraceError) || error.kind === 'unavailable';

type Standing = Pick<TaskState, 'version' | 'nextOffset' | 'done'>;

const positionOf = ({ version, nextOffset, source }: CommitHeader): Standing => ({
  ...{ version, nextOffset, done: source?.done ?? false },
});

/** Whether a state is the one that a commit tells of. Steps that are written together share a version. */
function isAt(state: Standing, head: CommitHeader): boolean {
  const { version, nextOffset, done } = positionOf(head);
  return state.version === version && state.nextOffset === nextOffset && state.done === done;
}
