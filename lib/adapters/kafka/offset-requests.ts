import type { Exchange } from './exchange.ts';

/** Time that stands for the end offset, and for the first that is kept. */
export const LATEST = -1;
export const EARLIEST = -2;

export interface OffsetAt {
  readonly partition: number;
  readonly error: number;
  /** -1 if there is none at that time or later. */
  readonly offset: number;
}

/** The first offset at or after a time, by partition of one topic, all led by the broker that is asked. (ListOffsets 3) */
export const offsetsAt = (
  topic: string,
  asked: readonly { readonly partition: number; readonly time: number }[],
  committedOnly = false,
): Exchange<readonly OffsetAt[]> => ({
  name: 'ListOffsets',
  apiKey: 2,
  apiVersion: 3,
  flexible: false,
  encode: (writer) => {
    writer.int32(-1).int8(committedOnly ? 1 : 0);
    writer.array([topic], () => {
      writer.string(topic).array(asked, ({ partition, time }) => writer.int32(partition).int64(time));
    });
  },
  decode: (reader) => {
    reader.int32();
    return reader
      .array(() => {
        reader.string();
        return reader.array(() => {
          const partition = reader.int32();
          const error = reader.int16();
          reader.int64();
          return { partition, error, offset: reader.int64() };
        });
      })
      .flat();
  },
});

export interface Coordinator {
  readonly error: number;
  readonly message: string | undefined;
  readonly node: number;
  readonly address: string;
}

/** The broker that keeps a group's offsets. (FindCoordinator 2) */
export const coordinatorOf = (group: string): Exchange<Coordinator> => ({
  name: 'FindCoordinator',
  apiKey: 10,
  apiVersion: 2,
  flexible: false,
  encode: (writer) => writer.string(group).int8(0),
  decode: (reader) => {
    reader.int32();
    const error = reader.int16();
    const message = reader.nullableString();
    return { error, message, node: reader.int32(), address: `${reader.string()}:${reader.int32()}` };
  },
});

export interface GroupOffset {
  readonly partition: number;
  readonly error: number;
  /** -1 if the group has none. */
  readonly offset: number;
  /** What the committer wrote beside it. */
  readonly metadata: string | undefined;
}

/**
 * A group's offsets in one topic. Stable: while a transaction that writes one of them is open, the answer is the error 88,
 * so that what is read cannot change by a commit still under way. (OffsetFetch 7)
 */
export const groupOffsets = (
  group: string,
  topic: string,
  partitions: readonly number[],
): Exchange<{ readonly error: number; readonly offsets: readonly GroupOffset[] }> => ({
  name: 'OffsetFetch',
  apiKey: 9,
  apiVersion: 7,
  flexible: true,
  encode: (writer) => {
    writer.compactString(group);
    writer.compactArray([topic], () => {
      writer.compactString(topic).compactArray(partitions, (partition) => writer.int32(partition));
      writer.noTags();
    });
    writer.bool(true).noTags();
  },
  decode: (reader) => {
    reader.int32();
    const offsets = reader.compactArray(() => {
      reader.compactString();
      const list = reader.compactArray(() => {
        const partition = reader.int32();
        const offset = reader.int64();
        reader.int32();
        const metadata = reader.compactNullableString();
        const error = reader.int16();
        reader.tags();
        return { partition, error, offset, metadata };
      });
      reader.tags();
      return list;
    });
    return { error: reader.int16(), offsets: offsets.flat() };
  },
});

/** Writes a group's offsets in one topic, for one who reads on its own: refused while the group has members. (OffsetCommit 7) */
export const commitOffsets = (
  group: string,
  topic: string,
  offsets: ReadonlyMap<number, number>,
): Exchange<readonly { readonly partition: number; readonly error: number }[]> => ({
  name: 'OffsetCommit',
  apiKey: 8,
  apiVersion: 7,
  flexible: false,
  encode: (writer) => {
    writer.string(group).int32(-1).string('').nullableString(undefined);
    writer.array([topic], () => {
      writer.string(topic).array([...offsets], ([partition, offset]) => {
        writer.int32(partition).int64(offset).int32(-1).nullableString('');
      });
    });
  },
  decode: (reader) => {
    reader.int32();
    return reader
      .array(() => {
        reader.string();
        return reader.array(() => ({ partition: reader.int32(), error: reader.int16() }));
      })
      .flat();
  },
});
