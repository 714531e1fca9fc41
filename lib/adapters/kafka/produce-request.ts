import type { Exchange } from './exchange.ts';

export interface Producer {
  readonly error: number;
  readonly id: number;
  readonly epoch: number;
}

/** An id under which brokers know repeated batches. (InitProducerId 1) */
export const newProducer: Exchange<Producer> = {
  name: 'InitProducerId',
  apiKey: 22,
  apiVersion: 1,
  flexible: false,
  encode: (writer) => writer.nullableString(undefined).int32(60_000),
  decode: (reader) => {
    reader.int32();
    return { error: reader.int16(), id: reader.int64(), epoch: reader.int16() };
  },
};

export interface ProducedBatch {
  readonly topic: string;
  readonly partition: number;
  readonly bytes: Uint8Array;
}

export interface Produced {
  readonly topic: string;
  readonly partition: number;
  readonly error: number;
  readonly offset: number;
}

const ALL_REPLICAS = -1;

/** Appends one record batch to each of several partitions, acknowledged by all in-sync replicas; as part of a transaction, if a transactional id is given. (Produce 7) */
export const produceBatches = (
  batches: readonly ProducedBatch[],
  timeout: number,
  transactionalId?: string,
): Exchange<readonly Produced[]> => ({
  name: 'Produce',
  apiKey: 0,
  apiVersion: 7,
  flexible: false,
  encode: (writer) => {
    writer.nullableString(transactionalId).int16(ALL_REPLICAS).int32(timeout);
    writer.array([...Map.groupBy(batches, ({ topic }) => topic)], ([topic, list]) => {
      writer
        .string(topic)
        .array(list, ({ partition, bytes }) => writer.int32(partition).int32(bytes.length).raw(bytes));
    });
  },
  decode: (reader) =>
    reader
      .array(() => {
        const topic = reader.string();
        return reader.array(() => {
          const partition = reader.int32();
          const error = reader.int16();
          const offset = reader.int64();
          reader.int64();
          reader.int64();
          return { topic, partition, error, offset };
        });
      })
      .flat(),
});
