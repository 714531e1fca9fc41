/** One exchange between two tasks, on one client: encoded, appended, read and decoded again. */
import { type AppendedRecord, KafkaLog } from '../../lib/adapters/kafka/index.ts';
import { ALL, MIN_TIME, NOTHING, type Position } from '../../lib/model/index.ts';
import type { Frame } from '../../lib/protocol/index.ts';
import type { Bench, Done } from './case.ts';
import { connect, newTopic, PARTITIONS } from './kafka-broker.ts';
import { type Event, event } from './kafka-events.ts';

/** Records of one batch for one partition: what a source task has for each of four after a read of 8,192 rows. */
const BATCH = 2_048;
/** What goes around, made beforehand. */
const events: readonly Event[] = Array.from({ length: 4 * BATCH }, (_, n) => event(n));

/** As the engine does it: a frame a batch. */
export async function framesHop({ records }: Bench): Promise<Done> {
  const client = connect();
  const log = new KafkaLog(client, { topicPrefix: `hop-${process.pid}.` });
  const topic = await log.ensureTopic('frames', PARTITIONS);
  const send = (partition: number, first: number, size: number): Promise<void> =>
    log.append([{ topic: topic.name, partition, message: frameOf(first, size) }]);
  const limit = { messages: 64, bytes: 4_000_000 };
  const out = await hop(records, send, async (partition, from) => {
    const { messages, next } = await log.read(topic, partition, from, limit);
    let n = 0;
    for (const { message } of messages) if (message.kind === 'frame') n += sum(message.values as Event[]);
    return { n, next };
  });
  await client.deleteTopic(`hop-${process.pid}.frames`);
  client.close();
  return { records, out };
}

/** The usual way: a message of JSON with its key and time for each record. */
export async function messagesHop({ records }: Bench): Promise<Done> {
  const client = connect();
  const topic = await newTopic(client, 'hop');
  const send = (partition: number, first: number, size: number): Promise<void> => {
    const batch: AppendedRecord[] = [];
    for (let n = first; n < first + size; n++) {
      const row = events[n % events.length]!;
      const record = { key: Buffer.from(row.key), value: Buffer.from(JSON.stringify(row)), time: row.time };
      batch.push({ topic: topic.name, partition, record });
    }
    return client.append(batch);
  };
  const out = await hop(records, send, async (partition, from) => {
    const slice = await client.read({ topic, partition, from }, { bytes: 4_000_000, committedOnly: false });
    const rows = slice.records.map(
      ({ key, value }) => ({ key: textOf(key!), value: JSON.parse(textOf(value!)) as Event }).value,
    );
    return { n: sum(rows), next: slice.next };
  });
  await client.deleteTopic(topic.name);
  client.close();
  return { records, out };
}

type Send = (partition: number, first: number, size: number) => Promise<void>;
type Receive = (partition: number, from: number) => Promise<{ readonly n: number; readonly next: number }>;

/** Each partition gets batches one after another, each read back when it is there; while one partition waits the others work. */
async function hop(records: number, send: Send, receive: Receive): Promise<number> {
  let sent = 0;
  let received = 0;
  const lane = async (partition: number): Promise<void> => {
    let from = 0;
    while (sent < records) {
      const size = Math.min(BATCH, records - sent);
      sent += size;
      await send(partition, sent - size, size);
      for (let missing = size; missing > 0; ) {
        const { n, next } = await receive(partition, from);
        missing -= n;
        received += n;
        from = next;
      }
    }
  };
  await Promise.all(Array.from({ length: PARTITIONS }, (_, partition) => lane(partition)));
  return received;
}

function frameOf(first: number, size: number): Frame {
  const values: Event[] = [];
  const keys: string[] = [];
  const times: number[] = [];
  const causes: number[] = [];
  const ks: number[] = [];
  for (let n = first; n < first + size; n++) {
    const row = events[n % events.length]!;
    values.push(row);
    keys.push(row.key);
    times.push(row.time);
    causes.push(n);
    ks.push(0);
  }
  const thru: Position = { cause: first + size - 1, k: ALL };
  const channel = { edge: 'events.key', task: 0 };
  const steps = [size, MIN_TIME + 1];
  return {
    kind: 'frame',
    run: 'run',
    channel,
    channels: 1,
    epoch: 0,
    prev: NOTHING,
    thru,
    values,
    keys,
    times,
    causes,
    ks,
    steps,
  };
}

/** Looks at every record. */
function sum(rows: readonly Event[]): number {
  let n = 0;
  for (const { id } of rows) if (id >= 0) n++;
  return n;
}

const textOf = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
