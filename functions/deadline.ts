import type { Duration } from '../lib/model/index.ts';
import type { Clock } from '../lib/ports/index.ts';

/** What Lambda tells a function of its invocation, as far as it is used. */
export interface Invocation {
  getRemainingTimeInMillis(): number;
}

/** No step begins with less time left than this, or than a quarter of what there was. */
const LAST_START = 5_000;
/** What is left of that for appending and committing when calls to the outside are cut off. */
const TO_COMMIT = 0.6;

/** How much of an invocation is left. To be ended when the invocation does. */
export class Deadline {
  readonly #invocation: Invocation;
  readonly #lastStart: number;
  readonly #over = new AbortController();
  readonly #ended = new AbortController();

  constructor(invocation: Invocation, clock: Clock) {
    const whole = invocation.getRemainingTimeInMillis();
    this.#invocation = invocation;
    this.#lastStart = Math.min(LAST_START, whole / 4);
    const span = Math.max(0, whole - this.#lastStart * TO_COMMIT) as Duration;
    clock.sleep(span, this.#ended.signal).then(
      () => this.#over.abort(new Error('the invocation has no time left')),
      () => {},
    );
  }

  /** Aborted when calls to the outside must end. */
  get signal(): AbortSignal {
    return this.#over.signal;
  }

  /** Whether it is too late to begin anything. */
  get isNear(): boolean {
    return this.signal.aborted || this.#invocation.getRemainingTimeInMillis() < this.#lastStart;
  }

  end(): void {
    this.#ended.abort();
  }
}
