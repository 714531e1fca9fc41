import type { Exchange } from './exchange.ts';

export interface FetchPlace {
  readonly topicId: string;
  readonly partition: number;
  readonly offset: number;
}

export interface AbortedTransaction {
  readonly producerId: number;
  /** The first offset of the partition that is part of it. */
  readonly firstOffset: number;
}

export interface Fetched {
  readonly topicId: string;
  readonly partition: number;
  readonly error: number;
  /** -1 where there is an error. */
  readonly highWatermark: number;
  readonly lastStableOffset: number;
  readonly logStart: number;
  readonly aborted: readonly AbortedTransaction[];
  /** Record batches as they are stored; the last may be cut off. */
  readonly batches: Buffer;
}

export interface FetchLimits {
  /** Milliseconds that the broker may wait for something to say. */
  readonly patience: number;
  readonly bytes: number;
  readonly committedOnly: boolean;
}

export interface FetchAnswer {
  readonly error: number;
  readonly partitions: readonly Fetched[];
}

const nothing = Buffer.alloc(0);

/** What partitions hold from given offsets on, by topic id: a broker does not confuse two incarnations of a topic. (Fetch 13) */
export const fetchRecords = (places: readonly FetchPlace[], limits: FetchLimits): Exchange<FetchAnswer> => ({
  name: 'Fetch',
  apiKey: 1,
  apiVersion: 13,
  flexible: true,
  encode: (writer) => {
    writer
      .int32(-1)
      .int32(limits.patience)
      .int32(1)
      .int32(limits.bytes)
      .int8(limits.committedOnly ? 1 : 0);
    writer.int32(0).int32(-1);
    writer.compactArray(topicsOf(places), (topic) => {
      writer.uuid(topic[0]!.topicId).compactArray(topic, ({ partition, offset }) => {
        writer.int32(partition).int32(-1).int64(offset).int32(-1).int64(-1).int32(limits.bytes).noTags();
      });
      writer.noTags();
    });
    writer
      .compactArray([], () => {})
      .compactString('')
      .noTags();
  },
  decode: (reader) => {
    reader.int32();
    const error = reader.int16();
    reader.int32();
    const partitions = reader.compactArray(() => {
      const topicId = reader.uuid();
      const list = reader.compactArray((): Fetched => {
        const partition = reader.int32();
        const failed = reader.int16();
        const highWatermark = reader.int64();
        const lastStableOffset = reader.int64();
        const logStart = reader.int64();
        const aborted = reader.compactArray(() => {
          const transaction = { producerId: reader.int64(), firstOffset: reader.int64() };
          reader.tags();
          return transaction;
        });
        reader.int32();
        const size = reader.uvarint() - 1;
        const batches = size > 0 ? reader.raw(size) : nothing;
        reader.tags();
        return { topicId, partition, error: failed, highWatermark, lastStableOffset, logStart, aborted, batches };
      });
      reader.tags();
      return list;
    });
    return { error, partitions: partitions.flat() };
  },
});

/** Places in a row of one topic go together; the order stays, since brokers fill their answer in it. */
function topicsOf(places: readonly FetchPlace[]): readonly (readonly FetchPlace[])[] {
  const topics: FetchPlace[][] = [];
  for (const place of places) {
    const last = topics.at(-1);
    if (last?.[0]?.topicId === place.topicId) last.push(place);
    else topics.push([place]);
  }
  return topics;
}
