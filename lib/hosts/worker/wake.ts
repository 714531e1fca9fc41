import type { Duration } from '../../model/index.ts';
import type { Clock } from '../../ports/index.ts';

/** One waits, others wake it. A call that comes while nobody waits is kept for the next wait. */
export class Wake {
  #waiting: (() => void) | undefined;
  #called = false;

  call(): void {
    const wake = this.#waiting;
    this.#waiting = undefined;
    if (wake === undefined) this.#called = true;
    else wake();
  }

  wait(): Promise<void> {
    if (this.#called) {
      this.#called = false;
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      this.#waiting = resolve;
    });
  }

  /** Waits for a call, at most for a span. */
  async within(clock: Clock, span: Duration): Promise<void> {
    const enough = new AbortController();
    const slept = clock.sleep(span, enough.signal).catch(() => {});
    await Promise.race([this.wait(), slept]);
    this.#waiting = undefined;
    enough.abort();
  }
}
