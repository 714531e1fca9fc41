import {
  type Duration,
  days,
  hours,
  type KeyId,
  MillraceError,
  partitionBytes,
  partitionOf,
  partitionOfBytes,
  type WallTime,
} from '../../model/index.ts';
import type {
  Format,
  Guarantee,
  Json,
  OpenFormat,
  SinkBatch,
  SinkHost,
  SinkWriter,
  Topic,
  UpsertConnector,
} from '../../ports/index.ts';
import { clientOf } from './client-of.ts';
import type { KafkaClient } from './kafka-client.ts';
import type { Headers, NewRecord } from './record-batch.ts';
import { traceOf } from './trace-context.ts';
import type { TransactionalProducer } from './transactional-producer.ts';

export interface KafkaSinkOptions<T> {
  readonly topic: string;
  /** Which of the host's clusters; default: the one without a name. */
  readonly cluster?: string;
  /** How a record is written. Give `json()` for JSON. */
  readonly format: Format<NonNullable<T>>;
  /**
   * `exactly-once` (default): in transactions, so that readers with `isolation.level=read_committed` see each record once. `idempotent`: a record may
   * come again after a failure, with the same key and value, as a compacted topic or an upsert takes it. `at-least-once`: the same, without a key.
   */
  readonly guarantee?: Guarantee;
  /** The message's key. Default: the key by which the record was grouped, if it was: text in UTF-8, numbers in digits, tuples and objects as JSON. */
  readonly key?: (record: T) => string | Uint8Array | undefined;
  /** Its partition. Default: by the key as Kafka's own partitioner does; without a key spread by where the record comes from. */
  readonly partition?: (record: T, partitions: number) => number;
  /** More headers. A record with a field `traceparent` (see `Traced`) has that as a header already. */
  readonly headers?: (record: T) => Readonly<Record<string, string | Uint8Array>>;
  /** Milliseconds after which the broker aborts a transaction of somebody who is gone: until then it holds back readers. Default: one minute. */
  readonly transactionTimeout?: number;
  /** How long the cluster remembers the offset of a group that commits nothing: `offsets.retention.minutes`. Default: seven days, as Kafka's. */
  readonly offsetsRetention?: Duration;
}

/** A header of every message: which task's which message caused it, and as which of that message's outputs: `<task>:<offset>:<k>`. */
export const POSITION_HEADER = 'millrace-position';

/** Transactional ids that take turns, so that none waits for the last transaction's end markers. */
const TURNS = 2;

/**
 * Writes to a Kafka topic. A record `null` or `undefined` is a tombstone. Records of one key keep their order. Each carries where it comes from in the
 * header `millrace-position`, the trace it belongs to in `traceparent` if its field of that name says so, and its event time as timestamp.
 *
 * Exactly once: a transaction holds the records of a step and, as an offset of the group `<pipeline>/<sink>/<task>`, up to where the step has come; whoever
 * takes the task over fences the one before and goes on there. The cluster forgets such an offset after a time without any (`offsetsRetention`); a task
 * that then goes on with messages which had waited as long cannot tell what it has written of them, and stops.
 */
export function toKafka<T>(options: KafkaSinkOptions<T>): UpsertConnector<T> {
  const { topic, cluster, format, guarantee = 'exactly-once' } = options;
  return {
    kind: 'kafka',
    options: {
      topic,
      ...(cluster === undefined ? {} : { cluster }),
      format: { kind: format.kind, options: format.options },
      guarantee,
    },
    guarantee,
    single: false,
    upserts: true,
    async open(host) {
      const client = clientOf(host.connections, cluster);
      const found = await client.topic(topic);
      if (found === undefined)
        throw new MillraceError('invalid-pipeline', `the topic does not exist: ${topic}`, {
          where: { topic },
          hint: 'create it: how many partitions it has, and how long it keeps its messages, is for its readers to say',
        });
      const encode = new MessageEncoder(found, await format.open(), host, options);
      if (guarantee !== 'exactly-once') return new AppendingWriter(client, found, encode);
      return TransactionalWriter.open(client, found, encode, host, options);
    },
  };
}

/** Makes messages of records. */
class MessageEncoder<T> {
  readonly #topic: Topic;
  readonly #format: OpenFormat<NonNullable<T>>;
  readonly #task: number;
  readonly #options: KafkaSinkOptions<T>;

  constructor(topic: Topic, format: OpenFormat<NonNullable<T>>, host: SinkHost, options: KafkaSinkOptions<T>) {
    this.#topic = topic;
    this.#format = format;
    this.#task = host.task;
    this.#options = options;
  }

  /** The messages of a batch from a cause on, by partition, in order. Throws `bad-record` where one cannot be written. */
  of(batch: SinkBatch, from: number): Map<number, NewRecord[]> {
    const parts = new Map<number, NewRecord[]>();
    for (let i = 0; i < batch.values.length; i++) {
      const cause = batch.causes[i]!;
      if (cause < from) continue;
      const value = batch.values[i] as T;
      const id = batch.keys[i];
      const key = this.#keyOf(value, id);
      const partition = this.#partitionOf(value, id, key, cause);
      const time = batch.times[i]!;
      const record: NewRecord = {
        key,
        value: value === null || value === undefined ? undefined : this.#format.encode(value),
        headers: this.#headersOf(value, cause, batch.ks[i]!),
        time: time >= 0 ? time : undefined,
      };
      const part = parts.get(partition);
      if (part === undefined) parts.set(partition, [record]);
      else part.push(record);
    }
    return parts;
  }

  #keyOf(value: T, id: KeyId | undefined): Uint8Array | undefined {
    if (this.#options.key !== undefined) {
      const key = this.#options.key(value);
      return typeof key === 'string' ? Buffer.from(key) : key;
    }
    return id === undefined ? undefined : partitionBytes(id);
  }

  #partitionOf(value: T, id: KeyId | undefined, key: Uint8Array | undefined, cause: number): number {
    const { partitions, name } = this.#topic;
    const { partition, key: own } = this.#options;
    if (partition !== undefined) {
      const chosen = partition(value, partitions);
      if (Number.isInteger(chosen) && chosen >= 0 && chosen < partitions) return chosen;
      throw new MillraceError('operator-failed', `partition ${chosen} was chosen of ${partitions} of ${name}`, {
        where: { topic: name },
      });
    }
    if (own === undefined && id !== undefined) return partitionOf(id, partitions);
    return key === undefined ? cause % partitions : partitionOfBytes(key, partitions);
  }

  #headersOf(value: T, cause: number, k: number): Headers {
    const position = [POSITION_HEADER, Buffer.from(`${this.#task}:${cause}:${k}`)] as const;
    const trace = traceOf(value);
    if (this.#options.headers === undefined) return trace === undefined ? [position] : [trace, position];
    const own = Object.entries(this.#options.headers(value));
    return [
      ...(trace === undefined || own.some(([name]) => name === trace[0]) ? [] : [trace]),
      ...own.map(([name, said]) => [name, typeof said === 'string' ? Buffer.from(said) : said] as const),
      position,
    ];
  }
}

/** At least once: idempotent appends, which may be repeated by another attempt at the same step. */
class AppendingWriter<T> implements SinkWriter {
  readonly #client: KafkaClient;
  readonly #topic: Topic;
  readonly #encode: MessageEncoder<T>;

  constructor(client: KafkaClient, topic: Topic, encode: MessageEncoder<T>) {
    this.#client = client;
    this.#topic = topic;
    this.#encode = encode;
  }

  async write(batch: SinkBatch): Promise<Json> {
    const topic = this.#topic.name;
    const parts = this.#encode.of(batch, 0);
    await this.#client.append(
      [...parts].flatMap(([partition, records]) => records.map((record) => ({ topic, partition, record }))),
    );
    return null;
  }

  async finish(): Promise<void> {}
  async close(): Promise<void> {}
}

class TransactionalWriter<T> implements SinkWriter {
  readonly #producer: TransactionalProducer;
  readonly #topic: string;
  readonly #encode: MessageEncoder<T>;
  readonly #group: string;
  readonly #host: SinkHost;
  readonly #retention: number;
  /** Outputs of messages before this offset are in the topic. Undefined where the cluster knows of none: nothing was written, or it is long ago. */
  #marker: number | undefined;

  private constructor(
    producer: TransactionalProducer,
    topic: string,
    encode: MessageEncoder<T>,
    group: string,
    host: SinkHost,
    retention: number,
    marker: number | undefined,
  ) {
    this.#producer = producer;
    this.#topic = topic;
    this.#encode = encode;
    this.#group = group;
    this.#host = host;
    this.#retention = retention;
    this.#marker = marker;
  }

  /** Takes the task's transactional ids over; only then the marker is read, for nobody can move it any more. */
  static async open<T>(
    client: KafkaClient,
    { name: topic }: Topic,
    encode: MessageEncoder<T>,
    host: SinkHost,
    options: KafkaSinkOptions<T>,
  ): Promise<TransactionalWriter<T>> {
    const group = `${client.idPrefix}${host.pipeline}/${host.sink}/${host.task}`;
    const ids = Array.from({ length: TURNS }, (_, turn) => `${group}/${turn}`);
    const producer = await client.transactional(topic, ids, options.transactionTimeout ?? 60_000);
    const committed = (await client.groupOffsets(group, topic, [0])).get(0);
    const marker = committed?.metadata === host.run ? committed.offset : undefined;
    return new TransactionalWriter(producer, topic, encode, group, host, options.offsetsRetention ?? days(7), marker);
  }

  async write(batch: SinkBatch): Promise<Json> {
    if (this.#marker === undefined) this.#refuseDoubt(batch.since);
    const parts = this.#encode.of(batch, this.#marker ?? 0);
    if (parts.size > 0) {
      await this.#producer.write(
        [...parts].map(([partition, records]) => ({ partition, records })),
        { group: this.#group, topic: this.#topic, partition: 0, offset: batch.upTo, metadata: this.#host.run },
      );
      this.#marker = batch.upTo;
    }
    return { upTo: Math.max(this.#marker ?? 0, batch.upTo) };
  }

  async finish(): Promise<void> {}

  close(): Promise<void> {
    return this.#producer.close();
  }

  /** Without a marker: had any of this been written, then after the log took it in, and the marker of that would not have expired yet. */
  #refuseDoubt(since: WallTime | undefined): void {
    if (since === undefined || this.#host.clock.now() - since < this.#retention - MARGIN) return;
    throw new MillraceError(
      'data-lost',
      `what was written to ${this.#topic} cannot be told: the group ${this.#group} has no offset, and the messages to go on with have waited longer than it is kept`,
      {
        where: { topic: this.#topic },
        hint: 'drain a pipeline before it stands still for longer than offsets.retention.minutes; start a new run, or set offsetsRetention if it is longer than seven days',
      },
    );
  }
}

/** A marker counts as expired that long before it does. */
const MARGIN = hours(1);
