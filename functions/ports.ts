import { systemClock, systemRandom } from '../lib/adapters/system/index.ts';
import { silentTelemetry } from '../lib/adapters/telemetry/index.ts';
import { MillraceError, seconds } from '../lib/model/index.ts';
import type { CommitStore, Connections as Lent, Telemetry } from '../lib/ports/index.ts';
import type { RunRecord } from '../lib/protocol/index.ts';
import { newestRun, type TaskPorts } from '../lib/runtime/index.ts';
import { connectStores, type StoresOptions } from '../lib/worker/index.ts';
import { functionAt, functionsOf } from './function-versions.ts';
import { kafkaConnection } from './kafka-connection.ts';
import { lazily } from './lazily.ts';
import type { RingEvent } from './ring-event.ts';
import type { Settings } from './settings.ts';

/** Well below the time limit of a function, which is to say what it lacks rather than to be ended. */
const KAFKA_PATIENCE = 15_000;

/** What a deployed function works through. */
export interface Connections {
  readonly ports: TaskPorts;
  /** What connectors may use. Absent: nothing. */
  readonly lent?: Lent;
  /**
   * Wakes tasks of a stage that functions run, and does not wait for what they do: calls the function version that has the code of this epoch, or of the newest. Throws
   * `unavailable` where none is written down, or it cannot be called.
   */
  ring(stage: string, event: RingEvent, epoch?: number): Promise<void>;
}

/** Connects a function to Kafka, DynamoDB, S3 and Lambda. Throws `unavailable` where brokers or their secret cannot be looked up; nothing else is reached yet. */
export async function connect(settings: Settings, telemetry: Telemetry = silentTelemetry): Promise<Connections> {
  const { pipeline } = settings;
  const stores = await connectStores(await storesOf(settings), telemetry);
  const { log, commits, blobs, connections } = stores;
  let run: RunRecord | undefined;
  return {
    ports: { log, commits, blobs, atomic: undefined, clock: systemClock, random: systemRandom, telemetry },
    lent: connections,
    async ring(stage, event, epoch) {
      if (settings.workerStages?.includes(stage)) return;
      run ??= await newestRun(commits, pipeline);
      const target = run === undefined ? undefined : await targetOf(commits, run, stage, epoch);
      if (target !== undefined)
        return (await lambda()).send(`${target.function}:${target.version}`, JSON.stringify(event));
      throw new MillraceError(
        'unavailable',
        `no function is known for ${epoch === undefined ? 'the newest code' : `code version ${epoch}`} of stage ${stage}`,
        {
          where: { pipeline, stage },
          hint: 'the controller writes it down when it takes a deployment over; see its log if it does not',
        },
      );
    },
  };
}

/** Where the deployment's run lives. Throws `unavailable` where brokers or their secret cannot be looked up. */
export async function storesOf(settings: Settings): Promise<StoresOptions> {
  const { table, bucket, blobPrefix, topicPrefix } = settings;
  const isLocal = process.env.AWS_ENDPOINT_URL !== undefined || process.env.AWS_ENDPOINT_URL_S3 !== undefined;
  const kafka = await kafkaConnection(settings);
  return {
    kafka,
    kafkaPatience: KAFKA_PATIENCE,
    log: { topicPrefix },
    table,
    bucket,
    blobPrefix,
    s3: { pathStyle: isLocal },
  };
}

const targetOf = async (commits: CommitStore, run: RunRecord, stage: string, epoch: number | undefined) =>
  epoch === undefined ? (await functionsOf(commits, run, stage)).at(-1) : functionAt(commits, run, stage, epoch);

/** Loaded at the first ring: most calls of a function ring nobody. */
const lambda = lazily(async () => {
  const { LambdaFunctions } = await import('../lib/adapters/lambda/index.ts');
  return new LambdaFunctions({ attempts: 4, requestTimeout: seconds(5) });
});
