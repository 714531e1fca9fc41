import { type Duration, MillraceError, type WallTime } from '../../model/index.ts';
import type { Log, LogEntry, LogMessage, LogSlice, ReadLimit, Topic } from '../../ports/index.ts';
import { decodeMessage, encodeMessage } from '../../protocol/index.ts';
import type { AppendedRecord } from './append-lanes.ts';
import type { KafkaClient } from './kafka-client.ts';
import type { LongReads } from './long-reads.ts';
import type { ReadPlace, RecordSlice } from './partition-reads.ts';
import { RECORD_OVERHEAD } from './record-batch.ts';

export interface KafkaLogOptions {
  /** Stands before the names of topics in the cluster. Default: nothing. */
  readonly topicPrefix?: string;
  /** Longest message in encoded bytes. Default: a million, which every cluster's default settings take. */
  readonly maxMessageBytes?: number;
  /** Of topics that are made. Default: the cluster's. */
  readonly replicas?: number;
  /** Of topics that are made: replicas that must have a message before it is acknowledged. Default: the cluster's. */
  readonly minInSyncReplicas?: number;
  /** Of topics that are made: how long messages are kept. Must be longer than the longest standstill. Default: seven days. */
  readonly retention?: Duration;
  /** Of topics that are made: most bytes of a partition. Default: no limit. */
  readonly retentionBytes?: number;
}

/** What Kafka takes in a batch if nothing else is set, and room for what surrounds a message in it. */
const KAFKA_MESSAGE_BYTES = 1_048_588;
const BATCH_ROOM = 512 + RECORD_OVERHEAD;
const WEEK = 7 * 24 * 3_600_000;

/**
 * Kafka as the log of internal topics: one record a message, without key or headers. Reads are by topic id. An append takes effect per partition
 * wholly or not at all, as long as its messages for the partition fit one batch. What is kept how long is the topic's retention: `trim` does nothing.
 */
export class KafkaLog implements Log {
  readonly maxMessageBytes: number;
  readonly #client: KafkaClient;
  readonly #reader: LongReads;
  readonly #options: KafkaLogOptions;

  /** The client is the caller's to close. */
  constructor(client: KafkaClient, options: KafkaLogOptions = {}) {
    this.#client = client;
    this.#reader = client.reader();
    this.#options = options;
    this.maxMessageBytes = options.maxMessageBytes ?? 1_000_000;
  }

  /** Throws `incompatible` for a topic that exists with settings under which messages would be lost or bear a wrong time. */
  async ensureTopic(name: string, partitions: number): Promise<Topic> {
    const { topic, made } = await this.#client.ensureTopic({
      name: this.#inCluster(name),
      partitions,
      replicas: this.#options.replicas ?? -1,
      settings: this.#settings(),
    });
    if (!made) await this.#checkSettings(name);
    return { ...topic, name };
  }

  async topic(name: string): Promise<Topic | undefined> {
    const topic = await this.#client.topic(this.#inCluster(name));
    return topic === undefined ? undefined : { ...topic, name };
  }

  async append(entries: readonly LogEntry[]): Promise<void> {
    try {
      await this.#client.append(entries.map((entry) => this.#record(entry)));
    } catch (thrown) {
      throw this.#named(thrown);
    }
  }

  async read(topic: Topic, partition: number, from: number, limit: ReadLimit): Promise<LogSlice> {
    try {
      const place = this.#place({ topic, partition, from });
      const slice = await this.#client.read(place, { bytes: Math.max(1, limit.bytes), committedOnly: false });
      return messagesOf(slice, limit, topic, partition);
    } catch (thrown) {
      throw this.#named(thrown);
    }
  }

  /**
   * Looks at many places at once and waits up to `patience` for something to be there. For each place the messages found, or a log that is shorter
   * than the place; undefined where there is nothing. The limit of bytes is for all places together, that of messages for each.
   * Throws `data-lost` if one of the topics is another by now. May be called while another call waits.
   */
  async readMany(
    places: readonly ReadPlace[],
    limit: ReadLimit,
    patience: Duration,
    signal?: AbortSignal,
  ): Promise<readonly (LogSlice | undefined)[]> {
    try {
      const asked = places.map((place) => this.#place(place));
      const bytes = { bytes: Math.max(1, limit.bytes), committedOnly: false };
      const found = await this.#reader.read(asked, bytes, patience, signal);
      return found.map((slice, i) => slice && messagesOf(slice, limit, places[i]!.topic, places[i]!.partition));
    } catch (thrown) {
      throw this.#named(thrown);
    }
  }

  async bounds(topic: Topic, partition: number): Promise<{ readonly start: number; readonly end: number }> {
    try {
      const { start, end } = await this.#client.bounds(this.#place({ topic, partition, from: 0 }).topic, partition);
      return { start, end };
    } catch (thrown) {
      throw this.#named(thrown);
    }
  }

  async trim(topic: Topic, partition: number): Promise<void> {
    try {
      await this.#client.check(this.#place({ topic, partition, from: 0 }).topic, partition);
    } catch (thrown) {
      throw this.#named(thrown);
    }
  }

  #inCluster(name: string): string {
    return `${this.#options.topicPrefix ?? ''}${name}`;
  }

  #place(place: ReadPlace): ReadPlace {
    return { ...place, topic: { ...place.topic, name: this.#inCluster(place.topic.name) } };
  }

  #record({ topic, partition, message, bytes }: LogEntry): AppendedRecord {
    const value = bytes ?? encodeMessage(message);
    if (value.length > this.maxMessageBytes) {
      throw new MillraceError(
        'bad-record',
        `the message is too large for the log: ${value.length} bytes, at most ${this.maxMessageBytes}`,
        { where: { topic, partition } },
      );
    }
    return { topic: this.#inCluster(topic), partition, record: { value } };
  }

  /** The error with the topic's name as its user knows it. */
  #named(thrown: unknown): unknown {
    const prefix = this.#options.topicPrefix ?? '';
    if (prefix === '' || !(thrown instanceof MillraceError) || thrown.where.topic?.startsWith(prefix) !== true)
      return thrown;
    const { kind, message, cause, retry, hint } = thrown;
    return new MillraceError(kind, message, {
      where: { ...thrown.where, topic: thrown.where.topic.slice(prefix.length) },
      retry,
      ...(hint === undefined ? {} : { hint }),
      ...(cause === undefined ? {} : { cause }),
    });
  }

  #settings(): Record<string, string> {
    const { retention, retentionBytes, minInSyncReplicas } = this.#options;
    const batchBytes = this.maxMessageBytes + BATCH_ROOM;
    return {
      'message.timestamp.type': 'LogAppendTime',
      'cleanup.policy': 'delete',
      'retention.ms': String(retention ?? WEEK),
      'retention.bytes': String(retentionBytes ?? -1),
      ...(minInSyncReplicas === undefined ? {} : { 'min.insync.replicas': String(minInSyncReplicas) }),
      ...(batchBytes <= KAFKA_MESSAGE_BYTES ? {} : { 'max.message.bytes': String(batchBytes) }),
    };
  }

  async #checkSettings(name: string): Promise<void> {
    const topic = this.#inCluster(name);
    const found = await this.#client.topicSettings(topic, [
      'message.timestamp.type',
      'cleanup.policy',
      'max.message.bytes',
    ]);
    if (found === undefined) return;
    const batchBytes = this.maxMessageBytes + BATCH_ROOM;
    const wrong = [
      ...mismatch(found, 'message.timestamp.type', (value) => value === 'LogAppendTime', 'LogAppendTime'),
      ...mismatch(found, 'cleanup.policy', (value) => value === 'delete', 'delete'),
      ...mismatch(found, 'max.message.bytes', (value) => Number(value) >= batchBytes, `at least ${batchBytes}`),
    ];
    if (wrong.length === 0) return;
    throw new MillraceError(
      'incompatible',
      `the topic's settings do not suit an internal topic: ${topic}: ${wrong.join(', ')}`,
      {
        where: { topic: name },
        hint: 'set them with kafka-configs, or let millrace make the topic; docs/guides/kafka.md says why',
      },
    );
  }
}

function mismatch(
  found: ReadonlyMap<string, string>,
  name: string,
  suits: (value: string) => boolean,
  wanted: string,
): string[] {
  const value = found.get(name);
  return value === undefined || suits(value) ? [] : [`${name} is ${value}, not ${wanted}`];
}

/** As many of the records as the limit allows, at least one if there are any. */
function messagesOf(slice: RecordSlice, limit: ReadLimit, topic: Topic, partition: number): LogSlice {
  const { records, start, end } = slice;
  const messages: LogMessage[] = [];
  let bytes = 0;
  for (const { offset, time, value } of records) {
    bytes += value?.length ?? 0;
    if (messages.length > 0 && (messages.length >= limit.messages || bytes > limit.bytes)) {
      return { messages, next: offset, start, end };
    }
    try {
      messages.push({ offset, time: time as WallTime, message: decodeMessage(value ?? nothing) });
    } catch (thrown) {
      throw thrown instanceof MillraceError ? thrown.at({ topic: topic.name, partition, offset }) : thrown;
    }
  }
  return { messages, next: slice.next, start, end };
}

const nothing = new Uint8Array(0);
