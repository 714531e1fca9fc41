import { messageOf, type TaskId, taskName } from '../lib/model/index.ts';
import type { CommitHeader, TaskFacts } from '../lib/protocol/index.ts';
import type { Connections } from './ports.ts';
import type { TaskOrder, TaskRing } from './ring-event.ts';

/** Tasks that one call wakes at most: they work side by side in it. */
const MOST = 16;

/** Whom a round wakes: gathered, then sent to the function versions that have the code in force at each task. */
export class Rings {
  readonly #connections: Pick<Connections, 'ring' | 'ports'>;
  readonly #heads: ReadonlyMap<string, CommitHeader | undefined>;
  /** By stage and epoch, then by partition. */
  readonly #wanted = new Map<string, { stage: string; epoch: number; tasks: Map<number, TaskRing> }>();

  constructor(connections: Pick<Connections, 'ring' | 'ports'>, facts: readonly TaskFacts[]) {
    this.#connections = connections;
    this.#heads = new Map(facts.map(({ task, head }) => [taskName(task), head]));
  }

  headOf(task: TaskId): CommitHeader | undefined {
    return this.#heads.get(taskName(task));
  }

  /** Wakes a task in the code that it is at. */
  wake(task: TaskId, reason: TaskRing['reason']): void {
    this.#add(task, { partition: task.partition, reason });
  }

  /** Tells a task what to do, in the code that it is at, or that of another epoch. Of several orders the last is told. */
  order(task: TaskId, order: TaskOrder, epoch?: number): void {
    this.#add(task, { partition: task.partition, reason: order.kind, order }, epoch);
  }

  #add({ stage, partition }: TaskId, ring: TaskRing, epoch?: number): void {
    const at = epoch ?? this.headOf({ stage, partition })?.epoch ?? 0;
    const name = `${stage}@${at}`;
    const wanted = this.#wanted.get(name) ?? { stage, epoch: at, tasks: new Map() };
    this.#wanted.set(name, wanted);
    wanted.tasks.set(partition, ring);
  }

  /** Sends all. Who cannot be called now (throttled, unknown) is left to the next round. */
  async send(): Promise<void> {
    const { ring, ports } = this.#connections;
    const calls = [...this.#wanted.values()].flatMap(({ stage, epoch, tasks }) => {
      const list = [...tasks.values()];
      return Array.from({ length: Math.ceil(list.length / MOST) }, async (_, i) => {
        try {
          await ring(stage, { ring: list.slice(i * MOST, (i + 1) * MOST) }, epoch);
        } catch (error) {
          ports.telemetry.log('warn', `stage ${stage} could not be rung: ${messageOf(error)}`);
        }
      });
    });
    await Promise.all(calls);
  }
}
