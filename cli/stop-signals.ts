/** Ctrl-C and SIGTERM: the first asks for a clean end, the second ends at once. */
import { constants } from 'node:os';

export interface StopSignals {
  /** Aborted by the first signal. */
  readonly signal: AbortSignal;
  /** The signal that came, if one did. */
  by(): NodeJS.Signals | undefined;
  /** Leaves signals to the system again. */
  end(): void;
}

/** A clean end that takes longer is cut short: what is not committed is done again by the next run. */
const PATIENCE = 900;

/** `goOn`: the command that goes on from what was kept, if anything was. */
export function listenForStop(say: (text: string) => void, goOn?: string): StopSignals {
  const abort = new AbortController();
  let by: NodeJS.Signals | undefined;
  const stop = (signal: NodeJS.Signals): void => {
    const code = 128 + constants.signals[signal];
    if (by !== undefined) process.exit(code);
    by = signal;
    say(signal === 'SIGINT' ? '\nstopping; again to stop at once' : 'stopping');
    abort.abort();
    setTimeout(() => {
      if (goOn === undefined) say('stopped in the middle of a call');
      else say(`stopped in the middle of a call; everything up to the last commit is kept; go on with:\n  ${goOn}`);
      process.exit(code);
    }, PATIENCE).unref();
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  return {
    signal: abort.signal,
    by: () => by,
    end: () => {
      process.off('SIGINT', stop);
      process.off('SIGTERM', stop);
    },
  };
}
