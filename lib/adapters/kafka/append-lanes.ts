/**
 * Appends to partitions: each partition is a lane with one batch under way; what comes meanwhile waits and goes together in the next. So
 * a partition keeps the order in which appends were called, also where a batch must be sent again, and no append waits without need.
 *
 * 1. A batch is sent with a producer id and sequence number, and sent again with the same: brokers take it in once.
 * 2. When the outcome of a batch stays unknown, the producer id is given up, since the next sequence number is not known either.
 * 3. Of an append that has failed nothing more is sent: of its entries for a partition a prefix may have taken effect.
 */
import { MillraceError } from '../../model/index.ts';
import { Attempts, attempt } from './attempts.ts';
import { brokerError, Code, passes } from './broker-error.ts';
import type { BrokerLinks } from './broker-links.ts';
import { type Codec, type Compression, loadCodec } from './compression.ts';
import { newProducer, type Produced, type ProducedBatch, type Producer, produceBatches } from './produce-request.ts';
import { encodeBatch, type NewRecord, sizeOf } from './record-batch.ts';
import type { TopicCatalog } from './topic-catalog.ts';

export interface AppendedRecord {
  readonly topic: string;
  readonly partition: number;
  readonly record: NewRecord;
}

export interface AppendOptions {
  readonly compression: Compression;
  /** Most bytes of a batch, before compression; a larger record goes alone. */
  readonly batchBytes: number;
  /** Milliseconds until an append that does not succeed is given up. */
  readonly patience: number;
}

/** One call of `append`. */
interface Call {
  readonly attempts: Attempts;
  open: number;
  failure: unknown;
  resolve(): void;
  reject(failure: unknown): void;
}

interface Part {
  readonly call: Call;
  readonly records: readonly NewRecord[];
  readonly size: number;
}

interface Batch extends ProducedBatch {
  readonly lane: Lane;
  readonly parts: readonly Part[];
  readonly attempts: Attempts;
}

interface Lane {
  readonly topic: string;
  readonly partition: number;
  readonly waiting: Part[];
  busy: boolean;
  producer: Producer | undefined;
  sequence: number;
}

/** What one request may hold. */
const REQUEST_BYTES = 16 * 2 ** 20;

export class AppendLanes {
  readonly #links: BrokerLinks;
  readonly #catalog: TopicCatalog;
  readonly #options: AppendOptions;
  readonly #lanes = new Map<string, Lane>();
  /** Free lanes in which something waits. */
  #ready = new Set<Lane>();
  #producer: Promise<Producer> | undefined;
  #flushing = false;

  constructor(links: BrokerLinks, catalog: TopicCatalog, options: AppendOptions) {
    this.#links = links;
    this.#catalog = catalog;
    this.#options = options;
  }

  /** Appends to partitions that exist. Resolves when all in-sync replicas have everything. */
  append(records: readonly AppendedRecord[]): Promise<void> {
    if (records.length === 0) return Promise.resolve();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const attempts = new Attempts(this.#options.patience);
    const call: Call = { attempts, open: 0, failure: undefined, resolve, reject };
    for (const [lane, list] of Map.groupBy(records, ({ topic, partition }) => this.#lane(topic, partition))) {
      for (const part of this.#parts(call, list)) {
        lane.waiting.push(part);
        call.open++;
      }
      this.#flushSoon(lane);
    }
    return promise;
  }

  #lane(topic: string, partition: number): Lane {
    const key = `${partition} ${topic}`;
    const present = this.#lanes.get(key);
    if (present !== undefined) return present;
    const lane: Lane = { topic, partition, waiting: [], busy: false, producer: undefined, sequence: 0 };
    this.#lanes.set(key, lane);
    return lane;
  }

  #parts(call: Call, list: readonly AppendedRecord[]): Part[] {
    const parts: Part[] = [];
    let records: NewRecord[] = [];
    let size = 0;
    for (const { record } of list) {
      const bytes = sizeOf(record);
      if (records.length > 0 && size + bytes > this.#options.batchBytes) {
        parts.push({ call, records, size });
        records = [];
        size = 0;
      }
      records.push(record);
      size += bytes;
    }
    parts.push({ call, records, size });
    return parts;
  }

  /** Several appends of the same moment go together. */
  #flushSoon(lane: Lane): void {
    if (!lane.busy) this.#ready.add(lane);
    if (this.#flushing) return;
    this.#flushing = true;
    queueMicrotask(() => void this.#flush());
  }

  async #flush(): Promise<void> {
    const ready = [...this.#ready];
    this.#ready = new Set();
    this.#flushing = false;
    for (const lane of ready) lane.busy = true;
    if (ready.length === 0) return;
    let batches: Batch[];
    try {
      const codec = await loadCodec(this.#options.compression);
      this.#producer ??= this.#newProducer(ready[0]!);
      const producer = await this.#producer;
      batches = ready.flatMap((lane) => this.#nextBatch(lane, producer, codec) ?? []);
    } catch (thrown) {
      this.#producer = undefined;
      for (const lane of ready) this.#end(lane, lane.waiting.splice(0), thrown);
      return;
    }
    this.#send(batches);
  }

  /** Brokers give an id to whoever may write to any topic. */
  #newProducer({ topic, partition }: Lane): Promise<Producer> {
    return attempt(this.#options.patience, async () => {
      const producer = await this.#links.sendAny(newProducer);
      const error = producer.error === Code.clusterAuthorization ? Code.topicAuthorization : producer.error;
      if (error !== 0) throw brokerError(error, 'WRITE to', { topic, partition });
      return producer;
    });
  }

  /** All that waits and fits; undefined, with the lane free again, if nothing is left of it. */
  #nextBatch(lane: Lane, producer: Producer, codec: Codec): Batch | undefined {
    const parts: Part[] = [];
    let size = 0;
    while (lane.waiting.length > 0) {
      const part = lane.waiting[0]!;
      if (part.call.attempts.over) part.call.failure ??= tooLate(lane);
      if (part.call.failure === undefined) {
        if (parts.length > 0 && size + part.size > this.#options.batchBytes) break;
        parts.push(part);
        size += part.size;
      }
      lane.waiting.shift();
      if (part.call.failure !== undefined) settle(part.call);
    }
    if (parts.length === 0) {
      lane.busy = false;
      return undefined;
    }
    if (lane.producer !== producer) {
      lane.producer = producer;
      lane.sequence = 0;
    }
    try {
      return this.#encoded(lane, parts, producer, codec);
    } catch (thrown) {
      this.#end(lane, parts, thrown);
      return undefined;
    }
  }

  #encoded(lane: Lane, parts: readonly Part[], producer: Producer, codec: Codec): Batch {
    const records = parts.length === 1 ? parts[0]!.records : parts.flatMap((part) => part.records);
    const { compression } = this.#options;
    const stamp = { producerId: producer.id, producerEpoch: producer.epoch, sequence: lane.sequence };
    const bytes = encodeBatch(records, { ...stamp, compression, codec, now: Date.now() });
    lane.sequence = (lane.sequence + records.length) % 2 ** 31;
    const { topic, partition } = lane;
    return { lane, parts, topic, partition, bytes, attempts: new Attempts(parts[0]!.call.attempts.left) };
  }

  /** Each leader gets what is for it at once; what has no leader waits for one, alone. */
  #send(batches: readonly Batch[]): void {
    const byLeader = Map.groupBy(
      batches,
      ({ topic, partition }) => this.#catalog.known(topic)?.leaders[partition] ?? -1,
    );
    for (const [leader, list] of byLeader) {
      if (leader >= 0) for (const request of requestsOf(list)) void this.#request(leader, request);
      else for (const batch of list) void this.#sendAlone(batch);
    }
  }

  async #sendAlone(batch: Batch): Promise<void> {
    try {
      await this.#request(await this.#leader(batch), [batch]);
    } catch (thrown) {
      this.#fail(batch, thrown);
    }
  }

  /** Waits for one while there is none. */
  #leader({ topic, partition, attempts }: Batch): Promise<number> {
    return attempt(
      attempts.left,
      async () => {
        const leader = (await this.#catalog.existing(topic)).leaders[partition] ?? -1;
        if (leader < 0) throw brokerError(Code.leaderNotAvailable, 'WRITE to', { topic, partition });
        return leader;
      },
      async () => void (await this.#catalog.fresh(topic)),
    );
  }

  async #request(leader: number, batches: readonly Batch[]): Promise<void> {
    let answer: readonly Produced[];
    try {
      answer = await this.#links.send(leader, 'appends', produceBatches(batches, 30_000));
    } catch (thrown) {
      await this.#again(batches, thrown);
      return;
    }
    const failed: Batch[] = [];
    let failure: unknown;
    for (const batch of batches) {
      const { topic, partition } = batch;
      const found = answer.find((each) => each.topic === topic && each.partition === partition);
      const error = found?.error ?? Code.networkException;
      if (error === 0 || error === Code.duplicateSequence) this.#end(batch.lane, batch.parts, undefined);
      else if (passes(error)) {
        failed.push(batch);
        failure ??= brokerError(error, 'WRITE to', { topic, partition });
      } else this.#fail(batch, brokerError(error, 'WRITE to', { topic, partition }));
    }
    if (failed.length > 0) await this.#again(failed, failure);
  }

  /** Sends again what may succeed yet. */
  async #again(batches: readonly Batch[], failure: unknown): Promise<void> {
    const hopeful: Batch[] = [];
    for (const batch of batches) {
      if (batch.attempts.over) this.#fail(batch, failure);
      else hopeful.push(batch);
    }
    if (hopeful.length === 0) return;
    await hopeful[0]!.attempts.pause();
    const topics = new Set(hopeful.map(({ topic }) => topic));
    await Promise.all([...topics].map((topic) => this.#catalog.fresh(topic).catch(() => {})));
    this.#send(hopeful);
  }

  #fail(batch: Batch, failure: unknown): void {
    this.#producer = undefined;
    this.#end(batch.lane, batch.parts, failure);
  }

  #end(lane: Lane, parts: readonly Part[], failure: unknown): void {
    for (const { call } of parts) {
      if (failure !== undefined) call.failure ??= failure;
      settle(call);
    }
    lane.busy = false;
    if (lane.waiting.length > 0) this.#flushSoon(lane);
  }
}

const tooLate = ({ topic, partition }: Lane): MillraceError =>
  new MillraceError('unavailable', `kafka took no record in time: ${topic}/${partition}`, {
    where: { topic, partition },
  });

/** One part of a call is done with; the last ends the call. */
function settle(call: Call): void {
  call.open--;
  if (call.failure !== undefined) call.reject(call.failure);
  else if (call.open === 0) call.resolve();
}

function requestsOf(batches: readonly Batch[]): Batch[][] {
  const requests: Batch[][] = [];
  let size = Number.POSITIVE_INFINITY;
  for (const batch of batches) {
    if (size + batch.bytes.length > REQUEST_BYTES) {
      requests.push([]);
      size = 0;
    }
    requests.at(-1)!.push(batch);
    size += batch.bytes.length;
  }
  return requests;
}
