/** Ctrl-C and SIGTERM: the first asks for a clean end, the second ends at once. */
import { exitCodes } from './exit-codes.ts';

export interface StopSignals {
  /** Aborted by the first signal. */
  readonly signal: AbortSignal;
  /** The exit code that tells which signal came; that of SIGTERM if none did. */
  code(): number;
  /** Leaves signals to the system again. */
  end(): void;
}

/** Milliseconds for a clean end, such that the whole takes less than a second: what is not committed by then is done again by the next run. */
export const PATIENCE = 700;

/** `goOn`: the command that goes on from what was kept, if anything was. */
export function listenForStop(say: (text: string) => void, goOn?: string): StopSignals {
  const abort = new AbortController();
  let code: number = exitCodes.terminated;
  const stop = (signal: NodeJS.Signals): undefined => {
    if (abort.signal.aborted) return process.exit(code);
    code = signal === 'SIGTERM' ? exitCodes.terminated : exitCodes.interrupted;
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
    code: () => code,
    end: () => {
      process.off('SIGINT', stop);
      process.off('SIGTERM', stop);
    },
  };
}
