// The probe: a function behind an event source mapping on a topic, deployed, fed, called and looked at.
import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { DeleteObjectsCommand, ListObjectsV2Command, type S3Client } from '@aws-sdk/client-s3';
import { Kafka, type Producer } from 'kafkajs';
import type { ProbeTarget } from '../../cdk/probe-app.ts';
import type { ProbeOutputs } from '../../cdk/probe-stack.ts';
import { type ProbeEvent, type ProbeValue, probeNames } from '../../functions/probe-record.ts';
import { DynamoCommitStore, dynamoClient } from '../../lib/adapters/dynamodb/index.ts';
import { KafkaClient, type KafkaConnection, kafkajsConnection } from '../../lib/adapters/kafka/index.ts';
import { s3Client } from '../../lib/adapters/s3/index.ts';
import { silentTelemetry } from '../../lib/adapters/telemetry/index.ts';
import { type AwsConnection, clientSettings } from '../../lib/aws/index.ts';
import { StackEventSource } from '../../lib/local/index.ts';
import { seconds } from '../../lib/model/index.ts';
import type { SeenCall } from './seen.ts';

export interface ProbeOptions {
  readonly target: Omit<ProbeTarget, 'generation'>;
  /** The brokers, as this machine reaches them. */
  readonly kafka: KafkaConnection;
  readonly aws: AwsConnection;
  /** Further variables of the environment for the CDK's command line. */
  readonly environment: Readonly<Record<string, string>>;
  /** Whether AWS is an emulator that polls no topics: millrace's own event source does, then. */
  readonly isLocal: boolean;
  /** For files of the CDK. */
  readonly folder: string;
  readonly say: (line: string) => void;
}

/** A record to be fed: a value of the probe's, a tombstone, or bytes. */
export interface FedRecord {
  readonly partition: number;
  readonly value: ProbeValue | Uint8Array | undefined;
  readonly key?: Uint8Array;
  readonly headers?: readonly (readonly [string, Uint8Array | undefined])[];
}

export interface Answered {
  readonly answer: Readonly<Record<string, unknown>>;
  /** The end of what it logged, where Lambda tells. */
  readonly log: string;
  readonly ms: number;
  readonly failed: boolean;
}

export const PARTITIONS = 8;
const LARGEST_MESSAGE = String(8 * 2 ** 20);

export class Probe {
  readonly options: ProbeOptions;
  readonly client: KafkaClient;
  readonly lambda: LambdaClient;
  readonly s3: S3Client;
  readonly dynamodb: ReturnType<typeof dynamoClient>;
  /** What the stack says of itself, as deployed last. */
  outputs: ProbeOutputs | undefined;
  #source: StackEventSource | undefined;

  constructor(options: ProbeOptions) {
    const { kafka, aws } = options;
    this.options = options;
    this.client = new KafkaClient(kafka);
    this.lambda = new LambdaClient(clientSettings({ ...aws, attempts: 3 }, seconds(60)));
    this.s3 = s3Client(aws);
    this.dynamodb = dynamoClient(aws);
  }

  get stack(): ProbeOutputs {
    if (this.outputs === undefined) throw new Error('the probe is not deployed');
    return this.outputs;
  }

  async makeTopics(): Promise<void> {
    const { topic, clockTopic } = this.options.target;
    const settings = { 'max.message.bytes': LARGEST_MESSAGE };
    await this.client.ensureTopic({ name: topic, partitions: PARTITIONS, replicas: -1, settings });
    const appendTime = { 'message.timestamp.type': 'LogAppendTime' };
    await this.client.ensureTopic({ name: clockTopic, partitions: 1, replicas: -1, settings: appendTime });
  }

  /** Deploys, or deploys anew. Returns when CloudFormation says that it is done. */
  async deploy(generation: string): Promise<void> {
    const { target, folder, isLocal, aws, kafka } = this.options;
    const file = join(folder, 'outputs.json');
    await this.#cdk(['deploy', '--require-approval', 'never', '--outputs-file', file], { ...target, generation });
    const outputs = JSON.parse(await readFile(file, 'utf8')) as Readonly<Record<string, ProbeOutputs>>;
    this.outputs = outputs[target.stack];
    if (isLocal) {
      this.#source ??= await StackEventSource.open({ stacks: [target.stack], aws, kafka, refresh: seconds(1) });
    }
  }

  async bootstrap(account: string, region: string): Promise<void> {
    await this.#run(['bootstrap', `aws://${account}/${region}`]);
  }

  /** Ends everything that `deploy` and `makeTopics` have made, as far as it is there. */
  async destroy(): Promise<void> {
    const { target } = this.options;
    await this.#source?.stop();
    if (this.outputs !== undefined) await this.#empty(this.outputs.BucketName);
    await this.#cdk(['destroy', '--force'], { ...target, generation: 'none' });
    for (const topic of [target.topic, target.clockTopic]) await this.client.deleteTopic(topic);
  }

  close(): void {
    this.client.close();
    this.lambda.destroy();
    this.s3.destroy();
    this.dynamodb.destroy();
  }

  feed(records: readonly FedRecord[]): Promise<void> {
    const { topic } = this.options.target;
    return this.client.append(
      records.map(({ partition, value, key, headers }) => ({
        ...{ topic, partition },
        record: {
          value: value === undefined || value instanceof Uint8Array ? value : Buffer.from(JSON.stringify(value)),
          ...(key === undefined ? {} : { key }),
          ...(headers === undefined ? {} : { headers }),
        },
      })),
    );
  }

  /** Feeds a record to a partition every 200 ms, until it is stopped. */
  trickle(partition: number, name: string): { stop(): Promise<void> } {
    const abort = new AbortController();
    const feeding = (async () => {
      for (let n = 0; !abort.signal.aborted; n++) {
        await this.feed([{ partition, value: { id: `${name}-${n}` } }]);
        await sleep(200);
      }
    })();
    return {
      async stop() {
        abort.abort();
        await feeding;
      },
    };
  }

  /** Does something with a transactional producer. */
  async transacting(id: string, work: (producer: Producer) => Promise<void>): Promise<void> {
    const kafka = new Kafka({ ...kafkajsConnection(this.options.kafka), logLevel: 0 });
    const producer = kafka.producer({
      ...{ transactionalId: `${this.options.target.run}.${id}`, maxInFlightRequests: 1, idempotent: true },
      retry: { initialRetryTime: 10 },
    });
    await producer.connect();
    try {
      await work(producer);
    } finally {
      await producer.disconnect();
    }
  }

  /** Calls a version of the function, by default the newest, and waits. */
  async call(event: ProbeEvent, qualifier = 'live'): Promise<Answered> {
    const began = performance.now();
    const { Payload, LogResult, FunctionError } = await this.lambda.send(
      new InvokeCommand({
        FunctionName: this.stack.FunctionName,
        Qualifier: qualifier,
        LogType: 'Tail',
        Payload: Buffer.from(JSON.stringify(event)),
      }),
    );
    return {
      answer: JSON.parse(Payload?.transformToString() || '{}') as Answered['answer'],
      log: Buffer.from(LogResult ?? '', 'base64').toString(),
      ms: performance.now() - began,
      failed: FunctionError !== undefined,
    };
  }

  /** Calls the newest version by its number, as rings do, and does not wait. */
  async send(event: ProbeEvent): Promise<void> {
    const { FunctionName, FunctionVersion: Qualifier } = this.stack;
    const Payload = Buffer.from(JSON.stringify(event));
    await this.lambda.send(new InvokeCommand({ FunctionName, Qualifier, InvocationType: 'Event', Payload }));
  }

  /** All that the function has written down. */
  async seen(): Promise<readonly SeenCall[]> {
    const { run } = this.options.target;
    const commits = new DynamoCommitStore({
      ...{ client: this.dynamodb, table: this.stack.TableName, telemetry: silentTelemetry },
    });
    const [calls, ends, beats] = await Promise.all(
      [probeNames.call, probeNames.end, probeNames.beat].map((prefix) => commits.records(run, prefix)),
    );
    const endOf = new Map(ends!.map(({ name, value }) => [name.slice(probeNames.end.length), value]));
    const beatsOf = Map.groupBy(beats!, ({ name }) => name.slice(probeNames.beat.length, name.lastIndexOf('/')));
    return calls!.map(({ name: full, value }) => {
      const name = full.slice(probeNames.call.length);
      const end = endOf.get(name);
      return {
        ...(value as SeenCall),
        ...{ name, beats: (beatsOf.get(name) ?? []).map(({ value }) => value as SeenCall['beats'][number]) },
        ...(end === undefined ? {} : { end: end as NonNullable<SeenCall['end']> }),
      };
    });
  }

  /** What was seen when it is enough, or when the time is up. */
  async until(isEnough: (calls: readonly SeenCall[]) => boolean, patience: number): Promise<readonly SeenCall[]> {
    const end = Date.now() + patience * 1_000;
    for (;;) {
      const calls = await this.seen();
      if (isEnough(calls) || Date.now() > end) return calls;
      await sleep(this.options.isLocal ? 200 : 2_000);
    }
  }

  async #empty(Bucket: string): Promise<void> {
    const { Contents = [] } = await this.s3.send(new ListObjectsV2Command({ Bucket }));
    const Objects = Contents.flatMap(({ Key }) => (Key === undefined ? [] : [{ Key }]));
    if (Objects.length > 0) await this.s3.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects } }));
  }

  #cdk(args: readonly string[], target: ProbeTarget): Promise<void> {
    const app = fileURLToPath(new URL('../../cdk/probe-app.ts', import.meta.url));
    const { folder } = this.options;
    return this.#run([
      ...args,
      // Its command line takes away quotes that stand around all of it.
      ...['--app', `exec "${process.execPath}" "${app}"`, '--output', join(folder, 'cdk.out')],
      ...['--context', `probe=${JSON.stringify(target)}`],
    ]);
  }

  async #run(args: readonly string[]): Promise<void> {
    const file = createRequire(import.meta.url).resolve('aws-cdk/package.json');
    const { bin } = JSON.parse(await readFile(file, 'utf8')) as { readonly bin: { readonly cdk: string } };
    const child = spawn(
      process.execPath,
      [join(dirname(file), bin.cdk), ...args, '--no-color', '--progress', 'events'],
      {
        stdio: ['ignore', 'pipe', 'pipe'],
        env: { ...process.env, ...this.options.environment, CDK_DISABLE_VERSION_CHECK: '1' },
      },
    );
    const said: string[] = [];
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (text: Buffer) => said.push(String(text)));
    const code = await new Promise<number | null>((done, failed) => child.once('error', failed).once('close', done));
    if (code !== 0)
      throw new Error(`cdk ${args[0]} failed:\n${said.join('').trim().split('\n').slice(-25).join('\n')}`);
  }
}
