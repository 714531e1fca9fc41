import { describe, expect, it } from 'vitest';
import type { FaultPlan, RestartPlan } from '../../lib/plan/index.ts';
import { type Failure, nextAttempt, recovered, type TaskStatus } from '../../lib/protocol/index.ts';

const failure: Failure = { kind: 'operator-failed', message: 'no', at: 0 };
const ok: TaskStatus = { kind: 'ok' };

/** Fails at each time in turn, at the same place; answers what was decided each time: a delay, or how it ended. */
function fail(plan: FaultPlan, times: readonly number[], from: TaskStatus = ok, random = 0.5): (number | string)[] {
  const decided: (number | string)[] = [];
  let status = from;
  for (const now of times) {
    const next = nextAttempt(plan, status, 7, 0, failure, now, random);
    status = next.status;
    decided.push(next.kind === 'retry' ? next.status.until - now : next.kind === 'give-up' ? next.how : next.kind);
  }
  return decided;
}

const withFallback = (restart: RestartPlan, fallback: FaultPlan['fallback'] = 'dead-letter'): FaultPlan => ({
  restart,
  fallback,
});
const exponential: RestartPlan = {
  kind: 'exponential',
  attempts: 9,
  initial: 100,
  max: 1_000,
  factor: 2,
  jitter: 0,
  reset: 5_000,
};

describe('restart strategies', () => {
  it('none: falls back at once', () => {
    expect(fail(withFallback({ kind: 'none' }, 'skip'), [0])).toEqual(['skip']);
    expect(fail(withFallback({ kind: 'none' }, 'fail'), [0])).toEqual(['fail']);
  });

  it('fixed: so many attempts, the same delay', () => {
    expect(fail(withFallback({ kind: 'fixed', attempts: 2, delay: 50 }), [0, 50, 100])).toEqual([
      50,
      50,
      'dead-letter',
    ]);
  });

  it('exponential: delays grow to the greatest, then the attempts are used up', () => {
    const plan = withFallback({ ...exponential, attempts: 5 }, 'fail');
    expect(fail(plan, [0, 100, 300, 700, 1_500, 2_500])).toEqual([100, 200, 400, 800, 1_000, 'fail']);
  });

  it('exponential: the share that is jitter is drawn at random, and never makes it longer', () => {
    const plan = withFallback({ ...exponential, jitter: 0.4 });
    expect([0, 0.5, 1].map((random) => fail(plan, [0], ok, random)[0])).toEqual([60, 80, 100]);
  });

  it('exponential: another record that fails soon after goes on with the delays, one that fails later starts over', () => {
    const plan = withFallback(exponential);
    const first = nextAttempt(plan, ok, 7, 0, failure, 0, 0);
    const went = recovered(first.status);
    expect(nextAttempt(plan, went, 8, 0, failure, 5_099, 0)).toMatchObject({ status: { until: 5_299, attempts: 1 } });
    expect(nextAttempt(plan, went, 8, 0, failure, 5_100, 0)).toMatchObject({ status: { until: 5_200, attempts: 1 } });
  });

  it('exponential: what was given up no longer makes others wait', () => {
    const plan = withFallback({ ...exponential, attempts: 2 });
    const times = [0, 100, 300];
    expect(fail(plan, times)).toEqual([100, 200, 'dead-letter']);
    let status: TaskStatus = ok;
    for (const now of times) status = nextAttempt(plan, status, 7, 0, failure, now, 0).status;
    expect(status).toEqual(ok);
  });

  it('failure-rate: goes on until there are more failures than allowed within the interval, over all records', () => {
    const plan = withFallback({ kind: 'failure-rate', failures: 2, interval: 1_000, delay: 10 });
    expect(fail(plan, [0, 500, 1_000, 1_400])).toEqual([10, 10, 10, 'dead-letter']);
    const busy: TaskStatus = recovered(nextAttempt(plan, { kind: 'ok', history: [100] }, 7, 0, failure, 500, 0).status);
    expect(nextAttempt(plan, busy, 8, 3, failure, 900, 0).kind).toBe('give-up');
    expect(nextAttempt(plan, busy, 8, 3, failure, 1_100, 0).kind).toBe('retry');
  });

  it('failure-rate: forgets what is too old to count', () => {
    const plan = withFallback({ kind: 'failure-rate', failures: 2, interval: 1_000, delay: 10 });
    const { status } = nextAttempt(plan, { kind: 'ok', history: [1, 2, 3] }, 7, 0, failure, 5_000, 0);
    expect(status).toMatchObject({ history: [5_000] });
  });
});

describe('the unit that failed', () => {
  const plan = withFallback({ kind: 'fixed', attempts: 2, delay: 50 });
  const held: TaskStatus = { kind: 'backoff', offset: 7, unit: 3, attempts: 2, until: 0, skip: [1], failure };

  it('counts its own attempts: another unit or message begins anew', () => {
    expect(nextAttempt(plan, held, 7, 3, failure, 0, 0).kind).toBe('give-up');
    expect(nextAttempt(plan, held, 7, 4, failure, 0, 0)).toMatchObject({ status: { unit: 4, attempts: 1 } });
    expect(nextAttempt(plan, held, 8, 3, failure, 0, 0)).toMatchObject({ status: { offset: 8, attempts: 1 } });
  });

  it('keeps what was given up of the same message, and of no other', () => {
    expect(nextAttempt(plan, held, 7, 4, failure, 0, 0, [3])).toMatchObject({ status: { skip: [1, 3] } });
    expect(nextAttempt(plan, held, 8, 0, failure, 0, 0)).toMatchObject({ status: { skip: [] } });
    expect(nextAttempt(plan, held, 7, 3, failure, 0, 0)).toEqual({
      kind: 'give-up',
      how: plan.fallback,
      status: { kind: 'ok' },
    });
  });

  it('stops the task with the failure where that is the fallback', () => {
    const { status } = nextAttempt({ ...plan, fallback: 'fail' }, held, 7, 3, failure, 0, 0, [2]);
    expect(status).toEqual({ kind: 'stopped', reason: 'failed', failure, skip: [1, 2] });
  });
});
