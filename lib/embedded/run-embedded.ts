import { systemClock } from '../adapters/system/index.ts';
import type { RunEnd } from '../hosts/embedded/index.ts';
import type { Duration } from '../model/index.ts';
import type { Pipeline } from '../pipeline/index.ts';
import { type EmbeddedOptions, type OpenEmbedded, openEmbedded } from './open-embedded.ts';
import { ProgressMeter, type RunProgress } from './progress.ts';
import { type RunSummary, summaryOf } from './summary.ts';

export interface RunOptions extends EmbeddedOptions {
  /** Told where the run stands, every `progressPeriod` and once after its end. */
  readonly onProgress?: (progress: RunProgress) => void;
  /** Default: 250 milliseconds. */
  readonly progressPeriod?: Duration;
}

/**
 * Runs a pipeline in this process until its input ends, the signal is aborted, or a task fails for good; then closes everything.
 *
 * ```ts
 * const done = await runEmbedded(pipeline, { dataDir: 'data' });
 * ```
 *
 * Never rejects for what happens to records: a failed run is a result, with its error. Throws what `openEmbedded` throws.
 */
export async function runEmbedded(pipeline: Pipeline, options: RunOptions = {}): Promise<RunSummary> {
  const open = await openEmbedded(pipeline, options);
  try {
    return await carryOut(open, options);
  } finally {
    await open.close();
  }
}

/** Runs what is open. The storage stays open. */
export async function carryOut(open: OpenEmbedded, options: RunOptions): Promise<RunSummary> {
  const { signal, onProgress, progressPeriod = 250 as Duration, clock = systemClock } = options;
  const { run } = open;
  const started = clock.now();
  const stop = (): void => run.stop();
  if (signal?.aborted) stop();
  signal?.addEventListener('abort', stop, { once: true });
  const over = new AbortController();
  const meter = new ProgressMeter(run, started);
  const tell = (): void => onProgress?.(meter.report(clock.now()));
  const ticking = onProgress && tick(tell, progressPeriod, clock, over.signal);
  ticking?.catch(stop);
  let end: RunEnd;
  try {
    end = await run.run();
  } finally {
    signal?.removeEventListener('abort', stop);
    over.abort();
    await ticking;
  }
  tell();
  return summaryOf(open, end, clock.now() - started);
}

async function tick(tell: () => void, period: Duration, clock: typeof systemClock, signal: AbortSignal): Promise<void> {
  for (;;) {
    await clock.sleep(period, signal).catch(() => {});
    if (signal.aborted) return;
    tell();
  }
}
