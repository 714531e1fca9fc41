import { readStopRequest, type StopRequest } from '../adapters/directory/index.ts';
import { systemClock } from '../adapters/system/index.ts';
import type { RunEnd } from '../hosts/embedded/index.ts';
import type { Duration } from '../model/index.ts';
import type { Pipeline } from '../pipeline/index.ts';
import type { Clock } from '../ports/index.ts';
import { type EmbeddedOptions, type OpenEmbedded, openEmbedded } from './open-embedded.ts';
import { ProgressMeter, type RunProgress } from './progress.ts';
import { type RunSummary, summaryOf } from './summary.ts';

export interface RunOptions extends EmbeddedOptions {
  /**
   * Aborted to end the run for good, as if its input had ended: sources end where they stand (those without an end of their own where their log ends by then,
   * if that is known), every window closes, files are finished.
   */
  readonly drain?: AbortSignal;
  /** Told that `stopDirectory`, or `millrace stop`, asks the run to end; it does, without help. */
  readonly onStopRequest?: (request: StopRequest) => void;
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
  const { onProgress, progressPeriod = 250 as Duration, clock = systemClock } = options;
  const { run, dataDir } = open;
  const started = clock.now();
  const over = new AbortController();
  const stop = (): void => run.stop();
  const beside: Promise<void>[] = [];
  const alongside = (work: Promise<void>): void => {
    work.catch(stop);
    beside.push(work);
  };
  when(options.signal, over.signal, stop);
  when(options.drain, over.signal, () => alongside(run.drain()));
  const meter = new ProgressMeter(run, started);
  const tell = (): void => onProgress?.(meter.report(clock.now()));
  if (onProgress !== undefined) alongside(every(progressPeriod, clock, over.signal, tell));
  if (dataDir !== undefined) {
    let known: StopRequest | undefined;
    const look = (): void => {
      const request = readStopRequest(dataDir);
      if (request === undefined || request === known) return;
      known = request;
      options.onStopRequest?.(request);
      if (request === 'stop') stop();
      else alongside(run.drain());
    };
    alongside(every(REQUEST_PERIOD, clock, over.signal, look));
  }
  let end: RunEnd;
  try {
    end = await run.run();
  } finally {
    over.abort();
    await Promise.all(beside);
  }
  tell();
  return summaryOf(open, end, clock.now() - started);
}

/** How often a run in a data directory looks whether it is asked to stop. */
const REQUEST_PERIOD = 200 as Duration;

/** Once `signal` is aborted, or at once if it is, unless it is over. */
function when(signal: AbortSignal | undefined, over: AbortSignal, then: () => void): void {
  if (signal?.aborted) then();
  else signal?.addEventListener('abort', then, { once: true, signal: over });
}

async function every(period: Duration, clock: Clock, over: AbortSignal, work: () => void): Promise<void> {
  for (;;) {
    await clock.sleep(period, over).catch(() => {});
    if (over.aborted) return;
    work();
  }
}
