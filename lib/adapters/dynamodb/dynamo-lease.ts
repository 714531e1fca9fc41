import {
  type AttributeValue,
  ConditionalCheckFailedException,
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

  take(holder: string, now: WallTime, until: WallTime): Promise<boolean> {
    return this.#put(holder, until, 'attribute_not_exists(pk) OR #holder = :holder OR #until <= :now', {
      ':now': { N: String(now) },
    });
  }

  async give(holder: string): Promise<void> {
    await this.#put(holder, 0, '#holder = :holder');
  }

  /** Whether the condition held. */
  async #put(
    holder: string,
    until: number,
    condition: string,
    values: Readonly<Record<string, AttributeValue>> = {},
  ): Promise<boolean> {
    const { client, table, pipeline, name } = this.#options;
    const isTimed = condition.includes('#until');
    try {
      await client.send(
        new PutItemCommand({
          TableName: table,
          Item: {
            pk: { S: `pipeline/${pipeline}` },
            sk: { S: `lease/${name}` },
            holder: { S: holder },
            until: { N: String(until) },
          },
          ConditionExpression: condition,
          ExpressionAttributeNames: { '#holder': 'holder', ...(isTimed ? { '#until': 'until' } : {}) },
          ExpressionAttributeValues: { ':holder': { S: holder }, ...values },
        }),
      );
      return true;
    } catch (thrown) {
      if (thrown instanceof ConditionalCheckFailedException) return false;
      const region = await client.config.region().catch(() => 'unknown');
      throw dynamoError(thrown, { table, region, keys: ['pk', 'sk'] });
    }
  }
}
