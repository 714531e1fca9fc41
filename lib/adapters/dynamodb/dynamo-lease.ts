import {
  ConditionalCheckFailedException,
  DeleteItemCommand,
  type DynamoDBClient,
  PutItemCommand,
} from '@aws-sdk/client-dynamodb';
import type { WallTime } from '../../model/index.ts';
import type { Lease } from '../../ports/index.ts';
import { dynamoError } from './dynamo-error.ts';

/** Whose lease it is, and where it stands: beside the pipeline's records in the table of commits. */
export interface DynamoLeaseOptions {
  readonly client: DynamoDBClient;
  readonly table: string;
  readonly pipeline: string;
  readonly name: string;
}

/** A lease as one item of the table of commits. Each call is one conditional write. Throws `unavailable`; whether the lease was taken is unknown then. */
export class DynamoLease implements Lease {
  readonly #options: DynamoLeaseOptions;

  constructor(options: DynamoLeaseOptions) {
    this.#options = options;
  }

  async take(holder: string, now: WallTime, until: WallTime): Promise<boolean> {
    const { client, table } = this.#options;
    return this.#tell(() =>
      client.send(
        new PutItemCommand({
          TableName: table,
          Item: { ...this.#key, holder: { S: holder }, until: { N: String(until) } },
          ConditionExpression: 'attribute_not_exists(pk) OR #holder = :holder OR #until <= :now',
          ExpressionAttributeNames: { '#holder': 'holder', '#until': 'until' },
          ExpressionAttributeValues: { ':holder': { S: holder }, ':now': { N: String(now) } },
        }),
      ),
    );
  }

  async give(holder: string): Promise<void> {
    const { client, table } = this.#options;
    await this.#tell(() =>
      client.send(
        new DeleteItemCommand({
          TableName: table,
          Key: this.#key,
          ConditionExpression: '#holder = :holder',
          ExpressionAttributeNames: { '#holder': 'holder' },
          ExpressionAttributeValues: { ':holder': { S: holder } },
        }),
      ),
    );
  }

  get #key() {
    const { pipeline, name } = this.#options;
    return { pk: { S: `pipeline/${pipeline}` }, sk: { S: `lease/${name}` } };
  }

  /** Whether the condition held. */
  async #tell(write: () => Promise<unknown>): Promise<boolean> {
    try {
      await write();
      return true;
    } catch (thrown) {
      if (thrown instanceof ConditionalCheckFailedException) return false;
      const { client, table } = this.#options;
      const region = await client.config.region().catch(() => 'unknown');
      throw dynamoError(thrown, { table, region, keys: ['pk', 'sk'] });
    }
  }
}
