import type { Duration } from '../model/index.ts';
import type { Clock } from '../ports/index.ts';

/** Wakes one who waits; a ring while nobody does is kept for the next who would. */
export class Bell {
  #rung = false;
  #wake: (() => void) | undefined;

  ring(): void {
    this.#rung = true;
    this.#wake?.();
  }

  /** Until it rings, or so long at most. */
  async wait(clock: Clock, longest?: Duration): Promise<void> {
    if (!this.#rung) {
      const end = new AbortController();
      const rung = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      const over = longest === undefined ? [] : [clock.sleep(longest, end.signal).catch(() => {})];
      await Promise.race([rung, ...over]);
      end.abort();
      this.#wake = undefined;
    }
    this.#rung = false;
  }
}
