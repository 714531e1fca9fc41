import { S3Client } from '@aws-sdk/client-s3';
import { type AwsConnection, clientSettings } from '../../aws/index.ts';
import type { Duration } from '../../model/index.ts';

export interface S3Connection extends AwsConnection {
  /** Name the bucket in the path and not in the host. Default: where an endpoint is given. */
  readonly pathStyle?: boolean;
}

/** A client of S3 that checks what it sends and gets by CRC32, retries with jitter what is refused or unanswered, and waits 20 seconds for an answer unless told otherwise. */
export const s3Client = (connection: S3Connection = {}): S3Client =>
  new S3Client({
    ...clientSettings(connection, 20_000 as Duration),
    forcePathStyle: connection.pathStyle ?? connection.endpoint !== undefined,
  });
