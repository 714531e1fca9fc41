import { MAX_TIME, MIN_TIME, taskName } from '../model/index.ts';
import type { SinkBatch } from '../ports/index.ts';
import type { TaskStatus } from '../protocol/index.ts';
import type { Applier } from './applier.ts';
import type { TaskHost } from './task-host.ts';
import type { TaskState } from './task-state.ts';

/** Names of the metrics; labels are pipeline and stage, with operator or partition where said. */
export const metrics = {
  recordsIn: 'millrace.records.in',
  /** By operator (and `side`). */
  recordsOut: 'millrace.records.out',
  /** By operator: what operators count themselves is `millrace.records.<what>`, for instance `late`. */
  records: 'millrace.records.',
  /** Records given to a sink and committed, by `sink`. */
  written: 'millrace.records.written',
  deadLettered: 'millrace.records.dead_lettered',
  skipped: 'millrace.records.skipped',
  commits: 'millrace.commits',
  restarts: 'millrace.restarts',
  watermark: 'millrace.watermark',
  stateEntries: 'millrace.state.entries',
  stateBytes: 'millrace.state.bytes',
} as const;

/** Adds a committed step to the counts. */
export function reportStep(host: TaskHost, state: TaskState, applier: Applier, before: TaskStatus): void {
  const { telemetry, plan, task } = host;
  const labels = { pipeline: plan.pipeline, stage: task.stage };
  if (applier.recordsIn > 0) telemetry.count(metrics.recordsIn, applier.recordsIn, labels);
  for (const [output, outlet] of state.chain.outlets) {
    if (outlet.count === 0) continue;
    const slash = output.indexOf('/');
    const operator = slash < 0 ? output : output.slice(0, slash);
    telemetry.count(
      metrics.recordsOut,
      outlet.count,
      slash < 0 ? { ...labels, operator } : { ...labels, operator, side: output.slice(slash + 1) },
    );
    outlet.count = 0;
  }
  for (const [operator, counts] of state.chain.counts) {
    for (const [what, n] of counts) telemetry.count(metrics.records + what, n, { ...labels, operator });
    counts.clear();
  }
  for (const { how, operator, failure } of applier.givenUp) {
    telemetry.count(how === 'skip' ? metrics.skipped : metrics.deadLettered, 1, { ...labels, operator });
    telemetry.log(
      'warn',
      `${how === 'skip' ? 'skipped' : 'dead-lettered'} a record at ${operator}: ${failure.message}`,
      { task: taskName(task) },
    );
  }
  telemetry.count(metrics.commits, 1, labels);
  if (state.status.kind !== 'ok' && state.status !== before) {
    const { kind, failure } = state.status;
    telemetry.count(metrics.restarts, 1, labels);
    telemetry.log(
      kind === 'stopped' ? 'error' : 'warn',
      `${taskName(task)} ${kind === 'stopped' ? 'stopped' : 'backs off'}: ${failure.message}`,
      { operator: failure.operator },
    );
  }
  const own = { ...labels, partition: task.partition };
  if (state.watermark !== MIN_TIME && state.watermark !== MAX_TIME)
    telemetry.gauge(metrics.watermark, state.watermark, own);
  telemetry.gauge(metrics.stateEntries, state.store.size, own);
  telemetry.gauge(metrics.stateBytes, state.store.size * state.bytesPerCell, own);
}

/** Counts what a commit gave to sinks. */
export function reportSinks(
  { telemetry, plan, task }: TaskHost,
  batches: readonly { readonly sink: { readonly id: string }; readonly batch: SinkBatch }[],
): void {
  for (const { sink, batch } of batches) {
    const labels = { pipeline: plan.pipeline, stage: task.stage, sink: sink.id };
    telemetry.count(metrics.written, batch.values.length, labels);
  }
}
