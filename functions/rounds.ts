import { type Duration, MillraceError, messageOf, type WallTime } from '../lib/model/index.ts';
import { runIdOf } from '../lib/runtime/index.ts';
import { controllerMetrics } from './controller-metrics.ts';
import type { Invocation } from './deadline.ts';
import type { FunctionVersion } from './function-versions.ts';
import type { OpenController } from './open-controller.ts';
import type { RoundEnd } from './pump.ts';

/** From one call of the schedule to the next. */
const SCHEDULE = 60_000;
/** No round begins with less time left than this. */
const LAST_START = 5_000;
/** From one round to the next while something is under way that waits for rounds, and after one that failed. */
const BUSY_PERIOD = 2_000;

/** A call that another version of the controller has passed on. */
interface PassedOn {
  readonly passedOn: true;
}

const isPassedOn = (event: unknown): event is PassedOn =>
  typeof event === 'object' && event !== null && 'passedOn' in event;

/** What a round has come to: its end, an error, or another version of the controller that has to do it. */
type Outcome =
  | RoundEnd
  | { readonly kind: 'failed'; readonly error: unknown }
  | { readonly kind: 'pass on'; readonly to: FunctionVersion };

/**
 * Rounds at the chosen period until the schedule calls again, if nobody else is at it. Throws what the last round failed with. Where this version's code is
 * not to go on, its place is taken by the version that brought the newest code.
 */
export async function keepRounds(controller: OpenController, event: unknown, invocation: Invocation): Promise<void> {
  const { lease, ports, call } = await controller.connections();
  const { clock, random } = ports;
  const holder = runIdOf(clock, random);
  const began = clock.now();
  if (!(await lease.take(holder, began, (began + invocation.getRemainingTimeInMillis()) as WallTime))) return;
  let outcome: Outcome;
  try {
    for (;;) {
      outcome = await roundOf(controller, isPassedOn(event));
      if (outcome.kind !== 'done' && outcome.kind !== 'failed') break;
      const wait = waitAfter(outcome, controller.settings.period, clock.now());
      const isLast = clock.now() + wait >= began + SCHEDULE;
      if (isLast || invocation.getRemainingTimeInMillis() < wait + LAST_START) break;
      await clock.sleep(wait);
    }
  } finally {
    await lease.give(holder).catch(() => {});
  }
  if (outcome.kind === 'pass on') await call(outcome.to, { passedOn: true } satisfies PassedOn, false);
  if (outcome.kind === 'failed') throw outcome.error;
}

async function roundOf(controller: OpenController, isPassedOn: boolean): Promise<Outcome> {
  const { telemetry } = (await controller.connections()).ports;
  const gauges = await controller.gauges();
  try {
    const end = await (await controller.pump()).round();
    gauges.set(controllerMetrics.failures, 0);
    gauges.set(controllerMetrics.refused, 0);
    const to = end.kind === 'superseded' && !isPassedOn ? await controller.newest() : undefined;
    return to === undefined ? end : { kind: 'pass on', to };
  } catch (error) {
    const known = error instanceof MillraceError ? error : undefined;
    const fields = known === undefined ? {} : { kind: known.kind, hint: known.hint, ...known.where };
    telemetry.log('error', `a round of the controller failed: ${messageOf(error)}`, fields);
    if (known?.retry !== true) await controller.forget();
    if (known?.kind === 'incompatible' && !isPassedOn) {
      const to = await controller.newest().catch(() => undefined);
      if (to !== undefined) {
        gauges.set(controllerMetrics.refused, 1);
        return { kind: 'pass on', to };
      }
    }
    gauges.set(controllerMetrics.failures, 1);
    return { kind: 'failed', error };
  }
}

function waitAfter(outcome: Outcome, period: Duration, now: number): Duration {
  if (outcome.kind === 'failed') return Math.max(period, BUSY_PERIOD) as Duration;
  if (outcome.kind !== 'done') return period;
  const wait = outcome.busy ? Math.min(period, BUSY_PERIOD) : period;
  return (outcome.next === undefined ? wait : Math.min(wait, Math.max(100, outcome.next - now))) as Duration;
}
