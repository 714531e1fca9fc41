import type { Telemetry } from '../../ports/index.ts';
import { openTelemetry } from './open-telemetry.ts';

/** Measurements kept for whoever asks. */
export interface PrometheusTelemetry extends Telemetry {
  /** All of them, as of now, in Prometheus' text format: dots in names become underscores, names of counters end in `_total`. */
  text(): Promise<string>;
  close(): Promise<void>;
}

/** Counts, readings and observations by the SDK of OpenTelemetry, to be scraped. It takes no log lines. The SDK is loaded when this is called. */
export async function prometheusTelemetry(): Promise<PrometheusTelemetry> {
  const { MeterProvider, MetricReader } = await import('@opentelemetry/sdk-metrics');
  const { PrometheusSerializer } = await import('@opentelemetry/exporter-prometheus');
  /** Collects when asked. */
  class Collector extends MetricReader {
    protected override async onForceFlush(): Promise<void> {}
    protected override async onShutdown(): Promise<void> {}
  }
  const collector = new Collector();
  const provider = new MeterProvider({ readers: [collector] });
  const serializer = new PrometheusSerializer(undefined, false, undefined, true, true);
  return {
    ...openTelemetry({ meter: provider.getMeter('millrace') }),
    text: async () => serializer.serialize((await collector.collect()).resourceMetrics),
    close: () => provider.shutdown(),
  };
}
