/** The controller with the real clients of AWS, whose services refuse in their own words; once they no longer do, it goes on by itself. */
import { DeleteTableCommand } from '@aws-sdk/client-dynamodb';
import { afterAll, describe, expect, it } from 'vitest';
import { DynamoCommitStore, dynamoClient, ensureCommitTable } from '../../lib/adapters/dynamodb/index.ts';
import { KafkaClient, KafkaLog } from '../../lib/adapters/kafka/index.ts';
import { S3BlobStore, s3Client } from '../../lib/adapters/s3/index.ts';
import { recordingTelemetry } from '../../lib/adapters/telemetry/index.ts';
import { pipeline, toMemory } from '../../lib/index.ts';
import { Feed } from '../../lib/testing/index.ts';
import { skipNote } from '../conformance/opened.ts';
import { localAws, ownName, useDynamoDb } from '../services/aws.ts';
import { refuse } from '../services/aws-faults.ts';
import { LocalLambda } from './local-lambda.ts';

const { running, missing } = await useDynamoDb();

interface Shop {
  readonly lambda: LocalLambda;
  /** Whether all that was pushed has come through. */
  goesOn(): Promise<void>;
}

function shop(): Shop {
  const lambda = new LocalLambda();
  const feed = new Feed<number>(1, () => lambda.clock.now());
  const out = toMemory<number>();
  lambda.deploy(
    pipeline('shop', (p) => {
      p.source('rows', feed).rebalance('spread').to('out', out);
    }),
  );
  feed.push(0, [1, 2, 3]);
  return {
    lambda,
    goesOn: async () => {
      for (let i = 0; i < 3; i++) await lambda.flow();
      expect(out.records.toSorted()).toEqual([1, 2, 3]);
      expect((await lambda.command({ name: 'status' })).error).toBeUndefined();
    },
  };
}

async function isTold({ lambda }: Shop, message: string, hint: string): Promise<void> {
  const expected = { message: expect.stringContaining(message), hint: expect.stringContaining(hint) };
  await expect(lambda.tick()).rejects.toMatchObject(expected);
  expect(lambda.telemetry.lines('error').at(-1)).toMatchObject({
    message: expect.stringContaining(message),
    fields: { kind: 'unavailable', hint: expect.stringContaining(hint) },
  });
  expect(await lambda.command({ name: 'status' })).toMatchObject({ error: expected });
}

/** More attempts than a client makes at the calls of a round and a status. */
const ALL = 10_000;

describe.skipIf(missing !== undefined)(`a controller whose table${skipNote(missing)}`, { timeout: 120_000 }, () => {
  const made: { destroy(): void }[] = [];
  afterAll(() => {
    for (const each of made) each.destroy();
  });

  function store(table: string) {
    const client = dynamoClient(localAws(running!.address));
    made.push(client);
    return { client, commits: new DynamoCommitStore({ client, table, telemetry: recordingTelemetry() }) };
  }

  it.each([
    ['denies access', 'AccessDeniedException', 400, 'access is denied', 'dynamodb:Query'],
    ['is asked with expired credentials', 'ExpiredTokenException', 400, 'the credentials have expired', 'renew'],
    ['is asked with unknown credentials', 'UnrecognizedClientException', 400, 'the credentials are refused', 'renew'],
  ])('%s', async (_, name, status, message, hint) => {
    const table = ownName('commits');
    const [refused, sound] = [store(table), store(table)];
    await ensureCommitTable(sound.client, table);
    refuse(refused.client, ALL, name, status);
    const it = shop();
    it.lambda.replaceCommits(refused.commits);
    await isTold(it, message, hint);
    it.lambda.replaceCommits(sound.commits);
    await it.goesOn();
  });

  it('is in another region, or was never made', async () => {
    const table = ownName('commits');
    const { client, commits } = store(table);
    const it = shop();
    it.lambda.replaceCommits(commits);
    await isTold(it, `there is no table ${table} in region us-east-1`, 'the region');
    await ensureCommitTable(client, table);
    await it.goesOn();
  });

  it('was deleted, and made anew without what it held: state is lost, and no run begins', async () => {
    const table = ownName('commits');
    const { client, commits } = store(table);
    await ensureCommitTable(client, table);
    const it = shop();
    it.lambda.replaceCommits(commits);
    await it.goesOn();
    await client.send(new DeleteTableCommand({ TableName: table }));
    await isTold(it, `there is no table ${table}`, 'create it');
    await ensureCommitTable(client, table);
    await expect(it.lambda.tick()).rejects.toMatchObject({ kind: 'state-lost' });
    expect((await it.lambda.command({ name: 'status' })).error).toMatchObject({ kind: 'state-lost' });
    it.lambda.coldStart();
    await expect(it.lambda.tick()).rejects.toMatchObject({ kind: 'state-lost' });
    expect(await commits.records('shop', 'run/')).toEqual([]);
  });
});

describe('a controller', () => {
  it.each([
    ['whose bucket denies access', 'AccessDenied', 403, 'access is denied', 's3:'],
    ['whose bucket is in another region or gone', 'NoSuchBucket', 404, 'bucket', 'create it'],
  ])('%s', async (_, name, status, message, hint) => {
    const client = s3Client({ ...localAws('http://127.0.0.1:1'), pathStyle: true });
    refuse(client, ALL, name, status);
    const it = shop();
    const { blobs } = it.lambda.ports;
    it.lambda.ports = {
      ...it.lambda.ports,
      blobs: new S3BlobStore({ client, bucket: 'b', telemetry: recordingTelemetry() }),
    };
    await isTold(it, message, hint);
    it.lambda.ports = { ...it.lambda.ports, blobs };
    await it.goesOn();
    client.destroy();
  });

  it('whose brokers are not there', async () => {
    const client = new KafkaClient({ brokers: ['127.0.0.1:1'] }, { patience: 300 });
    const it = shop();
    const { log } = it.lambda.ports;
    it.lambda.ports = { ...it.lambda.ports, log: new KafkaLog(client) };
    await isTold(it, '127.0.0.1:1', 'security groups');
    it.lambda.ports = { ...it.lambda.ports, log };
    await it.goesOn();
    client.close();
  });
});
