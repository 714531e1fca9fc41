import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { type AwsConnection, clientSettings } from '../../aws/index.ts';
import type { Duration } from '../../model/index.ts';

/** A client of DynamoDB that retries with jitter what is throttled or unanswered, and gives each attempt 5 seconds unless told otherwise. */
export const dynamoClient = (connection: AwsConnection = {}): DynamoDBClient =>
  new DynamoDBClient(clientSettings(connection, 5_000 as Duration));
