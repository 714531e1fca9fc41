import { DeleteItemCommand, ScanCommand } from '@aws-sdk/client-dynamodb';
import { type Admin, Kafka, logLevel } from 'kafkajs';
import { afterAll, describe, expect, it, type TestContext, vi } from 'vitest';
import { dynamoClient } from '../../lib/adapters/dynamodb/index.ts';
import { json } from '../../lib/adapters/formats/index.ts';
import { KafkaClient, kafka, toKafka } from '../../lib/adapters/kafka/index.ts';
import { type Duration, noRestart, type Pipeline, pipeline } from '../../lib/index.ts';
import { type OpenWorker, openWorker } from '../../lib/worker/index.ts';
import { skipNote } from '../conformance/opened.ts';
import { committedIn } from '../pipelines/committed-in.ts';
import { localAws, ownName, useDynamoDb, useS3 } from '../services/aws.ts';
import { useKafka } from '../services/kafka.ts';

const [broker, dynamoDb, s3] = await Promise.all([useKafka(), useDynamoDb(), useS3()]);
const missing = broker.missing ?? dynamoDb.missing ?? s3.missing;
const connection = { brokers: [broker.running?.address ?? '127.0.0.1:1'] };
const client = new KafkaClient(connection);
const other = new Kafka({ ...connection, logLevel: logLevel.NOTHING });
const dynamo = dynamoClient(localAws(dynamoDb.running?.address ?? 'http://127.0.0.1:1'));

afterAll(() => {
  client.close();
  dynamo.destroy();
});

interface Row {
  readonly n: number;
}

/** Few, so that a task soon puts a commit in the place of another one. */
const SLOTS = 4;

/** Rows of a topic with two partitions, on their way to another through a stage between, on one worker after another; everything by a name of its own. */
class Passing {
  readonly name = ownName('trouble');
  readonly from = `${this.name}.from`;
  readonly to = `${this.name}.to`;
  slots = SLOTS;
  #running: { readonly open: OpenWorker; readonly end: Promise<unknown> } | undefined;

  static async open({ onTestFinished }: TestContext, settings: Readonly<Record<string, string>> = {}) {
    const passing = new Passing();
    await passing.makeSource();
    await client.ensureTopic({ name: passing.to, partitions: 2, replicas: 1, settings });
    onTestFinished(() => passing.stop());
    return passing;
  }

  makeSource(): Promise<unknown> {
    return client.ensureTopic({ name: this.from, partitions: 2, replicas: 1, settings: {} });
  }

  get pipeline(): Pipeline {
    return pipeline(
      'passing',
      (p) => {
        p.source('in', kafka<Row>({ topic: this.from, format: json() }))
          .rebalance('spread')
          .map('pass', (row) => row)
          .to('out', toKafka({ topic: this.to, format: json() }));
      },
      { parallelism: 1, restart: noRestart() },
    );
  }

  async start(): Promise<void> {
    const { name } = this;
    const open = await openWorker(this.pipeline, {
      ...{ kafka: connection, table: name, bucket: name, create: true, log: { topicPrefix: `${name}.` } },
      dynamodb: localAws(dynamoDb.running!.address),
      s3: localAws(s3.running!.address),
      slots: this.slots,
      pumpPeriod: 100 as Duration,
      sessionTimeout: 2_000,
      heartbeatPeriod: 50,
    });
    this.#running = { open, end: open.worker.run() };
  }

  async stop(): Promise<void> {
    if (this.#running === undefined) return;
    const { open, end } = this.#running;
    this.#running = undefined;
    open.worker.stop();
    await end;
    await open.close();
  }

  say(partition: number, ...texts: readonly string[]): Promise<void> {
    return client.append(texts.map((text) => ({ topic: this.from, partition, record: { value: Buffer.from(text) } })));
  }

  push(partition: number, ...ns: readonly number[]): Promise<void> {
    return this.say(partition, ...ns.map((n) => JSON.stringify({ n } satisfies Row)));
  }

  /** Waits until exactly these have come through. */
  through(...expected: readonly number[]): Promise<void> {
    return inTime(async () => {
      const found = (await committedIn(client, this.to)) as Row[];
      expect(found.map(({ n }) => n).sort((a, b) => a - b)).toEqual(expected);
    });
  }

  /** Waits until the worker has this to say of the task. */
  says(task: string, state: object): Promise<void> {
    return inTime(async () => {
      const tasks = this.#running!.open.worker.status().tasks;
      expect(tasks.find((each) => each.task === task)?.state).toMatchObject(state);
    });
  }
}

const inTime = (holds: () => Promise<void>): Promise<void> => vi.waitFor(holds, { timeout: 40_000, interval: 50 });
const saying = (text: string): string => expect.stringContaining(text);

/** Somebody who looks after the brokers. */
async function anAdmin({ onTestFinished }: TestContext): Promise<Admin> {
  const admin = other.admin();
  await admin.connect();
  onTestFinished(() => admin.disconnect());
  return admin;
}

async function emptyTable(name: string): Promise<void> {
  const { Items = [] } = await dynamo.send(new ScanCommand({ TableName: name, ConsistentRead: true }));
  expect(Items.length).toBeGreaterThan(0);
  await Promise.all(
    Items.map(({ pk, sk }) => dynamo.send(new DeleteItemCommand({ TableName: name, Key: { pk: pk!, sk: sk! } }))),
  );
}

describe.skipIf(missing)(`a worker on Kafka${skipNote(missing)}`, { timeout: 120_000, concurrent: true }, () => {
  it('stops a task whose source topic was deleted and created anew under it, naming the topic', async (context) => {
    const run = await Passing.open(context);
    await run.start();
    await run.push(0, 1, 2);
    await run.through(1, 2);
    await client.deleteTopic(run.from);
    await run.makeSource();
    await run.push(0, 3, 4, 5);
    await run.says('in/0', { kind: 'stopped', reason: 'data-lost', message: saying(run.from) });
    await run.through(1, 2);
  });

  it('does not go on with a source topic that was deleted and created anew meanwhile', async (context) => {
    const run = await Passing.open(context);
    await run.start();
    await run.push(0, 1);
    await run.through(1);
    await run.stop();
    await client.deleteTopic(run.from);
    await run.makeSource();
    await expect(run.start()).rejects.toMatchObject({ kind: 'data-lost', where: { source: 'in' } });
  });

  it('stops with "state lost" where the commit table is emptied under it', async (context) => {
    const run = await Passing.open(context);
    await run.start();
    const rounds = Array.from({ length: SLOTS + 1 }, (_, n) => n);
    for (const n of rounds) {
      await run.push(0, n);
      await run.through(...rounds.slice(0, n + 1));
    }
    await emptyTable(run.name);
    await run.push(0, rounds.length);
    for (const task of ['in/0', 'in/1', 'pass/0']) await run.says(task, { kind: 'stopped', reason: 'state-lost' });
  });

  it('stops with "state lost" within moments where the commit table is emptied under tasks that are young, busy or idle', async (context) => {
    const run = await Passing.open(context);
    run.slots = 1_000;
    await run.start();
    await run.push(0, 1);
    await run.through(1);
    await emptyTable(run.name);
    const began = performance.now();
    await run.push(0, 2);
    for (const task of ['in/0', 'in/1', 'pass/0']) await run.says(task, { kind: 'stopped', reason: 'state-lost' });
    expect(performance.now() - began).toBeLessThan(5_000);
    // What came in the last moment is through once, or not at all.
    const found = (await committedIn(client, run.to)) as Row[];
    expect([[1], [1, 2]]).toContainEqual(found.map(({ n }) => n).sort());
    await run.stop();
    await expect(run.start()).rejects.toMatchObject({ kind: 'state-lost' });
  });

  it('does not begin anew where the commit table was emptied meanwhile', async (context) => {
    const run = await Passing.open(context);
    await run.start();
    await run.push(0, 1);
    await run.through(1);
    await run.stop();
    await emptyTable(run.name);
    await expect(run.start()).rejects.toMatchObject({ kind: 'state-lost', message: saying('passing') });
    await run.through(1);
  });

  it('stops a task that retention has overtaken while no worker was there, and works on the rest', async (context) => {
    const run = await Passing.open(context);
    await run.start();
    await run.push(0, 1, 2);
    await run.through(1, 2);
    await run.stop();
    await run.push(0, 3, 4, 5);
    await run.push(1, 6);
    const admin = await anAdmin(context);
    // Without having asked for something of the topic, kafkajs knows no leaders.
    await admin.fetchTopicOffsets(run.from);
    await admin.deleteTopicRecords({ topic: run.from, partitions: [{ partition: 0, offset: '4' }] });
    await run.start();
    await run.says('in/0', {
      kind: 'stopped',
      reason: 'data-lost',
      message: saying('starts at 4, after the offset 2'),
    });
    await run.through(1, 2, 6);
  });

  it('counts records of partitions that a source topic gains', async (context) => {
    const run = await Passing.open(context);
    await run.start();
    await run.push(0, 1);
    await run.through(1);
    const admin = await anAdmin(context);
    await admin.createPartitions({ topicPartitions: [{ topic: run.from, count: 4 }] });
    await inTime(async () => expect((await client.topic(run.from))?.partitions).toBe(4));
    await run.push(3, 2, 3);
    await run.push(2, 4);
    await run.through(1, 2, 3, 4);
  });

  it('stops at a message that is poison, naming its place, while the other partition goes on', async (context) => {
    const run = await Passing.open(context);
    await run.start();
    await run.push(0, 1);
    await run.say(0, '{"n":', '{"n":2}');
    await run.says('in/0', { kind: 'stopped', reason: 'failed', message: saying(`message 1 of ${run.from}/0`) });
    await run.push(1, 3, 4);
    await run.through(1, 3, 4);
  });

  it("does not count what somebody else's transaction wrote and took back", async (context) => {
    const run = await Passing.open(context);
    await run.start();
    const producer = other.producer({ transactionalId: run.name, idempotent: true, maxInFlightRequests: 1 });
    await producer.connect();
    context.onTestFinished(() => producer.disconnect());
    const write = async (n: number) => {
      const transaction = await producer.transaction();
      const messages = [0, 1].map((partition) => ({ partition, value: JSON.stringify({ n: n + partition }) }));
      await transaction.send({ topic: run.from, messages });
      return transaction;
    };
    await (await write(10)).abort();
    await (await write(20)).commit();
    const open = await write(30);
    await run.push(0, 1);
    await run.through(20, 21);
    await open.abort();
    await run.push(1, 2);
    await run.through(1, 2, 20, 21);
  });

  it('stops where a result is too large for the topic it goes to, and says so', async (context) => {
    const run = await Passing.open(context, { 'max.message.bytes': '2000' });
    await run.start();
    await run.push(0, 1);
    await run.through(1);
    await run.say(
      0,
      JSON.stringify({ n: 2, pad: Buffer.from(Array.from({ length: 4_000 }, (_, i) => i % 251)).toString('base64') }),
    );
    await run.says('pass/0', { kind: 'stopped', message: saying('too large') });
    await run.says('pass/0', { message: saying(run.to) });
    await run.through(1);
  });
});
