/** From Kafka to Kafka as one would write it by hand: no state that survives, no transactions, no order between reading and writing. */
import { Kafka, logLevel } from 'kafkajs';
import type { AppendedRecord, RecordSlice } from '../../lib/adapters/kafka/index.ts';
import { partitionOf } from '../../lib/model/index.ts';
import type { Bench, Done } from './case.ts';
import { brokers, connect, eventsTopic, newTopic, PARTITIONS } from './kafka-broker.ts';
import { type Event, WINDOW } from './kafka-events.ts';

/** Takes what comes out; undefined where it has no key. */
type Emit = (key: string | undefined, value: unknown) => void;

export interface PlainJob {
  add(event: Event, partition: number, emit: Emit): void;
  /** All input has been seen. */
  end?(emit: Emit): void;
}

export const plainPass = (): PlainJob => ({ add: (event, _, emit) => emit(undefined, event) });

export function plainCount(): PlainJob {
  const counts = new Map<string, number>();
  return {
    add({ key }, _, emit) {
      const n = (counts.get(key) ?? 0) + 1;
      counts.set(key, n);
      emit(key, { key, n });
    },
  };
}

/** Windows close when every partition is beyond them. */
export function plainWindow(): PlainJob {
  const windows = new Map<number, Map<string, { n: number; sum: number }>>();
  const times = new Array<number>(PARTITIONS).fill(0);
  let next = 0;
  const fire = (until: number, emit: Emit): void => {
    for (const [end, totals] of windows) {
      if (end > until) continue;
      for (const [key, { n, sum }] of totals) {
        emit(key, { key, windowStart: end - WINDOW, windowEnd: end, n, mean: sum / n });
      }
      windows.delete(end);
    }
    next = Math.floor(until / WINDOW) * WINDOW + WINDOW;
  };
  return {
    add({ key, time, value }, partition, emit) {
      const end = Math.floor(time / WINDOW) * WINDOW + WINDOW;
      let totals = windows.get(end);
      if (totals === undefined) {
        totals = new Map();
        windows.set(end, totals);
      }
      const total = totals.get(key);
      if (total === undefined) totals.set(key, { n: 1, sum: value });
      else {
        total.n++;
        total.sum += value;
      }
      times[partition] = time;
      if (time >= next) {
        const until = Math.min(...times);
        if (until >= next) fire(until, emit);
      }
    },
    end: (emit) => fire(Number.MAX_SAFE_INTEGER, emit),
  };
}

/** On millrace's own client: each partition is read ahead, and its batches are appended as they are made. */
export async function loopOnClient({ records }: Bench, job: PlainJob): Promise<Done> {
  const client = connect();
  const topic = await eventsTopic(client, records);
  const out = (await newTopic(client, 'out')).name;
  let written = 0;
  let batch: AppendedRecord[] = [];
  const emitFrom =
    (source: number): Emit =>
    (key, value) => {
      const partition = key === undefined ? source : partitionOf(key, PARTITIONS);
      const record = { key: key === undefined ? undefined : Buffer.from(key), value: bytesOf(value) };
      batch.push({ topic: out, partition, record });
    };
  const append = (): Promise<void> => {
    written += batch.length;
    const made = batch;
    batch = [];
    return client.append(made);
  };
  const loop = async (partition: number): Promise<void> => {
    const { end } = await client.bounds(topic, partition);
    const read = (from: number): Promise<RecordSlice> =>
      client.read({ topic, partition, from }, { bytes: 1_000_000, committedOnly: false });
    const emit = emitFrom(partition);
    let ahead = read(0);
    for (let from = 0; from < end; ) {
      const slice = await ahead;
      from = slice.next;
      if (from < end) ahead = read(from);
      for (const { value } of slice.records) job.add(parsed(value!), partition, emit);
      await append();
    }
  };
  await Promise.all(Array.from({ length: PARTITIONS }, (_, partition) => loop(partition)));
  job.end?.(emitFrom(0));
  await append();
  await client.deleteTopic(out);
  client.close();
  return { records, out: written };
}

/** On kafkajs: a consumer group of one and a producer. */
export async function loopOnKafkajs({ records }: Bench, job: PlainJob): Promise<Done> {
  const client = connect();
  const { name: topic } = await eventsTopic(client, records);
  const { name: out } = await newTopic(client, 'out');
  const kafka = new Kafka({ brokers: brokers(), logLevel: logLevel.NOTHING });
  const consumer = kafka.consumer({ groupId: `loop-${out}` });
  const producer = kafka.producer();
  await Promise.all([consumer.connect(), producer.connect()]);
  await consumer.subscribe({ topic, fromBeginning: true });
  let seen = 0;
  let written = 0;
  const all = Promise.withResolvers<void>();
  const send = async (work: (emit: Emit) => void): Promise<void> => {
    const messages: { readonly key: string | null; readonly value: Buffer }[] = [];
    work((key, value) => messages.push({ key: key ?? null, value: bytesOf(value) }));
    if (messages.length > 0) await producer.send({ topic: out, messages });
    written += messages.length;
  };
  await consumer.run({
    partitionsConsumedConcurrently: PARTITIONS,
    eachBatch: async ({ batch: { messages, partition } }) => {
      await send((emit) => {
        for (const { value } of messages) job.add(parsed(value!), partition, emit);
      });
      seen += messages.length;
      if (seen >= records) all.resolve();
    },
  });
  await all.promise;
  await send((emit) => job.end?.(emit));
  await Promise.all([consumer.disconnect(), producer.disconnect(), client.deleteTopic(out)]);
  client.close();
  return { records: seen, out: written };
}

const bytesOf = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
const parsed = (bytes: Uint8Array): Event =>
  JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8'));
