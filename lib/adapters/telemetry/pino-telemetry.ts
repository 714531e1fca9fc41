import { type DestinationStream, pino } from 'pino';
import type { LogLevel, Telemetry } from '../../ports/index.ts';

export interface PinoTelemetryOptions {
  /** Least level written. Default: `info`. */
  readonly level?: LogLevel;
  /** Where the lines go. Default: standard error, written at once, so that none is lost when the process ends. */
  readonly destination?: DestinationStream;
}

/** Log lines as JSON, one a line: level, time (ISO 8601), fields, `msg`. It takes no measurements: combine it with `openTelemetry`. */
export function pinoTelemetry(options: PinoTelemetryOptions = {}): Telemetry {
  const logger = pino(
    {
      level: options.level ?? 'info',
      base: { name: 'millrace' },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { error: pino.stdSerializers.err, cause: pino.stdSerializers.err },
    },
    options.destination ?? pino.destination({ dest: 2, sync: true }),
  );
  return {
    count: () => undefined,
    gauge: () => undefined,
    observe: () => undefined,
    log: (level, message, fields) => {
      try {
        if (fields === undefined) logger[level](message);
        else logger[level](fields, message);
      } catch {
        // A line that cannot be written must not stop a task.
      }
    },
  };
}
