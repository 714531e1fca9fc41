import type { Exchange } from './exchange.ts';
import type { Coordinator } from './offset-requests.ts';
import type { Producer } from './produce-request.ts';

/** Who acts in a transaction: a transactional id, as its last initialisation made it. */
export interface Transactor {
  readonly transactionalId: string;
  readonly producerId: number;
  readonly epoch: number;
}

/** The broker that keeps a transactional id's transactions. (FindCoordinator 2) */
export const transactionCoordinator = (transactionalId: string): Exchange<Coordinator> => ({
  name: 'FindCoordinator',
  apiKey: 10,
  apiVersion: 2,
  flexible: false,
  encode: (writer) => writer.string(transactionalId).int8(1),
  decode: (reader) => {
    reader.int32();
    const error = reader.int16();
    const message = reader.nullableString();
    return { error, message, node: reader.int32(), address: `${reader.string()}:${reader.int32()}` };
  },
});

/**
 * Takes a transactional id over: earlier holders are fenced from now on, and what they left open is ended. `timeout`: milliseconds after which the broker
 * aborts a transaction that is not ended. (InitProducerId 1)
 */
export const takeTransactionalId = (transactionalId: string, timeout: number): Exchange<Producer> => ({
  name: 'InitProducerId',
  apiKey: 22,
  apiVersion: 1,
  flexible: false,
  encode: (writer) => writer.nullableString(transactionalId).int32(timeout),
  decode: (reader) => {
    reader.int32();
    return { error: reader.int16(), id: reader.int64(), epoch: reader.int16() };
  },
});

/** Says which partitions of a topic a transaction writes to. Answers the first error. (AddPartitionsToTxn 1) */
export const addPartitions = (who: Transactor, topic: string, partitions: readonly number[]): Exchange<number> => ({
  name: 'AddPartitionsToTxn',
  apiKey: 24,
  apiVersion: 1,
  flexible: false,
  encode: (writer) => {
    writer.string(who.transactionalId).int64(who.producerId).int16(who.epoch);
    writer.array([topic], () => {
      writer.string(topic).array(partitions, (partition) => writer.int32(partition));
    });
  },
  decode: (reader) => {
    reader.int32();
    const errors = reader.array(() => {
      reader.string();
      return reader.array(() => {
        reader.int32();
        return reader.int16();
      });
    });
    return errors.flat().find((error) => error !== 0) ?? 0;
  },
});

/** Says that a transaction commits offsets of a group. (AddOffsetsToTxn 1) */
export const addOffsets = (who: Transactor, group: string): Exchange<number> => ({
  name: 'AddOffsetsToTxn',
  apiKey: 25,
  apiVersion: 1,
  flexible: false,
  encode: (writer) => {
    writer.string(who.transactionalId).int64(who.producerId).int16(who.epoch).string(group);
  },
  decode: (reader) => {
    reader.int32();
    return reader.int16();
  },
});

/** An offset that a transaction commits in a group, for one partition of a topic. */
export interface Marker {
  readonly group: string;
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly metadata: string;
}

/** Commits an offset as part of a transaction. (TxnOffsetCommit 1) */
export const commitOffset = (who: Transactor, marker: Marker): Exchange<number> => ({
  name: 'TxnOffsetCommit',
  apiKey: 28,
  apiVersion: 1,
  flexible: false,
  encode: (writer) => {
    writer.string(who.transactionalId).string(marker.group).int64(who.producerId).int16(who.epoch);
    writer.array([marker], ({ topic, partition, offset, metadata }) => {
      writer.string(topic).array([marker], () => {
        writer.int32(partition).int64(offset).nullableString(metadata);
      });
    });
  },
  decode: (reader) => {
    reader.int32();
    const errors = reader.array(() => {
      reader.string();
      return reader.array(() => {
        reader.int32();
        return reader.int16();
      });
    });
    return errors.flat().find((error) => error !== 0) ?? 0;
  },
});

/** Ends a transaction. (EndTxn 1) */
export const endTransaction = (who: Transactor, commit: boolean): Exchange<number> => ({
  name: 'EndTxn',
  apiKey: 26,
  apiVersion: 1,
  flexible: false,
  encode: (writer) => {
    writer.string(who.transactionalId).int64(who.producerId).int16(who.epoch).bool(commit);
  },
  decode: (reader) => {
    reader.int32();
    return reader.int16();
  },
});
