/**
 * All of a pipeline in one process: a loop per task, woken by appends to its partition; a pump for silent sources, timers of processing time and
 * partitions that sources gain.
 *
 * Memory stays flat: sources wait while any task has more than a few messages before it, and messages are let go of once consumed.
 */
import { type Duration, MAX_TIME, MIN_TIME, MillraceError, messageOf, taskName } from '../../model/index.ts';
import type { Pipeline } from '../../pipeline/index.ts';
import type { Log } from '../../ports/index.ts';
import {
  type OpenOptions,
  type OpenRun,
  openRun,
  type StepResult,
  type Task,
  type TaskPorts,
} from '../../runtime/index.ts';
import { Pump } from './pump.ts';
import { Wakeups, wakeName, wakingLog, wakingStep } from './wakeups.ts';

export interface EmbeddedOptions extends Omit<OpenOptions, 'signal'> {
  /** How often the pump looks after silent sources and timers of processing time. Default: 1 second. */
  readonly pumpPeriod?: Duration;
  /** How often a source that had nothing is asked again. Default: 20 milliseconds. */
  readonly pollPeriod?: Duration;
  /** What a stopped task means for the rest: everything stops ('stop', the default), or the other tasks go on. */
  readonly onFailure?: 'stop' | 'continue';
  /** Aborted before the run is open, it cuts the opening short: the run is stopped when it begins, or its reason is thrown. What is open is ended by `stop`. */
  readonly signal?: AbortSignal;
}

/** How a run ended. */
export interface RunEnd {
  /** `finished`: all input processed, everything closed. `stopped`: asked to, and resumable. `failed`: a task stopped. */
  readonly kind: 'finished' | 'stopped' | 'failed';
  readonly error: MillraceError | undefined;
}

/** Where a run stands. Times are milliseconds since the epoch, undefined where nothing is known yet. */
export interface Progress {
  /** Rows read from all sources since the process began. */
  readonly records: number;
  /** Least event time that every task has reached. */
  readonly eventTime: number | undefined;
  /** Messages that wait between stages. */
  readonly backlog: number;
  /** Cells of keyed state: open windows, values, timers. */
  readonly stateEntries: number;
  readonly tasksDone: number;
  readonly tasks: number;
}

/** Messages before a task at which sources wait: few, so that a record is worked on while it is still in the processor's cache. */
const BACKLOG = 1;

export class EmbeddedRun {
  readonly open: OpenRun;
  readonly #log: Log;
  readonly #ports: TaskPorts;
  readonly #options: EmbeddedOptions;
  readonly #wakeups: Wakeups;
  readonly #abort: AbortController;
  readonly #pump: Pump;
  readonly #state = new Map<Task, 'busy' | 'idle' | 'done' | 'stopped'>();
  /** Loops that have not ended. */
  readonly #loops = new Set<Promise<void>>();
  #records = 0;
  #failure: MillraceError | undefined;
  #ended: RunEnd | undefined;

  private constructor(
    open: OpenRun,
    ports: TaskPorts,
    options: EmbeddedOptions,
    wakeups: Wakeups,
    abort: AbortController,
  ) {
    this.open = open;
    this.#ports = ports;
    this.#log = ports.log;
    this.#options = options;
    this.#wakeups = wakeups;
    this.#abort = abort;
    this.#pump = new Pump(open, ports, options.limits?.clockSkew ?? (0 as Duration));
    for (const { host, id } of open.tasks) {
      if (host.source === undefined) wakeups.backlog.set(wakeName(host.stage.topic, id.partition), 0);
    }
  }

  /** Opens or creates the run of a pipeline on these ports. Throws what `openRun` throws. */
  static async open(pipeline: Pipeline, ports: TaskPorts, options: EmbeddedOptions): Promise<EmbeddedRun> {
    const wakeups = new Wakeups();
    const abort = new AbortController();
    const leave = (): void => abort.abort(options.signal?.reason);
    if (options.signal?.aborted) leave();
    options.signal?.addEventListener('abort', leave, { once: true });
    const waking: TaskPorts = {
      ...ports,
      log: wakingLog(ports.log, wakeups),
      atomic: ports.atomic === undefined ? undefined : wakingStep(ports.atomic, wakeups),
    };
    let open: OpenRun | undefined;
    try {
      open = await openRun(pipeline, waking, { ...options, signal: abort.signal });
      for (const task of open.resumed ? open.tasks : []) if (!abort.signal.aborted) await task.resume();
    } catch (error) {
      await open?.close();
      throw error;
    } finally {
      options.signal?.removeEventListener('abort', leave);
    }
    return new EmbeddedRun(open, waking, options, wakeups, abort);
  }

  /** How it ended; undefined while it runs, and before. */
  get end(): RunEnd | undefined {
    return this.#ended;
  }

  /** Runs until the input ends, `stop` is called or a task fails; then closes everything. */
  async run(): Promise<RunEnd> {
    this.#begin();
    const pump = this.#pumpLoop().catch((error: unknown) => this.#fail(error));
    while (this.#loops.size > 0) {
      await Promise.all(this.#loops);
      if (!this.#abort.signal.aborted) this.#begin();
    }
    this.#abort.abort();
    await pump;
    if (this.#failure === undefined) {
      try {
        await this.#ports.atomic?.group?.flush();
        if (this.#finished()) {
          await this.#pump.audit();
          await this.#finishSinks();
          this.#ended = { kind: 'finished', error: undefined };
        }
      } catch (error) {
        this.#fail(error);
      }
    }
    this.#ended ??=
      this.#failure === undefined ? { kind: 'stopped', error: undefined } : { kind: 'failed', error: this.#failure };
    await this.open.close();
    return this.#ended;
  }

  /** Asks for a clean end: steps under way are finished, nothing new begins. */
  stop(): void {
    this.#abort.abort();
    this.#wakeups.callAll();
  }

  /**
   * Ends the sources for good: a bounded one where it stands, any other where its log ends now, if that is known. What is in is finished, every window
   * closes, and the run has finished, also for those who open it again.
   */
  async drain(): Promise<void> {
    const drained = new Set<Task>();
    for (;;) {
      await this.open.grow();
      const sources = this.open.tasks.filter((task) => task.host.source !== undefined && !drained.has(task));
      if (sources.length === 0) return;
      for (const task of sources) {
        const { log } = task.host.source!;
        const { end = 0 } = log.info.bounded ? {} : await log.bounds(task.id.partition);
        await task.drainTo(end);
        this.#wakeups.call(taskName(task.id));
        drained.add(task);
      }
    }
  }

  progress(): Progress {
    let eventTime: number | undefined;
    let stateEntries = 0;
    for (const task of this.open.tasks) {
      const { state } = task;
      if (state === undefined) continue;
      stateEntries += state.store.size;
      const { watermark } = state;
      if (watermark !== MIN_TIME && watermark !== MAX_TIME) eventTime = Math.min(eventTime ?? watermark, watermark);
    }
    return {
      records: this.#records,
      eventTime,
      backlog: [...this.#wakeups.backlog.values()].reduce((a, b) => a + b, 0),
      stateEntries,
      tasksDone: [...this.#state.values()].filter((s) => s === 'done').length,
      tasks: this.open.tasks.length,
    };
  }

  /** Begins the loops of tasks that have none yet: of all at first, of those of partitions gained after a round of the pump, or when the others have ended. */
  #begin(): void {
    for (const task of this.open.tasks) {
      if (this.#state.has(task)) continue;
      this.#state.set(task, 'idle');
      const loop = this.#loop(task).catch((error: unknown) => this.#fail(error));
      this.#loops.add(loop);
      void loop.then(() => this.#loops.delete(loop));
    }
  }

  async #loop(task: Task): Promise<void> {
    const { clock } = this.#ports;
    const { host, id } = task;
    const name = host.source === undefined ? wakeName(host.stage.topic, id.partition) : taskName(id);
    let lost = 0;
    while (!this.#abort.signal.aborted) {
      if (host.source !== undefined && this.#full()) {
        await this.#pause(taskName(id));
        continue;
      }
      this.#state.set(task, 'busy');
      const alone = this.#upstreamOver(task);
      let result: StepResult;
      try {
        result = await task.ring();
        if (result.kind === 'advanced') await this.#advanced(task, result);
      } catch (error) {
        if (!this.#mayPass(error) || ++lost > 10) throw error;
        await this.#sleep((100 * 2 ** Math.min(lost, 6)) as Duration);
        continue;
      }
      switch (result.kind) {
        case 'advanced':
          lost = 0;
          await clock.sleep(0 as Duration);
          break;
        case 'idle':
          lost = 0;
          if (await this.#rest(task, result.done, name, alone)) return;
          break;
        case 'waiting':
          await this.#sleep(Math.max(1, result.until - clock.now()) as Duration);
          break;
        case 'lost':
          if (++lost > 10)
            throw new MillraceError(
              'internal',
              `task ${taskName(id)} lost ten commits in a row: another process works on the same run`,
            );
          break;
        case 'stopped':
          if (this.#options.onFailure !== 'continue') throw result.error;
          this.#failure ??= result.error;
          return this.#over(task, 'stopped', name);
        case 'other-code':
          throw new MillraceError(
            'internal',
            `task ${taskName(id)} is at code version ${result.epoch}, this process has ${host.epoch}`,
          );
      }
    }
  }

  /** Nothing to do: waits for something. True if nothing will ever come. `alone`: before the task looked, all before it were done. */
  async #rest(task: Task, done: boolean, name: string, alone: boolean): Promise<boolean> {
    if (task.host.source !== undefined) {
      if (done) {
        this.#over(task, 'done', name);
        return true;
      }
      this.#state.set(task, 'idle');
      await this.#sleep(this.#options.pollPeriod ?? (20 as Duration));
      return false;
    }
    if (this.#quiet(task)) {
      if (!alone && this.#upstreamOver(task)) return false;
      if (alone) {
        this.#over(task, task.state?.watermark === MAX_TIME ? 'done' : 'stopped', name);
        return true;
      }
    }
    this.#state.set(task, 'idle');
    await this.#pause(name);
    return false;
  }

  /** What follows a commit: a source's rows are counted, what a task has consumed is let go of. */
  async #advanced(task: Task, { records, nextOffset }: Extract<StepResult, { kind: 'advanced' }>): Promise<void> {
    const { host } = task;
    if (host.source !== undefined) this.#records += records;
    if ((task.state?.version ?? 0) % host.run.slots === 0) await task.collectGarbage();
    if (host.source === undefined) await this.#consumed(task, nextOffset);
  }

  /** A task's loop has ended, so nobody waits for its backlog any more; those behind it look whether anything more can come. */
  #over(task: Task, how: 'done' | 'stopped', name: string): void {
    this.#state.set(task, how);
    this.#wakeups.backlog.delete(name);
    this.#wakeups.callAll();
  }

  /** Whether a task behind an exchange has nothing left to do but for what may yet be appended: it has heard the end, or a task before it has stopped. */
  #quiet({ state, host }: Task): boolean {
    if (state === undefined) return false;
    if (state.watermark !== MAX_TIME && !this.#upstream(host).some((task) => this.#state.get(task) === 'stopped'))
      return false;
    return state.store.processingTimers.earliest() === undefined && state.debts.length === 0;
  }

  /** Whether no task before this one will append anything more. */
  #upstreamOver({ host }: Task): boolean {
    return this.#upstream(host).every((task) => {
      const state = this.#state.get(task);
      return state === 'done' || state === 'stopped';
    });
  }

  #upstream({ plan, stage }: Task['host']): readonly Task[] {
    const from = new Set(plan.edges.filter((edge) => edge.to === stage.id).map((edge) => edge.from));
    return this.open.tasks.filter((task) => from.has(task.id.stage));
  }

  /** Whether what was thrown may be gone at another attempt. What is in memory alone is lost by then. */
  #mayPass(error: unknown): boolean {
    return error instanceof MillraceError && error.retry && !this.#ports.commits.volatile;
  }

  #finished(): boolean {
    return this.open.tasks.every((task) => this.#state.get(task) === 'done');
  }

  async #finishSinks(): Promise<void> {
    for (const task of this.open.tasks) {
      for (const sink of task.state?.chain.sinks ?? []) await sink.finish();
    }
  }

  async #consumed(task: Task, nextOffset: number): Promise<void> {
    const topic = task.host.topic!;
    const name = wakeName(topic.name, task.id.partition);
    const { backlog } = this.#wakeups;
    const { end } = await this.#log.bounds(topic, task.id.partition);
    const before = backlog.get(name) ?? 0;
    backlog.set(name, end - nextOffset);
    if (before >= BACKLOG && end - nextOffset < BACKLOG) this.#wakeSources();
    await this.#log.trim(topic, task.id.partition, nextOffset);
  }

  #wakeSources(): void {
    for (const task of this.open.tasks) if (task.host.source !== undefined) this.#wakeups.call(taskName(task.id));
  }

  #full(): boolean {
    for (const n of this.#wakeups.backlog.values()) if (n >= BACKLOG) return true;
    return false;
  }

  async #pumpLoop(): Promise<void> {
    const period = this.#options.pumpPeriod ?? (1_000 as Duration);
    while (!this.#abort.signal.aborted) {
      const wait =
        this.#pump.next === undefined
          ? period
          : Math.min(period, Math.max(1, this.#pump.next - this.#ports.clock.now()));
      await this.#sleep(wait as Duration);
      if (this.#abort.signal.aborted || this.#finished()) return;
      try {
        for (const name of await this.#pump.round()) this.#wakeups.call(name);
        this.#begin();
      } catch (error) {
        if (!this.#mayPass(error)) throw error;
        this.#ports.telemetry.log('warn', `a round of the pump failed: ${messageOf(error)}`, {});
      }
    }
  }

  async #pause(name: string): Promise<void> {
    if (this.#abort.signal.aborted) return;
    await this.#wakeups.wait(name);
    await this.#ports.clock.sleep(0 as Duration);
  }

  async #sleep(span: Duration): Promise<void> {
    await this.#ports.clock.sleep(span, this.#abort.signal).catch(() => {});
  }

  #fail(error: unknown): void {
    const known =
      error instanceof MillraceError ? error : new MillraceError('internal', messageOf(error), { cause: error });
    this.#failure ??= known;
    this.#ports.telemetry.log('error', known.message, { where: known.where, hint: known.hint });
    this.stop();
  }
}
