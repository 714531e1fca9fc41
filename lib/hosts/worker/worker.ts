/**
 * A long-running process that works on its share of a run's tasks, beside others that work on the rest.
 *
 * 1. What is shared out is only who works where. What holds is in the commits: two workers that both take a task for theirs, or one that wakes from a long
 *    sleep, cannot both commit, and the loser changes nothing.
 * 2. A task that is given up is let go of after the step under way, and its state stays in memory while there is room.
 * 3. Nothing that goes wrong with a task, a store or the log ends the worker. It ends when it is asked to, or when the run is over.
 */
import { type Duration, MillraceError, messageOf, taskName } from '../../model/index.ts';
import type { Pipeline } from '../../pipeline/index.ts';
import type { Assignment, LogSlice, Share } from '../../ports/index.ts';
import {
  defaultLimits,
  type OpenOptions,
  type OpenRun,
  openRun,
  type Task,
  type TaskPorts,
} from '../../runtime/index.ts';
import { Backoff } from './backoff.ts';
import { readControl } from './control.ts';
import { type Inbox, LogInbox, type LogPlace, PolledInbox, SourceInbox, type SourcePlace } from './inbox.ts';
import { LongPoll } from './long-poll.ts';
import { logPoll, sourcePoll } from './polls.ts';
import { PumpDuty } from './pump-duty.ts';
import { type LoopState, TaskLoop } from './task-loop.ts';
import { Wake } from './wake.ts';
import { WarmTasks } from './warm-tasks.ts';

export interface WorkerOptions extends Omit<OpenOptions, 'signal'> {
  /** Shares the run's items out among its workers. */
  readonly assignment: (open: OpenRun) => Assignment;
  /** Ends the attempts to open the run, and the worker. */
  readonly signal?: AbortSignal;
  /** How often the pump looks after silent sources and due timers, and each worker for what was said of the run. Default: 1 second. */
  readonly pumpPeriod?: Duration;
  /** How often a log or source that cannot wait is asked again. Default: 20 milliseconds. */
  readonly pollPeriod?: Duration;
  /** How long one request for messages waits. Default: 100 milliseconds. */
  readonly patience?: Duration;
  /** Least time between the beginnings of two steps of a task: fewer and larger commits, for as much more latency. Default: 0. */
  readonly linger?: Duration;
  /** Bytes of messages that may wait to be worked on. Default: 64 MiB. */
  readonly inFlightBytes?: number;
  /** Bytes of state that may be kept for tasks that are not this worker's. Default: 256 MiB. */
  readonly warmBytes?: number;
  /** How often copies of others' tasks are brought up to date. Default: 1 second. */
  readonly copyPeriod?: Duration;
}

/** How a worker ended. */
export interface WorkerEnd {
  /** `finished`: the run is over. `stopped`: the worker was asked to end. */
  readonly kind: 'finished' | 'stopped';
  /** Why a sink could not be finished. */
  readonly error: MillraceError | undefined;
}

/** What a worker is doing. */
export interface WorkerStatus {
  /** Whether it has been told a share, and has all of its tasks in memory. */
  readonly ready: boolean;
  readonly pump: boolean;
  readonly tasks: readonly { readonly task: string; readonly state: LoopState }[];
  /** Tasks of others whose state is in memory. */
  readonly warm: readonly string[];
  /** Rows of sources committed by this worker. */
  readonly records: number;
}

/** The item that stands for the pump. No stage can have a name like it. */
export const PUMP = '(pump)';

const MiB = 2 ** 20;
const LEAST_BYTES = 64 * 1024;

export class Worker {
  readonly open: OpenRun;
  readonly #ports: TaskPorts;
  readonly #options: WorkerOptions;
  readonly #assignment: Assignment;
  /** Aborted when the worker is asked to end, and when it has let go of everything. */
  readonly #stopping: AbortController;
  readonly #abort = new AbortController();
  readonly #ended = new Wake();
  readonly #pump: PumpDuty;
  readonly #warm: WarmTasks;
  readonly #logPoll: LongPoll<LogPlace, LogSlice>;
  readonly #sourcePolls = new Map<string, LongPoll<SourcePlace, true>>();
  readonly #loops = new Map<string, TaskLoop>();
  #taking: Promise<void> = Promise.resolve();
  #shares = 0;
  #records = 0;
  #over = false;

  private constructor(open: OpenRun, ports: TaskPorts, options: WorkerOptions, stopping: AbortController) {
    this.open = open;
    this.#stopping = stopping;
    this.#ports = ports;
    this.#options = options;
    const { patience = 100 as Duration, pollPeriod = 20 as Duration, copyPeriod = 1_000 as Duration } = options;
    const { clock, random, telemetry } = ports;
    const deps = { clock, random, telemetry, patience };
    const poll = logPoll(ports.log, () => this.#readLimit(), clock, pollPeriod);
    this.#logPoll = new LongPoll(poll, { ...deps, name: 'messages' });
    for (const [id, source] of open.sources) {
      const poll = sourcePoll(source, clock, pollPeriod);
      this.#sourcePolls.set(id, new LongPoll(poll, { ...deps, name: `rows of ${id}` }));
    }
    this.#warm = new WarmTasks({ clock, telemetry, bytes: options.warmBytes ?? 256 * MiB, period: copyPeriod });
    this.#pump = new PumpDuty({
      run: open,
      ports,
      random,
      skew: options.limits?.clockSkew ?? defaultLimits.clockSkew,
      period: this.#pumpPeriod,
      ring: (task) => this.#loops.get(task)?.call(),
    });
    this.#assignment = options.assignment(open);
  }

  /**
   * Opens or creates the run of a pipeline on these ports, and goes on trying while something cannot be reached. Throws what else `openRun` throws, and the
   * signal's reason if it is aborted.
   */
  static async open(pipeline: Pipeline, ports: TaskPorts, options: WorkerOptions): Promise<Worker> {
    const signal = options.signal ?? new AbortController().signal;
    const stopping = new AbortController();
    const backoff = new Backoff(ports.random, { first: 200 as Duration, most: 10_000 as Duration });
    for (;;) {
      signal.throwIfAborted();
      try {
        const open = await openRun(pipeline, ports, { ...options, signal: stopping.signal });
        return new Worker(open, ports, options, stopping);
      } catch (error) {
        if (!(error instanceof MillraceError && error.retry)) throw error;
        ports.telemetry.log('warn', `the run cannot be opened yet: ${messageOf(error)}`);
        await ports.clock.sleep(backoff.next(), signal);
      }
    }
  }

  /** Works until `stop`, or until the run is over; then closes everything. */
  async run(): Promise<WorkerEnd> {
    const { signal } = this.#abort;
    const stop = (): void => this.stop();
    this.#options.signal?.addEventListener('abort', stop, { once: true });
    if (this.#options.signal?.aborted) stop();
    const background = [
      this.#logPoll.run(signal),
      ...[...this.#sourcePolls.values()].map((poll) => poll.run(signal)),
      this.#warm.run(signal),
      this.#watch(signal),
    ];
    this.#assignment.offer([PUMP, ...this.open.tasks.map(({ id }) => taskName(id))]);
    this.#assignment.join({ take: (share) => this.#take(share), warm: () => this.#inMemory() });
    await this.#ended.wait();
    await this.#taking;
    const own = [...this.#loops.values()].map(({ task }) => task);
    await Promise.all([this.#letGo([...this.#loops.keys()]), this.#pump.end()]);
    const error = this.#over ? await this.#finish(own) : undefined;
    await this.#assignment.leave().catch((error: unknown) => this.#warn('leaving failed', error));
    this.#abort.abort();
    await Promise.all(background);
    this.#options.signal?.removeEventListener('abort', stop);
    await this.open.close().catch((error: unknown) => this.#warn('closing failed', error));
    return { kind: this.#over ? 'finished' : 'stopped', error };
  }

  /** Asks for a clean end: steps under way are finished, nothing new begins, others take over. */
  stop(): void {
    this.#stopping.abort();
    this.#ended.call();
  }

  status(): WorkerStatus {
    const loops = [...this.#loops.values()];
    return {
      ready: this.#shares > 0 && loops.every(({ state }) => state.kind !== 'loading'),
      pump: this.#pump.onDuty,
      tasks: loops.map(({ task, state }) => ({ task: taskName(task.id), state })),
      warm: this.#warm.names(),
      records: loops.reduce((sum, loop) => sum + loop.records, this.#records),
    };
  }

  #take(share: Share): Promise<void> {
    this.#taking = this.#taking.then(() => this.#change(share));
    return this.#taking;
  }

  async #change({ own, copies }: Share): Promise<void> {
    if (this.#over) return;
    const lost = [...this.#loops.keys()].filter((name) => !own.has(name));
    await Promise.all([this.#letGo(lost), own.has(PUMP) ? this.#pump.begin() : this.#pump.end()]);
    for (const task of this.open.tasks) {
      const name = taskName(task.id);
      if (own.has(name) && !this.#loops.has(name)) this.#begin(name, task);
    }
    this.#warm.copy(this.open.tasks.filter(({ id }) => copies.has(taskName(id)) && !own.has(taskName(id))));
    await this.#warm.fit();
    this.#shares++;
  }

  #begin(name: string, task: Task): void {
    const { clock, random, telemetry } = this.#ports;
    this.#warm.release(task);
    const loop = new TaskLoop(task, {
      clock,
      random,
      telemetry,
      inbox: this.#inboxOf(task),
      resume: this.#shares === 0,
      linger: this.#options.linger ?? (0 as Duration),
    });
    this.#loops.set(name, loop);
    loop.start();
  }

  #inboxOf({ host, id }: Task): Inbox {
    const { clock } = this.#ports;
    if (host.topic !== undefined) return new LogInbox(this.#logPoll, clock, host.topic, id.partition);
    const poll = this.#sourcePolls.get(host.stage.source ?? '');
    if (poll !== undefined) return new SourceInbox(poll, clock, id.partition);
    return new PolledInbox(clock, this.#options.pollPeriod ?? (20 as Duration));
  }

  async #letGo(names: readonly string[]): Promise<void> {
    await Promise.all(
      names.map(async (name) => {
        const loop = this.#loops.get(name)!;
        await loop.end();
        this.#loops.delete(name);
        this.#records += loop.records;
        this.#warm.keep(loop.task);
      }),
    );
  }

  /** Looks from time to time for what was said of the run. */
  async #watch(signal: AbortSignal): Promise<void> {
    const { clock, commits } = this.#ports;
    while (!signal.aborted) {
      try {
        const { drain, over, stops } = await readControl(commits, this.open.record);
        for (const [name, loop] of this.#loops) {
          const stop = stops.get(name);
          if (stop !== undefined) loop.halt(stop);
          if (drain) loop.drain();
        }
        if (over) {
          this.#over = true;
          this.#ended.call();
          return;
        }
      } catch (error) {
        this.#warn('looking after the run failed', error);
      }
      await clock.sleep(this.#pumpPeriod, signal).catch(() => {});
    }
  }

  /** Finishes the sinks of what was this worker's when the run was over; another worker has done so, or will, for the rest. */
  async #finish(own: readonly Task[]): Promise<MillraceError | undefined> {
    const { clock, random } = this.#ports;
    const backoff = new Backoff(random, { first: 200 as Duration, most: 5_000 as Duration });
    let failed: MillraceError | undefined;
    for (const task of own) {
      for (let attempt = 0; ; attempt++) {
        try {
          await task.finish();
          break;
        } catch (error) {
          const known =
            error instanceof MillraceError ? error : new MillraceError('internal', messageOf(error), { cause: error });
          this.#warn(`the sinks of ${taskName(task.id)} are not finished`, error);
          if (!known.retry || attempt >= 5) {
            failed ??= known;
            break;
          }
          await clock.sleep(backoff.next());
        }
      }
    }
    return failed;
  }

  #inMemory(): readonly string[] {
    return [...this.#loops.keys(), ...this.#warm.names()];
  }

  #readLimit() {
    const { batchMessages, batchBytes } = { ...defaultLimits, ...this.#options.limits };
    const each = (this.#options.inFlightBytes ?? 64 * MiB) / Math.max(1, this.#loops.size);
    return { messages: batchMessages, bytes: Math.max(LEAST_BYTES, Math.min(batchBytes, each)) };
  }

  get #pumpPeriod(): Duration {
    return this.#options.pumpPeriod ?? (1_000 as Duration);
  }

  #warn(what: string, error: unknown): void {
    this.#ports.telemetry.log('warn', `${what}: ${messageOf(error)}`);
  }
}
