import { afterAll, describe } from 'vitest';
import { json } from '../../lib/adapters/formats/index.ts';
import { KafkaClient, kafka, toKafka } from '../../lib/adapters/kafka/index.ts';
import { storedLetters } from '../../lib/inspect/index.ts';
import { openWorker, requestDrain, type WorkerOptions } from '../../lib/worker/index.ts';
import { skipNote } from '../conformance/opened.ts';
import { localAws, ownName, useDynamoDb, useS3 } from '../services/aws.ts';
import { useKafka } from '../services/kafka.ts';
import { committedIn, committedRows } from './committed-in.ts';
import { forSinks, runsTheSuite, type SuiteHost } from './on-host.ts';
import { PUMP_PERIOD, pipelineOf, smallBatches } from './suite.ts';

const [broker, dynamoDb, s3] = await Promise.all([useKafka(), useDynamoDb(), useS3()]);
const missing = broker.missing ?? dynamoDb.missing ?? s3.missing;
const connection = { brokers: [broker.running?.address ?? '127.0.0.1:1'] };
const client = new KafkaClient(connection);
afterAll(() => client.close());

const stores = ownName('suite');

/** Two workers on topics of their own, which share table and bucket with the other cases. */
const twoWorkers: SuiteHost = async (the, fusing) => {
  const name = ownName(the.name);
  const bounded = the.beforeDrain === undefined;
  const [from, to] = [(id: string) => `${name}.from.${id}`, (id: string) => `${name}.to.${id}`];
  for (const [id, partitions] of Object.entries(the.rows)) {
    await client.ensureTopic({ name: from(id), partitions: partitions.length, replicas: 1, settings: {} });
    const records = partitions.flatMap((rows, partition) =>
      rows.map((row) => ({ topic: from(id), partition, record: { value: Buffer.from(JSON.stringify(row)) } })),
    );
    await client.append(records);
  }
  for (const id of Object.keys(forSinks(the, String))) {
    // Results have the times of their windows, which are long past.
    const settings = { 'retention.ms': '-1' };
    await client.ensureTopic({ name: to(id), partitions: 2, replicas: 1, settings });
  }
  const built = pipelineOf(
    the,
    {
      source: (id) => kafka({ topic: from(id), format: json(), bounded }),
      sink: (id) => toKafka({ topic: to(id), format: json() }),
    },
    fusing,
  );
  const options: WorkerOptions = {
    kafka: connection,
    table: stores,
    bucket: stores,
    dynamodb: localAws(dynamoDb.running!.address),
    s3: localAws(s3.running!.address),
    create: true,
    log: { topicPrefix: `${name}.` },
    sessionTimeout: 2_000,
    heartbeatPeriod: 50,
    pumpPeriod: PUMP_PERIOD,
    limits: smallBatches,
  };
  const opened = await Promise.all([openWorker(built, options), openWorker(built, options)]);
  const ended = Promise.all(opened.map(async ({ worker }) => (await worker.run()).kind));
  const { worker, ports } = opened[0];
  return {
    results: (id) => committedIn(client, to(id)),
    rows: (id) => committedRows(client, to(id)),
    drain: async () => void (await requestDrain(ports.commits, worker.open.record, Date.now())),
    ended,
    letters: async () => (await storedLetters(ports, built.name)).map(({ letter }) => letter.value),
    close: async () => {
      for (const open of opened) open.worker.stop();
      await ended;
      await Promise.all(opened.map((open) => open.close()));
    },
  };
};

describe.skipIf(missing)(`pipelines between Kafka topics, on two workers${skipNote(missing)}`, () => {
  runsTheSuite(twoWorkers, { timeout: 120_000, concurrent: true });
});
