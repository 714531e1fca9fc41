import { randomUUID } from 'node:crypto';
import type { AwsConnection } from '../../lib/aws/index.ts';
import { startDynamoDb } from '../../scripts/services/dynamodb.ts';
import { startMinistack } from '../../scripts/services/ministack.ts';
import { s3Credentials, startS3 } from '../../scripts/services/s3.ts';
import { type SharedService, type UsableService, useService } from './run-service.ts';

const started = async (start: Promise<{ readonly address: string }>) => ({ address: (await start).address });

const ministack: SharedService = { name: 'ministack', start: (folder) => started(startMinistack({ folder })) };
const dynamoDb: SharedService = {
  name: 'dynamodb',
  start: (folder) => started(startDynamoDb({ folder, inMemory: true })),
};
const s3: SharedService = { name: 's3', start: (folder) => started(startS3({ folder })) };

/** A local AWS that the tests of a run share, or why there is none. Names of tables and buckets must be a test's own. */
export const useMinistack = (): Promise<UsableService> => useService(ministack);
/** Amazon's DynamoDB Local. */
export const useDynamoDb = (): Promise<UsableService> => useService(dynamoDb);
/** An S3 gateway over a folder. */
export const useS3 = (): Promise<UsableService> => useService(s3);

/** How to reach a local service. */
export const localAws = (address: string): AwsConnection => ({
  endpoint: address,
  region: 'us-east-1',
  credentials: s3Credentials,
});

/** A name that no other test has. */
export const ownName = (what: string): string => `${what}-${randomUUID().slice(0, 13)}`;
