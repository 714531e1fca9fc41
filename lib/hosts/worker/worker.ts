/**
 * A long-running process that works on its share of a run's tasks, beside others that work on the rest.
 *
 * 1. What is shared out is only who works where. What holds is in the commits: two workers that both take a task for theirs, or one that wakes from a long
 *    sleep, cannot both commit, and the loser changes nothing.
 * 2. A task that is given up is let go of after the step under way, and its state stays in memory while there is room.
 * 3. Nothing that goes wrong with a task, a store or the log ends the worker. It ends when it is asked to, or when the run is over.
 */
import { type Duration, MillraceError, messageOf, taskName, type WallTime } from '../../model/index.ts';
import type { Pipeline } from '../../pipeline/index.ts';
import type { Assignment, LogPlace, LogSlice, Share, SourcePlace } from '../../ports/index.ts';
import { defaultLimits, type OpenRun, type Task, type TaskPorts } from '../../runtime/index.ts';
import { Backoff } from './backoff.ts';
import { CodeWatch } from './code-watch.ts';
import { type Inbox, LogInbox, PolledInbox, SourceInbox } from './inbox.ts';
import { type JoinedRun, type JoinOptions, joinRun } from './join-run.ts';
import { LongPoll } from './long-poll.ts';
import { workerMetrics } from './metrics.ts';
import { logPoll, sourcePoll } from './polls.ts';
import { PumpDuty } from './pump-duty.ts';
import { RunWatch } from './run-watch.ts';
import { type LoopState, TaskLoop } from './task-loop.ts';
import { unlessAborted } from './unless-aborted.ts';
import { Wake } from './wake.ts';
import { WarmTasks } from './warm-tasks.ts';

export interface WorkerOptions extends Omit<JoinOptions, 'signal'> {
  /** Shares the run's items out among its workers. */
  readonly assignment: (open: OpenRun) => Assignment;
  /** Only tasks of these stages, and not the pump: where others run the rest. Default: everything. */
  readonly stages?: readonly string[];
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
  /** Bytes of messages that one request asks for, of all tasks together, and on average no more than a batch of each. Of each task at most one batch waits. Default: 16 million. */
  readonly readBytes?: number;
  /** Bytes of state that may be kept for tasks that are not this worker's. Default: 256 MiB. */
  readonly warmBytes?: number;
  /** How often copies of others' tasks are brought up to date. Default: 1 second. */
  readonly copyPeriod?: Duration;
  /** How long the end may take once the worker was asked to stop: then steps that still wait for a store or the log are given up. Default: 30 seconds. */
  readonly stopTimeout?: Duration;
}

/** How a worker ended. */
export interface WorkerEnd {
  /** `finished`: the run is over. `stopped`: the worker was asked to end. `superseded`: newer code has taken over all that it has changed. */
  readonly kind: 'finished' | 'stopped' | 'superseded';
  /** Why a sink could not be finished. */
  readonly error: MillraceError | undefined;
}

/** What a worker is doing. */
export interface WorkerStatus {
  /** Whether it has been told a share, and has all of its tasks in memory; of newer code only once the older code is through with them. */
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

/** A task at this worker's version of the code: workers of other versions may have the same task, each for its stretch of the log. */
const itemOf = ({ id, host }: Task): string => `${taskName(id)}@${host.epoch}`;

interface WorkerParts extends JoinedRun {
  readonly stopping: AbortController;
  readonly assignment: Assignment;
}

export class Worker {
  readonly open: OpenRun;
  readonly #ports: TaskPorts;
  readonly #options: WorkerOptions;
  readonly #assignment: Assignment;
  /** Aborted when the worker is asked to end, and when it has let go of everything. */
  readonly #stopping: AbortController;
  readonly #abort = new AbortController();
  /** Aborted when a stop has taken as long as it may. */
  readonly #tooLate = new AbortController();
  /** Aborted when the worker has ended. */
  readonly #over = new AbortController();
  #isStopping = false;
  readonly #ended = new Wake();
  readonly #pump: PumpDuty;
  readonly #watched: RunWatch;
  readonly #code: CodeWatch;
  readonly #warm: WarmTasks;
  readonly #logPoll: LongPoll<LogPlace, LogSlice>;
  readonly #sourcePolls = new Map<string, LongPoll<SourcePlace, true>>();
  /** By item. */
  readonly #loops = new Map<string, TaskLoop>();
  #taking: Promise<void> = Promise.resolve();
  #offered: readonly Task[] = [];
  /** The last that was told. */
  #share: Share | undefined;
  readonly #startedAt: WallTime;
  /** States that have been measured: to be set to 0 when no task is in them any more. */
  #seen: readonly LoopState['kind'][] = [];
  #told = false;
  /** What it is given from now on it does not take: it is about to leave. */
  #isClosing = false;
  #records = 0;
  #end: WorkerEnd['kind'] = 'stopped';

  private constructor(parts: WorkerParts, ports: TaskPorts, options: WorkerOptions) {
    const { open } = parts;
    this.open = open;
    this.#stopping = parts.stopping;
    this.#assignment = parts.assignment;
    this.#startedAt = ports.clock.now();
    this.#ports = ports;
    this.#options = options;
    const { patience = 100 as Duration, pollPeriod = 20 as Duration, copyPeriod = 1_000 as Duration } = options;
    const { clock, random, telemetry } = ports;
    const deps = { clock, random, telemetry, patience };
    const { batchMessages, batchBytes } = { ...defaultLimits, ...options.limits };
    const limit = { messages: batchMessages, bytes: options.readBytes ?? 4 * batchBytes, batchBytes };
    this.#logPoll = new LongPoll(logPoll(ports.log, limit, clock, pollPeriod), { ...deps, name: 'messages' });
    for (const [id, source] of open.sources) {
      const { awaitRows } = source;
      if (awaitRows === undefined) continue;
      const poll = sourcePoll({ awaitRows: awaitRows.bind(source) });
      this.#sourcePolls.set(id, new LongPoll(poll, { ...deps, name: `rows of ${id}` }));
    }
    this.#warm = new WarmTasks({ clock, telemetry, bytes: options.warmBytes ?? 256 * MiB, period: copyPeriod });
    this.#code = new CodeWatch(open, ports.commits, () => this.#loops.values());
    this.#watched = new RunWatch(parts, ports, () => this.#loops.values());
    this.#pump = new PumpDuty({
      run: open,
      ports,
      random,
      skew: options.limits?.clockSkew ?? defaultLimits.clockSkew,
      period: this.#pumpPeriod,
      ring: (name) => {
        for (const loop of this.#loops.values()) if (taskName(loop.task.id) === name) loop.call();
      },
    });
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
        let assignment: Assignment | undefined;
        const isCurrent = (): boolean => assignment?.isCurrent() ?? false;
        const opening = joinRun(pipeline, ports, { ...options, isCurrent, signal: stopping.signal });
        const joined = await unlessAborted(opening, signal, ({ open }) => void open.close().catch(() => {}));
        assignment = options.assignment(joined.open);
        return new Worker({ ...joined, stopping, assignment }, ports, options);
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
    this.#offer();
    this.#assignment.join({ take: (share) => this.#take(share), warm: () => this.#inMemory() });
    await this.#ended.wait();
    const end = await unlessAborted(this.#close(background), this.#tooLate.signal).catch((error: unknown) => {
      if (!this.#tooLate.signal.aborted) throw error;
      this.#abort.abort();
      this.#warn('the end took too long', error);
      return { kind: this.#end, error: undefined };
    });
    this.#over.abort();
    this.#options.signal?.removeEventListener('abort', stop);
    return end;
  }

  async #close(background: readonly Promise<void>[]): Promise<WorkerEnd> {
    if (this.#end === 'stopped')
      await this.#code.servePast(this.#ports.clock, (this.#stopTimeout * (2 / 3)) as Duration);
    this.#stopping.abort();
    this.#isClosing = true;
    await this.#taking;
    const own = [...this.#loops.values()].map(({ task }) => task);
    await Promise.all([this.#letGo([...this.#loops.keys()]), this.#pump.end()]);
    const error = this.#end === 'finished' ? await this.#finish(own) : undefined;
    await this.#assignment.leave().catch((error: unknown) => this.#warn('leaving failed', error));
    this.#abort.abort();
    await Promise.all(background);
    await this.open.close().catch((error: unknown) => this.#warn('closing failed', error));
    return { kind: this.#end, error };
  }

  /** Asks for a clean end: steps under way are finished, nothing new begins, others take over. What is not finished in time is given up: others do it again. */
  stop(): void {
    if (!this.#code.isOld) this.#stopping.abort();
    this.#ended.call();
    if (this.#isStopping) return;
    this.#isStopping = true;
    this.#ports.clock.sleep(this.#stopTimeout, this.#over.signal).then(
      () => this.#tooLate.abort(new Error('steps under way are given up; others do them again')),
      () => {},
    );
  }

  status(): WorkerStatus {
    const loops = [...this.#loops.values()];
    return {
      ready: this.#told && loops.every(({ state }) => state.kind !== 'loading' && state.kind !== 'older-code'),
      pump: this.#pump.onDuty,
      tasks: loops.map(({ task, state }) => ({ task: taskName(task.id), state })),
      warm: this.#warm.tasks().map(({ id }) => taskName(id)),
      records: loops.reduce((sum, loop) => sum + loop.records, this.#records),
    };
  }

  #take(share: Share): Promise<void> {
    this.#share = share;
    const change = (): Promise<void> =>
      this.#change(share).catch((error: unknown) => this.#warn('taking a share failed', error));
    this.#taking = this.#taking.then(change, change);
    return this.#taking;
  }

  async #change(share: Share): Promise<void> {
    if (this.#isClosing) return;
    const { own, copies } = share;
    const lost = [...this.#loops.keys()].filter((name) => !own.has(name));
    // What is new need not wait for steps under way of what goes.
    for (const task of this.open.tasks) {
      const name = itemOf(task);
      if (own.has(name) && !this.#loops.has(name)) this.#begin(name, task);
    }
    await Promise.all([this.#letGo(lost), own.has(PUMP) ? this.#pump.begin() : this.#pump.end()]);
    this.#warm.copy(this.open.tasks.filter((task) => copies.has(itemOf(task)) && !own.has(itemOf(task))));
    await this.#warm.fit();
    this.#told = true;
  }

  /** Has all tasks there are by now shared out. */
  #offer(): void {
    if (this.#offered === this.open.tasks) return;
    this.#offered = this.open.tasks;
    if (this.#share !== undefined) void this.#take(this.#share);
    const { stages } = this.#options;
    const isMine = ({ id }: Task): boolean => stages === undefined || stages.includes(id.stage);
    this.#assignment.offer([...(stages === undefined ? [PUMP] : []), ...this.#offered.filter(isMine).map(itemOf)]);
  }

  #begin(name: string, task: Task): void {
    const { clock, random, telemetry } = this.#ports;
    this.#warm.release(task);
    const loop = new TaskLoop(task, {
      clock,
      random,
      telemetry,
      inbox: this.#inboxOf(task),
      resumeBefore: this.#startedAt,
      linger: this.#options.linger ?? (0 as Duration),
    });
    this.#loops.set(name, loop);
    loop.pause(this.#watched.isPaused);
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
    const { clock } = this.#ports;
    while (!signal.aborted) {
      try {
        this.#measure();
        const over = await this.#watched.look();
        await this.open.grow((stage, error) => this.#warn(`partitions of ${stage} cannot be counted`, error));
        this.#offer();
        if (over) return this.#endAs('finished');
        if (await this.#code.look()) return this.#endAs('superseded');
      } catch (error) {
        this.#warn('looking after the run failed', error);
      }
      await clock.sleep(this.#pumpPeriod, signal).catch(() => {});
    }
  }

  #endAs(kind: WorkerEnd['kind']): void {
    this.#end = kind;
    this.#ended.call();
  }

  #measure(): void {
    const { telemetry } = this.#ports;
    const { pipeline } = this.open.record;
    const counts = new Map<LoopState['kind'], number>(this.#seen.map((state) => [state, 0]));
    for (const { state } of this.#loops.values()) counts.set(state.kind, (counts.get(state.kind) ?? 0) + 1);
    for (const [state, n] of counts) telemetry.gauge(workerMetrics.tasks, n, { pipeline, state });
    this.#seen = [...counts.keys()];
    telemetry.gauge(workerMetrics.pump, this.#pump.onDuty ? 1 : 0, { pipeline });
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
    return [...this.#loops.keys(), ...this.#warm.tasks().map(itemOf)];
  }

  get #stopTimeout(): Duration {
    return this.#options.stopTimeout ?? (30_000 as Duration);
  }

  get #pumpPeriod(): Duration {
    return this.#options.pumpPeriod ?? (1_000 as Duration);
  }

  #warn(what: string, error: unknown): void {
    this.#ports.telemetry.log('warn', `${what}: ${messageOf(error)}`);
  }
}
