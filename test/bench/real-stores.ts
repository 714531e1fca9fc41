/** DynamoDB Local and an S3 gateway over a folder, for benchmarks of what stores take part in; started by whoever needs them first, like the broker. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AwsConnection } from '../../lib/aws/index.ts';
import { startDynamoDb } from '../../scripts/services/dynamodb.ts';
import { s3Credentials, startS3 } from '../../scripts/services/s3.ts';
import { stopProcess } from '../../scripts/services/service.ts';

const DYNAMODB = 'MILLRACE_BENCH_DYNAMODB';
const S3 = 'MILLRACE_BENCH_S3';

let folder: string | undefined;

/** Starts them. `ServiceMissing` where there is no Java, no Maven or no Go. */
export async function needStores(): Promise<void> {
  if (process.env[DYNAMODB] !== undefined) return;
  folder = await mkdtemp(join(tmpdir(), 'millrace-bench-stores-'));
  const [dynamodb, s3] = await Promise.all([
    startDynamoDb({ folder: join(folder, 'dynamodb') }),
    startS3({ folder: join(folder, 's3') }),
  ]);
  process.env[DYNAMODB] = dynamodb.address;
  process.env[S3] = s3.address;
}

/** Stops them if this process has started them. */
export async function stopStores(): Promise<void> {
  if (folder === undefined) return;
  await Promise.all(['dynamodb', 's3'].map((name) => stopProcess(join(folder!, name), 5_000)));
  await rm(folder, { recursive: true, force: true });
}

const local = (endpoint: string): AwsConnection => ({ endpoint, region: 'us-east-1', credentials: s3Credentials });

export const stores = () => ({ dynamodb: local(process.env[DYNAMODB]!), s3: local(process.env[S3]!) });
