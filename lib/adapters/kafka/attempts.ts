import { setTimeout as sleep } from 'node:timers/promises';
import { MillraceError } from '../../model/index.ts';

const FIRST_PAUSE = 20;
const LONGEST_PAUSE = 1_000;

/** Tries until a time has passed, with pauses that grow and vary. */
export class Attempts {
  readonly #end: number;
  #pause = FIRST_PAUSE;

  /** `patience` in milliseconds. */
  constructor(patience: number) {
    this.#end = performance.now() + patience;
  }

  get over(): boolean {
    return performance.now() >= this.#end;
  }

  /** Milliseconds left, at least 0. */
  get left(): number {
    return Math.max(0, this.#end - performance.now());
  }

  async pause(): Promise<void> {
    const span = this.#pause * (0.5 + Math.random());
    this.#pause = Math.min(LONGEST_PAUSE, 2 * this.#pause);
    await sleep(Math.min(span, this.left));
  }
}

/** The result of `work`, tried again while it throws what may pass and there is time; `before` comes before each further attempt. */
export async function attempt<T>(
  patience: number,
  work: () => Promise<T>,
  before: () => Promise<void> = async () => {},
): Promise<T> {
  const attempts = new Attempts(patience);
  for (;;) {
    try {
      return await work();
    } catch (thrown) {
      if (!(thrown instanceof MillraceError && thrown.retry) || attempts.over) throw thrown;
      await attempts.pause();
      await before().catch(() => {});
    }
  }
}
