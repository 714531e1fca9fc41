/** Opens a pipeline's run in this process: chooses storage, names the run, binds connectors. */
import { systemClock, systemRandom } from '../adapters/system/index.ts';
import { combineTelemetry, RecordingTelemetry } from '../adapters/telemetry/index.ts';
import { EmbeddedRun, type EmbeddedOptions as HostOptions } from '../hosts/embedded/index.ts';
import type { Duration } from '../model/index.ts';
import { MillraceError } from '../model/index.ts';
import type { Bindings, Pipeline } from '../pipeline/index.ts';
import type { Clock, Random, Telemetry } from '../ports/index.ts';
import { runIdOf, type TaskPorts } from '../runtime/index.ts';
import { directoryStorage, layout, memoryStorage } from './storage.ts';

const FLUSH_EVERY = 200;

type Tuning = Pick<HostOptions, 'limits' | 'slots' | 'pumpPeriod' | 'pollPeriod' | 'onFailure'>;

/** How a pipeline runs in this process. */
export interface EmbeddedOptions extends Tuning {
  /**
   * Folder for state, made if there is none. With it a run that ends in whatever way goes on where its last commit left it; one process at a time may
   * use it. Without it everything is in memory and gone with the process.
   */
  readonly dataDir?: string;
  /** With a data directory: what is committed waits for the disk, so that it survives a power cut and not only the end of the process. Default false. */
  readonly fsync?: boolean;
  /**
   * With a data directory: commits of all tasks gather for so long (up to ten times as long where writing takes long) and are then written together, which costs
   * far less. What was not written when the process ends is done again. 0 writes each by itself. Default: 200 milliseconds; 0 with `fsync`.
   */
  readonly flushEvery?: Duration;
  /** Other connectors for sources and sinks, by id. */
  readonly bindings?: Bindings;
  /** Asks for a clean end: what is under way is finished, the rest is there to go on with if there is a data directory. */
  readonly signal?: AbortSignal;
  /** Hears measurements and log lines. */
  readonly telemetry?: Telemetry;
  /** What connectors may use, by name: `{ kafka: kafkaConnection(...) }` for instance. */
  readonly connections?: Readonly<Record<string, unknown>>;
  readonly clock?: Clock;
  /** Names runs and blobs, and spreads delays. Nothing that results depend on. */
  readonly random?: Random;
}

/** A run that is open in this process. */
export interface OpenEmbedded {
  /** The pipeline with its bindings. */
  readonly pipeline: Pipeline;
  readonly run: EmbeddedRun;
  /** The ports that it works on, for looking into it. */
  readonly ports: TaskPorts;
  /** What has been measured since it was opened. */
  readonly measured: RecordingTelemetry;
  readonly dataDir: string | undefined;
  /** Closes everything, also where the run never began. After `run.run()` has ended, only the storage is left to close. May be called again. */
  close(): Promise<void>;
}

/**
 * Opens the run of a pipeline, or begins one, without running it. Throws what is wrong with bindings (`invalid-pipeline`), inputs, the data directory
 * (`unavailable` where another process uses it), or the state it holds (`incompatible` with the differences, `data-lost`, `state-lost`); and the reason of
 * `signal` if that is aborted while a source waits for something (such as the header of standard input).
 */
export async function openEmbedded(pipeline: Pipeline, options: EmbeddedOptions = {}): Promise<OpenEmbedded> {
  const { dataDir, bindings, clock = systemClock, random = systemRandom, fsync = false } = options;
  const { flushEvery = (fsync ? 0 : FLUSH_EVERY) as Duration } = options;
  const bound = bindings === undefined ? pipeline : pipeline.withBindings(bindings);
  const measured = new RecordingTelemetry();
  const telemetry = options.telemetry === undefined ? measured : combineTelemetry(measured, options.telemetry);
  const storage =
    dataDir === undefined ? memoryStorage(clock) : await directoryStorage(dataDir, { clock, fsync, flushEvery });
  const { log, commits, blobs, atomic, durable, spool } = storage;
  const ports: TaskPorts = { log, commits, blobs, atomic, clock, random, telemetry };
  try {
    const run = await EmbeddedRun.open(bound, ports, {
      ...tuningOf(options),
      durable,
      connections: new Map(Object.entries(options.connections ?? {})),
      runId: runIdOf(clock, random),
      ...(spool === undefined ? {} : { spool }),
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    });
    const close = async (): Promise<void> => {
      try {
        await run.open.close();
      } finally {
        storage.close();
      }
    };
    return { pipeline: bound, run, ports, measured, dataDir, close };
  } catch (thrown) {
    storage.close();
    throw dataDir === undefined ? thrown : inDirectory(thrown, dataDir);
  }
}

/** Of a data directory whose state is gone, what to do about it there. */
function inDirectory(thrown: unknown, dataDir: string): unknown {
  if (!(thrown instanceof MillraceError) || thrown.kind !== 'state-lost') return thrown;
  return new MillraceError('state-lost', thrown.message, {
    where: { ...thrown.where, file: layout.state(dataDir) },
    cause: thrown,
    hint: `${layout.state(dataDir)} was emptied or replaced: put it back, or begin anew with another data directory`,
  });
}

function tuningOf(options: EmbeddedOptions): Tuning {
  const { limits, slots, pumpPeriod, pollPeriod, onFailure } = options;
  return {
    ...(limits === undefined ? {} : { limits }),
    ...(slots === undefined ? {} : { slots }),
    ...(pumpPeriod === undefined ? {} : { pumpPeriod }),
    ...(pollPeriod === undefined ? {} : { pollPeriod }),
    ...(onFailure === undefined ? {} : { onFailure }),
  };
}
