/** Labels of a measurement: a few, from small sets of values. */
export type Labels = Readonly<Record<string, string | number>>;
export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** Where counts, readings and log lines go. Calls never throw and never block; hot paths add up first and call once per step. */
export interface Telemetry {
  /** Adds to a counter. */
  count(metric: string, n: number, labels: Labels): void;
  /** Sets a gauge's current value. */
  gauge(metric: string, value: number, labels: Labels): void;
  /** Records one observation of a distribution (milliseconds, bytes). */
  observe(metric: string, value: number, labels: Labels): void;
  log(level: LogLevel, message: string, fields?: Readonly<Record<string, unknown>>): void;
}
