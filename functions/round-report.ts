import type { SwitchStep } from '../lib/operations/index.ts';
import type { Plan } from '../lib/plan/index.ts';
import type { Telemetry } from '../lib/ports/index.ts';
import { isDrained, type TaskFacts } from '../lib/protocol/index.ts';
import { controllerMetrics } from './controller-metrics.ts';
import { Gauges } from './gauges.ts';

/** Without a commit for so long, although there is something to read, a task lags. */
const LAGGING = 5 * 60_000;
/** A switch of code should take no longer. */
export const SWITCHING = 10 * 60_000;

/** Tells what a round has found of tasks. */
export class RoundReport {
  readonly #gauges: Gauges;
  readonly #plan: Plan;
  readonly #switchingSince = new Map<string, number>();

  constructor(telemetry: Telemetry, plan: Plan) {
    this.#gauges = new Gauges(telemetry, plan.pipeline);
    this.#plan = plan;
  }

  tell(facts: readonly TaskFacts[], steps: readonly SwitchStep[], now: number): void {
    for (const { id: stage } of this.#plan.stages) {
      const own = facts.filter(({ task }) => task.stage === stage);
      this.#gauges.set(controllerMetrics.stopped, own.filter(isStopped).length, stage);
      this.#gauges.set(controllerMetrics.lagging, own.filter((each) => isLagging(each, now)).length, stage);
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
}

const nameOf = ({ task, to }: SwitchStep): string => `${task.stage}/${task.partition}@${to}`;
const isStopped = ({ head }: TaskFacts): boolean => head?.status.kind === 'stopped';

function isLagging(facts: TaskFacts, now: number): boolean {
  const { head } = facts;
  if (head === undefined || head.status.kind === 'stopped' || facts.log?.end === undefined) return false;
  return !isDrained(facts) && now - head.at > LAGGING;
}
