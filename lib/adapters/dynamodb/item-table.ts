import {
  type AttributeValue,
  ConditionalCheckFailedException,
  type ConsumedCapacity,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
} from '@aws-sdk/client-dynamodb';
import { attemptsOf } from '../../aws/index.ts';
import type { Labels, Telemetry } from '../../ports/index.ts';
import { dynamoError } from './dynamo-error.ts';

export type Item = Record<string, AttributeValue>;

export interface Key {
  readonly pk: string;
  readonly sk: string;
}

/** What must hold of the item in an item's place. */
export type Condition = 'absent' | { readonly attribute: string; readonly is: number };

export type PutOutcome =
  | { readonly kind: 'put' }
  /** Not as it should be. After more than one attempt, an earlier one may have succeeded all the same, and been replaced by what was found. */
  | { readonly kind: 'refused'; readonly found: Item | undefined; readonly attempts: number };

export interface Range {
  readonly pk: string;
  /** Beginning of the sort keys. */
  readonly prefix: string;
  /** Names of the attributes wanted; all if absent. */
  readonly attributes?: readonly string[];
  /** Only so many, from the end. */
  readonly last?: number;
}

/** Metrics, each with labels `table` and `operation`. */
export const metrics = {
  /** Capacity units that reads and writes consumed. Refused puts consume too, and are not told. */
  readUnits: 'millrace.dynamodb.read_units',
  writeUnits: 'millrace.dynamodb.write_units',
  /** Attempts after the first. */
  retries: 'millrace.dynamodb.retries',
} as const;

/** A table of items by two strings, read consistently and written conditionally, that counts what it costs. Throws MillraceErrors. */
export class ItemTable {
  readonly name: string;
  readonly client: DynamoDBClient;
  readonly #telemetry: Telemetry;
  readonly #labels = new Map<string, Labels>();

  constructor(client: DynamoDBClient, name: string, telemetry: Telemetry) {
    this.client = client;
    this.name = name;
    this.#telemetry = telemetry;
  }

  /**
   * Puts an item if what stands in its place is as expected. The client tries again where an answer is lost, and such an attempt may be refused because of its own
   * predecessor: so each put carries a nonce, and finding it in the place means that the put has succeeded.
   */
  async put(operation: string, key: Key, attributes: Item, expected: Condition): Promise<PutOutcome> {
    const nonce = crypto.getRandomValues(new Uint8Array(12));
    const item: Item = { pk: { S: key.pk }, sk: { S: key.sk }, ...attributes, nonce: { B: nonce } };
    const absent = expected === 'absent';
    try {
      await this.#count(operation, metrics.writeUnits, () =>
        this.client.send(
          new PutItemCommand({
            TableName: this.name,
            Item: item,
            ConditionExpression: absent ? 'attribute_not_exists(pk)' : '#expected = :expected',
            ...(absent
              ? {}
              : {
                  ExpressionAttributeNames: { '#expected': expected.attribute },
                  ExpressionAttributeValues: { ':expected': { N: String(expected.is) } },
                }),
            ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
            ReturnConsumedCapacity: 'TOTAL',
          }),
        ),
      );
      return { kind: 'put' };
    } catch (thrown) {
      if (!(thrown instanceof ConditionalCheckFailedException)) throw await this.#error(thrown);
      const found = thrown.Item;
      const isOwn = found?.['nonce']?.B !== undefined && Buffer.compare(found['nonce'].B, nonce) === 0;
      return isOwn ? { kind: 'put' } : { kind: 'refused', found, attempts: attemptsOf(thrown) };
    }
  }

  async get(operation: string, key: Key, attributes?: readonly string[]): Promise<Item | undefined> {
    try {
      const { Item } = await this.#count(operation, metrics.readUnits, () =>
        this.client.send(
          new GetItemCommand({
            TableName: this.name,
            Key: { pk: { S: key.pk }, sk: { S: key.sk } },
            ConsistentRead: true,
            ReturnConsumedCapacity: 'TOTAL',
            ...(attributes === undefined ? {} : projection(attributes)),
          }),
        ),
      );
      return Item;
    } catch (thrown) {
      throw await this.#error(thrown);
    }
  }

  /** Items of a range in ascending order of their sort keys' bytes, however many pages they take. */
  async query(operation: string, range: Range): Promise<Item[]> {
    const items: Item[] = [];
    let from: Item | undefined;
    try {
      do {
        const page = await this.#count(operation, metrics.readUnits, () =>
          this.client.send(this.#query(range, items.length, from)),
        );
        items.push(...(page.Items ?? []));
        from = page.LastEvaluatedKey;
      } while (from !== undefined && (range.last === undefined || items.length < range.last));
    } catch (thrown) {
      throw await this.#error(thrown);
    }
    return range.last === undefined ? items : items.reverse();
  }

  #query({ pk, prefix, attributes, last }: Range, had: number, from: Item | undefined): QueryCommand {
    const wanted = attributes === undefined ? undefined : projection(attributes);
    return new QueryCommand({
      TableName: this.name,
      ConsistentRead: true,
      ReturnConsumedCapacity: 'TOTAL',
      KeyConditionExpression: 'pk = :pk AND begins_with(sk, :prefix)',
      ExpressionAttributeValues: { ':pk': { S: pk }, ':prefix': { S: prefix } },
      ...wanted,
      ...(last === undefined ? {} : { ScanIndexForward: false, Limit: last - had }),
      ...(from === undefined ? {} : { ExclusiveStartKey: from }),
    });
  }

  async #count<T extends { ConsumedCapacity?: ConsumedCapacity | undefined; $metadata: { attempts?: number } }>(
    operation: string,
    metric: string,
    call: () => Promise<T>,
  ): Promise<T> {
    const labels = this.#labelsOf(operation);
    try {
      const answer = await call();
      const units = answer.ConsumedCapacity?.CapacityUnits;
      if (units !== undefined) this.#telemetry.count(metric, units, labels);
      const attempts = answer.$metadata.attempts ?? 1;
      if (attempts > 1) this.#telemetry.count(metrics.retries, attempts - 1, labels);
      return answer;
    } catch (thrown) {
      const attempts = attemptsOf(thrown);
      if (attempts > 1) this.#telemetry.count(metrics.retries, attempts - 1, labels);
      throw thrown;
    }
  }

  async #error(thrown: unknown): Promise<Error> {
    const region = await this.client.config.region().catch(() => 'unknown');
    return dynamoError(thrown, { table: this.name, region, keys: ['pk', 'sk'] });
  }

  #labelsOf(operation: string): Labels {
    let labels = this.#labels.get(operation);
    if (labels === undefined) {
      labels = { table: this.name, operation };
      this.#labels.set(operation, labels);
    }
    return labels;
  }
}

const projection = (attributes: readonly string[]) => ({
  ProjectionExpression: attributes.map((_, i) => `#a${i}`).join(', '),
  ExpressionAttributeNames: Object.fromEntries(attributes.map((name, i) => [`#a${i}`, name])),
});
