import type { Duration } from '../../model/index.ts';
import type { Random } from '../../ports/index.ts';

/** How delays grow. */
export interface BackoffOptions {
  readonly first: Duration;
  readonly most: Duration;
}

/** Delays between attempts: each up to twice the one before, with "full jitter" (Brooker 2015), so that workers that failed together do not come back together. */
export class Backoff {
  readonly #random: Random;
  readonly #options: BackoffOptions;
  /** Failures since the last success. */
  failures = 0;

  constructor(random: Random, options: BackoffOptions) {
    this.#random = random;
    this.#options = options;
  }

  /** The delay before the next attempt: between a tenth and the whole of what it has grown to. */
  next(): Duration {
    const { first, most } = this.#options;
    const grown = Math.min(most, first * 2 ** Math.min(this.failures, 30));
    this.failures++;
    return (grown * (0.1 + 0.9 * this.#random.next())) as Duration;
  }

  succeeded(): void {
    this.failures = 0;
  }
}
