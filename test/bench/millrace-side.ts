import { type RunOptions, runEmbedded } from '../../lib/embedded/index.ts';
import type { pipeline } from '../../lib/index.ts';
import type { Done } from './case.ts';

/** Runs a pipeline to its end in this process. Throws the error of a run that fails. */
export async function runPipeline(made: ReturnType<typeof pipeline>, options: RunOptions = {}): Promise<Done> {
  const summary = await runEmbedded(made, options);
  if (summary.kind !== 'finished') throw summary.error ?? new Error(`the run ${summary.kind}`);
  return { records: summary.records, out: summary.sinks.reduce((n, sink) => n + sink.records, 0) };
}
