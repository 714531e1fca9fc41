/**
 * Writes records and an offset that says what they stand for, both or neither.
 *
 * 1. Taking a transactional id over fences whoever had it, and ends what was left open: afterwards the offset is final.
 * 2. A broker ends a transaction in two steps, and takes no other of the same id in between. Several ids take turns, so that nobody waits for that.
 *    They are taken over one after the other, and the first is used first: of two who take over at the same time, whoever lacks the first writes nothing, and
 *    whoever took it later has taken the others later too. All at once, each could keep another one, and both would write.
 * 3. After an error nobody knows how a transaction ended: the producer must not be used again, and the next one finds out by 1.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { MillraceError } from '../../model/index.ts';
import { Attempts, attempt } from './attempts.ts';
import { brokerError, Code, passes } from './broker-error.ts';
import type { BrokerLinks } from './broker-links.ts';
import { type Compression, loadCodec } from './compression.ts';
import type { Exchange } from './exchange.ts';
import { coordinatorOf } from './offset-requests.ts';
import { type ProducedBatch, produceBatches } from './produce-request.ts';
import { encodeBatch, type NewRecord, sizeOf } from './record-batch.ts';
import type { TopicCatalog } from './topic-catalog.ts';
import {
  addOffsets,
  addPartitions,
  commitOffset,
  endTransaction,
  type Marker,
  type Transactor,
  takeTransactionalId,
  transactionCoordinator,
} from './transaction-requests.ts';

export interface TransactionOptions {
  readonly compression: Compression;
  /** Most bytes of a batch, before compression; a larger record goes alone. */
  readonly batchBytes: number;
  /** Milliseconds after which the broker aborts a transaction of somebody who is gone. */
  readonly timeout: number;
  /** Milliseconds until what does not succeed is given up. */
  readonly patience: number;
}

/** Records for one partition. */
export interface PartitionRecords {
  readonly partition: number;
  readonly records: readonly NewRecord[];
}

interface Turn extends Transactor {
  /** The node that coordinates it. */
  coordinator: number;
  /** Next sequence number, by partition. */
  readonly sequences: Map<number, number>;
}

/** Pause in milliseconds while the transaction before is being ended. */
const WHILE_ENDING = 2;

export class TransactionalProducer {
  readonly #links: BrokerLinks;
  readonly #catalog: TopicCatalog;
  readonly #options: TransactionOptions;
  readonly #topic: string;
  readonly #turns: readonly Turn[];
  readonly #coordinators = new Map<string, number>();
  #next = 0;
  /** Whose transaction has begun and not surely ended. */
  #open: Turn | undefined;

  private constructor(
    links: BrokerLinks,
    catalog: TopicCatalog,
    options: TransactionOptions,
    topic: string,
    turns: Turn[],
  ) {
    this.#links = links;
    this.#catalog = catalog;
    this.#options = options;
    this.#topic = topic;
    this.#turns = turns;
  }

  /** Takes all the ids over, in their order. Throws `unavailable`, without retry where it is not allowed. */
  static async open(
    links: BrokerLinks,
    catalog: TopicCatalog,
    topic: string,
    transactionalIds: readonly string[],
    options: TransactionOptions,
  ): Promise<TransactionalProducer> {
    await loadCodec(options.compression);
    await catalog.brokers();
    const turns: Turn[] = [];
    for (const id of transactionalIds) {
      const taken = () => takeOver(links, id, options.timeout);
      turns.push(await attempt(options.patience, taken, () => catalog.brokers()));
    }
    return new TransactionalProducer(links, catalog, options, topic, turns);
  }

  /** One transaction: the records of each partition in order, and the marker. Returns when it is committed; after an error it may be or not. */
  async write(parts: readonly PartitionRecords[], marker: Marker): Promise<void> {
    const who = this.#turns[this.#next]!;
    this.#next = (this.#next + 1) % this.#turns.length;
    const attempts = new Attempts(this.#options.patience);
    const partitions = parts.map(({ partition }) => partition);
    this.#open = who;
    await this.#insist(who, addPartitions(who, this.#topic, partitions), attempts);
    await this.#insist(who, addOffsets(who, marker.group), attempts);
    await Promise.all([this.#produce(who, parts, attempts), this.#mark(who, marker, attempts)]);
    await this.#insist(who, endTransaction(who, true), attempts);
    this.#open = undefined;
  }

  /** Aborts what an error has left open, if it can, so that readers need not wait for the time-out. */
  async close(): Promise<void> {
    const who = this.#open;
    this.#open = undefined;
    if (who !== undefined) await this.#links.send(who.coordinator, 'main', endTransaction(who, false)).catch(() => {});
  }

  /** All records, each partition's in order: a batch of every partition at a time. */
  async #produce(who: Turn, parts: readonly PartitionRecords[], attempts: Attempts): Promise<void> {
    const { compression, batchBytes } = this.#options;
    const codec = await loadCodec(compression);
    const stamp = { producerId: who.producerId, producerEpoch: who.epoch, transactional: true, compression, codec };
    let rest = parts.map(({ partition, records }) => ({ partition, records, from: 0 }));
    while (rest.length > 0) {
      const batches: ProducedBatch[] = [];
      for (const part of rest) {
        const { partition } = part;
        const sequence = who.sequences.get(partition) ?? 0;
        const to = fitting(part.records, part.from, batchBytes);
        const records = part.records.slice(part.from, to);
        who.sequences.set(partition, (sequence + records.length) % 2 ** 31);
        batches.push({
          topic: this.#topic,
          partition,
          bytes: encodeBatch(records, { ...stamp, sequence, now: Date.now() }),
        });
        part.from = to;
      }
      await this.#append(who, batches, attempts);
      rest = rest.filter(({ from, records }) => from < records.length);
    }
  }

  /** One batch for each of several partitions; those that may still succeed are sent again. */
  async #append(who: Turn, batches: readonly ProducedBatch[], attempts: Attempts): Promise<void> {
    let rest = batches;
    for (;;) {
      const { leaders } = await this.#catalog.existing(this.#topic);
      const failures = new Map<number, MillraceError>();
      await Promise.all(
        [...Map.groupBy(rest, ({ partition }) => leaders[partition] ?? -1)].map(async ([leader, list]) => {
          try {
            if (leader < 0) throw brokerError(Code.leaderNotAvailable, 'WRITE to', { topic: this.#topic });
            const answer = await this.#links.send(leader, 'appends', produceBatches(list, 30_000, who.transactionalId));
            for (const { partition, error } of answer) {
              if (error !== 0 && error !== Code.duplicateSequence)
                failures.set(partition, refused(error, 'WRITE to', this.#topic, partition));
            }
          } catch (thrown) {
            if (!(thrown instanceof MillraceError)) throw thrown;
            for (const { partition } of list) failures.set(partition, thrown);
          }
        }),
      );
      if (failures.size === 0) return;
      const [first] = failures.values();
      const final = [...failures.values()].find((failure) => failure instanceof Fenced || !failure.retry);
      if (final !== undefined || attempts.over) throw final ?? first;
      rest = rest.filter(({ partition }) => failures.has(partition));
      await attempts.pause();
      await this.#catalog.fresh(this.#topic).catch(() => {});
    }
  }

  async #mark(who: Turn, marker: Marker, attempts: Attempts): Promise<void> {
    const request = commitOffset(who, marker);
    for (;;) {
      try {
        const node = await this.#groupCoordinator(marker.group);
        const error = await this.#links.send(node, 'main', request);
        if (error === 0) return;
        throw refused(error, 'COMMIT of the group', marker.group);
      } catch (thrown) {
        if (!(thrown instanceof MillraceError && thrown.retry) || thrown instanceof Fenced || attempts.over)
          throw thrown;
        this.#coordinators.delete(marker.group);
        await attempts.pause();
      }
    }
  }

  async #groupCoordinator(group: string): Promise<number> {
    const known = this.#coordinators.get(group);
    if (known !== undefined) return known;
    const found = await this.#links.sendAny(coordinatorOf(group));
    if (found.error !== 0) throw brokerError(found.error, 'FIND the coordinator of the group', {}, group);
    this.#coordinators.set(group, found.node);
    return found.node;
  }

  /** Sends to the transaction's coordinator until it takes it; what may pass is tried again. */
  async #insist(who: Turn, exchange: Exchange<number>, attempts: Attempts): Promise<void> {
    for (;;) {
      const error = await this.#links.send(who.coordinator, 'main', exchange);
      if (error === 0) return;
      const ending = error === Code.concurrentTransactions;
      if ((!ending && !passes(error)) || attempts.over) throw refused(error, exchange.name, who.transactionalId);
      if (ending) await sleep(WHILE_ENDING);
      else {
        await attempts.pause();
        who.coordinator = await coordinates(this.#links, who.transactionalId);
      }
    }
  }
}

async function takeOver(links: BrokerLinks, transactionalId: string, timeout: number): Promise<Turn> {
  const coordinator = await coordinates(links, transactionalId);
  const { error, id, epoch } = await links.send(coordinator, 'main', takeTransactionalId(transactionalId, timeout));
  // What was left open is being ended: it will be over soon.
  if (error === Code.concurrentTransactions)
    throw new MillraceError('unavailable', `the last transaction of ${transactionalId} is still being ended`);
  if (error === Code.invalidTransactionTimeout) throw brokerError(error, `a transaction timeout of ${timeout} ms`);
  if (error !== 0) throw brokerError(error, 'TRANSACTIONAL WRITE as', {}, transactionalId);
  return { transactionalId, producerId: id, epoch, coordinator, sequences: new Map() };
}

async function coordinates(links: BrokerLinks, transactionalId: string): Promise<number> {
  const { error, node } = await links.sendAny(transactionCoordinator(transactionalId));
  if (error !== 0) throw brokerError(error, 'TRANSACTIONAL WRITE as', {}, transactionalId);
  return node;
}

/** Somebody else has taken the id over, or the broker has aborted the transaction: to be found out by a new producer. */
const fencing: ReadonlySet<number> = new Set([
  Code.invalidProducerEpoch,
  Code.producerFenced,
  Code.invalidTransactionState,
  Code.invalidProducerMapping,
  Code.unknownProducer,
  Code.outOfOrderSequence,
]);

/** To be tried again, but not by this producer. */
class Fenced extends MillraceError {}

function refused(code: number, operation: string, name: string, partition?: number): MillraceError {
  if (fencing.has(code))
    return new Fenced(
      'unavailable',
      `kafka refused ${operation} ${name}: another producer has taken over (error ${code})`,
    );
  return brokerError(code, operation, partition === undefined ? {} : { topic: name, partition }, name);
}

/** How many records from one on make a batch of at most so many bytes; at least one does. */
function fitting(records: readonly NewRecord[], from: number, bytes: number): number {
  let to = from;
  for (let size = 0; to < records.length; to++) {
    size += sizeOf(records[to]!);
    if (to > from && size > bytes) break;
  }
  return to;
}
