export type { AppendedRecord } from './append-lanes.ts';
export { committedOnly, type FilteredBatch } from './committed-only.ts';
export type { Codec, Compression } from './compression.ts';
export type { BrokerConnection, Exchange, OpenConnection } from './exchange.ts';
export type { AbortedTransaction } from './fetch-request.ts';
export { KafkaGroupAssignment, type KafkaGroupOptions } from './group-assignment.ts';
export { type CommittedOffset, KafkaClient, type KafkaClientOptions } from './kafka-client.ts';
export {
  type KafkaConnection,
  type KafkajsConnection,
  type KafkajsSasl,
  type KafkaSasl,
  type KafkaTls,
  kafkajsConnection,
} from './kafka-connection.ts';
export { KafkaLog, type KafkaLogOptions } from './kafka-log.ts';
export { type KafkaSinkOptions, POSITION_HEADER, toKafka } from './kafka-sink.ts';
export { type KafkaMessage, type KafkaSourceOptions, type KafkaStart, kafka } from './kafka-source.ts';
export type { LongReads } from './long-reads.ts';
export type { ReadPlace, RecordLimit, RecordSlice } from './partition-reads.ts';
export type { Headers, KafkaRecord, NewRecord } from './record-batch.ts';
export type { NewTopic } from './topic-requests.ts';
export type { Traced } from './trace-context.ts';
export type { WireReader, WireWriter } from './wire.ts';
