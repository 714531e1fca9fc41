/**
 * Makes a task's state again, from its birth and its log alone, a message at a time, and compares it with what is committed and with what is cached. What
 * the task says on the way is compared with what its attempts have said: the record at a position of a channel is the same in all.
 */
import { MemoryBlobStore, MemoryCommitStore } from '../../adapters/memory/index.ts';
import { comparePositions, type TaskId, taskName, type WallTime } from '../../model/index.ts';
import type { LogEntry } from '../../ports/index.ts';
import { channelName, type Frame } from '../../protocol/index.ts';
import { birth, load, Task, type TaskHost, type TaskState } from '../../runtime/index.ts';
import type { Fleet } from './fleet.ts';
import type { World } from './world.ts';

/** Steps after which a task is taken not to come to its end. */
const STEPS = 20_000;

export class Refold {
  readonly #world: World;
  readonly #fleet: Fleet;

  constructor(world: World, fleet: Fleet) {
    this.#world = world;
    this.#fleet = fleet;
  }

  /** Compares all tasks, upstream ones first. Nothing may be under way, and nothing go wrong any more. */
  async compare(): Promise<void> {
    for (const task of this.#fleet.record.tasks) {
      await this.#task(task);
      if (this.#world.violation !== undefined) return;
    }
  }

  async #task(task: TaskId): Promise<void> {
    const newest = this.#fleet.deployments.length - 1;
    const committed = await load((await this.#fleet.worker(newest).find(task)).host);
    const said: LogEntry[] = [];
    const again = await this.#again(task, committed.nextOffset, said);
    if (again === undefined) return;
    this.#same(task, '4 a state is the fold of its log', picture(committed), picture(again));
    for (const worker of this.#fleet.workers) {
      const state = worker.task(task)?.state;
      if (state?.version !== committed.version) continue;
      this.#same(task, '3 a cached state is a committed state', picture(state), picture(committed));
    }
    this.#outputs(task, said);
  }

  /** The state that the log up to an offset makes; what the task says goes to `said`. */
  async #again(task: TaskId, upTo: number, said: LogEntry[]): Promise<TaskState | undefined> {
    let now = this.#world.schedule.now;
    const commits = new MemoryCommitStore({ volatile: false });
    const blobs = new MemoryBlobStore();
    const tasks: Task[] = [];
    for (const { version: code } of this.#fleet.deployments) {
      const { host } = await this.#fleet.worker(code).find(task);
      tasks.push(new Task(this.#apart({ ...host, commits, blobs }, upTo, said, () => now)));
    }
    let version = tasks.findIndex(({ host }) => host.epoch === this.#world.commits.birth(task)?.epoch);
    const first = tasks[version] as Task;
    await birth(first.host);
    for (const { at, epoch } of this.#fleet.handOvers.get(taskName(task)) ?? []) await first.handOver(at, epoch);
    for (let step = 0; step < STEPS; step++) {
      const result = await tasks[version]!.ring();
      if (result.kind === 'waiting') now = result.until;
      else if (result.kind === 'other-code') {
        version = tasks.findIndex(({ host }) => host.epoch === result.epoch);
      } else if (result.kind === 'idle') {
        const { state } = tasks[version]!;
        if (state?.nextOffset === upTo) return state;
        break;
      } else if (result.kind !== 'advanced') {
        this.#world.violate('4 a state is the fold of its log', `${taskName(task)}: ${JSON.stringify(result)}`);
        return undefined;
      }
    }
    const { nextOffset } = tasks[version]!.state ?? { nextOffset: -1 };
    this.#world.violate(
      '4 a state is the fold of its log',
      `${taskName(task)} stands at ${nextOffset}, not at ${upTo}`,
    );
    return undefined;
  }

  /** A host on which nothing but the task's own log is seen, as far as `upTo`, one message at a time. */
  #apart(host: TaskHost, upTo: number, said: LogEntry[], now: () => number): TaskHost {
    const { log, sources } = this.#world;
    const { source, task } = host;
    const stored = source === undefined ? undefined : sources.get(host.stage.source!)!;
    return {
      ...host,
      atomic: undefined,
      isCurrent: () => true,
      run: { ...host.run, slots: 1_000_000 },
      limits: { ...host.limits, batchMessages: 1, sourceRows: 1, inlineBytes: Number.POSITIVE_INFINITY },
      clock: { now: () => now() as WallTime, sleep: () => new Promise<void>(() => {}) },
      log: {
        ...host.log,
        maxMessageBytes: undefined,
        append: async (entries) => {
          said.push(...entries);
        },
        read: async (topic, partition, from, limit) => {
          const messages = from < upTo ? Math.min(limit.messages, upTo - from) : 0;
          return { ...log.read(topic, partition, from, { ...limit, messages }), end: upTo };
        },
      },
      source:
        source === undefined || stored === undefined
          ? undefined
          : {
              ...source,
              log: {
                ...source.log,
                read: async (partition, from, limit) =>
                  stored.slice(
                    partition,
                    from,
                    limit,
                    upTo,
                    stored.sealed(task.partition) && upTo === stored.end(partition),
                  ),
              },
            },
      sinkHost: host.sinkHost,
      code: {
        ...host.code,
        sinks: new Map(
          [...host.code.sinks].map(([id, { connector }]) => [id, { connector: { ...connector, open: nowhere } }]),
        ),
      },
    };
  }

  #same(task: TaskId, invariant: string, actual: readonly string[], expected: readonly string[]): void {
    const [more] = actual.filter((line) => !expected.includes(line));
    const [less] = expected.filter((line) => !actual.includes(line));
    if (more === undefined && less === undefined) return;
    this.#world.violate(invariant, `${taskName(task)} has ${more ?? 'nothing'} where ${less ?? 'nothing'} is right`);
  }

  /** What was said at each position, by any attempt, is what the fold says there. */
  #outputs(task: TaskId, said: readonly LogEntry[]): void {
    const { plan } = this.#fleet.pipelines[0]!;
    for (const edge of plan.edges.filter(({ from }) => from === task.stage)) {
      const { topic } = plan.stages.find(({ id }) => id === edge.to)!;
      const channel = channelName(edge.id, task.partition);
      const partitions = this.#world.log.topic(topic)?.partitions ?? 0;
      for (let q = 0; q < partitions; q++) {
        const right = records(
          said.filter((e) => e.topic === topic && e.partition === q).map((e) => e.message),
          channel,
        );
        const found = records(
          this.#world.log.messages(topic, q).map((m) => m.message),
          channel,
        );
        const where = `${channel} to ${edge.to}/${q}`;
        for (const position of new Set([...right.keys(), ...found.keys()])) {
          const [a, b] = [right.get(position), found.get(position)];
          if (a === b) continue;
          const what = `${where} has ${b ?? 'nothing'} at ${position}, and ${a ?? 'nothing'} is right`;
          this.#world.violate('7 each record of a channel is the same in every attempt', what);
          return;
        }
      }
    }
  }
}

/** A state as lines, whatever the order in which it was made. */
function picture(state: TaskState): string[] {
  const lines: string[] = [];
  for (const table of state.store.tables) {
    for (const cell of table.cells()) {
      lines.push(JSON.stringify([table.name, cell.key, cell.sub, cell.value, cell.timer], text));
    }
  }
  for (const channel of state.channels.entries()) lines.push(JSON.stringify(channel, text));
  const { unit, sourceWatermark, generator, nextOffset, done } = state;
  lines.push(JSON.stringify({ watermark: unit.watermark, sourceWatermark, generator, nextOffset, done }, text));
  lines.push(`processing time ${unit.processingTime}`);
  return lines;
}

const text = (_: string, value: unknown): unknown => {
  if (typeof value === 'bigint') return `${value}n`;
  if (value instanceof Map) return [...value];
  if (value instanceof Set) return [...value];
  return value === Number.POSITIVE_INFINITY ? 'Infinity' : value;
};

/** The records of a channel by position, the first at each. */
function records(messages: readonly { readonly kind: string }[], channel: string): Map<string, string> {
  const found = new Map<string, string>();
  let thru = { cause: -1, k: Number.POSITIVE_INFINITY };
  for (const message of messages) {
    if (message.kind !== 'frame') continue;
    const frame = message as Frame;
    if (channelName(frame.channel.edge, frame.channel.task) !== channel) continue;
    frame.values.forEach((value, i) => {
      const position = { cause: frame.causes[i]!, k: frame.ks[i]! };
      if (comparePositions(position, thru) <= 0) return;
      found.set(`(${position.cause},${position.k})`, JSON.stringify([value, frame.times[i], frame.keys?.[i]], text));
    });
    if (comparePositions(frame.thru, thru) > 0) thru = frame.thru;
  }
  return found;
}

async function nowhere() {
  return { write: async () => null, finish: async () => {}, close: async () => {} };
}
