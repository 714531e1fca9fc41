/** Where a deployed run lives: its messages in Kafka, its commits in DynamoDB, its blobs in S3. */
import { DynamoCommitStore, dynamoClient, ensureCommitTable } from '../adapters/dynamodb/index.ts';
import { KafkaClient, type KafkaConnection, KafkaLog, type KafkaLogOptions } from '../adapters/kafka/index.ts';
import { ensureBucket, S3BlobStore, type S3Connection, s3Client } from '../adapters/s3/index.ts';
import type { AwsConnection } from '../aws/index.ts';
import type { BlobStore, CommitStore, Connections, Log, Telemetry } from '../ports/index.ts';

export interface StoresOptions {
  readonly kafka: KafkaConnection;
  /** Milliseconds for which what may pass is tried again at the brokers. Default: 30 seconds. */
  readonly kafkaPatience?: number;
  /** Of the topics between stages. `topicPrefix` stands before their names. */
  readonly log?: KafkaLogOptions;
  /** DynamoDB table of commits. */
  readonly table: string;
  readonly dynamodb?: AwsConnection;
  /** S3 bucket of snapshots and large commits. */
  readonly bucket: string;
  /** Begins the keys of all blobs, with a slash at its end. Default: nothing. */
  readonly blobPrefix?: string;
  readonly s3?: S3Connection;
  /** Creates table and bucket where there are none: for development and tests. Default: false. */
  readonly create?: boolean;
  /** Other Kafka clusters that connectors may use, by the name they know them by. */
  readonly clusters?: Readonly<Record<string, KafkaConnection>>;
}

/** The stores, connected. */
export interface Stores {
  readonly log: Log;
  readonly commits: CommitStore;
  readonly blobs: BlobStore;
  /** What connectors may use. */
  readonly connections: Connections;
  close(): void;
}

/** Connects to the stores. Throws `unavailable` where table or bucket are to be made and cannot be; nothing else is reached yet. */
export async function connectStores(options: StoresOptions, telemetry: Telemetry): Promise<Stores> {
  const { kafka, table, bucket, blobPrefix, clusters = {} } = options;
  const dynamodb = dynamoClient(options.dynamodb);
  const s3 = s3Client(options.s3);
  if (options.create === true) await Promise.all([ensureCommitTable(dynamodb, table), ensureBucket(s3, bucket)]);
  const patience = options.kafkaPatience === undefined ? {} : { patience: options.kafkaPatience };
  const client = new KafkaClient(kafka, { idPrefix: options.log?.topicPrefix ?? '', ...patience });
  const kafkas = new Map([['kafka', client]]);
  for (const [name, connection] of Object.entries(clusters)) {
    kafkas.set(`kafka:${name}`, new KafkaClient(connection, patience));
  }
  return {
    log: new KafkaLog(client, options.log),
    commits: new DynamoCommitStore({ client: dynamodb, table, telemetry }),
    blobs: new S3BlobStore({
      client: s3,
      bucket,
      telemetry,
      ...(blobPrefix === undefined ? {} : { prefix: blobPrefix }),
    }),
    connections: new Map<string, unknown>([...kafkas, ['dynamodb', dynamodb]]),
    close: () => {
      for (const each of kafkas.values()) each.close();
      dynamodb.destroy();
      s3.destroy();
    },
  };
}
