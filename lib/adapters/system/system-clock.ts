import type { Duration, WallTime } from '../../model/index.ts';
import type { Clock } from '../../ports/index.ts';

/** The longest span that a timer of the platform takes: 2^31 - 1 ms; longer ones fire at once. */
const LONGEST = 2 ** 31 - 1;

/** The machine's clock. Spans of `sleep` are measured by its monotonic clock, so a wall clock set back lengthens none. */
export const systemClock: Clock = {
  now: () => Date.now() as WallTime,
  sleep: async (span, signal) => {
    if (span <= 0 && signal === undefined) return turn();
    const due = performance.now() + span;
    for (let left: number = span; ; left = due - performance.now()) {
      await rest(Math.min(Math.ceil(left), LONGEST) as Duration, signal);
      if (performance.now() >= due) return;
    }
  },
};

/** Those who wait for their turn, in order. */
const waiting: (() => void)[] = [];

/**
 * Lets everything that waits have its turn: one a round of the event loop, so that signals, timers and I/O are heard between any two however many there
 * are.
 */
function turn(): Promise<void> {
  return new Promise((resolve) => {
    if (waiting.push(resolve) === 1) setImmediate(next);
  });
}

function next(): void {
  waiting.shift()?.();
  if (waiting.length > 0) setImmediate(next);
}

function rest(span: Duration, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const wake = () => {
      signal?.removeEventListener('abort', abort);
      resolve();
    };
    const timer = setTimeout(wake, Math.max(0, span));
    const abort = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    signal?.addEventListener('abort', abort, { once: true });
  });
}
