/**
 * The controller's rounds for a run that it has opened: the pump's, and whom to wake for operations and changes of code.
 *
 * 1. All it goes by stands in records, commits and logs; it may be broken off anywhere, and another may go on.
 * 2. It never touches a task's state: it appends to logs, and tells functions what tasks are to do. What it told may be lost; the next round sees that.
 * 3. Code that is not the newest does nothing: another version of the controller goes on.
 */
import { type Duration, MillraceError, type TaskId, taskName } from '../lib/model/index.ts';
import type { SwitchStep } from '../lib/operations/index.ts';
import type { Pipeline } from '../lib/pipeline/index.ts';
import type { Plan } from '../lib/plan/index.ts';
import type { Round, Stop, TaskFacts } from '../lib/protocol/index.ts';
import {
  type Control,
  Controller,
  codeVersions,
  LOOK_AGE,
  newestCode,
  noteOver,
  notePauseEnds,
  noteStop,
  type OpenRun,
  openRun,
  readControl,
  runIdOf,
} from '../lib/runtime/index.ts';
import { BEYOND_ALL_READS, decideSwitch, type NewerCode } from './code-switch.ts';
import type { ControllerConnections } from './controller-ports.ts';
import {
  CONTROLLER,
  type DeployedFunction,
  functionIn,
  functionsIn,
  functionsOf,
  noteDeployed,
  noteFunctions,
  type StageFunction,
} from './function-versions.ts';
import type { TaskOrder } from './ring-event.ts';
import { Rings } from './rings.ts';
import { RoundReport, SWITCHING } from './round-report.ts';
import type { Settings } from './settings.ts';

/** Twice the deviation of a clock from true time that is allowed for. */
const SKEW = 1_000 as Duration;
/** How long a record may take from its event to the log without being late. */
const GRACE = 0 as Duration;
/** How long after a pause was asked for, as its record says, a source may still be read: until it is written, and for as long as functions go by what they saw. */
const CEASED = 15_000 + LOOK_AGE + SKEW;
/** A task that has committed so lately is being worked on. */
const RECENTLY = 5_000;
/** How long Lambda may take to end a function that is out of time. */
const LINGER = 2_000;
const AUDIT_PERIOD = 3_600_000;

/** How a round ended. */
export interface RoundEnd {
  /** `superseded`: newer code is there, and its controller goes on. `over`: there is nothing to do any more. */
  readonly kind: 'done' | 'superseded' | 'over';
  /** Something is under way that wants to be looked after soon. */
  readonly busy: boolean;
  /** When something that is known already becomes due. */
  readonly next: number | undefined;
}

export class Pump {
  readonly open: OpenRun;
  readonly connections: ControllerConnections;
  readonly #settings: Settings;
  readonly #deployed: readonly DeployedFunction[];
  readonly #controller: Controller;
  readonly #report: RoundReport;
  /** Tasks whose logs hold the barrier of an epoch, as `task@epoch`. */
  readonly #barriers = new Set<string>();
  #functions: readonly StageFunction[] = [];
  #newer: ReadonlyMap<string, NewerCode> | undefined;
  /** Offsets at the last round. */
  #offsets: ReadonlyMap<string, number> = new Map();
  #auditedHour: number;
  /** The code was written down by then. */
  readonly #openedAt: number;

  private constructor(
    open: OpenRun,
    connections: ControllerConnections,
    settings: Settings,
    deployed: readonly DeployedFunction[],
  ) {
    this.open = open;
    this.#deployed = deployed;
    this.connections = connections;
    this.#settings = settings;
    const { ports } = connections;
    this.#controller = new Controller(open, ports, { skew: SKEW, grace: GRACE });
    this.#report = new RoundReport(ports.telemetry, open.plan);
    this.#openedAt = ports.clock.now();
    this.#auditedHour = hourOf(ports.clock.now()) - (ports.clock.now() % AUDIT_PERIOD < settings.period ? 1 : 0);
  }

  /** Opens the newest run, or creates one, with this code. Throws what `openRun` throws. */
  static async open(pipeline: Pipeline, settings: Settings, connections: ControllerConnections): Promise<Pump> {
    const { ports, lent } = connections;
    const deployment = deploymentOf(settings);
    const deployed = await noteDeployed(ports.commits, pipeline.name, broughtBy(pipeline.plan, settings));
    const open = await openRun(pipeline, ports, {
      durable: true,
      limits: { clockSkew: SKEW },
      ...(lent === undefined ? {} : { connections: lent }),
      signal: new AbortController().signal,
      runId: runIdOf(ports.clock, ports.random),
      ...(deployment === undefined ? {} : { deployment }),
    });
    return new Pump(open, connections, settings, deployed);
  }

  /** Throws what could not be read or written this time, after it has done what it could do without, and `state-lost` where commits of tasks are gone. */
  async round(): Promise<RoundEnd> {
    const { ports } = this.connections;
    const { record, codeVersion } = this.open;
    const [control, newest] = await Promise.all([
      readControl(ports.commits, record),
      newestCode(ports.commits, record),
    ]);
    if (control.over) return { kind: 'over', busy: false, next: undefined };
    if (newest.version > codeVersion) return { kind: 'superseded', busy: false, next: undefined };
    if (this.#functions.length === 0) this.#functions = await this.#noteFunctions();
    const round = await this.#controller.round({ silent: control.pausedAt !== undefined });
    const { facts } = this.#controller;
    refuseLost(round.stops);
    const found = await this.#stops(round);
    const steps = await this.switchSteps(facts, control);
    await this.#notePauseEnds(control, facts);
    const rings = new Rings(this.connections, facts);
    this.#ringFor(round, control, steps, rings);
    this.#ringStops([...control.stops.values(), ...found], rings);
    await this.#carryOut(steps, rings);
    await rings.send();
    const over = round.over && found.length === 0 && control.stops.size === 0;
    if (over) await noteOver(ports.commits, record, ports.clock.now());
    this.#report.tell(facts, steps, ports.clock.now(), control.pausedAt !== undefined);
    this.#offsets = new Map(facts.map(({ task, head }) => [taskName(task), head?.nextOffset ?? -1]));
    if (this.#controller.trouble !== undefined) throw this.#controller.trouble;
    return { kind: over ? 'over' : 'done', busy: !over && this.#isBusy(control, steps), next: round.next };
  }

  /** Whether rounds are waited for; not for long where one task keeps all from an end. */
  #isBusy({ drain, pausedAt, pausedEnds }: Control, steps: readonly SwitchStep[]): boolean {
    const { facts } = this.#controller;
    if (drain) return facts.every(({ head }) => head?.status.kind !== 'stopped');
    if (pausedAt !== undefined && pausedEnds === undefined) return true;
    const isEarly = this.connections.ports.clock.now() - this.#openedAt < SWITCHING;
    return isEarly && steps.some(({ kind }) => kind !== 'stuck' && kind !== 'stopped');
  }

  /** Where tasks are that have not come to their stage's newest code. */
  async switchSteps(facts: readonly TaskFacts[], control: Control): Promise<readonly SwitchStep[]> {
    const isOlder = ({ task, head }: TaskFacts): boolean =>
      head !== undefined && head.epoch < this.#epochOf(task.stage);
    if (!facts.some(isOlder)) return [];
    this.#newer ??= await this.#newerCode();
    return decideSwitch(facts, this.#newer, this.connections.ports.clock.now(), control);
  }

  /** Soon after a pause has begun nobody reads any more; what there is then lies beyond all that was read. */
  async #notePauseEnds({ pausedAt, pausedEnds }: Control, facts: readonly TaskFacts[]): Promise<void> {
    const { commits, clock } = this.connections.ports;
    if (pausedAt === undefined || pausedEnds !== undefined || clock.now() < pausedAt + CEASED) return;
    const sources = facts.filter(({ head }) => head?.source !== undefined);
    if (sources.some(({ log }) => log === undefined)) return;
    const ends = sources.map(({ task, head, log }) => [
      taskName(task),
      log?.end ?? head!.nextOffset + BEYOND_ALL_READS,
    ]);
    await notePauseEnds(commits, this.open.record, Object.fromEntries(ends));
  }

  /** Milliseconds within which all functions have seen what was written down, and every step that they had begun before is over. */
  get settled(): number {
    const limits = this.#functions.map(({ timeout }) => timeout);
    return Math.max(this.#settings.timeout, ...limits) + LOOK_AGE + LINGER + SKEW;
  }

  #epochOf(stage: string): number {
    return this.open.tasks.find(({ id }) => id.stage === stage)?.host.epoch ?? 0;
  }

  async #newerCode(): Promise<ReadonlyMap<string, NewerCode>> {
    const { ports } = this.connections;
    const { record, plan } = this.open;
    this.#functions = await functionsOf(ports.commits, record);
    return new Map(
      plan.stages.map(({ id }) => {
        const isWorkers = this.#settings.workerStages?.includes(id) === true;
        const hasFunction = (older: number): boolean =>
          isWorkers || functionIn(this.#functions, id, older) !== undefined;
        return [id, { epoch: this.#epochOf(id), settledAt: this.#openedAt + LOOK_AGE + 2 * SKEW, hasFunction }];
      }),
    );
  }

  /** Writes down which functions have which of the run's code, so that who meets a task at other code knows whom to call. */
  async #noteFunctions(): Promise<readonly StageFunction[]> {
    const { commits } = this.connections.ports;
    const { record, codeVersion } = this.open;
    const { timeout, self } = this.#settings;
    const own = self === undefined ? [] : [{ ...self, stage: CONTROLLER, epoch: codeVersion, timeout }];
    const versions = await codeVersions(commits, record);
    return noteFunctions(commits, record, [...functionsIn(versions, this.#deployed), ...own]);
  }

  /** Those that were not known before, written down. */
  async #stops(round: Round): Promise<readonly Stop[]> {
    const { ports } = this.connections;
    const hour = hourOf(ports.clock.now());
    const found = [...round.stops];
    if (round.over || hour > this.#auditedHour) {
      found.push(...(await this.#controller.audit()));
      this.#auditedHour = hour;
    }
    for (const stop of found) {
      const { task, message, reason } = stop;
      ports.telemetry.log('error', `${taskName(task)} must not go on: ${message}`, { reason });
      await noteStop(ports.commits, this.open.record, stop);
    }
    return found;
  }

  #ringFor(round: Round, control: Control, steps: readonly SwitchStep[], rings: Rings): void {
    const held = new Set(
      steps.filter(({ kind }) => kind === 'hold' || kind === 'stuck').map(({ task }) => taskName(task)),
    );
    for (const { task, reason } of round.rings) {
      const head = rings.headOf(task);
      if (held.has(taskName(task))) continue;
      if (control.pausedAt !== undefined && head?.source !== undefined && head.source.handOver === undefined) continue;
      if (reason === 'backlog' && this.#isMoving(task, head)) continue;
      rings.wake(task, reason);
    }
    if (!control.drain) return;
    for (const { task, head, log } of this.#controller.facts) {
      const source = head?.source;
      if (head === undefined || source === undefined || source.done || source.drainTo !== undefined) continue;
      if (head.epoch === this.#epochOf(task.stage)) {
        rings.order(task, { kind: 'drain', end: Math.max(head.nextOffset, log?.end ?? 0) });
      }
    }
  }

  /** Whether it has got on since the last round, a moment ago: then whoever works on it will go on. */
  #isMoving(task: TaskId, head: TaskFacts['head']): boolean {
    const before = this.#offsets.get(taskName(task));
    if (head === undefined || before === undefined || head.nextOffset <= before) return false;
    return this.connections.ports.clock.now() - head.at < RECENTLY;
  }

  #ringStops(stops: readonly Stop[], rings: Rings): void {
    for (const stop of stops) {
      if (rings.headOf(stop.task)?.status.kind !== 'stopped') rings.order(stop.task, { kind: 'halt', stop });
    }
  }

  async #carryOut(steps: readonly SwitchStep[], rings: Rings): Promise<void> {
    const { ports } = this.connections;
    const unsaid = steps.filter((step) => step.kind === 'barrier' && !this.#barriers.has(barrierName(step)));
    if (unsaid.length > 0) {
      await ports.log.append(unsaid.map((step) => this.#barrier(step)));
      for (const step of unsaid) this.#barriers.add(barrierName(step));
      ports.telemetry.log('info', `newer code is to take over: ${unsaid.map(({ task }) => taskName(task)).join(', ')}`);
    }
    for (const step of steps) {
      const order = orderOf(step);
      if (order !== undefined) rings.order(step.task, order, step.kind === 'stopped' ? step.to : step.from);
    }
  }

  #barrier({ task, to }: SwitchStep) {
    const { record, plan } = this.open;
    const { topic, code } = plan.stages.find(({ id }) => id === task.stage)!;
    const message = { kind: 'barrier', run: record.id, epoch: to, code } as const;
    return { topic, partition: task.partition, message };
  }
}

/** The functions of a deployment. Stages that are run by workers have none. */
function broughtBy({ stages }: Plan, { functions, timeout }: Settings): readonly DeployedFunction[] {
  return stages.flatMap(({ id, code }, i): DeployedFunction[] => {
    const version = functions[i];
    return version === undefined || version.function === '' ? [] : [{ ...version, stage: id, code, timeout }];
  });
}

/** The number of the deployment: published versions of a function are numbered in order. */
export function deploymentOf({ self }: Pick<Settings, 'self'>): number | undefined {
  const number = Number(self?.version);
  return Number.isSafeInteger(number) ? number : undefined;
}

const hourOf = (now: number): number => Math.floor(now / AUDIT_PERIOD);
const barrierName = ({ task, to }: SwitchStep): string => `${taskName(task)}@${to}`;

/** What older code is to be told, or, where it has stopped, newer code. */
function orderOf({ kind, at, to }: SwitchStep): TaskOrder | undefined {
  if (kind === 'hand-over' && at !== undefined) return { kind, at, epoch: to };
  if (kind === 'stopped') return { kind: 'resume' };
  return undefined;
}

/** Commits that are gone cannot be told of in commits: whoever opens the run anew finds out how much is lost. */
function refuseLost(stops: readonly Stop[]): void {
  const lost = stops.filter(({ reason }) => reason === 'state-lost');
  if (lost.length === 0) return;
  const names = lost.map(({ task }) => taskName(task)).join(', ');
  throw new MillraceError('state-lost', `the commits of these tasks are gone: ${names}`, {
    hint: 'the table was emptied or replaced; restore it, and the run goes on',
  });
}
