import { type Duration, MillraceError, messageOf, type WallTime } from '../lib/model/index.ts';
import { runIdOf } from '../lib/runtime/index.ts';
import { controllerMetrics } from './controller-metrics.ts';
import type { Invocation } from './deadline.ts';
import type { FunctionVersion } from './function-versions.ts';
import type { OpenController } from './open-controller.ts';
import type { Connections } from './ports.ts';
import type { RoundEnd } from './pump.ts';

/** From one call of the schedule to the next. */
const SCHEDULE = 60_000;
/** For how long a round may count on being the only one: who dies in it keeps others from theirs so long. */
const LEASE = 45_000;
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
  const holder = runIdOf(ports.clock, ports.random);
  let outcome: Outcome | undefined;
  try {
    outcome = await rounds(controller, isPassedOn(event), holder, invocation);
  } catch (error) {
    outcome = await failed(controller, error);
  } finally {
    await lease.give(holder).catch(() => {});
  }
  if (outcome?.kind === 'pass on') await call(outcome.to, { passedOn: true } satisfies PassedOn, false);
  if (outcome?.kind === 'failed') throw outcome.error;
}

/** What the last round has come to; undefined where another holds the lease. */
async function rounds(
  controller: OpenController,
  isPassedOn: boolean,
  holder: string,
  invocation: Invocation,
): Promise<Outcome | undefined> {
  const { lease, ports } = await controller.connections();
  const { clock } = ports;
  const began = clock.now();
  for (let outcome: Outcome | undefined; ; ) {
    const now = clock.now();
    const until = (now + Math.min(LEASE, invocation.getRemainingTimeInMillis())) as WallTime;
    if (!(await lease.take(holder, now, until))) return outcome;
    outcome = await roundOf(controller, isPassedOn);
    if (outcome.kind !== 'done' && outcome.kind !== 'failed') return outcome;
    const wait = waitAfter(outcome, controller.settings.period, clock.now());
    const isLast = clock.now() + wait >= began + SCHEDULE;
    if (isLast || invocation.getRemainingTimeInMillis() < wait + LAST_START) return outcome;
    await clock.sleep(wait);
  }
}

async function roundOf(controller: OpenController, isPassedOn: boolean): Promise<Outcome> {
  const gauges = await controller.gauges();
  try {
    const end = await (await controller.pump()).round();
    gauges.set(controllerMetrics.failures, 0);
    gauges.set(controllerMetrics.refused, 0);
    const to = end.kind === 'superseded' && !isPassedOn ? await controller.newest() : undefined;
    return to === undefined ? end : { kind: 'pass on', to };
  } catch (error) {
    const isRefused = error instanceof MillraceError && error.kind === 'incompatible' && !isPassedOn;
    const to = isRefused ? await controller.newest().catch(() => undefined) : undefined;
    if (to === undefined) return failed(controller, error);
    tell(await controller.connections(), 'the code that was deployed cannot go on', error);
    await controller.forget();
    gauges.set(controllerMetrics.refused, 1);
    return { kind: 'pass on', to };
  }
}

/** What cannot be done again as it is, is opened anew. */
async function failed(controller: OpenController, error: unknown): Promise<Outcome> {
  tell(await controller.connections(), 'a round of the controller failed', error);
  (await controller.gauges()).set(controllerMetrics.failures, 1);
  if (!(error instanceof MillraceError && error.retry)) await controller.forget();
  return { kind: 'failed', error };
}

function tell({ ports }: Pick<Connections, 'ports'>, what: string, error: unknown): void {
  const known = error instanceof MillraceError ? error : undefined;
  const fields = known === undefined ? {} : { kind: known.kind, hint: known.hint, ...known.where };
  ports.telemetry.log('error', `${what}: ${messageOf(error)}`, fields);
}

function waitAfter(outcome: Outcome, period: Duration, now: number): Duration {
  if (outcome.kind === 'failed') return Math.max(period, BUSY_PERIOD) as Duration;
  if (outcome.kind !== 'done') return period;
  const wait = outcome.busy ? Math.min(period, BUSY_PERIOD) : period;
  return (outcome.next === undefined ? wait : Math.min(wait, Math.max(100, outcome.next - now))) as Duration;
}
