import type { Exchange } from './exchange.ts';

export interface BrokerNode {
  readonly id: number;
  /** `host:port` */
  readonly address: string;
}

export interface TopicState {
  readonly error: number;
  readonly name: string;
  readonly id: string;
  /** By partition: the leader's node id, -1 while there is none. */
  readonly leaders: readonly number[];
}

export interface ClusterState {
  readonly brokers: readonly BrokerNode[];
  readonly controller: number;
  readonly topics: readonly TopicState[];
}

const ANY_ID = '00000000-0000-0000-0000-000000000000';

/** The brokers, and where the partitions of some topics are. (Metadata 10) */
export const metadataOf = (topics: readonly string[]): Exchange<ClusterState> => ({
  name: 'Metadata',
  apiKey: 3,
  apiVersion: 10,
  flexible: true,
  encode: (writer) => {
    writer.compactArray(topics, (topic) => writer.uuid(ANY_ID).compactString(topic).noTags());
    writer.bool(false).bool(false).bool(false).noTags();
  },
  decode: (reader) => {
    reader.int32();
    const brokers = reader.compactArray(() => {
      const id = reader.int32();
      const host = reader.compactString();
      const address = `${host.includes(':') ? `[${host}]` : host}:${reader.int32()}`;
      reader.compactNullableString();
      reader.tags();
      return { id, address };
    });
    reader.compactNullableString();
    const controller = reader.int32();
    const found = reader.compactArray(() => {
      const error = reader.int16();
      const name = reader.compactString();
      const id = reader.uuid();
      reader.bool();
      const leaders: number[] = [];
      reader.compactArray(() => {
        reader.int16();
        const partition = reader.int32();
        leaders[partition] = reader.int32();
        reader.int32();
        for (let lists = 0; lists < 3; lists++) reader.compactArray(() => reader.int32());
        reader.tags();
      });
      reader.int32();
      reader.tags();
      return { error, name, id, leaders };
    });
    return { brokers, controller, topics: found };
  },
});
