import type { Exchange } from './exchange.ts';
import type { WireReader } from './wire.ts';

/** A refusal by code, with the broker's own words if it gave some. */
export interface Outcome {
  readonly error: number;
  readonly message: string | undefined;
}

export interface NewTopic {
  readonly name: string;
  readonly partitions: number;
  /** -1: the broker's default. */
  readonly replicas: number;
  readonly settings: Readonly<Record<string, string>>;
}

const only = <T>(items: readonly T[]): T => {
  const [item] = items;
  if (item === undefined) throw new RangeError('the answer is empty');
  return item;
};

const namedOutcome = (reader: WireReader): Outcome => {
  reader.string();
  return { error: reader.int16(), message: reader.nullableString() };
};

/** (CreateTopics 4) */
export const createTopic = (topic: NewTopic, timeout: number): Exchange<Outcome> => ({
  name: 'CreateTopics',
  apiKey: 19,
  apiVersion: 4,
  flexible: false,
  encode: (writer) => {
    writer.array([topic], ({ name, partitions, replicas, settings }) => {
      writer.string(name).int32(partitions).int16(replicas).int32(0);
      writer.array(Object.entries(settings), ([key, value]) => writer.string(key).string(value));
    });
    writer.int32(timeout).bool(false);
  },
  decode: (reader) => {
    reader.int32();
    return only(reader.array(() => namedOutcome(reader)));
  },
});

/** Makes a topic have that many partitions. (CreatePartitions 1) */
export const widenTopic = (name: string, partitions: number, timeout: number): Exchange<Outcome> => ({
  name: 'CreatePartitions',
  apiKey: 37,
  apiVersion: 1,
  flexible: false,
  encode: (writer) => {
    writer.array([name], () => writer.string(name).int32(partitions).int32(-1));
    writer.int32(timeout).bool(false);
  },
  decode: (reader) => {
    reader.int32();
    return only(reader.array(() => namedOutcome(reader)));
  },
});

/** (DeleteTopics 3) */
export const deleteTopic = (name: string, timeout: number): Exchange<Outcome> => ({
  name: 'DeleteTopics',
  apiKey: 20,
  apiVersion: 3,
  flexible: false,
  encode: (writer) => writer.array([name], () => writer.string(name)).int32(timeout),
  decode: (reader) => {
    reader.int32();
    return only(
      reader.array(() => {
        reader.string();
        return { error: reader.int16(), message: undefined };
      }),
    );
  },
});

export interface TopicSettings extends Outcome {
  readonly settings: ReadonlyMap<string, string>;
}

const TOPIC = 2;

/** The settings in force for a topic. (DescribeConfigs 1) */
export const settingsOf = (topic: string, names: readonly string[]): Exchange<TopicSettings> => ({
  name: 'DescribeConfigs',
  apiKey: 32,
  apiVersion: 1,
  flexible: false,
  encode: (writer) => {
    writer.array([topic], () => {
      writer.int8(TOPIC).string(topic);
      writer.array(names, (name) => writer.string(name));
    });
    writer.bool(false);
  },
  decode: (reader) => {
    reader.int32();
    return only(
      reader.array(() => {
        const error = reader.int16();
        const message = reader.nullableString();
        reader.int8();
        reader.string();
        const settings = reader.array((): [string, string] => {
          const name = reader.string();
          const value = reader.nullableString() ?? '';
          reader.bool();
          reader.int8();
          reader.bool();
          reader.array(() => {
            reader.string();
            reader.nullableString();
            reader.int8();
          });
          return [name, value];
        });
        return { error, message, settings: new Map(settings) };
      }),
    );
  },
});
