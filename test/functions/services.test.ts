/** Bundled functions in processes of their own, on a real broker, DynamoDB Local and an S3 gateway, told of all by their environment as in a deployment. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { bundle } from '../../cdk/constructs/code-bundle.ts';
import { ModuleGraph } from '../../cdk/constructs/module-graph.ts';
import type { RingEvent } from '../../functions/ring-event.ts';
import { variables } from '../../functions/settings.ts';
import { dynamoClient, ensureCommitTable } from '../../lib/adapters/dynamodb/index.ts';
import { KafkaClient } from '../../lib/adapters/kafka/index.ts';
import { ensureBucket, s3Client } from '../../lib/adapters/s3/index.ts';
import { skipNote } from '../conformance/opened.ts';
import { localAws, ownName, useDynamoDb, useS3 } from '../services/aws.ts';
import { useKafka } from '../services/kafka.ts';
import { FunctionProcess } from './function-process.ts';

const [kafka, dynamodb, s3] = await Promise.all([useKafka(), useDynamoDb(), useS3()]);
const missing = kafka.missing ?? dynamodb.missing ?? s3.missing;

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

/** What answers as Lambda does where functions are called to do something later. */
async function lambda(called: (target: string, event: RingEvent) => void): Promise<string> {
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
  onTestFinished(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function deployed() {
  const name = ownName('sums');
  const [broker, aws] = [kafka.running!.address, localAws(dynamodb.running!.address)];
  const [table, bucket, input, output] = ['commits', 'snapshots', 'in', 'out'].map(ownName) as [
    string,
    string,
    string,
    string,
  ];
  await ensureCommitTable(dynamoClient(aws), table);
  await ensureBucket(s3Client({ ...localAws(s3.running!.address), pathStyle: true }), bucket);
  const client = new KafkaClient({ brokers: [broker] });
  onTestFinished(() => client.close());
  for (const topic of [input, output]) {
    await client.ensureTopic({ name: topic, partitions: 2, replicas: 1, settings: {} });
  }
  const folder = mkdtempSync(join(tmpdir(), 'millrace-test-functions-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const entry = join(folder, 'pipeline.mjs');
  writeFileSync(entry, author(name));
  const topics = { sources: { amounts: { topic: input } }, sinks: { sums: { topic: output } } };
  bundle({ entry, modules: new ModuleGraph(entry), topics, hashes: { sum: 'one' } }, folder);
  const rung: { readonly stage: string; readonly event: RingEvent }[] = [];
  const endpoint = await lambda((target, event) => rung.push({ stage: target.split(':')[0]!, event }));
  const environment = {
    [variables.pipeline]: name,
    [variables.table]: table,
    [variables.bucket]: bucket,
    [variables.brokers]: broker,
    [variables.topicPrefix]: 'one.',
    [variables.blobPrefix]: 'blobs/',
    [variables.functions]: 'amounts:1,sum:1',
    AWS_ENDPOINT_URL_DYNAMODB: dynamodb.running!.address,
    AWS_ENDPOINT_URL_S3: s3.running!.address,
    AWS_ENDPOINT_URL_LAMBDA: endpoint,
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: aws.credentials!.accessKeyId,
    AWS_SECRET_ACCESS_KEY: aws.credentials!.secretAccessKey,
    AWS_LAMBDA_FUNCTION_VERSION: '1',
  };
  const start = async (stage?: string): Promise<FunctionProcess> => {
    const own = stage === undefined ? {} : { [variables.stage]: stage };
    const started = await FunctionProcess.start(folder, stage === undefined ? 'controller.mjs' : 'stage.mjs', {
      ...environment,
      ...own,
      AWS_LAMBDA_FUNCTION_NAME: stage ?? 'controller',
    });
    onTestFinished(() => started.stop());
    return started;
  };
  return { client, input, output, rung, start };
}

describe.skipIf(missing)(`bundled functions${skipNote(missing)}`, { timeout: 90_000 }, () => {
  it('read a topic, sum up by key and write a topic, woken by the controller, each record once', async () => {
    const { client, input, output, rung, start } = await deployed();
    const append = (from: number, to: number) =>
      client.append(
        Array.from({ length: to - from }, (_, i) => {
          const value = Buffer.from(JSON.stringify({ key: `k${(from + i) % 5}`, n: from + i }));
          const record = { key: undefined, value, headers: [], time: undefined };
          return { topic: input, partition: i % 2, record };
        }),
      );
    await append(0, 100);
    const [controller, amounts, sum] = await Promise.all([start(), start('amounts'), start('sum')]);
    expect((await amounts.call({ ring: [{ partition: 0, reason: 'backlog' }] })).error).toBeUndefined();
    expect(amounts.output).toContain('takes nothing');
    const functions = new Map([
      ['amounts', amounts],
      ['sum', sum],
    ]);
    const settle = async (): Promise<void> => {
      for (let round = 0; round < 4; round++) {
        expect((await controller.call({}, 8_000)).error).toBeUndefined();
        for (const { stage, event } of rung.splice(0)) {
          expect((await functions.get(stage)!.call(event)).error).toBeUndefined();
        }
      }
    };
    await settle();
    await append(100, 150);
    await settle();
    const topic = (await client.topic(output))!;
    const slices = await Promise.all(
      [0, 1].map((partition) => client.read({ topic, partition, from: 0 }, { bytes: 1e6, committedOnly: true })),
    );
    const records = slices.flatMap(({ records }) => records);
    const read = records.map(({ value }) => JSON.parse(Buffer.from(value!).toString()) as { key: string; n: number });
    expect(read).toHaveLength(150);
    const sums = new Map<string, number>();
    for (const { key, n } of read) sums.set(key, Math.max(sums.get(key) ?? 0, n));
    const expected = [0, 1, 2, 3, 4].map((k) => [`k${k}`, 30 * k + (5 * 29 * 30) / 2]);
    expect([...sums].sort()).toEqual(expected);
    expect(sum.output).toContain('{"told":"before"}');
    expect(sum.output).toContain('"Namespace":"millrace"');
  });
});
