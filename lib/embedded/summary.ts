import type { RecordingTelemetry } from '../adapters/telemetry/index.ts';
import type { RunEnd } from '../hosts/embedded/index.ts';
import type { Json } from '../model/index.ts';
import type { Plan, SinkNode } from '../plan/index.ts';
import { metrics } from '../runtime/index.ts';
import type { OpenEmbedded } from './open-embedded.ts';

/** What one sink got. */
export interface SinkSummary {
  readonly sink: string;
  readonly connector: string;
  /** Where a file sink writes, as given by the author. */
  readonly path: string | undefined;
  readonly guarantee: SinkNode['guarantee'];
  /** Records committed to it since the run was opened. */
  readonly records: number;
}

/** What a run came to. Counts are since it was opened in this process, not since the run began. */
export interface RunSummary extends RunEnd {
  readonly pipeline: string;
  /** Id of the run. */
  readonly run: string;
  /** Whether it went on from state that was there before. */
  readonly resumed: boolean;
  readonly dataDir: string | undefined;
  /** Rows read from all sources. */
  readonly records: number;
  readonly sinks: readonly SinkSummary[];
  /** Records too late for all of their windows. */
  readonly late: number;
  /** Late records that updated a window's result. */
  readonly refired: number;
  /** Records given up, with their reason, in the dead letters. */
  readonly deadLettered: number;
  /** Records given up without a trace but this count. */
  readonly skipped: number;
  /** How often a task tried again after an error. */
  readonly restarts: number;
  readonly milliseconds: number;
}

/** Sums up what an open run has measured. */
export function summaryOf(open: OpenEmbedded, end: RunEnd, milliseconds: number): RunSummary {
  const { run, measured, pipeline, dataDir } = open;
  return {
    ...end,
    pipeline: pipeline.name,
    run: run.open.record.id,
    resumed: run.open.resumed,
    dataDir,
    records: run.progress().records,
    sinks: sinksOf(pipeline.plan, measured),
    late: measured.counter(`${metrics.records}late`),
    refired: measured.counter(`${metrics.records}refired`),
    deadLettered: measured.counter(metrics.deadLettered),
    skipped: measured.counter(metrics.skipped),
    restarts: measured.counter(metrics.restarts),
    milliseconds,
  };
}

function sinksOf(plan: Plan, measured: RecordingTelemetry): SinkSummary[] {
  return plan.nodes
    .filter((node): node is SinkNode => node.kind === 'sink')
    .map(({ id, connector, options, guarantee }) => ({
      sink: id,
      connector,
      path: pathOf(options),
      guarantee,
      records: measured.counter(metrics.written, { sink: id }),
    }));
}

function pathOf(options: Json): string | undefined {
  const path = typeof options === 'object' && options !== null && 'path' in options ? options.path : undefined;
  return typeof path === 'string' ? path : undefined;
}
