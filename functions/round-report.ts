import { taskName } from '../lib/model/index.ts';
import type { SwitchStep } from '../lib/operations/index.ts';
import type { Plan } from '../lib/plan/index.ts';
import type { Telemetry } from '../lib/ports/index.ts';
import { isDrained, type TaskFacts } from '../lib/protocol/index.ts';
import { controllerMetrics } from './controller-metrics.ts';
import { Gauges } from './gauges.ts';

/** Without a commit for so long, although there has been something to read all the time, a task lags. */
const LAGGING = 5 * 60_000;
/** A switch of code should take no longer. */
export const SWITCHING = 10 * 60_000;

/** Tells what a round has found of tasks. */
export class RoundReport {
  readonly #gauges: Gauges;
  readonly #plan: Plan;
  readonly #switchingSince = new Map<string, number>();
  /** At which version tasks stand that have something to read, and since when, by name: of one at rest the last commit is long ago. */
  readonly #waiting = new Map<string, { readonly version: number; readonly since: number }>();

  constructor(telemetry: Telemetry, plan: Plan) {
    this.#gauges = new Gauges(telemetry, plan.pipeline);
    this.#plan = plan;
  }

  /** `paused`: sources take in nothing, and do not lag for that. */
  tell(facts: readonly TaskFacts[], steps: readonly SwitchStep[], now: number, paused = false): void {
    for (const { id: stage } of this.#plan.stages) {
      const own = facts.filter(({ task }) => task.stage === stage);
      this.#gauges.set(controllerMetrics.stopped, own.filter(isStopped).length, stage);
      this.#gauges.set(
        controllerMetrics.lagging,
        own.filter((each) => this.#isLagging(each, now, paused)).length,
        stage,
      );
      const late = steps.filter((step) => step.task.stage === stage && this.#isLate(step, now));
      this.#gauges.set(controllerMetrics.switching, late.length, stage);
    }
    const older = new Set(steps.map(nameOf));
    for (const name of this.#switchingSince.keys()) if (!older.has(name)) this.#switchingSince.delete(name);
  }

  #isLate(step: SwitchStep, now: number): boolean {
    const name = nameOf(step);
    const since = this.#switchingSince.get(name) ?? now;
    this.#switchingSince.set(name, since);
    return step.kind === 'stuck' || now - since > SWITCHING;
  }

  #isLagging(facts: TaskFacts, now: number, paused: boolean): boolean {
    const { task, head, log } = facts;
    const name = taskName(task);
    const rests = head === undefined || head.status.kind === 'stopped' || (paused && head.source !== undefined);
    const waits = !rests && log?.end !== undefined && !isDrained(facts);
    const known = this.#waiting.get(name);
    if (!waits) this.#waiting.delete(name);
    else if (known?.version === head.version) return now - known.since > LAGGING;
    else this.#waiting.set(name, { version: head.version, since: now });
    return false;
  }
}

const nameOf = ({ task, to }: SwitchStep): string => `${task.stage}/${task.partition}@${to}`;
const isStopped = ({ head }: TaskFacts): boolean => head?.status.kind === 'stopped';
