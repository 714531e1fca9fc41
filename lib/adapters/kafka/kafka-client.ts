import type { Topic } from '../../ports/index.ts';
import { type AppendedRecord, AppendLanes, type AppendOptions } from './append-lanes.ts';
import { attempt } from './attempts.ts';
import { brokerError } from './broker-error.ts';
import { BrokerLinks } from './broker-links.ts';
import type { Compression } from './compression.ts';
import type { OpenConnection } from './exchange.ts';
import type { KafkaConnection } from './kafka-connection.ts';
import { kafkajsConnections } from './kafkajs-broker-connection.ts';
import { LongReads } from './long-reads.ts';
import { commitOffsets, coordinatorOf, EARLIEST, groupOffsets, LATEST } from './offset-requests.ts';
import { PartitionReads, type ReadPlace, type RecordLimit, type RecordSlice } from './partition-reads.ts';
import { TopicAdmin } from './topic-admin.ts';
import { TopicCatalog } from './topic-catalog.ts';
import type { NewTopic } from './topic-requests.ts';
import { TransactionalProducer } from './transactional-producer.ts';

export interface KafkaClientOptions {
  /** Stands before the transactional ids and groups of sinks, so that pipelines of one name do not meet. Default: nothing. */
  readonly idPrefix?: string;
  /** Default: none. */
  readonly compression?: Compression;
  /** Most bytes of a batch of records, before compression. Default: a million. */
  readonly batchBytes?: number;
  /** Milliseconds for which what may pass is tried again: brokers that restart, leaders that move. Default: 30 seconds. */
  readonly patience?: number;
}

export interface CommittedOffset {
  readonly offset: number;
  /** What the committer wrote beside it. */
  readonly metadata: string;
}

/**
 * A cluster, as millrace's log and connectors use it: idempotent appends, reads by offset, topics and offsets. Errors are `MillraceError`s:
 * `data-lost` for a topic that is gone or another one, `bad-record` for a record too large, `unavailable` for everything else.
 */
export class KafkaClient {
  readonly connection: KafkaConnection;
  /** Stands before the transactional ids and groups of sinks. */
  readonly idPrefix: string;
  readonly #links: BrokerLinks;
  readonly #catalog: TopicCatalog;
  readonly #appends: AppendOptions;
  readonly #lanes: AppendLanes;
  readonly #reads: PartitionReads;
  #readers = 0;
  readonly #admin: TopicAdmin;
  readonly #patience: number;

  /** `open`: another client library than kafkajs. */
  constructor(
    connection: KafkaConnection,
    options: KafkaClientOptions = {},
    open: OpenConnection = kafkajsConnections(connection),
  ) {
    const patience = options.patience ?? 30_000;
    this.connection = connection;
    this.idPrefix = options.idPrefix ?? '';
    this.#patience = patience;
    this.#links = new BrokerLinks(open, connection.brokers);
    this.#catalog = new TopicCatalog(this.#links, patience);
    this.#appends = {
      compression: options.compression ?? 'none',
      batchBytes: options.batchBytes ?? 1_000_000,
      patience,
    };
    this.#lanes = new AppendLanes(this.#links, this.#catalog, this.#appends);
    this.#reads = new PartitionReads(this.#links, this.#catalog, patience);
    this.#admin = new TopicAdmin(this.#links, this.#catalog, patience);
  }

  /** The topic as brokers say now; undefined if there is none. */
  async topic(name: string): Promise<Topic | undefined> {
    return (await this.#catalog.fresh(name))?.topic;
  }

  /** The topic, made if it does not exist, widened if it has fewer partitions. Settings are for a topic that is made. */
  ensureTopic(wanted: NewTopic): Promise<{ readonly topic: Topic; readonly made: boolean }> {
    return this.#admin.ensure(wanted);
  }

  /** Deletes a topic if it exists. */
  deleteTopic(name: string): Promise<void> {
    return this.#admin.delete(name);
  }

  /** Settings in force for a topic; undefined if the user may not see them. */
  topicSettings(topic: string, names: readonly string[]): Promise<ReadonlyMap<string, string> | undefined> {
    return attempt(this.#patience, () => this.#admin.settings(topic, names));
  }

  /**
   * Appends records, per partition in order and behind all whose append was called before. Resolves when all in-sync replicas have all of
   * them; each is in the log once. Throws `data-lost`, and appends nothing, where a topic or partition does not exist. After another error
   * any of them may be in the log: for each partition and batch all or none, of several batches the first.
   */
  append(records: readonly AppendedRecord[]): Promise<void> {
    const unknown = records.filter(({ topic, partition }) => !this.#knows(topic, partition));
    return unknown.length === 0 ? this.#lanes.append(records) : this.#appendAfterLook(records, unknown);
  }

  async #appendAfterLook(records: readonly AppendedRecord[], unknown: readonly AppendedRecord[]): Promise<void> {
    await Promise.all(unknown.map(({ topic, partition }) => this.#catalog.withPartition(topic, partition)));
    return this.#lanes.append(records);
  }

  #knows(topic: string, partition: number): boolean {
    return partition < (this.#catalog.known(topic)?.topic.partitions ?? 0);
  }

  /** Records from an offset on, none only where there are none yet; from the first kept one where those before are gone. */
  read(place: ReadPlace, limit: RecordLimit): Promise<RecordSlice> {
    return this.#reads.read(place, limit);
  }

  /** Reads of many places at once that wait for something to be there, for one who asks for the same places again and again. */
  reader(): LongReads {
    return new LongReads(this.#reads, `waits-${++this.#readers}`);
  }

  /** First kept offset, high watermark, and last stable offset, below which no transaction is open. */
  bounds(
    topic: Topic,
    partition: number,
  ): Promise<{ readonly start: number; readonly end: number; readonly stable: number }> {
    return this.#reads.bounds(topic, partition);
  }

  /** The first offset whose record bears this time (milliseconds) or a later one; the end if there is none. */
  offsetAt(topic: Topic, partition: number, at: 'earliest' | 'latest' | number): Promise<number> {
    return this.#reads.offset(topic, partition, at === 'earliest' ? EARLIEST : at === 'latest' ? LATEST : at);
  }

  /** Throws `data-lost` if the topic is another incarnation by now, as far as known, or has no such partition. */
  async check(topic: Topic, partition: number): Promise<void> {
    await this.#reads.place(topic, partition);
  }

  /**
   * What a group has committed, by partition. Stable: waits for transactions that are about to write one of these offsets, so that what is read
   * cannot change by a commit under way. Throws `unavailable` if they do not end in time.
   */
  groupOffsets(
    group: string,
    topic: string,
    partitions: readonly number[],
  ): Promise<ReadonlyMap<number, CommittedOffset>> {
    return attempt(
      this.#patience,
      async () => {
        const node = await this.#coordinator(group);
        const { error, offsets } = await this.#links.send(node, 'main', groupOffsets(group, topic, partitions));
        const failed = offsets.find((each) => each.error !== 0);
        const code = failed?.error ?? error;
        if (code !== 0) throw brokerError(code, `READ of the group ${group}`, { topic });
        return new Map(
          offsets
            .filter(({ offset }) => offset >= 0)
            .map(({ partition, offset, metadata }) => [partition, { offset, metadata: metadata ?? '' }]),
        );
      },
      () => this.#catalog.brokers(),
    );
  }

  /**
   * Commits offsets of a group, by partition: the next to be read. For one who reads without being a member; a group that has members refuses it.
   */
  commitOffsets(group: string, topic: string, offsets: ReadonlyMap<number, number>): Promise<void> {
    return attempt(
      this.#patience,
      async () => {
        const node = await this.#coordinator(group);
        const answers = await this.#links.send(node, 'main', commitOffsets(group, topic, offsets));
        const code = answers.find(({ error }) => error !== 0)?.error ?? 0;
        if (code !== 0) throw brokerError(code, `COMMIT of the group ${group}`, { topic });
      },
      () => this.#catalog.brokers(),
    );
  }

  async #coordinator(group: string): Promise<number> {
    const found = await this.#links.sendAny(coordinatorOf(group));
    if (found.error !== 0) throw brokerError(found.error, `DESCRIBE of the group ${group}`, {}, found.message);
    return found.node;
  }

  /**
   * Takes transactional ids over, to write to one topic in transactions; they take turns. Earlier holders are fenced, and what they left open has
   * ended when it resolves. `timeout`: milliseconds after which the broker aborts a transaction of somebody who is gone.
   */
  transactional(topic: string, transactionalIds: readonly string[], timeout: number): Promise<TransactionalProducer> {
    const { compression, batchBytes } = this.#appends;
    const options = { compression, batchBytes, timeout, patience: this.#patience };
    return TransactionalProducer.open(this.#links, this.#catalog, topic, transactionalIds, options);
  }

  /** Ends all connections; what is under way fails. */
  close(): void {
    this.#links.close();
  }
}
