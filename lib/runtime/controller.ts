/**
 * The pump's I/O: gives partitions that sources have gained their tasks, reads the facts in the order that makes them true, has `decideRound` decide, and appends what it says. It keeps nothing but hints: it may run twice at once, late, or not at all.
 */
import type { Duration } from '../model/index.ts';
import type { Plan } from '../plan/index.ts';
import type { SourceLog } from '../ports/index.ts';
import {
  type AuditedTask,
  audit,
  type CommitHeader,
  decideRound,
  type LogFacts,
  type Round,
  type RunRecord,
  type Stop,
  type TaskFacts,
} from '../protocol/index.ts';
import { load } from './load.ts';
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
  /** Gives partitions that sources have gained their tasks. */
  grow(): Promise<unknown>;
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

  constructor(run: ControllerRun, ports: TaskPorts, options: ControllerOptions) {
    this.#run = run;
    this.#ports = ports;
    this.#options = options;
  }

  /** One round: claims and ticks are appended; whom to ring and to stop is the host's to do. */
  async round(): Promise<Round> {
    const { record, plan } = this.#run;
    const now = this.#ports.clock.now();
    const tasks = await this.#facts();
    const round = decideRound({
      run: record.id,
      plan,
      tasks,
      slots: this.#ports.commits.volatile ? undefined : record.slots,
      now,
      ...this.#options,
    });
    const topics = new Map(plan.stages.map((stage) => [stage.id, stage.topic]));
    const entries = [...round.claims, ...round.ticks].map(({ stage, partition, message }) => ({
      topic: topics.get(stage)!,
      partition,
      message,
    }));
    if (entries.length > 0) await this.#ports.log.append(entries);
    return round;
  }

  /** Looks for what was lost between tasks. Loads the states that are not in memory, so now and then only. */
  async audit(): Promise<readonly Stop[]> {
    const audited: AuditedTask[] = [];
    for (const facts of await this.#facts()) {
      const task = this.#run.tasks.find(
        ({ id }) => id.stage === facts.task.stage && id.partition === facts.task.partition,
      )!;
      const state = await this.#stateOf(task, facts.head);
      const sound = state !== undefined && facts.head !== undefined && isAt(state, facts.head);
      audited.push({
        ...facts,
        thru: sound ? (edge, sender) => state.channels.state(edge, sender)?.thru : undefined,
        sent: sound
          ? Object.fromEntries(state.chain.edges.map((edge) => [edge.edge.id, edge.sent.map((s) => s.thru)]))
          : undefined,
      });
    }
    return audit(this.#run.plan, audited);
  }

  async #stateOf(task: Task, head: CommitHeader | undefined): Promise<TaskState | undefined> {
    if (head === undefined) return undefined;
    if (task.state !== undefined && isAt(task.state, head)) return task.state;
    return this.#ports.commits.volatile ? undefined : load(task.host);
  }

  /** Partitions are counted after the commits were read: what those say of time was read before one was gained that is not counted. */
  async #facts(): Promise<TaskFacts[]> {
    for (;;) {
      const { tasks } = this.#run;
      const heads = await Promise.all(tasks.map((task) => this.#head(task)));
      await this.#run.grow();
      if (this.#run.tasks !== tasks) continue;
      return Promise.all(tasks.map(async (task, i) => ({ task: task.id, head: heads[i], log: await this.#log(task) })));
    }
  }

  async #head(task: Task): Promise<CommitHeader | undefined> {
    const { id, slots } = this.#run.record;
    const version = this.#known.get(task);
    const head = await this.#ports.commits.head(id, task.id, version === undefined ? undefined : { version, slots });
    if (head !== undefined) this.#known.set(task, head.version);
    return head;
  }

  async #log({ host, id }: Task): Promise<LogFacts | undefined> {
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

/** Whether a state is the one that a commit tells of. Steps that are written together share a version. */
function isAt(state: TaskState, head: CommitHeader): boolean {
  const { version, nextOffset, source } = head;
  return state.version === version && state.nextOffset === nextOffset && state.done === (source?.done ?? false);
}
