/**
 * One mapping at work: reads its topic's partitions, cuts deliveries, makes them, and commits how far it is.
 *
 * 1. Records of a partition are delivered in order: the next delivery begins when the one before has succeeded.
 * 2. Offsets are committed after success, never before: what is delivered and not committed comes again.
 * 3. Reading goes on while deliveries are under way, two batches ahead at most.
 */
import type { KafkaClient, LongReads } from '../adapters/kafka/index.ts';
import { type Duration, MillraceError, milliseconds, seconds } from '../model/index.ts';
import type { Topic } from '../ports/index.ts';
import { type Batch, Batches } from './batches.ts';
import { Bell } from './bell.ts';
import { asError, type DeliveryContext, deliver } from './delivery.ts';
import { happens } from './habits.ts';
import type { Happening } from './news.ts';

export interface PollerOptions extends DeliveryContext {
  readonly client: KafkaClient;
  /** Deliveries under way at once, at most. */
  readonly concurrency: number;
}

const READ = { bytes: 4 * 2 ** 20, committedOnly: false };
const WAIT = milliseconds(1_000);
const LOOK = seconds(5);
const AGAIN = seconds(1);
/** How many records earlier than its last commit a partition may begin once more after a rebalance. */
const EARLIER = 20;

export class Poller {
  readonly #options: PollerOptions;
  readonly #batches: Batches;
  readonly #bell = new Bell();
  /** The offset to be read next, by partition. */
  readonly #positions = new Map<number, number>();
  readonly #committed = new Map<number, number>();
  readonly #underWay = new Set<Promise<void>>();
  #topic: Topic | undefined;
  /** How many deliveries it has made with success. */
  delivered = 0;

  constructor(options: PollerOptions) {
    const { mapping, habits, random } = options;
    this.#options = options;
    this.#batches = new Batches(mapping, habits, random);
    this.#batches.onOversized = (record) => this.#tell({ kind: 'oversized', ...record });
  }

  /** Works until the signal ends it, and then until the deliveries under way are done. */
  async run(): Promise<void> {
    const { signal } = this.#options;
    const end = () => this.#bell.ring();
    signal.addEventListener('abort', end, { once: true });
    await Promise.all([this.#readAll(), this.#deliverAll()]);
    await Promise.all([...this.#underWay]);
    signal.removeEventListener('abort', end);
  }

  /** Whether everything that its topic held at the time of the call has been delivered. */
  async isCaughtUp(): Promise<boolean> {
    const topic = this.#topic;
    if (topic === undefined || this.#underWay.size > 0) return false;
    for (const [partition, position] of this.#positions) {
      if (this.#batches.count(partition) > 0) return false;
      if (position < (await this.#options.client.bounds(topic, partition)).end) return false;
    }
    return this.#underWay.size === 0;
  }

  async #readAll(): Promise<void> {
    const { client, clock, signal } = this.#options;
    const reader = client.reader();
    for (let looked = 0; !signal.aborted; ) {
      try {
        if (clock.now() - looked >= LOOK) {
          await this.#look();
          looked = clock.now();
        }
        await this.#readOnce(reader);
      } catch (thrown) {
        if (signal.aborted) return;
        looked = 0;
        this.#tell({ kind: 'trouble', error: asError(thrown) });
        await clock.sleep(AGAIN, signal).catch(() => {});
      }
    }
  }

  /** Looks at the topic, and begins with partitions that it has not had before. */
  async #look(): Promise<void> {
    const { client, mapping } = this.#options;
    const topic = await client.topic(mapping.topic);
    if (topic === undefined) throw noTopic(mapping.topic);
    if (this.#topic !== undefined && this.#topic.id !== topic.id) {
      for (const partition of this.#positions.keys()) this.#batches.clear(partition);
      this.#positions.clear();
      this.#topic = undefined;
    }
    const gained = Array.from({ length: topic.partitions }, (_, i) => i).filter((i) => !this.#positions.has(i));
    if (gained.length === 0) return;
    const settings = await client.topicSettings(topic.name, ['message.timestamp.type']);
    const isAppendTime = settings?.get('message.timestamp.type') === 'LogAppendTime';
    this.#batches.timestampType = isAppendTime ? 'LOG_APPEND_TIME' : 'CREATE_TIME';
    const kept = await client.groupOffsets(mapping.group, topic.name, gained);
    const starts = await Promise.all(gained.map((i) => kept.get(i)?.offset ?? this.#startOf(topic, i)));
    for (const [at, partition] of gained.entries()) {
      this.#positions.set(partition, starts[at]!);
      this.#committed.set(partition, starts[at]!);
    }
    this.#topic = topic;
    this.#tell({ kind: 'polling', topic: topic.name, partitions: topic.partitions });
  }

  #startOf(topic: Topic, partition: number): Promise<number> {
    const { client, mapping } = this.#options;
    const { startingPosition } = mapping;
    if (typeof startingPosition === 'object') return client.offsetAt(topic, partition, startingPosition.at);
    return client.offsetAt(topic, partition, startingPosition === 'LATEST' ? 'latest' : 'earliest');
  }

  async #readOnce(reader: LongReads): Promise<void> {
    const { clock, mapping, signal } = this.#options;
    const topic = this.#topic!;
    const places = [...this.#positions]
      .filter(([partition]) => this.#batches.count(partition) < 2 * mapping.batchSize)
      .map(([partition, from]) => ({ topic, partition, from }));
    if (places.length === 0) return clock.sleep(milliseconds(20), signal).catch(() => {});
    const slices = await reader.read(places, READ, WAIT, signal);
    for (const [i, slice] of slices.entries()) {
      const { partition, from } = places[i]!;
      if (slice === undefined || this.#positions.get(partition) !== from) continue;
      if (slice.end < from) {
        // The group comes from another topic of this name, which was longer.
        this.#positions.set(partition, slice.start);
        this.#committed.set(partition, slice.start);
        continue;
      }
      this.#positions.set(partition, Math.max(slice.next, slice.start));
      this.#batches.add(partition, slice.records, clock.now());
    }
    this.#bell.ring();
  }

  async #deliverAll(): Promise<void> {
    const { clock, concurrency, signal } = this.#options;
    while (!signal.aborted) {
      for (let batch: Batch | undefined; this.#underWay.size < concurrency; ) {
        batch = this.#batches.take(clock.now());
        if (batch === undefined) break;
        const work = this.#deliver(batch).finally(() => {
          this.#underWay.delete(work);
          this.#bell.ring();
        });
        this.#underWay.add(work);
      }
      const due = this.#underWay.size < concurrency ? this.#batches.due() : undefined;
      await this.#bell.wait(clock, due === undefined ? undefined : (Math.max(1, due - clock.now()) as Duration));
    }
  }

  async #deliver(batch: Batch): Promise<void> {
    const { habits, random } = this.#options;
    if (await deliver(batch, this.#options)) {
      this.delivered++;
      if (happens(habits.rebalances, random)) this.#rebalance(batch);
      else await this.#commit(batch);
    }
    this.#batches.release(batch);
  }

  /** Partitions begin where the group last was, or somewhat before. */
  #rebalance({ parts }: Batch): void {
    const { random } = this.#options;
    this.#tell({ kind: 'habit', habit: 'rebalances' });
    for (const { partition } of parts) {
      const committed = this.#committed.get(partition) ?? 0;
      this.#batches.clear(partition);
      this.#positions.set(partition, Math.max(0, committed - Math.floor(random.next() * EARLIER)));
    }
  }

  /** Where it fails, the offsets are committed with the next that succeeds; until then nothing is lost but time. */
  async #commit({ parts }: Batch): Promise<void> {
    const { client, mapping } = this.#options;
    for (const { partition, next } of parts) {
      this.#committed.set(partition, Math.max(next, this.#committed.get(partition) ?? 0));
    }
    const offsets = new Map(parts.map(({ partition }) => [partition, this.#committed.get(partition)!]));
    try {
      await client.commitOffsets(mapping.group, mapping.topic, offsets);
    } catch (thrown) {
      this.#tell({ kind: 'trouble', error: asError(thrown) });
    }
  }

  #tell(happening: Happening): void {
    this.#options.tell({ ...happening, mapping: this.#options.mapping.name });
  }
}

function noTopic(topic: string): MillraceError {
  return new MillraceError('unavailable', `the topic ${topic} does not exist`, {
    where: { topic },
    hint: 'create it; it is looked for again every second',
  });
}
