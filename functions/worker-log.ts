import type { LogLevel, Telemetry } from '../lib/ports/index.ts';

const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];

/** Log lines as JSON, from `info` on; metrics are dropped: each would cost. */
export const lineTelemetry = (write: (line: string) => void): Telemetry => ({
  count: () => undefined,
  gauge: () => undefined,
  observe: () => undefined,
  log: (level, message, fields) => {
    if (LEVELS.indexOf(level) >= LEVELS.indexOf('info')) write(JSON.stringify({ level, message, ...fields }));
  },
});
