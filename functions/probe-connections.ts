/** Everything that a stage's function reaches, step by step and timed: what it may do there, and how long that takes when it is cold. */
import type { KafkaClient } from '../lib/adapters/kafka/index.ts';
import { systemClock } from '../lib/adapters/system/index.ts';
import { silentTelemetry } from '../lib/adapters/telemetry/index.ts';
import { messageOf } from '../lib/model/index.ts';
import { connectStores, type Stores } from '../lib/worker/index.ts';
import { kafkaConnection } from './kafka-connection.ts';
import type { ProbeStep } from './probe-record.ts';
import type { Settings } from './settings.ts';

/** Goes on behind a step that fails, as far as it can. `clockTopic`: a topic that bears its broker's time, to write to. */
export async function probeConnections(settings: Settings, clockTopic: string): Promise<readonly ProbeStep[]> {
  const steps: ProbeStep[] = [];
  const step = async <T>(
    name: string,
    work: () => Promise<T>,
    more?: (result: T) => object,
  ): Promise<T | undefined> => {
    const began = performance.now();
    const ms = (): number => Math.round(performance.now() - began);
    try {
      const result = await work();
      steps.push({ step: name, ms: ms(), ...more?.(result) });
      return result;
    } catch (thrown) {
      steps.push({ step: name, ms: ms(), error: messageOf(thrown) });
      return undefined;
    }
  };

  const kafka = await step('addresses of brokers, and their secret', () => kafkaConnection(settings));
  const { table, bucket, blobPrefix } = settings;
  const s3 = { pathStyle: process.env.AWS_ENDPOINT_URL !== undefined };
  const options = { kafka: kafka ?? { brokers: ['unknown:9092'] }, table, bucket, blobPrefix, s3 };
  const stores = await connectStores(options, silentTelemetry);
  try {
    if (kafka !== undefined) {
      await step('Kafka: connect and look', () => stores.log.topic(clockTopic));
      await step(
        'Kafka: append and read',
        () => clockSkew(stores, clockTopic),
        (skew) => ({ skew }),
      );
    }
    const blob = `probe/${Math.random()}`;
    await step('DynamoDB: read', () => stores.commits.records(settings.pipeline, 'none/'));
    await step('S3: create, and have it refused', async () => {
      const outcomes = [
        await stores.blobs.create(blob, new Uint8Array(1)),
        await stores.blobs.create(blob, new Uint8Array(2)),
      ];
      if (outcomes.join() !== 'created,exists') throw new Error(`S3 says ${outcomes.join()}`);
    });
    await step('S3: read', () => stores.blobs.get(blob));
    await step('S3: delete', () => stores.blobs.delete([blob]));
  } finally {
    stores.close();
  }
  return steps;
}

/** Milliseconds by which this clock is surely ahead of the broker's; negative: behind. */
async function clockSkew({ connections }: Stores, topic: string): Promise<number> {
  const client = connections.get('kafka') as KafkaClient;
  const found = await client.topic(topic);
  if (found === undefined) throw new Error(`there is no topic ${topic}`);
  const from = await client.offsetAt(found, 0, 'latest');
  const before = systemClock.now();
  await client.append([{ topic, partition: 0, record: { value: Buffer.from('time') } }]);
  const after = systemClock.now();
  const { records } = await client.read({ topic: found, partition: 0, from }, { bytes: 10_000, committedOnly: false });
  const time = records[0]?.time ?? before;
  return time < before ? before - time : time > after ? after - time : 0;
}
