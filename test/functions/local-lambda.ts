/** A deployment in memory with versions of its functions: deployed anew with changed code, rung asynchronously, delivered to, and killed in the middle of it. */

import { controllerHandler } from '../../functions/controller-handler.ts';
import type { ControllerConnections } from '../../functions/controller-ports.ts';
import { type FunctionVersion, functionAt, functionsOf } from '../../functions/function-versions.ts';
import type { KafkaEvent, KafkaEventRecord } from '../../functions/kafka-event.ts';
import { type Settings, settingsFrom, variables } from '../../functions/settings.ts';
import { stageHandler } from '../../functions/stage-handler.ts';
import { MemoryBlobStore, MemoryCommitStore, MemoryLease, MemoryLog } from '../../lib/adapters/memory/index.ts';
import { ManualClock, SeededRandom } from '../../lib/adapters/simulated/index.ts';
import { RecordingTelemetry } from '../../lib/adapters/telemetry/index.ts';
import { seconds } from '../../lib/model/index.ts';
import type { Answers, Command, CommandAnswer } from '../../lib/operations/index.ts';
import type { Pipeline } from '../../lib/pipeline/index.ts';
import type { CommitStore } from '../../lib/ports/index.ts';
import { dataFromJson, encodeMessage } from '../../lib/protocol/index.ts';
import { newestRun, type TaskPorts } from '../../lib/runtime/index.ts';

type Handler = (event: unknown, invocation: { getRemainingTimeInMillis(): number }) => Promise<unknown>;

/** How often something goes wrong, of 1. */
export interface Faults {
  /** An event that was to call a function later is lost, or called twice. */
  readonly lost: number;
  readonly twice: number;
  /** A call of a port is the last of its process, before or after its effect. */
  readonly dies: number;
}

export const noFaults: Faults = { lost: 0, twice: 0, dies: 0 };

interface Version {
  readonly pipeline: Pipeline;
  readonly controller: FunctionVersion;
  /** In the order of the plan. */
  readonly stages: readonly FunctionVersion[];
}

/** A process that has a function's code. */
interface Instance {
  readonly handler: Handler;
  /** Never settles but by rejecting, once it is dead. */
  readonly death: Promise<never>;
}

export class LocalLambda {
  readonly clock = new ManualClock();
  readonly random: SeededRandom;
  readonly log = new MemoryLog(this.clock, { encode: true });
  readonly telemetry = new RecordingTelemetry();
  readonly lease = new MemoryLease();
  ports: TaskPorts;
  faults: Faults = noFaults;
  /** What is thrown at calls of ports, by `store.call`; undefined: nothing. */
  trouble: (call: string) => Error | undefined = () => undefined;
  readonly #versions: Version[] = [];
  readonly #code = new Map<string, (ports: TaskPorts, die: () => void) => Handler>();
  readonly #warm = new Map<string, Instance>();
  readonly #queue: { readonly target: string; readonly event: unknown }[] = [];
  readonly #read = new Map<string, number>();
  #published = 0;

  constructor(seed = 1) {
    this.random = new SeededRandom(seed);
    this.ports = {
      log: this.log,
      commits: new MemoryCommitStore({ volatile: false }),
      blobs: new MemoryBlobStore(),
      atomic: undefined,
      clock: this.clock,
      random: this.random,
      telemetry: this.telemetry,
    };
  }

  get pipeline(): Pipeline {
    return this.#versions.at(-1)!.pipeline;
  }

  /** Publishes functions; those of stages whose code is as before stay. The schedule and the event sources call the new ones from now on. */
  deploy(pipeline: Pipeline, name = pipeline.name): void {
    const before = this.#versions.at(-1);
    const stages = pipeline.plan.stages.map((stage, i) => {
      const isSame = before?.pipeline.plan.stages[i]?.code === stage.code;
      if (isSame) return before!.stages[i]!;
      const target = this.#publish(`stage-${stage.id}`);
      this.#code.set(nameOf(target), (ports, die) =>
        stageHandler(pipeline, this.#settings(name, target, stage.id), async () => this.#connections(ports, die)),
      );
      return target;
    });
    const controller = this.#publish('controller');
    const settings = { ...this.#settings(name, controller), functions: stages };
    this.#code.set(nameOf(controller), (ports, die) =>
      controllerHandler(pipeline, settings, async () => this.#connections(ports, die)),
    );
    this.#versions.push({ pipeline, controller, stages });
  }

  /** Every function begins with a new process. */
  coldStart(): void {
    this.#warm.clear();
  }

  /** Puts another table in the place of the one with the commits, also for processes that are warm. */
  replaceCommits(commits: CommitStore): void {
    this.ports = { ...this.ports, commits };
  }

  /** The schedule fires: at the controller, or at one from before that is still known. `back`: how many deployments before. */
  async tick(back = 0): Promise<void> {
    const version = this.#versions.at(-1 - back) ?? this.#versions.at(-1)!;
    await this.#call(nameOf(version.controller), {});
  }

  async command<N extends Command['name']>(command: Extract<Command, { name: N }>): Promise<Answers[N]> {
    const answer = (await this.#call(nameOf(this.#versions.at(-1)!.controller), { command })) as CommandAnswer;
    if (answer.kind === 'answer') return dataFromJson(answer.answer) as Answers[N];
    throw Object.assign(new Error(answer.error.message), answer.error);
  }

  /** One event that waits is handed over; whether there was any for a stage. */
  async work(): Promise<boolean> {
    if (this.#queue.length === 0) return false;
    const [waiting] = this.#queue.splice(Math.floor(this.random.next() * this.#queue.length), 1);
    const { target, event } = waiting!;
    if (this.random.next() < this.faults.lost) return true;
    if (this.random.next() < this.faults.twice) this.#queue.push({ target, event });
    await this.#call(target, event).catch(() => {});
    return !target.startsWith('controller') || this.#queue.length > 0;
  }

  /** Delivers what has come to the topics between stages, each at its function; what a function refuses comes again. Whether there was anything. */
  async deliver(): Promise<boolean> {
    const { pipeline, stages } = this.#versions.at(-1)!;
    let any = false;
    for (const [i, { topic, source }] of pipeline.plan.stages.entries()) {
      if (source !== undefined) continue;
      const found = await this.#event(topic);
      if (found === undefined) continue;
      any = true;
      const delivered = await this.#call(nameOf(stages[i]!), found.event).then(
        () => true,
        () => false,
      );
      if (delivered) for (const [name, end] of found.ends) this.#read.set(name, end);
    }
    return any;
  }

  /** A moment in the life of a deployment. */
  async moment(): Promise<void> {
    const chance = this.random.next();
    if (chance < 0.2) await this.tick(this.random.next() < 0.1 ? 1 : 0).catch(() => {});
    else if (chance < 0.5) await this.work();
    else if (chance < 0.8) await this.deliver();
    this.clock.advance(Math.floor(this.random.next() * 3_000) as never);
  }

  /** Works off what there is, in no time. */
  async flow(): Promise<void> {
    for (let moved = true; moved; ) {
      await this.tick();
      moved = false;
      while (await this.work()) moved = true;
      if (await this.deliver()) moved = true;
    }
  }

  /** Goes on without faults until nothing happens any more. */
  async settle(): Promise<void> {
    this.faults = noFaults;
    for (let quiet = 0, n = 0; quiet < 8; n++) {
      if (n > 400) throw new Error('it does not come to rest');
      this.clock.advance(seconds(3));
      await this.tick();
      let moved = false;
      while (await this.work()) moved = true;
      if (await this.deliver()) moved = true;
      quiet = moved ? 0 : quiet + 1;
    }
  }

  /** How many events wait. */
  get waiting(): number {
    return this.#queue.length;
  }

  #publish(name: string): FunctionVersion {
    return { function: name, version: String(++this.#published) };
  }

  #settings(name: string, self: FunctionVersion, stage?: string): Settings {
    const environment = {
      [variables.pipeline]: name,
      [variables.table]: 't',
      [variables.bucket]: 'b',
      [variables.brokers]: 'b',
    };
    return { ...settingsFrom(environment), stage, self };
  }

  #connections(ports: TaskPorts, die: () => void): ControllerConnections {
    const { commits } = ports;
    return {
      ports,
      lease: this.#mortal('commits', () => this.lease, die),
      ring: async (stage, event, epoch) => {
        if (this.random.next() < this.faults.dies) die();
        const run = await newestRun(commits, this.pipeline.name);
        const target =
          epoch === undefined
            ? (await functionsOf(commits, run!, stage)).at(-1)
            : await functionAt(commits, run!, stage, epoch);
        if (target === undefined) throw new Error(`no function is known of ${stage} at ${epoch}`);
        this.#queue.push({ target: nameOf(target), event });
      },
      call: async (target, event, wait) => {
        if (wait) return this.#call(nameOf(target), event);
        this.#queue.push({ target: nameOf(target), event });
        return undefined;
      },
    };
  }

  async #call(target: string, event: unknown): Promise<unknown> {
    const instance = this.#warm.get(target) ?? this.#start(target);
    const text = JSON.stringify(event);
    const controller = target.startsWith('controller');
    const ends = this.clock.now() + (controller ? 5_000 : 60_000);
    const invocation = { getRemainingTimeInMillis: () => Math.max(0, ends - this.clock.now()) };
    const answer = await this.#pass(Promise.race([instance.handler(JSON.parse(text), invocation), instance.death]));
    return answer === undefined ? undefined : JSON.parse(JSON.stringify(answer));
  }

  /** Lets time pass for as long as something sleeps. */
  async #pass<T>(work: Promise<T>): Promise<T> {
    let done = false;
    const end = (): void => {
      done = true;
    };
    work.then(end, end);
    for (let turns = 0; !done; turns++) {
      await new Promise((resolve) => setImmediate(resolve));
      if (!done && turns % 4 === 3) this.clock.advance(50 as never);
    }
    return work;
  }

  #start(target: string): Instance {
    let die: () => void = () => {};
    const death = new Promise<never>((_, reject) => {
      die = () => {
        this.#warm.delete(target);
        reject(new Error(`${target} died`));
      };
    });
    death.catch(() => {});
    const ports: TaskPorts = {
      ...this.ports,
      log: this.#mortal('log', () => this.ports.log, die),
      commits: this.#mortal('commits', () => this.ports.commits, die),
      blobs: this.#mortal('blobs', () => this.ports.blobs, die),
    };
    const instance = { handler: this.#code.get(target)!(ports, die), death };
    this.#warm.set(target, instance);
    return instance;
  }

  /** The same port, whose calls may be their process's last. */
  #mortal<T extends object>(name: string, port: () => T, die: () => void): T {
    let dead = false;
    const never = new Promise<never>(() => {});
    return new Proxy(port(), {
      get: (_, property) => {
        const of = port();
        const value: unknown = Reflect.get(of, property, of);
        if (typeof value !== 'function') return value;
        return async (...args: unknown[]) => {
          if (dead) return never;
          const trouble = this.trouble(`${name}.${String(property)}`);
          if (trouble !== undefined) throw trouble;
          const dies = this.random.next() < this.faults.dies;
          if (dies && this.random.next() < 0.5) {
            dead = true;
            die();
            return never;
          }
          const answer: unknown = await value.apply(of, args);
          if (!dies) return dead ? never : answer;
          dead = true;
          die();
          return never;
        };
      },
    });
  }

  async #event(topic: string): Promise<{ readonly event: KafkaEvent; readonly ends: Map<string, number> } | undefined> {
    const known = await this.log.topic(topic);
    const records: Record<string, KafkaEventRecord[]> = {};
    const ends = new Map<string, number>();
    for (let partition = 0; partition < (known?.partitions ?? 0); partition++) {
      const name = `${topic}-${partition}`;
      const from = this.#read.get(name) ?? 0;
      const { messages, next } = await this.log.read(known!, partition, from, { messages: 20, bytes: 1e9 });
      if (next === from) continue;
      ends.set(name, next);
      records[name] = messages.map(({ offset, time, message }) => {
        const value = Buffer.from(encodeMessage(message)).toString('base64');
        return { topic, partition, offset, timestamp: time, timestampType: 'LOG_APPEND_TIME', value, headers: null };
      });
    }
    return ends.size === 0 ? undefined : { event: { eventSource: 'SelfManagedKafka', records }, ends };
  }
}

const nameOf = (target: FunctionVersion): string => `${target.function}:${target.version}`;
