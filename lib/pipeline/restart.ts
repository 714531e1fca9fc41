import { type Duration, days, milliseconds, seconds } from '../model/index.ts';
import type { FaultPlan, RestartPlan } from '../plan/index.ts';

/** How an operator, or a whole pipeline, goes on after the author's code threw. */
export interface FaultOptions {
  /** Tries again: `exponentialDelay()`, `fixedDelay(...)`, `failureRate(...)` or `noRestart()`. */
  readonly restart?: RestartPlan;
  /**
   * When the restarts are used up: stop the task and say so (`fail`, the default), or give up the one record, either to the dead letters
   * with its error and position or to nothing but a count.
   */
  readonly fallback?: FaultPlan['fallback'];
}

/** Tries again so many times (Infinity: for ever), each after the same delay. */
export function fixedDelay(attempts: number, delay: Duration): RestartPlan {
  return { kind: 'fixed', attempts: counted(attempts), delay };
}

export interface ExponentialDelayOptions {
  /** Default 3; Infinity: for ever. */
  readonly attempts?: number;
  /** The first delay. Default 100 milliseconds. */
  readonly initial?: Duration;
  /** No delay is longer. Default 60 seconds. */
  readonly max?: Duration;
  /** Each delay is so many times the one before. Default 2. */
  readonly factor?: number;
  /** Share of each delay that is drawn at random, 0 to 1. Default 0.1. */
  readonly jitter?: number;
  /** After that long without a failure the delays start over. Default 60 seconds. */
  readonly reset?: Duration;
}

/** Tries again after delays that grow. What pipelines do unless they say otherwise. */
export function exponentialDelay(options: ExponentialDelayOptions = {}): RestartPlan {
  const { attempts = 3, initial = milliseconds(100), max = seconds(60), factor = 2, jitter = 0.1 } = options;
  return {
    kind: 'exponential',
    attempts: counted(attempts),
    initial,
    max,
    factor,
    jitter,
    reset: options.reset ?? seconds(60),
  };
}

export interface FailureRateOptions {
  /** So many failures are borne ... */
  readonly failures: number;
  /** ... within this span. Default a day. */
  readonly interval?: Duration;
  /** Delay before each restart. Default one second. */
  readonly delay?: Duration;
}

/** Tries again as long as failures stay rare. */
export function failureRate({ failures, interval = days(1), delay = seconds(1) }: FailureRateOptions): RestartPlan {
  return { kind: 'failure-rate', failures: counted(failures), interval, delay };
}

/** Does not try again: the fallback applies to the first failure. */
export function noRestart(): RestartPlan {
  return { kind: 'none' };
}

/** What a pipeline does unless it says otherwise. */
export const defaultFaults: FaultPlan = { restart: exponentialDelay(), fallback: 'fail' };

/** The plan's numbers are JSON, which has no infinity. */
function counted(n: number): number {
  return n === Number.POSITIVE_INFINITY ? Number.MAX_SAFE_INTEGER : n;
}
