import type { Labels, LogLevel, Telemetry } from '../../ports/index.ts';
import { hasLabels, labelsKey } from './labels.ts';

/** One counter, gauge or distribution under one set of labels. */
export interface Measurement {
  readonly metric: string;
  readonly labels: Labels;
  /** A counter's sum, a gauge's last value, a distribution's last observation. */
  readonly value: number;
}

/** What was observed of a distribution. */
export interface Observations {
  readonly count: number;
  readonly sum: number;
  readonly max: number;
}

export interface LoggedLine {
  readonly level: LogLevel;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

export interface RecordingTelemetryOptions {
  /** Most log lines kept; the oldest go first. Default: 1,000. */
  readonly lines?: number;
}

interface Cell {
  readonly labels: Labels;
  value: number;
  count: number;
  max: number;
}

type Cells = Map<string, Map<string, Cell>>;

/** Keeps counts, readings and the last log lines in memory, for progress, `status` and tests. Labels asked for may be some of those recorded. */
export class RecordingTelemetry implements Telemetry {
  readonly #maxLines: number;
  readonly #counters: Cells = new Map();
  readonly #gauges: Cells = new Map();
  readonly #distributions: Cells = new Map();
  readonly #lines: LoggedLine[] = [];

  constructor(options: RecordingTelemetryOptions = {}) {
    this.#maxLines = options.lines ?? 1_000;
  }

  count(metric: string, n: number, labels: Labels): void {
    cell(this.#counters, metric, labels).value += n;
  }

  gauge(metric: string, value: number, labels: Labels): void {
    cell(this.#gauges, metric, labels).value = value;
  }

  observe(metric: string, value: number, labels: Labels): void {
    const found = cell(this.#distributions, metric, labels);
    found.value += value;
    found.count += 1;
    found.max = Math.max(found.max, value);
  }

  log(level: LogLevel, message: string, fields: Readonly<Record<string, unknown>> = {}): void {
    this.#lines.push({ level, message, fields });
    if (this.#lines.length > 2 * this.#maxLines) this.#lines.splice(0, this.#lines.length - this.#maxLines);
  }

  /** Sum of a counter over all label sets that have these; 0 if there are none. */
  counter(metric: string, labels: Labels = {}): number {
    return select(this.#counters, metric, labels).reduce((sum, { value }) => sum + value, 0);
  }

  /** A gauge's value under exactly one label set that has these: undefined if none has. Of several, the least. */
  reading(metric: string, labels: Labels = {}): number | undefined {
    const values = select(this.#gauges, metric, labels).map(({ value }) => value);
    return values.length === 0 ? undefined : Math.min(...values);
  }

  /** What was observed of a distribution over all label sets that have these. */
  observations(metric: string, labels: Labels = {}): Observations {
    let all = { count: 0, sum: 0, max: Number.NEGATIVE_INFINITY };
    for (const { count, value, max } of select(this.#distributions, metric, labels)) {
      all = { count: all.count + count, sum: all.sum + value, max: Math.max(all.max, max) };
    }
    return all;
  }

  /** Every label set of a counter with its sum. */
  counters(metric: string, labels: Labels = {}): readonly Measurement[] {
    return select(this.#counters, metric, labels).map((found) => ({
      metric,
      labels: found.labels,
      value: found.value,
    }));
  }

  /** Every label set of a gauge with its value. */
  gauges(metric: string, labels: Labels = {}): readonly Measurement[] {
    return select(this.#gauges, metric, labels).map((found) => ({ metric, labels: found.labels, value: found.value }));
  }

  /** Names of all metrics heard of, in order of code units. */
  metrics(): readonly string[] {
    return [
      ...new Set([this.#counters, this.#gauges, this.#distributions].flatMap((cells) => [...cells.keys()])),
    ].sort();
  }

  /** The log lines kept, oldest first. */
  lines(level?: LogLevel): readonly LoggedLine[] {
    const kept = this.#lines.slice(-this.#maxLines);
    return level === undefined ? kept : kept.filter((line) => line.level === level);
  }
}

/** A telemetry that keeps what it hears. */
export const recordingTelemetry = (options?: RecordingTelemetryOptions): RecordingTelemetry =>
  new RecordingTelemetry(options);

function cell(cells: Cells, metric: string, labels: Labels): Cell {
  let ofMetric = cells.get(metric);
  if (ofMetric === undefined) {
    ofMetric = new Map();
    cells.set(metric, ofMetric);
  }
  const key = labelsKey(labels);
  let found = ofMetric.get(key);
  if (found === undefined) {
    found = { labels, value: 0, count: 0, max: Number.NEGATIVE_INFINITY };
    ofMetric.set(key, found);
  }
  return found;
}

function select(cells: Cells, metric: string, labels: Labels): readonly Cell[] {
  return [...(cells.get(metric)?.values() ?? [])].filter((found) => hasLabels(found.labels, labels));
}
