/** What becomes of a task whose author's code threw: tried again later, the unit given up, or stopped. */
import type { FaultPlan, RestartPlan } from '../plan/index.ts';
import type { Failure, TaskStatus } from './commit.ts';

/** How many failures a status remembers at least; enough for any back-off to have reached its greatest delay. */
const REMEMBERED = 32;

type Status<K extends TaskStatus['kind']> = Extract<TaskStatus, { readonly kind: K }>;

export type NextAttempt =
  /** Commit this status; the same unit is tried again once `until` has passed. */
  | { readonly kind: 'retry'; readonly status: Status<'backoff'> }
  /** Commit the decision before anything behind the unit is sent. */
  | { readonly kind: 'give-up'; readonly how: 'dead-letter' | 'skip'; readonly status: Status<'ok'> }
  | { readonly kind: 'fail'; readonly status: Status<'stopped'> };

/**
 * Decides after a failure of unit `unit` of the message at `offset`. Attempts are counted per unit; the delays of `exponential` grow, and
 * the failures of `failure-rate` count, over all units for as long as the statuses that are committed carry their history on (`recovered`).
 * `givenUp` names units of the same message that were given up since `status` was committed. `random` is drawn from [0, 1), for jitter only.
 */
export function nextAttempt(
  plan: FaultPlan,
  status: TaskStatus,
  offset: number,
  unit: number,
  failure: Failure,
  now: number,
  random: number,
  givenUp: readonly number[] = [],
): NextAttempt {
  const held = status.kind === 'backoff' && status.offset === offset ? status : undefined;
  const skip = (): readonly number[] => [...new Set([...(held?.skip ?? []), ...givenUp])];
  const attempts = held?.unit === unit ? held.attempts + 1 : 1;
  const history = lately(plan.restart, historyOf(status), now);
  const delay = delayOf(plan.restart, attempts, history.length + 1, random);
  if (delay !== undefined) {
    const until = now + delay;
    const after = remembered(plan.restart, history, now, until);
    return {
      kind: 'retry',
      status: { kind: 'backoff', offset, unit, attempts, until, skip: skip(), failure, ...withHistory(after) },
    };
  }
  if (plan.fallback === 'fail')
    return { kind: 'fail', status: { kind: 'stopped', reason: 'failed', failure, skip: skip() } };
  // Giving up ends the trouble that the delays grew for; a rate goes on counting.
  const after = plan.restart.kind === 'failure-rate' ? remembered(plan.restart, history, now, now) : [];
  return { kind: 'give-up', how: plan.fallback, status: { kind: 'ok', ...withHistory(after) } };
}

/** The status once the message has been applied: ok, with its history kept for the strategies that need it. */
export function recovered(status: TaskStatus): Status<'ok'> {
  return { kind: 'ok', ...withHistory(historyOf(status)) };
}

/** Milliseconds to wait before the next attempt; undefined if there is to be none. `failures`: how many there were lately, this one included. */
function delayOf(restart: RestartPlan, attempts: number, failures: number, random: number): number | undefined {
  switch (restart.kind) {
    case 'none':
      return undefined;
    case 'fixed':
      return attempts <= restart.attempts ? restart.delay : undefined;
    case 'exponential': {
      if (attempts > restart.attempts) return undefined;
      const full = Math.min(restart.max, restart.initial * restart.factor ** (Math.max(attempts, failures) - 1));
      return full * (1 - restart.jitter + restart.jitter * random);
    }
    case 'failure-rate':
      return failures <= restart.failures ? restart.delay : undefined;
  }
}

/** Those earlier failures that still count at `now`. */
function lately(restart: RestartPlan, history: readonly number[], now: number): readonly number[] {
  switch (restart.kind) {
    case 'none':
    case 'fixed':
      return [];
    case 'exponential': {
      const last = history.at(-1);
      return last === undefined || now - last >= restart.reset ? [] : history;
    }
    case 'failure-rate':
      return history.filter((at) => at > now - restart.interval);
  }
}

/** The history after a failure: for `exponential` the ends of the delays, so that waiting is not taken for running well; else the times of the failures. */
function remembered(restart: RestartPlan, history: readonly number[], now: number, until: number): readonly number[] {
  switch (restart.kind) {
    case 'none':
    case 'fixed':
      return [];
    case 'exponential':
      return [...history, until].slice(-REMEMBERED);
    case 'failure-rate':
      return [...history, now].slice(-Math.max(REMEMBERED, restart.failures + 1));
  }
}

const historyOf = (status: TaskStatus): readonly number[] => (status.kind === 'stopped' ? [] : (status.history ?? []));

const withHistory = (history: readonly number[]): { readonly history?: readonly number[] } =>
  history.length === 0 ? {} : { history };
