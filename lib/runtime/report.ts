import { MAX_TIME, MIN_TIME, taskName } from '../model/index.ts';
import { COUNTED } from '../operators/index.ts';
import type { Labels, SinkBatch, Telemetry } from '../ports/index.ts';
import type { TaskStatus } from '../protocol/index.ts';
import type { Applier } from './applier.ts';
import type { Outlet } from './outlet.ts';
import type { TaskHost } from './task-host.ts';
import type { TaskState } from './task-state.ts';

/** Names of the metrics. Labels are pipeline, stage and partition (the task), with operator where said. */
export const metrics = {
  /** Records that an operator took. */
  recordsIn: 'millrace.records.in',
  /** Records that an operator emitted; with `side` for a side output. */
  recordsOut: 'millrace.records.out',
  /** What operators count themselves, `millrace.records.<what>`: `late`, `refired`, `dropped`. */
  records: 'millrace.records.',
  /** What authors' code counts by `ctx.count(name)`, `millrace.counted.<name>`. */
  counted: `millrace.${COUNTED}`,
  /** Records of an output that nobody reads. */
  dropped: 'millrace.records.dropped',
  /** Records written by a sink. */
  written: 'millrace.records.written',
  deadLettered: 'millrace.records.dead_lettered',
  skipped: 'millrace.records.skipped',
  commits: 'millrace.commits',
  /** Milliseconds from the first append of a step to its confirmed commit. */
  commitTime: 'millrace.commit.time',
  restarts: 'millrace.restarts',
  watermark: 'millrace.watermark',
  /** Milliseconds that the watermark lies behind the clock. */
  watermarkLag: 'millrace.watermark.lag',
  stateEntries: 'millrace.state.entries',
  stateBytes: 'millrace.state.bytes',
} as const;

/** The metric of what an operator or its author's code counts under a name. */
export const metricOf = (what: string): string =>
  what.startsWith(COUNTED) ? `millrace.${what}` : metrics.records + what;

/** The labels of one task's metrics, each set made once: what counts them may know it again by its identity. */
export class TaskLabels {
  readonly task: Labels;
  readonly #more = new Map<string, Labels>();

  constructor({ plan, task }: TaskHost) {
    this.task = { pipeline: plan.pipeline, stage: task.stage, partition: task.partition };
  }

  /** With the operator added whose output this is, `operator` or `operator/side`. */
  of(output: string): Labels {
    const known = this.#more.get(output);
    if (known !== undefined) return known;
    const slash = output.indexOf('/');
    return this.#add(
      output,
      slash < 0 ? { operator: output } : { operator: output.slice(0, slash), side: output.slice(slash + 1) },
    );
  }

  sink(id: string): Labels {
    const name = `/${id}`;
    return this.#more.get(name) ?? this.#add(name, { sink: id });
  }

  #add(name: string, more: Labels): Labels {
    const labels = { ...this.task, ...more };
    this.#more.set(name, labels);
    return labels;
  }
}

/** Adds a committed step to the counts. `took`: milliseconds of its append and commit. */
export function reportStep(
  host: TaskHost,
  of: TaskLabels,
  state: TaskState,
  applier: Applier,
  before: TaskStatus,
  took: number,
): void {
  const { telemetry, task, clock } = host;
  const labels = of.task;
  for (const head of state.chain.heads.values()) countTaken(telemetry, head, of);
  for (const [output, outlet] of state.chain.outlets) {
    if (outlet.count === 0) continue;
    telemetry.count(metrics.recordsOut, outlet.count, of.of(output));
    if (outlet.targets.length === 0 && host.code.operators.get(output)?.rows === undefined)
      telemetry.count(metrics.dropped, outlet.count, of.of(output));
    countTaken(telemetry, outlet, of);
  }
  for (const [operator, counts] of state.chain.counts) {
    for (const [what, n] of counts) telemetry.count(metricOf(what), n, of.of(operator));
    counts.clear();
  }
  for (const { how, operator, failure } of applier.givenUp) {
    telemetry.count(how === 'skip' ? metrics.skipped : metrics.deadLettered, 1, of.of(operator));
    const verb = how === 'skip' ? 'skipped' : 'dead-lettered';
    telemetry.log('warn', `${verb} a record at ${operator}: ${failure.message}`, { task: taskName(task) });
  }
  telemetry.count(metrics.commits, 1, labels);
  telemetry.observe(metrics.commitTime, took, labels);
  if (state.status.kind !== 'ok' && state.status !== before) {
    const { kind, failure } = state.status;
    telemetry.count(metrics.restarts, 1, labels);
    telemetry.log(
      kind === 'stopped' ? 'error' : 'warn',
      `${taskName(task)} ${kind === 'stopped' ? 'stopped' : 'backs off'}: ${failure.message}`,
      { operator: failure.operator },
    );
  }
  if (state.watermark !== MIN_TIME && state.watermark !== MAX_TIME) {
    telemetry.gauge(metrics.watermark, state.watermark, labels);
    telemetry.gauge(metrics.watermarkLag, clock.now() - state.watermark, labels);
  }
  telemetry.gauge(metrics.stateEntries, state.store.size, labels);
  telemetry.gauge(metrics.stateBytes, state.store.size * state.bytesPerCell, labels);
}

function countTaken(telemetry: Telemetry, outlet: Outlet, of: TaskLabels): void {
  if (outlet.count > 0) {
    for (const operator of outlet.targets) telemetry.count(metrics.recordsIn, outlet.count, of.of(operator));
  }
  outlet.count = 0;
}

/** Adds what a step wrote to its sinks. */
export function reportSinks(
  { telemetry }: TaskHost,
  of: TaskLabels,
  batches: readonly { readonly sink: { readonly id: string }; readonly batch: SinkBatch }[],
): void {
  for (const { sink, batch } of batches) {
    telemetry.count(metrics.written, batch.values.length, of.sink(sink.id));
  }
}
