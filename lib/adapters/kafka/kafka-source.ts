import type { Duration, EventTime, WallTime } from '../../model/index.ts';
import { MillraceError, messageOf } from '../../model/index.ts';
import type {
  Format,
  Json,
  OpenFormat,
  SourceConnector,
  SourceInfo,
  SourceLog,
  SourcePlace,
  SourceSlice,
  Topic,
} from '../../ports/index.ts';
import { Undecodable } from '../../ports/index.ts';
import { clientOf } from './client-of.ts';
import type { KafkaClient } from './kafka-client.ts';
import type { LongReads } from './long-reads.ts';
import type { ReadPlace, RecordSlice } from './partition-reads.ts';
import type { KafkaRecord } from './record-batch.ts';
import { withTrace } from './trace-context.ts';

/** A message with everything that Kafka knows of it. `V` is its decoded body. */
export interface KafkaMessage<V> {
  /** Undefined for a tombstone. */
  readonly value: V | undefined;
  /** As bytes. */
  readonly key: Uint8Array | undefined;
  /** When it was made or appended, as the topic's `message.timestamp.type` says. */
  readonly timestamp: EventTime;
  /** By name; of several with one name, the last. */
  readonly headers: Readonly<Record<string, Uint8Array | undefined>>;
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

/** Where a new run begins. A run that is there goes on where its commits say, whatever this is. */
export type KafkaStart =
  | 'earliest'
  | 'latest'
  /** At the first record with this time (milliseconds since 1970) or a later one. */
  | { readonly timestamp: number }
  /** At these offsets, by partition; at the earliest in partitions that are not listed. */
  | { readonly offsets: Readonly<Record<number, number>> }
  /** Where a consumer group stands; `otherwise` (default earliest) where it has no offset. */
  | { readonly group: string; readonly otherwise?: 'earliest' | 'latest' };

export interface KafkaSourceOptions<V, T> {
  readonly topic: string;
  /** Which of the host's clusters; default: the one without a name. */
  readonly cluster?: string;
  /** How a body is read. Give `json()` for JSON. */
  readonly format: Format<V>;
  /** Makes the record of a message, where key, timestamp, headers or tombstones matter. Default: its body; a tombstone is a bad record then. */
  readonly record?: (message: KafkaMessage<V>) => T;
  /** Default: earliest. */
  readonly start?: KafkaStart;
  /** Ends at what the topic holds when the run is created. Default: it never ends. */
  readonly bounded?: boolean;
  /** Whether records of transactions that are open or were aborted are left out. Default: `read_committed`. */
  readonly isolation?: 'read_committed' | 'read_uncommitted';
  /** About how many bytes one request brings. Default: a million. */
  readonly fetchBytes?: number;
  /**
   * Puts a message's header `traceparent` into its record, as the field of that name (see `Traced`), from where `toKafka` writes it into the headers of
   * what comes of the record, as long as operators pass the field on. Default: false; the field takes about 60 bytes wherever the record goes.
   */
  readonly trace?: boolean;
}

/**
 * A Kafka topic. Each of its partitions is a source task with a watermark of its own; offsets are Kafka's. It needs no consumer group: what has been
 * read is in the pipeline's commits. Partitions that are added are found while the pipeline runs.
 */
export function kafka<V, T = V>(options: KafkaSourceOptions<V, T>): SourceConnector<T> {
  const { topic, cluster, format, start = 'earliest', bounded = false, isolation = 'read_committed', trace } = options;
  return {
    kind: 'kafka',
    options: {
      topic,
      ...(cluster === undefined ? {} : { cluster }),
      format: { kind: format.kind, options: format.options },
      start: start as Json,
      bounded,
      isolation,
      ...(trace === true ? { trace } : {}),
    },
    bounded,
    live: !bounded,
    async open({ connections }) {
      const client = clientOf(connections, cluster);
      const found = await client.topic(topic);
      if (found === undefined) throw noTopic(topic);
      return new KafkaSourceLog(client, found, await format.open(), options);
    },
  };
}

const noTopic = (topic: string): MillraceError =>
  new MillraceError('invalid-pipeline', `the topic does not exist: ${topic}`, {
    where: { topic },
    hint: 'create it, or mend its name in the pipeline; sources never create topics',
  });

/** What has been read and not yet been asked for. */
interface Kept {
  readonly from: number;
  readonly slice: RecordSlice;
}

class KafkaSourceLog<V, T> implements SourceLog {
  readonly info: SourceInfo;
  readonly #client: KafkaClient;
  readonly #reader: LongReads;
  readonly #topic: Topic;
  readonly #format: OpenFormat<V>;
  readonly #record: ((message: KafkaMessage<V>) => T) | undefined;
  readonly #start: KafkaStart;
  readonly #bounded: boolean;
  readonly #trace: boolean;
  readonly #limit: { readonly bytes: number; readonly committedOnly: boolean };
  readonly #kept = new Map<number, Kept>();
  readonly #ahead = new Map<number, { readonly from: number; readonly slice: Promise<RecordSlice> }>();
  #most: number;

  constructor(client: KafkaClient, topic: Topic, format: OpenFormat<V>, options: KafkaSourceOptions<V, T>) {
    const { record, start = 'earliest', bounded = false, isolation = 'read_committed', fetchBytes } = options;
    this.#client = client;
    this.#reader = client.reader();
    this.#topic = topic;
    this.#format = format;
    this.#record = record;
    this.#start = start;
    this.#bounded = bounded;
    this.#trace = options.trace === true;
    this.#limit = { bytes: fetchBytes ?? 1_000_000, committedOnly: isolation === 'read_committed' };
    this.#most = topic.partitions;
    this.info = { id: topic.id, partitions: topic.partitions, bounded, resumable: true };
  }

  async read(partition: number, from: number, limit: number): Promise<SourceSlice> {
    const slice = await this.#slice(partition, from);
    const records = slice.records.length > limit ? slice.records.slice(0, limit) : slice.records;
    const next = records.length < slice.records.length ? records.at(-1)!.offset + 1 : slice.next;
    if (next < slice.next) this.#keep(partition, next, { ...slice, records: slice.records.slice(limit) });
    else if (next > from) this.#readAhead(partition, next);
    return {
      values: await this.#decoded(partition, records),
      offsets: records.map(({ offset }) => offset),
      times: records.map(({ time }) => time as WallTime),
      next,
      start: slice.start,
      end: slice.end,
      sealed: false,
    };
  }

  async bounds(partition: number): Promise<{ start: number; end: number; sealed: boolean }> {
    const { start, end } = await this.#client.bounds(this.#topic, partition);
    return { start, end, sealed: false };
  }

  async birth(partition: number): Promise<{ start: number; end?: number }> {
    const start = await this.#startOf(partition);
    if (!this.#bounded) return { start };
    const { end, stable } = await this.#client.bounds(this.#topic, partition);
    return { start, end: Math.max(start, this.#limit.committedOnly ? stable : end) };
  }

  async partitions(): Promise<number> {
    if (this.#bounded) return this.info.partitions;
    const now = await this.#client.topic(this.#topic.name);
    if (now?.id === this.#topic.id) this.#most = Math.max(this.#most, now.partitions);
    return this.#most;
  }

  async awaitRows(
    places: readonly SourcePlace[],
    patience: Duration,
    signal: AbortSignal,
  ): Promise<readonly boolean[]> {
    const there = places.map(({ partition, from }) => this.#kept.get(partition)?.from === from);
    if (there.includes(true)) return there;
    const found = await this.#reader.read(
      places.map((place) => this.#place(place)),
      this.#limit,
      patience,
      signal,
    );
    return found.map((slice, i) => {
      if (slice === undefined) return false;
      const { partition, from } = places[i]!;
      this.#ahead.delete(partition);
      this.#keep(partition, from, slice);
      return true;
    });
  }

  async close(): Promise<void> {
    this.#kept.clear();
    this.#ahead.clear();
  }

  async #slice(partition: number, from: number): Promise<RecordSlice> {
    const kept = this.#kept.get(partition);
    const ahead = this.#ahead.get(partition);
    this.#kept.delete(partition);
    this.#ahead.delete(partition);
    if (kept?.from === from) return kept.slice;
    if (ahead?.from === from) {
      const slice = await ahead.slice.catch(() => undefined);
      if (slice !== undefined && slice.next > from) return slice;
    }
    return this.#client.read(this.#place({ partition, from }), this.#limit);
  }

  /** So that the next request is under way while these records are worked on. */
  #readAhead(partition: number, from: number): void {
    const slice = this.#client.read(this.#place({ partition, from }), this.#limit);
    slice.catch(() => {});
    this.#ahead.set(partition, { from, slice });
  }

  #keep(partition: number, from: number, slice: RecordSlice): void {
    this.#kept.set(partition, { from, slice });
  }

  #place({ partition, from }: SourcePlace): ReadPlace {
    return { topic: this.#topic, partition, from };
  }

  async #startOf(partition: number): Promise<number> {
    const start = this.#start;
    if (typeof start === 'string') return this.#client.offsetAt(this.#topic, partition, start);
    if ('timestamp' in start) return this.#client.offsetAt(this.#topic, partition, start.timestamp);
    if ('group' in start) {
      const offsets = await this.#client.groupOffsets(start.group, this.#topic.name, [partition]);
      const committed = offsets.get(partition)?.offset;
      return committed ?? this.#client.offsetAt(this.#topic, partition, start.otherwise ?? 'earliest');
    }
    const asked = start.offsets[partition];
    if (asked === undefined) return this.#client.offsetAt(this.#topic, partition, 'earliest');
    const { start: first, end } = await this.#client.bounds(this.#topic, partition);
    if (asked >= first && asked <= end) return asked;
    throw new MillraceError('invalid-pipeline', `the start offset ${asked} is not between ${first} and ${end}`, {
      where: { topic: this.#topic.name, partition },
      hint: 'give an offset that the partition still holds',
    });
  }

  async #decoded(partition: number, records: readonly KafkaRecord[]): Promise<unknown[]> {
    if (this.#format.prepare !== undefined) await this.#format.prepare(bodies(records));
    const values = new Array<unknown>(records.length);
    for (let i = 0; i < records.length; i++) {
      const record = records[i]!;
      try {
        values[i] = this.#rowOf(partition, record);
      } catch (thrown) {
        values[i] = this.#broken(partition, record, thrown);
      }
    }
    return values;
  }

  #rowOf(partition: number, message: KafkaRecord): unknown {
    const row = this.#untraced(partition, message);
    return this.#trace ? withTrace(row, message.headers) : row;
  }

  #untraced(partition: number, { value, key, time, headers, offset }: KafkaRecord): unknown {
    const body = value === undefined ? undefined : this.#format.decode(value);
    if (this.#record !== undefined) {
      return this.#record({
        value: body,
        key,
        timestamp: time as EventTime,
        headers: headers.length === 0 ? none : Object.fromEntries(headers),
        topic: this.#topic.name,
        partition,
        offset,
      });
    }
    if (value !== undefined) return body;
    throw new MillraceError('bad-record', 'it is a tombstone, a message without a body', {
      hint: 'give the connector a `record` function, which sees tombstones, or let the source skip them (badRecords)',
    });
  }

  #broken(partition: number, { value, offset }: KafkaRecord, thrown: unknown): Undecodable {
    const where = { topic: this.#topic.name, partition, offset };
    const message = `message ${offset} of ${where.topic}/${partition}: ${messageOf(thrown)}`;
    const hint = thrown instanceof MillraceError ? thrown.hint : undefined;
    const details = hint === undefined ? { where, cause: thrown } : { where, hint };
    const raw = value === undefined ? '' : Buffer.from(value.subarray(0, 4_000)).toString('utf8').slice(0, 1_000);
    return new Undecodable(new MillraceError('bad-record', message, details), raw);
  }
}

const none: KafkaMessage<unknown>['headers'] = Object.freeze({});

function* bodies(records: readonly KafkaRecord[]): Generator<Uint8Array> {
  for (const { value } of records) if (value !== undefined) yield value;
}
