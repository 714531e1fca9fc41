import type { Telemetry } from '../lib/ports/index.ts';

/** What is shown at most: they are for a person to see that something is going on, and why. */
const MOST = 10;

/** Hears a run's warnings, and tells the first of them: a step that is tried again, a record that is given up. */
export function warnings(tell: (text: string) => void): Telemetry {
  let told = 0;
  return {
    count() {},
    gauge() {},
    observe() {},
    log(level, message) {
      if (level !== 'warn' || told > MOST) return;
      tell(told++ < MOST ? message : 'more warnings are not shown');
    },
  };
}
