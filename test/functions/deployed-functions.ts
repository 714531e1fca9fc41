/** A pipeline's bundled functions in processes of their own, on real stores and a broker, told of all by their environment as in a deployment. */
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { bundle } from '../../cdk/constructs/code-bundle.ts';
import { ModuleGraph } from '../../cdk/constructs/module-graph.ts';
import type { RingEvent } from '../../functions/ring-event.ts';
import { variables } from '../../functions/settings.ts';
import { dynamoClient, ensureCommitTable } from '../../lib/adapters/dynamodb/index.ts';
import { KafkaClient } from '../../lib/adapters/kafka/index.ts';
import { ensureBucket, s3Client } from '../../lib/adapters/s3/index.ts';
import type { AwsConnection } from '../../lib/aws/index.ts';
import { FunctionProcess } from './function-process.ts';

/** What it stands on. */
export interface Ground {
  /** An empty folder. */
  readonly folder: string;
  readonly broker: string;
  readonly dynamodb: AwsConnection;
  readonly s3: AwsConnection;
  /** Begins the names of all that is made. */
  readonly name: string;
  /** Registers what is to be done in the end. */
  readonly defer: (end: () => unknown) => void;
}

/** Sums amounts by key, from one topic to another. */
const author = (name: string): string => `
import { pipeline, collection, toMemory } from 'millrace';
export default pipeline('${name}', (p) => {
  p.source('amounts', collection([]))
    .keyBy('by-key', ({ key }) => key)
    .reduce('sum', (a, b) => ({ key: a.key, n: a.n + b.n }))
    .to('sums', toMemory());
}, { parallelism: 2 });
export const middleware = [{ before: () => console.log(JSON.stringify({ told: 'before' })) }];
`;

export interface DeployedFunctions {
  readonly client: KafkaClient;
  /** The topic that is read, and the one that is written; two partitions each. */
  readonly input: string;
  readonly output: string;
  /** Who was rung, by stage; taken out as they are called. */
  readonly rung: { readonly stage: string; readonly event: RingEvent }[];
  /** What all functions are told. */
  readonly environment: Readonly<Record<string, string>>;
  /** Starts the function of the stage `amounts` or `sum`, or the controller's. */
  start(stage?: string, environment?: Readonly<Record<string, string>>): Promise<FunctionProcess>;
}

export async function deployedFunctions(ground: Ground): Promise<DeployedFunctions> {
  const { folder, broker, name, defer } = ground;
  const [table, bucket, input, output] = ['commits', 'snapshots', 'in', 'out'].map((what) => `${name}-${what}`) as [
    ...[string, string, string, string],
  ];
  await ensureCommitTable(dynamoClient(ground.dynamodb), table);
  await ensureBucket(s3Client({ ...ground.s3, pathStyle: true }), bucket);
  const client = new KafkaClient({ brokers: [broker] });
  defer(() => client.close());
  for (const topic of [input, output]) {
    await client.ensureTopic({ name: topic, partitions: 2, replicas: 1, settings: {} });
  }
  const entry = join(folder, 'pipeline.mjs');
  writeFileSync(entry, author(name));
  const topics = { sources: { amounts: { topic: input } }, sinks: { sums: { topic: output } } };
  bundle({ entry, modules: new ModuleGraph(entry), topics, hashes: { sum: 'one' } }, folder);
  const rung: { readonly stage: string; readonly event: RingEvent }[] = [];
  const endpoint = await lambda((target, event) => rung.push({ stage: target.split(':')[0]!, event }), defer);
  const { accessKeyId, secretAccessKey } = ground.dynamodb.credentials!;
  const shared = {
    [variables.pipeline]: name,
    [variables.table]: table,
    [variables.bucket]: bucket,
    [variables.brokers]: broker,
    [variables.topicPrefix]: 'one.',
    [variables.blobPrefix]: 'blobs/',
    [variables.functions]: 'amounts:1,sum:1',
    AWS_ENDPOINT_URL_DYNAMODB: ground.dynamodb.endpoint!,
    AWS_ENDPOINT_URL_S3: ground.s3.endpoint!,
    AWS_ENDPOINT_URL_LAMBDA: endpoint,
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    AWS_LAMBDA_FUNCTION_VERSION: '1',
  };
  const start: DeployedFunctions['start'] = async (stage, environment = {}) => {
    const started = await FunctionProcess.start(folder, stage === undefined ? 'controller.mjs' : 'stage.mjs', {
      ...shared,
      ...(stage === undefined ? {} : { [variables.stage]: stage }),
      AWS_LAMBDA_FUNCTION_NAME: stage ?? 'controller',
      ...environment,
    });
    defer(() => started.stop());
    return started;
  };
  return { client, input, output, rung, start, environment: shared };
}

/** What answers as Lambda does where functions are called to do something later. */
async function lambda(called: (target: string, event: RingEvent) => void, defer: Ground['defer']): Promise<string> {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const [, name = ''] = /functions\/([^/]+)\/invocations/.exec(request.url ?? '') ?? [];
      called(decodeURIComponent(name), JSON.parse(Buffer.concat(chunks).toString()) as RingEvent);
      response.writeHead(202).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  defer(() => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
