import { type Meter, metrics } from '@opentelemetry/api';
import type { Labels, Telemetry } from '../../ports/index.ts';

export interface OpenTelemetryOptions {
  /** Default: the meter `millrace` of the globally registered provider, which does nothing where none is registered. */
  readonly meter?: Meter;
}

/** Counts, readings and observations as counters, gauges and histograms of OpenTelemetry. It takes no log lines: combine it with `pinoTelemetry`. */
export function openTelemetry(options: OpenTelemetryOptions = {}): Telemetry {
  const meter = options.meter ?? metrics.getMeter('millrace');
  const counter = remembered((name) => meter.createCounter(name));
  const gauge = remembered((name) => meter.createGauge(name));
  const histogram = remembered((name) => meter.createHistogram(name));
  const quietly = (work: () => void) => {
    try {
      work();
    } catch {
      // A meter that fails must not stop a task.
    }
  };
  return {
    count: (metric, n, labels) => quietly(() => counter(metric).add(n, labels as Labels)),
    gauge: (metric, value, labels) => quietly(() => gauge(metric).record(value, labels as Labels)),
    observe: (metric, value, labels) => quietly(() => histogram(metric).record(value, labels as Labels)),
    log: () => undefined,
  };
}

function remembered<T>(make: (name: string) => T): (name: string) => T {
  const made = new Map<string, T>();
  return (name) => {
    let instrument = made.get(name);
    if (instrument === undefined) {
      instrument = make(name);
      made.set(name, instrument);
    }
    return instrument;
  };
}
