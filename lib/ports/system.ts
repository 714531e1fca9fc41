import type { Duration, WallTime } from '../model/index.ts';

/** The only source of the current time. */
export interface Clock {
  now(): WallTime;
  /** Resolves after at least that long by this clock, of no length after everything that waits has had its turn; rejects with the signal's reason if it is aborted first. */
  sleep(span: Duration, signal?: AbortSignal): Promise<void>;
}

/** The only source of randomness: for jitter and names, never for anything a task's outcome depends on. */
export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
}
