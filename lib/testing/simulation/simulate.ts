/** One simulated life of a pipeline: everything is drawn from one seed, so the same seed gives the same life. */
import { SeededRandom } from '../../adapters/simulated/index.ts';
import { MAX_TIME, type TaskId, taskName } from '../../model/index.ts';
import { type CommitHeader, slotsUsed } from '../../protocol/index.ts';
import { type DeadLetter, deadLetterTopic, decodeBody } from '../../runtime/index.ts';
import { noFaults } from './dice.ts';
import { calmSizes, drawGroupSizes, drawRates, drawSizes } from './draw.ts';
import { Caller, Doorbell, EventSource } from './event-source.ts';
import { Fleet, type Worker } from './fleet.ts';
import { otherOutcome } from './other-outcome.ts';
import { Refold } from './refold.ts';
import type { SimOutcome, SimSpec } from './sim-spec.ts';
import { ofStart, textOf } from './story-text.ts';
import type { SunkRecord } from './sunk-record.ts';
import { upgrade } from './upgrade.ts';
import { Witness } from './witness.ts';
import { SIM_START, type Violation, World } from './world.ts';

export interface SimReport {
  readonly violation: Violation | undefined;
  readonly outcome: SimOutcome | undefined;
  /** Faults that happened, by name. */
  readonly faults: readonly string[];
  readonly story: readonly string[];
  /** Simulated milliseconds until everything had come to rest. */
  readonly length: number;
}

export interface SimOptions {
  /** No faults, one process, a record at a time. */
  readonly undisturbed?: boolean;
  readonly spared?: ReadonlySet<string>;
  readonly tell?: boolean;
}

/** How long after the last arrival things go on going wrong, and how long everything may then take to come to rest. */
const TROUBLE_AFTER = 15_000;
const REST_WITHIN = 3 * 3_600_000;

/** One life. Does not throw for what goes wrong in it: that is in the report. */
export async function simulate(seed: number, spec: SimSpec, options: SimOptions = {}): Promise<SimReport> {
  const report = await new Simulation(seed, spec, options).run();
  const compared = spec.sameOrder === true || spec.sameResults === true;
  if (!compared || options.undisturbed === true || report.outcome === undefined) return report;
  if (report.violation !== undefined) return report;
  const { outcome } = await new Simulation(seed, spec, { undisturbed: true }).run();
  const message =
    outcome === undefined
      ? 'the undisturbed run fails'
      : otherOutcome(report.outcome, outcome, spec.sameOrder === true);
  if (message === undefined) return report;
  return { ...report, violation: { invariant: '7 each record is applied once, in order', message } };
}

class Simulation {
  readonly #spec: SimSpec;
  readonly #world: World;
  readonly #fleet: Fleet;
  readonly #callers = new Map<string, Caller>();
  readonly #eventSources = new Map<string, EventSource>();
  readonly #doorbells: Doorbell[] = [];
  readonly #alarms = new Set<string>();
  /** Tasks that the pump rings no more, because their logs are not those they have read. */
  readonly #accused = new Set<string>();
  readonly #undisturbed: boolean;

  constructor(seed: number, spec: SimSpec, { undisturbed = false, spared, tell = false }: SimOptions) {
    const draw = new SeededRandom(`sizes ${seed}`);
    const drawn = drawSizes(draw);
    const grouped = spec.groups === true ? drawGroupSizes(new SeededRandom(`groups ${seed}`)) : {};
    const sizes = undisturbed ? calmSizes : { ...drawn, ...grouped, ...spec.sizes };
    const rates = undisturbed ? noFaults : drawRates(draw, spec.faults);
    this.#spec = spec;
    this.#undisturbed = undisturbed;
    this.#world = new World(seed, sizes, rates, spec.sources, { tell, ...(spared === undefined ? {} : { spared }) });
    this.#fleet = new Fleet(this.#world, spec.pipelines, spec.looks === true);
    if (undisturbed) this.#world.dice.calm = true;
  }

  async run(): Promise<SimReport> {
    const world = this.#world;
    const { schedule } = world;
    const life = this.#life().catch((error: unknown) => this.#broken(error));
    await schedule.run(SIM_START + 24 * 3_600_000);
    let outcome: SimOutcome | undefined;
    if (world.violation === undefined) {
      await life;
      outcome = this.#outcome();
      const wrong = this.#spec.check?.(outcome);
      if (wrong !== undefined) world.violate('13 results', wrong);
    }
    return {
      violation: world.violation,
      outcome,
      faults: world.dice.thrown,
      story: world.story ?? [],
      length: schedule.now - SIM_START,
    };
  }

  #broken(error: unknown): void {
    const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.#world.violate('the simulation comes to an end', message);
  }

  async #life(): Promise<void> {
    const { schedule, dice } = this.#world;
    this.#watch();
    const last = Math.max(
      ...Object.values(this.#spec.sources).flatMap((s) => s.partitions.flatMap((rows) => rows.map((row) => row.at))),
      ...Object.values(this.#spec.sources).flatMap(({ since = [] }) => since),
      0,
    );
    const calmAt = SIM_START + Math.max(last, ...(this.#spec.upgrades ?? [])) + TROUBLE_AFTER;
    schedule.at(calmAt, () => {
      this.#world.tell('', 'from here on nothing goes wrong');
      dice.calm = true;
    });
    await this.#fleet.deploy(0);
    this.#begin();
    this.#spec.happenings?.forEach(({ at, act }) => {
      schedule.at(SIM_START + at, () => act(this.#world));
    });
    const upgrades = this.#upgrades().catch((error: unknown) => this.#broken(error));
    await this.#until(calmAt);
    await upgrades;
    while (!this.#atRest()) {
      if (schedule.now > calmAt + REST_WITHIN) {
        this.#stuck();
        return;
      }
      await this.#until(schedule.now + 5_000);
    }
    await this.#finish();
    schedule.stop();
  }

  #watch(): void {
    const { log, commits, blobs } = this.#world;
    const plan = this.#spec.pipelines[0]!.plan;
    const witness = new Witness(this.#world, plan, {
      inBound: this.#spec.inBound === true,
      mayStop: this.#spec.mayStop === true,
      epochOf: (version, stage) => this.#fleet.epochOf(version, stage),
      knows: ({ stage, partition }) =>
        this.#fleet.record.tasks.some((task) => task.stage === stage && task.partition === partition),
    });
    const stages = new Map(plan.stages.map((stage) => [stage.topic, stage.id]));
    log.onAppend = (topic, partition, message) => {
      if (this.#world.story !== undefined)
        this.#world.tell('log', `${topic}/${partition} ${message.offset}: ${textOf(message.message)}`);
      const stage = stages.get(topic);
      if (stage !== undefined) this.#eventSources.get(taskName({ stage, partition }))?.wake();
    };
    log.onSettled = (topic, partition, message) => witness.appended(topic, partition, message);
    this.#world.onLoss = () => {
      for (const eventSource of this.#eventSources.values()) eventSource.back();
      for (const doorbell of this.#doorbells) doorbell.wake();
    };
    commits.onPut = (commit, by) => {
      const { header } = commit;
      const { version, nextOffset, watermark, status } = header;
      if (this.#world.story !== undefined)
        this.#world.tell(
          'commits',
          `${taskName(header.task)} version ${version}: next ${nextOffset}, watermark ${ofStart(watermark)}${status.kind === 'ok' ? '' : `, ${status.kind}`}`,
        );
      witness.put(commit, by);
    };
    blobs.onDelete = (name) => witness.deleted(name);
    const { ends } = this.#spec;
    if (ends !== undefined) commits.onRun = (record) => ({ ...record, ends });
  }

  #begin(): void {
    const { schedule, random, sizes } = this.#world;
    for (const task of this.#fleet.record.tasks) this.#beginTask(task, schedule.now);
    for (const { id: stage, source } of this.#spec.pipelines[0]!.plan.stages) {
      const { since = [] } = source === undefined ? {} : this.#spec.sources[source]!;
      since.forEach((at, partition) => {
        const task = { stage, partition };
        if (this.#callers.has(taskName(task))) return;
        schedule.at(SIM_START + at, () => {
          this.#world.tell('', `source ${source} gains partition ${partition}`);
          this.#beginTask(task, SIM_START);
        });
      });
    }
    const pump = (): void => {
      schedule.after(sizes.pumpPeriod * (0.5 + random.next()), pump);
      void this.#round(this.#worker());
      if (this.#world.dice.fault('controllers', ['secondController']) !== undefined) void this.#round(this.#worker());
      if (random.next() < 0.15) void this.#audit();
      if (this.#world.dice.fault('garbage', ['garbage']) !== undefined) void this.#collect();
    };
    schedule.after(sizes.pumpPeriod * random.next(), pump);
  }

  /** What calls a task. Rows of a source arrive from `start` on. */
  #beginTask(task: TaskId, start: number): void {
    const { random, sources } = this.#world;
    const stage = this.#spec.pipelines[0]!.plan.stages.find((s) => s.id === task.stage)!;
    const caller = new Caller(this.#fleet, task);
    caller.version = this.#fleet.deployments.length - 1;
    this.#callers.set(taskName(task), caller);
    if (stage.source === undefined) {
      const eventSource = new EventSource(this.#fleet, caller, stage.topic);
      this.#eventSources.set(taskName(task), eventSource);
      eventSource.wake();
    } else {
      const slow = random.next() < 0.3 ? (this.#spec.slowSource ?? 0) : 0;
      this.#doorbells.push(new Doorbell(this.#fleet, caller, sources.get(stage.source)!, slow, start));
    }
  }

  #worker(): Worker {
    return this.#fleet.worker(this.#fleet.deployments.length - 1);
  }

  async #round(worker: Worker): Promise<void> {
    const { tell } = this.#world;
    tell(worker.process.name, 'begins a round');
    const round = await worker.controller.round().catch((error: unknown) => error as Error);
    if (round instanceof Error) {
      tell(worker.process.name, `gives up the round: ${round.message}`);
      return;
    }
    for (const { task, reason } of round.rings) {
      tell(worker.process.name, `round: ring ${taskName(task)}: ${reason}`);
      void this.#callers.get(taskName(task))!.call(undefined);
    }
    const [stop] = round.stops;
    for (const { task, message } of round.stops) {
      this.#alarms.add(`pump: ${taskName(task)}: ${message}`);
      this.#accused.add(taskName(task));
    }
    if (stop !== undefined && this.#spec.mayStop !== true) {
      this.#world.violate('the pump stops nobody', `${taskName(stop.task)}: ${stop.reason}: ${stop.message}`);
    }
  }

  /** Nobody may be taken for having lost anything while frames are under way. */
  async #audit(): Promise<void> {
    const lost = await this.#worker()
      .controller.audit()
      .catch(() => []);
    for (const { task, message } of lost) {
      this.#alarms.add(`audit: ${taskName(task)}: ${message}`);
      if (this.#spec.mayStop === true) continue;
      this.#world.violate('15 what was sent has arrived', `${taskName(task)}, while all were at work: ${message}`);
    }
  }

  async #collect(): Promise<void> {
    const worker = this.#worker();
    const { tasks } = this.#fleet.record;
    const task = tasks[this.#world.random.below(tasks.length)]!;
    await worker
      .find(task)
      .then((found) => found.collectGarbage())
      .catch((error: unknown) =>
        this.#world.tell(worker.process.name, `gives up collecting garbage: ${String(error)}`),
      );
  }

  async #upgrades(): Promise<void> {
    for (const [i, at] of (this.#spec.upgrades ?? []).entries()) {
      await this.#until(SIM_START + at);
      await upgrade(this.#fleet, i + 1, this.#callers);
    }
  }

  #until(time: number): Promise<void> {
    return new Promise((resolve) => this.#world.schedule.at(time, resolve));
  }

  /** Whether nothing is left to do. */
  #atRest(): boolean {
    if (this.#world.log.hasStaged) return false;
    for (const caller of this.#callers.values()) {
      if (caller.underWay > 0) return false;
      const head = this.#head(caller.task);
      if (head === undefined) return false;
      if (head.status.kind === 'stopped' || this.#accused.has(taskName(caller.task))) continue;
      if (head.status.kind !== 'ok' || head.debts > 0 || head.nextOffset < this.#end(caller.task)) return false;
      if (head.eventTimer !== undefined || head.processingTimer !== undefined) return false;
      if (slotsUsed(head) * 4 >= this.#fleet.record.slots * 3) return false;
      if (this.#isBounded() && head.watermark !== MAX_TIME) return false;
    }
    return true;
  }

  #isBounded(): boolean {
    return (
      this.#spec.ends !== undefined || Object.values(this.#spec.sources).every((source) => source.bounded === true)
    );
  }

  #head(task: TaskId): CommitHeader | undefined {
    return this.#world.commits.newest(task)?.header;
  }

  #end({ stage: id, partition }: TaskId): number {
    const stage = this.#spec.pipelines[0]!.plan.stages.find((s) => s.id === id)!;
    if (stage.source === undefined) return this.#world.log.messages(stage.topic, partition).length;
    return this.#spec.ends?.[stage.source]?.[partition] ?? this.#world.sources.get(stage.source)!.end(partition);
  }

  #stuck(): void {
    const waiting = [...this.#callers.values()].flatMap(({ task }) => {
      const head = this.#head(task);
      const end = this.#end(task);
      if (head === undefined) return [`${taskName(task)} is not born`];
      const { nextOffset, debts, eventTimer, processingTimer, status, watermark, heldBy } = head;
      const idle =
        nextOffset >= end &&
        debts === 0 &&
        status.kind === 'ok' &&
        eventTimer === undefined &&
        processingTimer === undefined;
      if (idle && (watermark === MAX_TIME || !this.#isBounded())) return [];
      const timer = eventTimer ?? processingTimer;
      return [
        `${taskName(task)} at ${nextOffset} of ${end}, ${debts} debts, timer ${timer === undefined ? 'none' : ofStart(timer)}, watermark ${ofStart(watermark)}, held by ${heldBy}, ${status.kind}`,
      ];
    });
    this.#world.violate('16 what is pending is seen to', waiting.join('; '));
  }

  /** Everything is at rest: nothing may run, nothing may be lost, and states are what their logs make of them. */
  async #finish(): Promise<void> {
    const worker = this.#worker();
    const round = await worker.controller.round();
    const { rings, claims, ticks } = round;
    const stopped = this.#fleet.record.tasks.some((task) => this.#head(task)?.status.kind === 'stopped');
    for (const { task, message } of round.stops) this.#alarms.add(`pump: ${taskName(task)}: ${message}`);
    if (!stopped && this.#alarms.size === 0 && rings.length + claims.length + ticks.length > 0) {
      const says = JSON.stringify({ rings, claims: claims.length, ticks: ticks.length });
      this.#world.violate('16 with nothing pending nothing runs', says);
    }
    const [lost] = stopped || this.#alarms.size > 0 ? [] : await worker.controller.audit();
    if (lost !== undefined) this.#alarms.add(`audit: ${taskName(lost.task)}: ${lost.message}`);
    if (lost !== undefined && this.#spec.mayStop !== true) {
      this.#world.violate('15 what was sent has arrived', `${taskName(lost.task)}: ${lost.message}`);
    }
    if (this.#spec.repeatable !== false && !this.#undisturbed && !stopped && this.#alarms.size === 0) {
      await new Refold(this.#world, this.#fleet).compare();
    }
  }

  #outcome(): SimOutcome {
    const sinks: Record<string, SunkRecord[]> = {};
    for (const stage of this.#spec.pipelines[0]!.plan.stages) {
      for (const task of this.#fleet.record.tasks) {
        if (task.stage !== stage.id) continue;
        const commit = this.#world.commits.newest(task)!;
        const { sheet } = decodeBody(commit.bytes ?? this.#world.blobs.get(commit.blob!)!);
        for (const id of stage.nodes.filter((node) => this.#spec.pipelines[0]!.sinks.has(node))) {
          sinks[id] ??= [];
          sinks[id].push(...this.#world.sink(id).visible(task.partition, sheet.sinks[id] as number | undefined));
        }
      }
    }
    for (const id of this.#spec.pipelines[0]!.sinks.keys()) sinks[id] ??= [];
    return {
      sinks,
      deadLetters: this.#deadLetters(),
      heads: this.#fleet.record.tasks.map((task) => this.#head(task)!),
      alarms: this.#alarmsRaised(),
      sources: this.#spec.sources,
    };
  }

  #alarmsRaised(): string[] {
    const stopped = this.#fleet.record.tasks.flatMap((task) => {
      const { status } = this.#head(task)!;
      return status.kind === 'stopped'
        ? [`${taskName(task)} stopped: ${status.reason}: ${status.failure.message}`]
        : [];
    });
    return [...stopped, ...this.#alarms];
  }

  #deadLetters(): DeadLetter[] {
    const { plan } = this.#spec.pipelines[0]!;
    const letters = new Map<string, DeadLetter>();
    for (const { message } of this.#world.log.messages(deadLetterTopic(plan.pipeline), 0)) {
      if (message.kind !== 'frame') continue;
      for (const letter of message.values as readonly DeadLetter[]) {
        letters.set(`${letter.stage}/${letter.partition}/${letter.offset}/${letter.unit}`, letter);
      }
    }
    return [...letters.values()];
  }
}
