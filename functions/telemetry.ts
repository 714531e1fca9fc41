/** Telemetry of a function: lines of JSON by Powertools' logger, metrics as lines that CloudWatch reads (EMF), at the end of each invocation that has any. */
import { Logger } from '@aws-lambda-powertools/logger';
import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import type { Labels, LogLevel, Telemetry } from '../lib/ports/index.ts';
import { metrics as taskMetrics } from '../lib/runtime/index.ts';
import { controllerMetrics } from './controller-metrics.ts';
import { stageMetrics } from './stage-metrics.ts';

/** Namespace of the metrics in CloudWatch; their only dimensions are `pipeline` and `stage`. */
export const METRICS_NAMESPACE = 'millrace';

const { Count, Milliseconds, Bytes } = MetricUnit;

/**
 * What is published, beside what authors count: CloudWatch asks money for each metric, so what tasks measure in detail is left out. Of gauges and times it keeps least, greatest and
 * mean.
 */
const published: Readonly<Record<string, (typeof MetricUnit)[keyof typeof MetricUnit]>> = {
  [taskMetrics.recordsIn]: Count,
  [taskMetrics.written]: Count,
  [`${taskMetrics.records}late`]: Count,
  [taskMetrics.deadLettered]: Count,
  [taskMetrics.skipped]: Count,
  [taskMetrics.restarts]: Count,
  [taskMetrics.watermarkLag]: Milliseconds,
  [taskMetrics.stateBytes]: Bytes,
  ...Object.fromEntries(Object.values(stageMetrics).map((name) => [name, Count])),
  ...Object.fromEntries(Object.values(controllerMetrics).map((name) => [name, Count])),
};

/** Telemetry that is sent in pieces. */
export interface FunctionTelemetry extends Telemetry {
  readonly logger: Logger;
  /** Publishes what was measured since the last time; nothing if nothing was. */
  flush(): void;
}

/** Whose telemetry it is. */
export interface TelemetryOf {
  readonly pipeline: string;
  readonly stage?: string | undefined;
  /** The operator whose records are those that the stage takes: the others in it take what it gives them. */
  readonly first?: string | undefined;
}

/** Telemetry of one function. Logs go as POWERTOOLS_LOG_LEVEL says, by default from `info` on. */
export function functionTelemetry(of: TelemetryOf): FunctionTelemetry {
  return new PowertoolsTelemetry(of);
}

class PowertoolsTelemetry implements FunctionTelemetry {
  readonly logger: Logger;
  readonly #metrics: Metrics;
  readonly #of: TelemetryOf;
  /** By stage, then by metric: a count's sum, or all values. */
  readonly #measured = new Map<string, Map<string, number[]>>();

  constructor(of: TelemetryOf) {
    const { pipeline, stage } = of;
    this.#of = of;
    this.logger = new Logger({
      serviceName: pipeline,
      ...(stage === undefined ? {} : { persistentKeys: { stage } }),
    });
    this.#metrics = new Metrics({ namespace: METRICS_NAMESPACE, serviceName: pipeline });
  }

  count(metric: string, n: number, labels: Labels): void {
    const values = this.#valuesOf(metric, labels);
    if (values !== undefined) values[0] = (values[0] ?? 0) + n;
  }

  gauge(metric: string, value: number, labels: Labels): void {
    this.#valuesOf(metric, labels)?.push(value);
  }

  observe(metric: string, value: number, labels: Labels): void {
    this.#valuesOf(metric, labels)?.push(value);
  }

  log(level: LogLevel, message: string, fields: Readonly<Record<string, unknown>> = {}): void {
    this.logger[level](message, { ...fields });
  }

  flush(): void {
    for (const [stage, measured] of this.#measured) {
      this.#metrics.clearDefaultDimensions();
      this.#metrics.setDefaultDimensions({ pipeline: this.#of.pipeline, ...(stage === '' ? {} : { stage }) });
      for (const [metric, values] of measured) {
        const unit = published[metric] ?? Count;
        for (const value of values) this.#metrics.addMetric(metric, unit, value);
      }
      this.#metrics.publishStoredMetrics();
    }
    this.#measured.clear();
  }

  #valuesOf(metric: string, { stage = '', operator }: Labels): number[] | undefined {
    if (!(metric in published || metric.startsWith(taskMetrics.counted))) return undefined;
    if (metric === taskMetrics.recordsIn && operator !== this.#of.first) return undefined;
    const name = String(stage);
    let measured = this.#measured.get(name);
    if (measured === undefined) {
      measured = new Map();
      this.#measured.set(name, measured);
    }
    const values = measured.get(metric);
    if (values !== undefined) return values;
    const fresh: number[] = [];
    measured.set(metric, fresh);
    return fresh;
  }
}
