/** The engine's side on Kafka: workers in this process; commits and snapshots in memory, as bytes, so that no emulated store is what is measured. */
import { type KafkaClient, KafkaLog } from '../../lib/adapters/kafka/index.ts';
import { MemoryBlobStore, MemoryCommitStore } from '../../lib/adapters/memory/index.ts';
import { systemClock, systemRandom } from '../../lib/adapters/system/index.ts';
import { type RecordingTelemetry, recordingTelemetry } from '../../lib/adapters/telemetry/index.ts';
import { fixedAssignment, Worker, type WorkerOptions } from '../../lib/hosts/worker/index.ts';
import type { Duration, Pipeline } from '../../lib/index.ts';
import { runIdOf, type TaskPorts } from '../../lib/runtime/index.ts';
import type { Done } from './case.ts';

export interface KafkaPorts extends TaskPorts {
  readonly telemetry: RecordingTelemetry;
  readonly client: KafkaClient;
}

/** Ports whose topics begin with `prefix`. */
export const kafkaPorts = (client: KafkaClient, prefix: string): KafkaPorts => ({
  log: new KafkaLog(client, { topicPrefix: `${prefix}.` }),
  commits: new MemoryCommitStore({ volatile: false }),
  blobs: new MemoryBlobStore(),
  atomic: undefined,
  clock: systemClock,
  random: systemRandom,
  telemetry: recordingTelemetry(),
  client,
});

/** A worker with everything for itself, unless the options have another assignment. */
export const openWorkerOn = (
  ports: KafkaPorts,
  made: Pipeline,
  options: Partial<WorkerOptions> = {},
): Promise<Worker> =>
  Worker.open(made, ports, {
    durable: true,
    connections: new Map([['kafka', ports.client]]),
    runId: runIdOf(ports.clock, ports.random),
    assignment: fixedAssignment,
    pumpPeriod: 100 as Duration,
    ...options,
  });

/** Runs a pipeline whose input ends to its end. Throws the error of a run that fails. */
export async function runWorker(
  ports: KafkaPorts,
  made: Pipeline,
  options: Partial<WorkerOptions> = {},
): Promise<Done> {
  const worker = await openWorkerOn(ports, made, options);
  const stuck = setInterval(() => {
    const stopped = worker.status().tasks.find(({ state }) => state.kind === 'stopped');
    if (stopped !== undefined) throw new Error(JSON.stringify(stopped));
  }, 1_000);
  const { kind, error } = await worker.run();
  clearInterval(stuck);
  if (kind !== 'finished') throw error ?? new Error(`the run ${kind}`);
  return { records: worker.status().records, out: ports.telemetry.counter('millrace.records.written') };
}
