/**
 * A pipeline under test: the real runtime on stores in memory that encode everything as durable ones do, with fake ends and clocks moved by hand.
 */
import { MemoryBlobStore, MemoryCommitStore, MemoryLog } from '../adapters/memory/index.ts';
import { type MemorySink, toMemory } from '../adapters/memory-connectors/index.ts';
import { ManualClock, SeededRandom } from '../adapters/simulated/index.ts';
import { recordingTelemetry } from '../adapters/telemetry/index.ts';
import {
  type Duration,
  type EventTime,
  type Key,
  keyIdOf,
  keyOf,
  MillraceError,
  taskName,
  type WallTime,
} from '../model/index.ts';
import type { Pipeline } from '../pipeline/index.ts';
import type { Log, LogEntry } from '../ports/index.ts';
import type { Claims } from '../protocol/index.ts';
import {
  Controller,
  type DeadLetter,
  type Limits,
  metrics,
  type OpenRun,
  openRun,
  replayLetters,
  storedLetters,
  type Task,
  type TaskPorts,
} from '../runtime/index.ts';
import { NEVER } from '../state/index.ts';
import { Feed } from './feed.ts';

export interface TestDriverOptions {
  /** Partitions of each source. Default 1. */
  readonly partitions?: number;
  /** Where the clock stands at the beginning. Default 2024-01-01T00:00:00Z. */
  readonly start?: WallTime;
  /** Records that a source's task takes in one step. Default: all there are. */
  readonly batch?: number;
  /** Every task forgets its state after every step and loads it from its commits. */
  readonly restartAlways?: boolean;
  /** Every message between stages is appended twice. */
  readonly deliverTwice?: boolean;
  /** Seeds what is drawn at random (back-off jitter, names). */
  readonly seed?: number;
}

/** What an open timer waits for. */
export interface PendingTimer {
  readonly operator: string;
  readonly key: Key;
  readonly time: number;
  readonly domain: 'event' | 'processing';
}

export class TestDriver {
  readonly clock: ManualClock;
  readonly telemetry = recordingTelemetry();
  readonly #pipeline: Pipeline;
  readonly #options: TestDriverOptions;
  readonly #feeds: ReadonlyMap<string, Feed<unknown>>;
  readonly #sinks: ReadonlyMap<string, MemorySink<unknown>>;
  /** How much of each sink's tasks has been read. */
  readonly #read = new Map<string, readonly number[]>();
  readonly #ports: TaskPorts;
  readonly #abort = new AbortController();
  #run!: OpenRun;
  #controller!: Controller;

  private constructor(pipeline: Pipeline, options: TestDriverOptions) {
    this.clock = new ManualClock(options.start);
    this.#options = options;
    const feeds = new Map(
      [...pipeline.sources.keys()].map((id) => [
        id,
        new Feed<unknown>(options.partitions ?? 1, () => this.clock.now()),
      ]),
    );
    const sinks = new Map([...pipeline.sinks.keys()].map((id) => [id, toMemory<unknown>()]));
    this.#feeds = feeds;
    this.#sinks = sinks;
    this.#pipeline = pipeline.withBindings({
      sources: Object.fromEntries(feeds),
      sinks: Object.fromEntries(sinks) as never,
    });
    const log = new MemoryLog(this.clock, { encode: true });
    this.#ports = {
      log: options.deliverTwice === true ? twice(log) : log,
      commits: new MemoryCommitStore({ volatile: false }),
      blobs: new MemoryBlobStore(),
      atomic: undefined,
      clock: this.clock,
      random: new SeededRandom(options.seed ?? 1),
      telemetry: this.telemetry,
    };
  }

  /** A driver for the pipeline; all its sources and sinks are replaced by the test's. */
  static async open(pipeline: Pipeline, options: TestDriverOptions = {}): Promise<TestDriver> {
    const driver = new TestDriver(pipeline, options);
    const limits: Partial<Limits> = { sourceRows: options.batch ?? 1_000_000, batchMessages: options.batch ?? 64 };
    driver.#run = await openRun(driver.#pipeline, driver.#ports, {
      durable: true,
      signal: driver.#abort.signal,
      runId: 'test',
      limits,
    });
    driver.#controller = new Controller(driver.#run, driver.#ports, { skew: 0 as Duration, grace: 0 as Duration });
    return driver;
  }

  /** Feeds records to a source and lets everything work until nothing is left to do. */
  async feed(source: string, records: readonly unknown[], partition = 0): Promise<void> {
    this.#feed(source).push(partition, records);
    await this.settle();
  }

  /** States that no record of the source with event time at or before `time` will follow, as the pump does for a silent source. */
  async watermark(source: string, time: EventTime): Promise<void> {
    const { plan, tasks, record } = this.#run;
    const from = plan.stages.find((stage) => stage.source === this.#known(source))!;
    const senders = tasks.filter((task) => task.id.stage === from.id);
    const entries: LogEntry[] = [];
    for (const edge of plan.edges.filter((e) => e.from === from.id)) {
      for (const receiver of tasks.filter((task) => task.id.stage === edge.to)) {
        const now = this.clock.now();
        const message: Claims = {
          kind: 'claims',
          run: record.id,
          time: now,
          edges: [[edge.id, senders.length]],
          list: senders.map(({ id, state }) => ({
            channel: { edge: edge.id, task: id.partition },
            prev: state!.chain.edges.find((e) => e.edge.id === edge.id)!.sent[receiver.id.partition]!.thru,
            upTo: state!.nextOffset,
            watermark: time,
            silentSince: now,
          })),
        };
        entries.push({ topic: receiver.host.stage.topic, partition: receiver.id.partition, message });
      }
    }
    await this.#ports.log.append(entries);
    await this.settle();
  }

  /** Moves the clock on: processing-time timers fire, back-offs end, silent sources' time goes on. */
  async advance(span: Duration): Promise<void> {
    this.clock.advance(span);
    await this.pump();
  }

  /** The controller's rounds until they have nothing more to say. */
  async pump(): Promise<void> {
    for (let round = 0; round < 100; round++) {
      const { claims, ticks } = await this.#controller.round();
      await this.settle();
      if (claims.length === 0 && ticks.length === 0) return;
    }
  }

  /** Ends these sources, or all: then every window closes. Throws if a task waits to try again what has failed: `advance` lets it, and what comes behind. */
  async end(...sources: readonly string[]): Promise<void> {
    for (const source of sources.length === 0 ? this.#feeds.keys() : sources) this.#feed(source).seal();
    await this.settle();
    for (const { id, state } of this.#run.tasks) {
      if (state?.status.kind !== 'backoff') continue;
      const { until, failure } = state.status;
      throw new MillraceError(
        'operator-failed',
        `${taskName(id)} has not ended: it tries again in ${until - this.clock.now()} ms what has failed: ${failure.message}`,
        { hint: 'move the clock by driver.advance(...), or give the pipeline restart: noRestart()' },
      );
    }
  }

  /** Every task forgets what it has in memory and goes on from its commits. */
  async restart(): Promise<void> {
    for (const task of this.#run.tasks) await task.forget();
    await this.settle();
  }

  /** Lets every task work until none has anything to do. Throws what stopped a task. */
  async settle(): Promise<void> {
    for (let moved = true; moved; ) {
      moved = false;
      for (const task of this.#run.tasks) {
        const result = await task.ring();
        if (result.kind === 'stopped') throw result.error;
        if (result.kind === 'advanced' || result.kind === 'lost') moved = true;
        if (this.#options.restartAlways === true && result.kind === 'advanced') await task.forget();
      }
    }
    if (this.#options.restartAlways === true) for (const task of this.#run.tasks) await task.ring();
  }

  /** What has come to a sink since the last call. Records of several tasks come task by task. */
  read<T = unknown>(sink: string): T[] {
    const { tasks } = this.#sink(sink);
    const read = this.#read.get(sink) ?? [];
    const fresh = tasks.flatMap((rows, task) => rows.slice(read[task] ?? 0));
    this.#read.set(
      sink,
      tasks.map((rows) => rows.length),
    );
    return fresh.map(({ value }) => value) as T[];
  }

  /** All that has come to a sink. */
  all<T = unknown>(sink: string): T[] {
    return [...this.#sink(sink).records] as T[];
  }

  /** Values of an operator's state: by name of the state, for one key. A value, or a map from sub-key where a key has several. */
  state(operator: string, name: string, key: Key): readonly { readonly sub: unknown; readonly value: unknown }[] {
    const id = keyIdOf(key);
    return this.#tables(`${operator}/${name}`).flatMap((table) =>
      table.cellsOf(id).map(({ sub, value }) => ({ sub, value })),
    );
  }

  /** Timers that are set, earliest first. */
  timers(): readonly PendingTimer[] {
    const found: PendingTimer[] = [];
    for (const task of this.#run.tasks) {
      for (const table of task.state?.store.tables ?? []) {
        const { domain } = table.options;
        if (domain !== 'event' && domain !== 'processing') continue;
        for (const cell of table.cells()) {
          if (cell.timer !== NEVER)
            found.push({
              operator: table.name.slice(0, table.name.indexOf('/')),
              key: keyOf(cell.key),
              time: cell.timer,
              domain,
            });
        }
      }
    }
    return found.sort((a, b) => a.time - b.time);
  }

  /** Records that were given up and not replayed, in the order of their log. */
  async deadLetters(): Promise<readonly DeadLetter[]> {
    return (await storedLetters(this.#ports, this.#pipeline.name)).map(({ letter }) => letter);
  }

  /** Puts all dead letters back where they came from. */
  async replayDeadLetters(): Promise<void> {
    await replayLetters(this.#run.tasks, await storedLetters(this.#ports, this.#pipeline.name));
    await this.settle();
  }

  /** How often an operator counted something itself (`late`, `refired`), or its code by `ctx.count`. */
  counted(operator: string, what: string): number {
    const { telemetry } = this;
    return (
      telemetry.counter(metrics.records + what, { operator }) + telemetry.counter(metrics.counted + what, { operator })
    );
  }

  /** The tasks, for a closer look. */
  get tasks(): readonly Task[] {
    return this.#run.tasks;
  }

  async close(): Promise<void> {
    this.#abort.abort();
    await this.#run.close();
  }

  #tables(name: string) {
    const tables = this.#run.tasks.flatMap(
      (task) => task.state?.store.tables.filter((table) => table.name === name) ?? [],
    );
    if (tables.length > 0) return tables;
    throw unknown(
      'state',
      name,
      new Set(this.#run.tasks.flatMap((task) => task.state?.store.tables.map((table) => table.name) ?? [])),
    );
  }

  #feed(source: string): Feed<unknown> {
    return this.#feeds.get(this.#known(source))!;
  }

  #sink(id: string): MemorySink<unknown> {
    const found = this.#sinks.get(id);
    if (found === undefined) throw unknown('sink', id, this.#sinks.keys());
    return found;
  }

  #known(source: string): string {
    if (!this.#feeds.has(source)) throw unknown('source', source, this.#feeds.keys());
    return source;
  }
}

function unknown(what: string, name: string, names: Iterable<string>): MillraceError {
  return new MillraceError(
    'invalid-pipeline',
    `there is no ${what} "${name}": there are ${[...names].map((n) => `"${n}"`).join(', ') || 'none'}`,
  );
}

/** A log to which everything is appended twice. */
function twice(log: Log): Log {
  return {
    maxMessageBytes: log.maxMessageBytes,
    ensureTopic: (name, partitions) => log.ensureTopic(name, partitions),
    topic: (name) => log.topic(name),
    append: async (entries) => {
      await log.append(entries);
      await log.append(entries);
    },
    read: (topic, partition, from, limit) => log.read(topic, partition, from, limit),
    bounds: (topic, partition) => log.bounds(topic, partition),
    trim: (topic, partition, before) => log.trim(topic, partition, before),
  };
}
