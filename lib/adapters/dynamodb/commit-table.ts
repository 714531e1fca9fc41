import {
  CreateTableCommand,
  DescribeTableCommand,
  type DynamoDBClient,
  ResourceInUseException,
  waitUntilTableExists,
} from '@aws-sdk/client-dynamodb';
import { MillraceError } from '../../model/index.ts';
import { dynamoError } from './dynamo-error.ts';

/**
 * Creates the table of commits if there is none, billed by use, and waits until it can be used: for development and tests. A deployment makes its
 * own, with backups. Throws `unavailable` if a table of that name has other keys.
 */
export async function ensureCommitTable(client: DynamoDBClient, table: string): Promise<void> {
  try {
    await client.send(
      new CreateTableCommand({
        TableName: table,
        BillingMode: 'PAY_PER_REQUEST',
        AttributeDefinitions: [
          { AttributeName: 'pk', AttributeType: 'S' },
          { AttributeName: 'sk', AttributeType: 'S' },
        ],
        KeySchema: [
          { AttributeName: 'pk', KeyType: 'HASH' },
          { AttributeName: 'sk', KeyType: 'RANGE' },
        ],
      }),
    );
  } catch (thrown) {
    if (!(thrown instanceof ResourceInUseException))
      throw dynamoError(thrown, { table, region: await regionOf(client), keys: ['pk', 'sk'] });
  }
  await waitUntilTableExists({ client, maxWaitTime: 60, minDelay: 1, maxDelay: 5 }, { TableName: table });
  const { Table } = await client.send(new DescribeTableCommand({ TableName: table }));
  const keys = Table?.KeySchema?.map(({ AttributeName, KeyType }) => `${KeyType} ${AttributeName}`).join(', ');
  if (keys !== 'HASH pk, RANGE sk') {
    throw new MillraceError('unavailable', `the table ${table} has other keys than commits have: ${keys}`, {
      hint: 'choose another name for the table of commits',
      retry: false,
    });
  }
}

const regionOf = (client: DynamoDBClient): Promise<string> => client.config.region().catch(() => 'unknown');
