import { MillraceError } from '../../model/index.ts';
import type { Topic } from '../../ports/index.ts';
import { Attempts } from './attempts.ts';
import { brokerError, Code } from './broker-error.ts';
import type { BrokerLinks, Channel } from './broker-links.ts';
import { committedOnly, dataOnly } from './committed-only.ts';
import { codecOf, loadCodec } from './compression.ts';
import { type Fetched, type FetchLimits, fetchRecords } from './fetch-request.ts';
import { LATEST, type OffsetAt, offsetsAt } from './offset-requests.ts';
import { batchHeads, decodeRecords, type KafkaRecord } from './record-batch.ts';
import type { KnownTopic, TopicCatalog } from './topic-catalog.ts';

/** Somewhere in the log of one incarnation of a topic. */
export interface ReadPlace {
  readonly topic: Topic;
  readonly partition: number;
  readonly from: number;
}

/** What was found. Everything from the asked offset to `next` has been looked at: markers, holes and aborted records are passed over. */
export interface RecordSlice {
  readonly records: readonly KafkaRecord[];
  readonly next: number;
  readonly start: number;
  /**
   * The high watermark: the first offset that no reader may see yet. Below `next` only where the log is shorter than what was asked for; a new leader's, which may
   * lag for a moment, counts as `next`.
   */
  readonly end: number;
  /** No open transaction has records below it. */
  readonly stable: number;
}

export interface RecordLimit {
  /** About how many bytes; one batch is always read whole. */
  readonly bytes: number;
  /** Leaves out records of transactions that are open or were aborted. */
  readonly committedOnly: boolean;
}

/** What one answer may hold. */
const MOST_BYTES = 2 ** 26;

/** How long a request that has something to say at once may take. */
const AT_ONCE = 0;

/** Reads of partitions by offset, without a consumer group. */
export class PartitionReads {
  readonly #links: BrokerLinks;
  readonly #catalog: TopicCatalog;
  readonly #patience: number;

  /** `patience`: milliseconds for which failures that may pass are tried again. */
  constructor(links: BrokerLinks, catalog: TopicCatalog, patience: number) {
    this.#links = links;
    this.#catalog = catalog;
    this.#patience = patience;
  }

  /** Records from an offset on; none only where there are none yet. `data-lost` if the topic is another incarnation or gone. */
  async read(place: ReadPlace, limit: RecordLimit): Promise<RecordSlice> {
    const attempts = new Attempts(this.#patience);
    let { from } = place;
    for (;;) {
      const fetched = await this.#fetchOne({ ...place, from }, limit, attempts);
      if (fetched.error === Code.offsetOutOfRange) {
        const bounds = await this.bounds(place.topic, place.partition);
        if (from < bounds.start) from = bounds.start;
        else if (from > bounds.end) return { records: [], next: from, ...bounds };
        else await this.#pause(attempts, place.topic, place.partition);
        continue;
      }
      const slice = await sliceOf(fetched, from, limit);
      const end = limit.committedOnly ? slice.stable : slice.end;
      if (slice.records.length > 0 || slice.next >= end || attempts.over) return slice;
      if (slice.next === from) await attempts.pause();
      from = slice.next;
    }
  }

  /** First kept offset, high watermark and last stable offset. The high watermark of a leader that has just been elected may be behind what the one before said. */
  async bounds(topic: Topic, partition: number): Promise<{ start: number; end: number; stable: number }> {
    const attempts = new Attempts(this.#patience);
    for (;;) {
      const from = await this.offset(topic, partition, LATEST);
      const fetched = await this.#fetchOne({ topic, partition, from }, { bytes: 1, committedOnly: false }, attempts);
      if (fetched.error === 0) {
        const end = Math.max(fetched.highWatermark, from);
        return { start: fetched.logStart, end, stable: fetched.lastStableOffset };
      }
      await this.#pause(attempts, topic, partition);
    }
  }

  /** Where the leader refuses an offset that it has itself just named. */
  async #pause(attempts: Attempts, { name: topic }: Topic, partition: number): Promise<void> {
    if (!attempts.over) return attempts.pause();
    throw new MillraceError(
      'unavailable',
      `the leader of ${topic}/${partition} does not agree with itself where it ends`,
      {
        where: { topic, partition },
      },
    );
  }

  /** The first offset at or after a time in milliseconds; `EARLIEST`, `LATEST`. The end if there is none. */
  async offset(topic: Topic, partition: number, time: number): Promise<number> {
    const offset = await this.#offsetAt(topic, partition, time);
    return offset < 0 && time >= 0 ? this.#offsetAt(topic, partition, LATEST) : Math.max(0, offset);
  }

  async #offsetAt(topic: Topic, partition: number, time: number): Promise<number> {
    const answer = await this.#insist<OffsetAt>(topic, partition, new Attempts(this.#patience), async (leader) => {
      const list = await this.#links.send(leader, 'main', offsetsAt(topic.name, [{ partition, time }]));
      return list.find((each) => each.partition === partition);
    });
    return answer.offset;
  }

  /** One fetch, tried again for what passes; its error is 0 or that the offset is out of range. */
  #fetchOne(place: ReadPlace, limit: RecordLimit, attempts: Attempts): Promise<Fetched> {
    return this.#insist(place.topic, place.partition, attempts, async (leader) => {
      const [fetched] = await this.fetch(leader, 'reads', [place], { ...limit, patience: AT_ONCE });
      return fetched;
    });
  }

  /** One request; answers for some of the places. Throws what concerns all of them. */
  async fetch(
    leader: number,
    channel: Channel,
    places: readonly ReadPlace[],
    limits: FetchLimits,
  ): Promise<readonly Fetched[]> {
    const asked = places.map(({ topic, partition, from }) => ({ topicId: topic.id, partition, offset: from }));
    const answer = await this.#links.send(
      leader,
      channel,
      fetchRecords(asked, { ...limits, bytes: Math.min(limits.bytes, MOST_BYTES) }),
      limits.patience + 30_000,
    );
    if (answer.error !== 0) throw brokerError(answer.error, 'READ');
    return answer.partitions;
  }

  /** Asks the leader until the error is 0 or that the offset is out of range. */
  async #insist<A extends { readonly error: number }>(
    topic: Topic,
    partition: number,
    attempts: Attempts,
    ask: (leader: number) => Promise<A | undefined>,
  ): Promise<A> {
    for (;;) {
      const leader = (await this.place(topic, partition)).leaders[partition] ?? -1;
      try {
        const answer = leader < 0 ? undefined : await ask(leader);
        const error = answer?.error ?? Code.leaderNotAvailable;
        if (error !== 0 && error !== Code.offsetOutOfRange) {
          throw brokerError(error, 'READ of', { topic: topic.name, partition });
        }
        return answer!;
      } catch (thrown) {
        if (!(thrown instanceof MillraceError && thrown.retry) || attempts.over) throw thrown;
      }
      await attempts.pause();
      await this.#catalog.confirm(topic);
    }
  }

  /** The leaders of these places may be others by now. */
  forget(places: readonly ReadPlace[]): void {
    for (const name of new Set(places.map(({ topic }) => topic.name))) this.#catalog.forget(name);
  }

  /** The topic, being this incarnation and having this partition; else `data-lost`. */
  async place(topic: Topic, partition: number): Promise<KnownTopic> {
    const known = this.#catalog.known(topic.name);
    if (known === undefined || known.topic.id !== topic.id) await this.#catalog.confirm(topic);
    return this.#catalog.withPartition(topic.name, partition);
  }
}

/** The records of an answer from an offset on. */
export async function sliceOf(fetched: Fetched, from: number, limit: RecordLimit): Promise<RecordSlice> {
  const heads = batchHeads(fetched.batches);
  const wanted = limit.committedOnly ? committedOnly(heads, fetched.aborted) : dataOnly(heads);
  const records: KafkaRecord[] = [];
  for (const head of wanted) {
    if (head.lastOffset < from) continue;
    decodeRecords(head, codecOf(head.compression) ?? (await loadCodec(head.compression)), from, records);
  }
  const last = heads.at(-1);
  const next = last === undefined ? from : Math.max(from, last.lastOffset + 1);
  return {
    records,
    next,
    start: fetched.logStart,
    end: Math.max(fetched.highWatermark, next),
    stable: fetched.lastStableOffset,
  };
}
