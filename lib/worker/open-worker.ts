/** Opens a pipeline's run on Kafka, DynamoDB and S3, as one of the workers that share it. */
import { KafkaGroupAssignment } from '../adapters/kafka/index.ts';
import { systemClock, systemRandom } from '../adapters/system/index.ts';
import { silentTelemetry } from '../adapters/telemetry/index.ts';
import { type WorkerOptions as HostOptions, Worker } from '../hosts/worker/index.ts';
import type { Duration } from '../model/index.ts';
import type { Bindings, Pipeline } from '../pipeline/index.ts';
import type { Clock, Random, Telemetry } from '../ports/index.ts';
import { type OpenRun, runIdOf, type TaskPorts } from '../runtime/index.ts';
import { connectStores, type StoresOptions } from './stores.ts';

type Tuning = Pick<
  HostOptions,
  | 'limits'
  | 'stages'
  | 'awaitsCode'
  | 'slots'
  | 'signal'
  | 'pumpPeriod'
  | 'pollPeriod'
  | 'linger'
  | 'readBytes'
  | 'warmBytes'
  | 'copyPeriod'
  | 'stopTimeout'
>;

/** How long sinks and sources may take to close before the connections below them are closed: steps that a stop has given up may still wait for stores. */
const CLOSING = 200 as Duration;

/** Twice the deviation of a machine's clock from true time that is allowed for, unless `limits.clockSkew` says otherwise. */
const CLOCK_SKEW = 1_000 as Duration;

/** How a worker runs. */
export interface WorkerOptions extends StoresOptions, Tuning {
  /** Other connectors for sources and sinks, by id. */
  readonly bindings?: Bindings;
  /** Milliseconds without a sign of life after which a worker's tasks go to the others; brokers allow 6 seconds and more unless told otherwise. Default: 10 seconds. */
  readonly sessionTimeout?: number;
  /** Milliseconds between two signs of life. Default: a tenth of that, at most 1 second. */
  readonly heartbeatPeriod?: number;
  /** How many other workers keep a copy of each task's state, to take over without loading it. Default: 0. */
  readonly copies?: number;
  /** Code that the run has had before and has gone past counts as new code: to go back to it. Default: such a worker finishes what is still at that code, and ends. */
  readonly newCode?: boolean;
  readonly telemetry?: Telemetry;
  readonly clock?: Clock;
  /** Names runs and blobs, and spreads delays. */
  readonly random?: Random;
}

/** A worker that has not begun to work. */
export interface OpenWorker {
  /** The pipeline with its bindings. */
  readonly pipeline: Pipeline;
  readonly worker: Worker;
  readonly ports: TaskPorts;
  /** Ends its connections: after `worker.run()` has ended, or where it never began. */
  close(): Promise<void>;
}

/**
 * Opens the run of a pipeline, or creates one, as one of its workers. Goes on trying while stores and brokers cannot be reached, until `signal`. Throws what
 * is wrong with bindings (`invalid-pipeline`), inputs and topics (`data-lost`), or the state that is there (`incompatible`, `state-lost`).
 *
 * ```ts
 * const open = await openWorker(pipeline, { kafka: { brokers: ['b1:9092'] }, table: 'commits', bucket: 'snapshots' });
 * await open.worker.run();
 * await open.close();
 * ```
 */
export async function openWorker(pipeline: Pipeline, options: WorkerOptions): Promise<OpenWorker> {
  const { bindings, telemetry = silentTelemetry, clock = systemClock, random = systemRandom } = options;
  const bound = bindings === undefined ? pipeline : pipeline.withBindings(bindings);
  const stores = await connectStores(options, telemetry);
  const { log, commits, blobs, connections } = stores;
  const ports: TaskPorts = { log, commits, blobs, atomic: undefined, clock, random, telemetry };
  try {
    const worker = await Worker.open(bound, ports, {
      ...options,
      limits: { clockSkew: CLOCK_SKEW, ...options.limits },
      durable: true,
      rejoinCode: options.newCode !== true,
      connections,
      runId: runIdOf(clock, random),
      assignment: (open) => groupOf(open, options, telemetry),
    });
    const close = async (): Promise<void> => {
      const closed = new AbortController();
      const closing = worker.open.close().catch(() => {});
      await Promise.race([closing, clock.sleep(CLOSING, closed.signal).catch(() => {})]);
      closed.abort();
      stores.close();
    };
    return { pipeline: bound, worker, ports, close };
  } catch (thrown) {
    stores.close();
    throw thrown;
  }
}

/** All workers of a run share one group, also while they run different versions of the code: each gets what it can work on. */
function groupOf({ record }: OpenRun, options: WorkerOptions, telemetry: Telemetry): KafkaGroupAssignment {
  const { kafka, log, sessionTimeout, heartbeatPeriod, copies } = options;
  return new KafkaGroupAssignment(kafka, {
    group: `${log?.topicPrefix ?? ''}${record.pipeline}.${record.id}`,
    telemetry,
    ...(sessionTimeout === undefined ? {} : { sessionTimeout }),
    ...(heartbeatPeriod === undefined ? {} : { heartbeatPeriod }),
    ...(copies === undefined ? {} : { copies }),
  });
}
