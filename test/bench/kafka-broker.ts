/** The broker of the benchmarks: a real one on this machine, started by whoever needs it first and found by child processes in the environment. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KafkaClient } from '../../lib/adapters/kafka/index.ts';
import type { Topic } from '../../lib/ports/index.ts';
import { startKafka, stopKafka } from '../../scripts/services/kafka.ts';
import { type Event, event } from './kafka-events.ts';

const ADDRESS = 'MILLRACE_BENCH_KAFKA';

/** Of every topic. */
export const PARTITIONS = 4;

let folder: string | undefined;

/** Starts the broker. `ServiceMissing` where there is no Java or no Maven. */
export async function needBroker(): Promise<void> {
  if (process.env[ADDRESS] !== undefined) return;
  folder = await mkdtemp(join(tmpdir(), 'millrace-bench-kafka-'));
  const { address } = await startKafka({ folder, settings: { 'log.segment.delete.delay.ms': 100 } });
  process.env[ADDRESS] = address;
}

/** Stops the broker if this process has started it. */
export async function stopBroker(): Promise<void> {
  if (folder === undefined) return;
  await stopKafka(folder, 5_000);
  await rm(folder, { recursive: true, force: true });
}

export const brokers = (): string[] => [process.env[ADDRESS]!];

export const connect = (): KafkaClient => new KafkaClient({ brokers: brokers() });

/** A topic of this process's own. */
export async function newTopic(client: KafkaClient, what: string, partitions = PARTITIONS): Promise<Topic> {
  const name = `${what}-${process.pid}-${Math.floor(performance.timeOrigin)}`;
  const { topic } = await client.ensureTopic({ name, partitions, replicas: -1, settings: { 'retention.ms': '-1' } });
  return topic;
}

/** The topic with so many events, in turn over its partitions; made once for each broker. */
export async function eventsTopic(client: KafkaClient, records: number): Promise<Topic> {
  const name = `events-${records}`;
  const { topic, made } = await client.ensureTopic({
    name,
    partitions: PARTITIONS,
    replicas: -1,
    settings: { 'retention.ms': '-1' },
  });
  if (!made) return topic;
  const rows = (n: number) => {
    const made: Event = event(n);
    return { topic: name, partition: n % PARTITIONS, record: { value: Buffer.from(JSON.stringify(made)) } };
  };
  for (let n = 0; n < records; n += 20_000) {
    await client.append(Array.from({ length: Math.min(20_000, records - n) }, (_, i) => rows(n + i)));
  }
  return topic;
}
