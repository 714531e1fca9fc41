/** The pump's rounds, carried out by the worker whose duty they are. Two at once do no harm. */
import { type Duration, messageOf, taskName } from '../../model/index.ts';
import type { Random } from '../../ports/index.ts';
import { Controller, type ControllerRun, noteOver, noteStop, stopError, type TaskPorts } from '../../runtime/index.ts';
import { Backoff } from './backoff.ts';

export interface PumpDeps {
  readonly run: ControllerRun;
  readonly ports: TaskPorts;
  readonly random: Random;
  /** Twice the greatest deviation of a clock from true time. */
  readonly skew: Duration;
  readonly period: Duration;
  /** Wakes a task if it is this worker's; those of others wake themselves. */
  readonly ring: (task: string) => void;
}

/** How often what was sent is held against what has arrived. */
const AUDIT_PERIOD = 3_600_000;

export class PumpDuty {
  readonly #deps: PumpDeps;
  readonly #controller: Controller;
  #auditAt: number;
  #ending: AbortController | undefined;
  #running: Promise<void> = Promise.resolve();
  /** Tasks of which this pump has said that they must stop, with why. */
  readonly #said = new Set<string>();

  constructor(deps: PumpDeps) {
    this.#deps = deps;
    this.#controller = new Controller(deps.run, deps.ports, { skew: deps.skew, grace: 0 as Duration });
    this.#auditAt = deps.ports.clock.now() + AUDIT_PERIOD;
  }

  get onDuty(): boolean {
    return this.#ending !== undefined;
  }

  begin(): void {
    if (this.#ending !== undefined) return;
    const ending = new AbortController();
    this.#ending = ending;
    const rounds = (): Promise<void> => this.#loop(ending.signal);
    this.#running = this.#running.then(rounds, rounds);
  }

  /** Resolves when no round is under way. */
  async end(): Promise<void> {
    this.#ending?.abort();
    this.#ending = undefined;
    await this.#running;
  }

  async #loop(signal: AbortSignal): Promise<void> {
    const { ports, period, random } = this.#deps;
    const { clock, telemetry } = ports;
    const backoff = new Backoff(random, { first: period, most: Math.max(period, 30_000) as Duration });
    while (!signal.aborted) {
      let wait: number = period;
      try {
        const next = await this.#round();
        backoff.succeeded();
        if (next !== undefined) wait = Math.min(period, Math.max(1, next - clock.now()));
      } catch (error) {
        wait = backoff.next();
        telemetry.log('warn', `a round of the pump failed: ${messageOf(error)}`);
      }
      await clock.sleep(wait as Duration, signal).catch(() => {});
    }
  }

  /** Returns when something becomes due that is already known, if anything does. */
  async #round(): Promise<number | undefined> {
    const { ports, run, ring } = this.#deps;
    const { commits, clock } = ports;
    const { rings, stops, next, over } = await this.#controller.round();
    for (const { task } of rings) ring(taskName(task));
    const found = [...stops];
    if (over || clock.now() >= this.#auditAt) {
      found.push(...(await this.#controller.audit()));
      this.#auditAt = clock.now() + AUDIT_PERIOD;
    }
    for (const stop of found) {
      const said = `${taskName(stop.task)} must not go on: ${stopError(stop).message}`;
      if (this.#said.has(said)) continue;
      ports.telemetry.log('error', said);
      await noteStop(commits, run.record, stop);
      this.#said.add(said);
    }
    if (over && found.length === 0) await noteOver(commits, run.record, clock.now());
    return next;
  }
}
