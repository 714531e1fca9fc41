/** What Lambda's Kafka event source hands to a function, and what it says. */
import { MillraceError, type WallTime } from '../lib/model/index.ts';

/** The event as it arrives: of Amazon MSK (`aws:kafka`, with the cluster's ARN) or of any other cluster. */
export interface KafkaEvent {
  readonly eventSource: 'aws:kafka' | 'SelfManagedKafka';
  readonly eventSourceArn?: string;
  readonly bootstrapServers?: string;
  /** By `<topic>-<partition>`; a delivery may mix partitions. */
  readonly records: Readonly<Record<string, readonly KafkaEventRecord[]>>;
}

export interface KafkaEventRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  /** Milliseconds since the epoch. */
  readonly timestamp: number;
  readonly timestampType: 'CREATE_TIME' | 'LOG_APPEND_TIME';
  /** Base64. A record without a key has null, or no such field. */
  readonly key?: string | null;
  /** Base64. A tombstone has null, or no such field. */
  readonly value?: string | null;
  /** One object a header, its bytes as numbers; signed, as Java's bytes are: -128 to 127, or unsigned. */
  readonly headers?: readonly Readonly<Record<string, readonly number[]>>[] | null;
}

/** A record, decoded. */
export interface KafkaRecord {
  readonly offset: number;
  readonly time: WallTime;
  readonly key: Uint8Array | undefined;
  /** Undefined: a tombstone. */
  readonly value: Uint8Array | undefined;
  /** In the order written; a name may occur twice. */
  readonly headers: readonly { readonly name: string; readonly value: Uint8Array }[];
}

/** What one partition delivered, by ascending offset, each once. Offsets may have holes. */
export interface Delivery {
  readonly topic: string;
  readonly partition: number;
  readonly records: readonly KafkaRecord[];
}

/** Whether an event comes from Kafka. */
export function isKafkaEvent(event: unknown): event is KafkaEvent {
  if (typeof event !== 'object' || event === null || !('eventSource' in event) || !('records' in event)) return false;
  return event.eventSource === 'aws:kafka' || event.eventSource === 'SelfManagedKafka';
}

/** The partitions of an event. Throws `incompatible` where it has not the form that this code knows. */
export function deliveriesOf(event: KafkaEvent): Delivery[] {
  const byPartition = new Map<string, { topic: string; partition: number; records: Map<number, KafkaRecord> }>();
  for (const record of Object.values(event.records).flat()) {
    const decoded = decode(record);
    const name = `${record.partition}/${record.topic}`;
    let delivery = byPartition.get(name);
    if (delivery === undefined) {
      delivery = { topic: record.topic, partition: record.partition, records: new Map() };
      byPartition.set(name, delivery);
    }
    delivery.records.set(decoded.offset, decoded);
  }
  return [...byPartition.values()].map(({ topic, partition, records }) => ({
    topic,
    partition,
    records: [...records.values()].sort((a, b) => a.offset - b.offset),
  }));
}

/** Where an event's records come from, each partition once: all that one needs who reads them from the log anyway. */
export function placesOf(event: KafkaEvent): Pick<Delivery, 'topic' | 'partition'>[] {
  const places = Object.values(event.records).flatMap(([first]) => (first === undefined ? [] : [first]));
  return places.map(({ topic, partition }) => ({ topic, partition }));
}

function decode(record: KafkaEventRecord): KafkaRecord {
  const { topic, partition, offset, timestamp } = record;
  if (typeof topic !== 'string' || !isCount(partition) || !isCount(offset) || typeof timestamp !== 'number') {
    throw new MillraceError('incompatible', 'a Kafka event holds a record without topic, partition, offset or time', {
      hint: 'call the function from an event source mapping of Kafka, or ring it',
    });
  }
  return {
    offset,
    time: timestamp as WallTime,
    key: bytesOf(record.key),
    value: bytesOf(record.value),
    headers: (record.headers ?? []).flatMap((header) =>
      Object.entries(header).map(([name, numbers]) => ({ name, value: Uint8Array.from(numbers) })),
    ),
  };
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

function bytesOf(base64: string | null | undefined): Uint8Array | undefined {
  return base64 === null || base64 === undefined ? undefined : new Uint8Array(Buffer.from(base64, 'base64'));
}
