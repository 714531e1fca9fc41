import type { Telemetry } from '../../ports/index.ts';

/** Hears nothing. */
export const silentTelemetry: Telemetry = {
  count: () => undefined,
  gauge: () => undefined,
  observe: () => undefined,
  log: () => undefined,
};

/** Tells all of them, in order. */
export function combineTelemetry(...all: readonly Telemetry[]): Telemetry {
  if (all.length === 0) return silentTelemetry;
  if (all.length === 1) return all[0]!;
  return {
    count: (metric, n, labels) => {
      for (const telemetry of all) telemetry.count(metric, n, labels);
    },
    gauge: (metric, value, labels) => {
      for (const telemetry of all) telemetry.gauge(metric, value, labels);
    },
    observe: (metric, value, labels) => {
      for (const telemetry of all) telemetry.observe(metric, value, labels);
    },
    log: (level, message, fields) => {
      for (const telemetry of all) telemetry.log(level, message, fields);
    },
  };
}
