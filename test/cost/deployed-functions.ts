/** A pipeline's functions as deployed, called here: on a real broker, DynamoDB Local and an S3 gateway, with every call to AWS counted. */
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { S3Client } from '@aws-sdk/client-s3';
import { around } from '../../functions/around.ts';
import { controllerHandler } from '../../functions/controller-handler.ts';
import type { ControllerConnections } from '../../functions/controller-ports.ts';
import type { Invocation } from '../../functions/deadline.ts';
import type { RingEvent } from '../../functions/ring-event.ts';
import { type Settings, settingsFrom, variables } from '../../functions/settings.ts';
import { stageHandler } from '../../functions/stage-handler.ts';
import type { FunctionTelemetry } from '../../functions/telemetry.ts';
import { DynamoCommitStore, DynamoLease, dynamoClient, ensureCommitTable } from '../../lib/adapters/dynamodb/index.ts';
import { KafkaClient, KafkaLog } from '../../lib/adapters/kafka/index.ts';
import { ensureBucket, S3BlobStore, s3Client } from '../../lib/adapters/s3/index.ts';
import { systemClock, systemRandom } from '../../lib/adapters/system/index.ts';
import type { Duration, WallTime } from '../../lib/model/index.ts';
import type { Pipeline } from '../../lib/pipeline/index.ts';
import type { Clock } from '../../lib/ports/index.ts';
import { localAws, ownName } from '../services/aws.ts';
import { meddle } from '../services/aws-faults.ts';

export interface Addresses {
  readonly kafka: string;
  readonly dynamodb: string;
  readonly s3: string;
}

/** What was asked of AWS. */
export interface Counted {
  readUnits: number;
  writeUnits: number;
  gets: number;
  /** PUTs and LISTs. */
  puts: number;
  rings: number;
  /** Attempts by command. */
  readonly calls: Map<string, number>;
}

const noneCounted = (): Counted => ({ readUnits: 0, writeUnits: 0, gets: 0, puts: 0, rings: 0, calls: new Map() });

type Handler = (event: unknown, invocation: Invocation) => Promise<unknown>;

/** What Lambda tells of an invocation with so many milliseconds left. */
const invocation = (left: number) => ({
  ...{
    awsRequestId: 'r',
    functionName: 'f',
    functionVersion: '1',
    memoryLimitInMB: '512',
    invokedFunctionArn: 'arn:f',
  },
  getRemainingTimeInMillis: () => left,
});
const MINUTE = 60_000;

export class DeployedFunctions {
  readonly client: KafkaClient;
  readonly stores: { readonly dynamodb: DynamoDBClient; readonly s3: S3Client };
  readonly commits: DynamoCommitStore;
  readonly rung: { readonly stage: string; readonly event: RingEvent }[] = [];
  counted = noneCounted();
  readonly #pipeline: Pipeline;
  readonly #telemetry: FunctionTelemetry;
  readonly #environment: Readonly<Record<string, string>>;
  readonly #connections: ControllerConnections;
  readonly #handlers = new Map<string, Handler>();
  #ahead = 0;

  private constructor(
    pipeline: Pipeline,
    addresses: Addresses,
    names: { table: string; bucket: string },
    telemetry: FunctionTelemetry,
  ) {
    const { table, bucket } = names;
    const prefix = `${ownName('rest')}.`;
    this.#pipeline = pipeline;
    this.#telemetry = telemetry;
    this.#environment = {
      [variables.pipeline]: pipeline.name,
      [variables.table]: table,
      [variables.bucket]: bucket,
      [variables.brokers]: addresses.kafka,
      [variables.topicPrefix]: prefix,
      [variables.functions]: pipeline.plan.stages.map(({ id }) => `${id}:1`).join(','),
      ...{ AWS_LAMBDA_FUNCTION_NAME: 'controller', AWS_LAMBDA_FUNCTION_VERSION: '1' },
    };
    this.client = new KafkaClient({ brokers: [addresses.kafka] }, { idPrefix: prefix });
    this.stores = { dynamodb: dynamoClient(localAws(addresses.dynamodb)), s3: s3Client(localAws(addresses.s3)) };
    this.commits = new DynamoCommitStore({ client: this.stores.dynamodb, table, telemetry });
    const clock: Clock = {
      now: () => (systemClock.now() + this.#ahead) as WallTime,
      sleep: (span, signal) => systemClock.sleep(span, signal),
    };
    this.#connections = {
      ports: {
        log: new KafkaLog(this.client, { topicPrefix: prefix }),
        commits: this.commits,
        blobs: new S3BlobStore({ client: this.stores.s3, bucket, telemetry }),
        ...{ atomic: undefined, clock, random: systemRandom, telemetry },
      },
      lent: new Map([['kafka', this.client]]),
      lease: new DynamoLease({ client: this.stores.dynamodb, table, pipeline: pipeline.name, name: 'controller' }),
      call: async () => {
        throw new Error('no other version of the controller is there');
      },
      ring: async (stage, event) => {
        this.counted.rings++;
        this.rung.push({ stage, event });
      },
    };
    this.#count();
  }

  static async open(
    pipeline: Pipeline,
    addresses: Addresses,
    telemetry: FunctionTelemetry,
  ): Promise<DeployedFunctions> {
    const names = { table: ownName('commits'), bucket: ownName('snapshots') };
    const made = new DeployedFunctions(pipeline, addresses, names, telemetry);
    await Promise.all([
      ensureCommitTable(made.stores.dynamodb, names.table),
      ensureBucket(made.stores.s3, names.bucket),
    ]);
    return made;
  }

  /** The clock of all functions goes on by so much at once. */
  advance(span: Duration): void {
    this.#ahead += span;
  }

  /** Of the hour that the functions' clock shows. */
  get minute(): number {
    return Math.floor((this.#connections.ports.clock.now() % (60 * MINUTE)) / MINUTE);
  }

  /** Calls the controller as its schedule does. With so many milliseconds left it may make several rounds, if there is something to do. */
  async round(left = MINUTE): Promise<void> {
    const make = (settings: Settings): Handler =>
      around(controllerHandler(this.#pipeline, settings, this.#connect), {
        telemetry: this.#telemetry,
        pipeline: this.#pipeline.name,
      }) as Handler;
    await this.#handler('', make)({}, invocation(left));
  }

  /** Calls what the controller has rung. Whether there was anything. */
  async answerRings(): Promise<boolean> {
    const rung = this.rung.splice(0);
    for (const { stage, event } of rung) await this.#stage(stage, event);
    return rung.length > 0;
  }

  /** Rings all tasks of a stage. */
  async ringAll(stage: string, partitions: number): Promise<void> {
    const ring = Array.from({ length: partitions }, (_, partition) => ({ partition, reason: 'backlog' as const }));
    await this.#stage(stage, { ring });
  }

  /** Forgets what was counted. */
  startCounting(): void {
    this.counted = noneCounted();
  }

  close(): void {
    this.client.close();
    this.stores.dynamodb.destroy();
    this.stores.s3.destroy();
  }

  #stage(stage: string, event: RingEvent): Promise<unknown> {
    const make = (settings: Settings): Handler => stageHandler(this.#pipeline, settings, this.#connect) as Handler;
    return this.#handler(stage, make)(event, invocation(MINUTE));
  }

  #handler(stage: string, make: (settings: Settings) => Handler): Handler {
    let handler = this.#handlers.get(stage);
    if (handler === undefined) {
      handler = make(settingsFrom({ ...this.#environment, ...(stage === '' ? {} : { [variables.stage]: stage }) }));
      this.#handlers.set(stage, handler);
    }
    return handler;
  }

  #connect = async (): Promise<ControllerConnections> => this.#connections;

  #count(): void {
    meddle(this.stores.dynamodb, async ({ command, send }) => {
      this.#note(command);
      const isWrite = /Put|Update|Delete|Write/.test(command);
      try {
        const answer = (await send()) as {
          readonly output: { readonly ConsumedCapacity?: { CapacityUnits?: number } };
        };
        // DynamoDB Local asks nothing where it finds nothing; DynamoDB asks for one unit.
        const units = Math.max(1, answer.output.ConsumedCapacity?.CapacityUnits ?? 1);
        if (isWrite) this.counted.writeUnits += units;
        else this.counted.readUnits += units;
        return answer;
      } catch (thrown) {
        // What is refused is paid all the same, and does not say how much: what it would have written is small here.
        if (isWrite) this.counted.writeUnits += 1;
        throw thrown;
      }
    });
    meddle(this.stores.s3, ({ command, send }) => {
      this.#note(command);
      if (/Put|List|Copy|Multipart|UploadPart/.test(command)) this.counted.puts++;
      else this.counted.gets++;
      return send();
    });
  }

  #note(command: string): void {
    this.counted.calls.set(command, (this.counted.calls.get(command) ?? 0) + 1);
  }
}
