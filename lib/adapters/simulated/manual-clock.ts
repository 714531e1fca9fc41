import type { Duration, WallTime } from '../../model/index.ts';
import type { Clock } from '../../ports/index.ts';

interface Sleeper {
  readonly due: number;
  readonly wake: () => void;
}

/** A clock that stands still until it is moved by hand. */
export class ManualClock implements Clock {
  #now: number;
  /** In order of waking: by time due, then by who slept first. */
  readonly #sleepers: Sleeper[] = [];

  /** Starts at `start`; 2024-01-01T00:00:00Z if not said. */
  constructor(start: number = 1_704_067_200_000) {
    this.#now = start;
  }

  now(): WallTime {
    return this.#now as WallTime;
  }

  /** Resolves once the clock has been moved that far; at once for a span of zero or less. */
  sleep(span: Duration, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      if (span <= 0) return resolve();
      const abort = () => {
        this.#sleepers.splice(this.#sleepers.indexOf(sleeper), 1);
        reject(signal?.reason);
      };
      const wake = () => {
        signal?.removeEventListener('abort', abort);
        resolve();
      };
      const sleeper: Sleeper = { due: this.#now + span, wake };
      signal?.addEventListener('abort', abort, { once: true });
      let place = this.#sleepers.length;
      while (place > 0 && this.#sleepers[place - 1]!.due > sleeper.due) place--;
      this.#sleepers.splice(place, 0, sleeper);
    });
  }

  /** Moves on by a span and wakes who is due, in order. */
  advance(span: Duration): void {
    this.set((this.#now + span) as WallTime);
  }

  /** Sets the time, also backwards (which wakes nobody). */
  set(time: WallTime): void {
    this.#now = time;
    while (this.#sleepers.length > 0 && this.#sleepers[0]!.due <= this.#now) this.#sleepers.shift()!.wake();
  }

  /** When the next sleeper wakes; undefined if none sleeps. */
  get nextWake(): WallTime | undefined {
    return this.#sleepers[0]?.due as WallTime | undefined;
  }

  /** How many sleep. */
  get sleeping(): number {
    return this.#sleepers.length;
  }
}
