import {
  CreateTableCommand,
  type DynamoDBClient,
  ResourceInUseException,
  waitUntilTableExists,
} from '@aws-sdk/client-dynamodb';

/** Creates a table with a partition key and perhaps a sort key. */
export async function createTable(
  client: DynamoDBClient,
  table: string,
  ...keys: readonly [name: string, type: 'S' | 'N'][]
): Promise<void> {
  const creation = new CreateTableCommand({
    TableName: table,
    BillingMode: 'PAY_PER_REQUEST',
    AttributeDefinitions: keys.map(([AttributeName, AttributeType]) => ({ AttributeName, AttributeType })),
    KeySchema: keys.map(([AttributeName], i) => ({ AttributeName, KeyType: i === 0 ? 'HASH' : 'RANGE' })),
  });
  try {
    await client.send(creation);
  } catch (thrown) {
    // Said to the client's second attempt, if the first was not answered in time.
    if (!(thrown instanceof ResourceInUseException)) throw thrown;
  }
  await waitUntilTableExists({ client, maxWaitTime: 20, minDelay: 1 }, { TableName: table });
}
