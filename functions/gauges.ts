import type { Telemetry } from '../lib/ports/index.ts';

/** Readings that cost something: each is told while it is not zero, and once when it has become zero. */
export class Gauges {
  readonly #telemetry: Telemetry;
  readonly #pipeline: string;
  /** What was told and was not zero, by metric and stage. */
  readonly #told = new Set<string>();

  constructor(telemetry: Telemetry, pipeline: string) {
    this.#telemetry = telemetry;
    this.#pipeline = pipeline;
  }

  /** Of a stage, or of the pipeline. */
  set(metric: string, value: number, stage?: string): void {
    const name = `${metric} ${stage ?? ''}`;
    if (value === 0 && !this.#told.delete(name)) return;
    if (value !== 0) this.#told.add(name);
    const pipeline = this.#pipeline;
    this.#telemetry.gauge(metric, value, stage === undefined ? { pipeline } : { pipeline, stage });
  }
}
