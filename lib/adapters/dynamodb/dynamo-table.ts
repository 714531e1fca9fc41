import {
  ConditionalCheckFailedException,
  DeleteItemCommand,
  DynamoDBClient,
  PutItemCommand,
} from '@aws-sdk/client-dynamodb';
import { awsErrorName } from '../../aws/index.ts';
import { type KeyId, keyOf, MAX_TIME, MIN_TIME, MillraceError, messageOf } from '../../model/index.ts';
import type { SinkBatch, SinkHost, SinkWriter, UpsertConnector } from '../../ports/index.ts';
import { attributeOf, attributesOf } from './attribute-value.ts';
import { dynamoClient } from './dynamo-client.ts';
import { dynamoError } from './dynamo-error.ts';
import type { Item } from './item-table.ts';
import { progressKey } from './table-progress.ts';

/** Bytes that DynamoDB takes of a partition key and of a sort key. */
const LONGEST_KEY = [2_048, 1_024] as const;

export interface DynamoTableOptions {
  /** The table, which must exist. */
  readonly table: string;
  /**
   * Names of its key attributes: the partition key, and the sort key if it has one. Their values are the record's fields of those names; what a record lacks is taken
   * from the stream's key: its parts in order, its fields, or, for the partition key, the key itself.
   */
  readonly key: string | readonly [partition: string, sort: string];
  /**
   * A table with the keys `pk` and `sk`, both strings (that of the commits will do), in which each task writes its watermark after its records, if it has one: see
   * `tableWatermark`. Default: nowhere.
   */
  readonly progress?: string;
}

/** Attribute of every item that says where it comes from: run, task, and the position of its record. */
const ORIGIN = '_millrace';
/** Writes under way at once. */
const AT_ONCE = 32;

/**
 * A table materialised in DynamoDB: one item a key, with the record's fields as attributes for any client to read. The last record of a key counts; `null` or
 * `undefined` deletes the item.
 *
 * Idempotent: what is written again changes nothing, and a task's older record never replaces a newer one, whoever writes it. That holds for records of one key that come
 * from one task, as behind a `keyBy` of that key, and within a run. A deleted item leaves nothing to compare with: a writer that was replaced while it was about to write may
 * put back a former value of such a key.
 *
 * The client is what the host lends as `dynamodb`, otherwise one of its own with the settings of the environment.
 */
export function dynamoTable<T = unknown>(options: DynamoTableOptions): UpsertConnector<T> {
  const { table, progress } = options;
  const key = typeof options.key === 'string' ? [options.key] : options.key;
  return {
    kind: 'dynamodb',
    options: { table, key: [...key], ...(progress === undefined ? {} : { progress }) },
    guarantee: 'idempotent',
    single: false,
    upserts: true,
    async open(host) {
      const lent = host.connections.get('dynamodb');
      if (lent instanceof DynamoDBClient) return new TableWriter(lent, { table, key, progress }, host, () => {});
      const own = dynamoClient();
      return new TableWriter(own, { table, key, progress }, host, () => own.destroy());
    },
  };
}

interface TableShape {
  readonly table: string;
  readonly key: readonly string[];
  readonly progress: string | undefined;
}

/** What is to become of one key. */
interface Change {
  readonly key: Item;
  /** Undefined: deleted. */
  readonly item: Item | undefined;
  readonly cause: number;
  readonly k: number;
}

class TableWriter implements SinkWriter {
  readonly #client: DynamoDBClient;
  readonly #shape: TableShape;
  readonly #host: SinkHost;
  readonly #end: () => void;

  constructor(client: DynamoDBClient, shape: TableShape, host: SinkHost, end: () => void) {
    this.#client = client;
    this.#shape = shape;
    this.#host = host;
    this.#end = end;
  }

  async write(batch: SinkBatch): Promise<null> {
    const changes = this.#changes(batch);
    const next = changes[Symbol.iterator]();
    const failures: unknown[] = [];
    const worker = async () => {
      for (let each = next.next(); each.done !== true && failures.length === 0; each = next.next()) {
        await this.#apply(each.value).catch((error: unknown) => failures.push(error));
      }
    };
    // None may still be under way when another attempt begins.
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    if (failures.length > 0) throw failures[0];
    if (this.#shape.progress !== undefined) await this.#note(this.#shape.progress, batch);
    return null;
  }

  async finish(): Promise<void> {}

  async close(): Promise<void> {
    this.#end();
  }

  /** The last change of each key. */
  #changes(batch: SinkBatch): Iterable<Change> {
    const changes = new Map<string, Change>();
    for (let i = 0; i < batch.values.length; i++) {
      const value = batch.values[i];
      const key = this.#keyOf(value, batch.keys[i]);
      const item = value === null || value === undefined ? undefined : { ...attributesOf(value), ...key };
      changes.set(JSON.stringify(key), { key, item, cause: batch.causes[i]!, k: batch.ks[i]! });
    }
    return changes.values();
  }

  #keyOf(value: unknown, id: KeyId | undefined): Item {
    const key: Item = {};
    for (const [i, name] of this.#shape.key.entries()) {
      const field = fieldOf(value, name) ?? (id === undefined ? undefined : partOf(id, i, this.#shape.key));
      if (typeof field !== 'string' && typeof field !== 'number' && typeof field !== 'bigint') {
        throw new MillraceError('bad-record', `a record for table ${this.#shape.table} has no key "${name}"`, {
          hint: `give it a field "${name}" with a text or a number, or key the stream by it`,
        });
      }
      const bytes = Buffer.byteLength(String(field));
      if (bytes === 0 || bytes > LONGEST_KEY[i]!) {
        throw new MillraceError(
          'bad-record',
          `the key "${name}" of a record for table ${this.#shape.table} has ${bytes} bytes`,
          { hint: `DynamoDB takes 1 to ${LONGEST_KEY[i]}` },
        );
      }
      key[name] = attributeOf(field, name);
    }
    return key;
  }

  async #apply({ key, item, cause, k }: Change): Promise<void> {
    const { run, task } = this.#host;
    const origin: Item = {
      run: { S: run },
      task: { N: String(task) },
      cause: { N: String(cause) },
      k: { N: String(k) },
    };
    const condition = {
      TableName: this.#shape.table,
      ConditionExpression:
        'attribute_not_exists(#o) OR #o.#run <> :run OR #o.#task <> :task OR #o.#cause < :cause OR (#o.#cause = :cause AND #o.#k <= :k)',
      ExpressionAttributeNames: { '#o': ORIGIN, '#run': 'run', '#task': 'task', '#cause': 'cause', '#k': 'k' },
      ExpressionAttributeValues: Object.fromEntries(Object.entries(origin).map(([name, value]) => [`:${name}`, value])),
    };
    const command =
      item === undefined
        ? new DeleteItemCommand({ ...condition, Key: key })
        : new PutItemCommand({ ...condition, Item: { ...item, [ORIGIN]: { M: origin } } });
    try {
      await this.#client.send(command as PutItemCommand);
    } catch (thrown) {
      if (thrown instanceof ConditionalCheckFailedException) return;
      throw await this.#error(thrown, this.#shape.table, this.#shape.key);
    }
  }

  async #note(progress: string, { upTo, watermark }: SinkBatch): Promise<void> {
    const { run, task, tasks } = this.#host;
    if (watermark === undefined || watermark === MIN_TIME) return;
    const [names, values] = [
      { '#run': 'run', '#upTo': 'upTo' },
      { ':run': { S: run }, ':upTo': { N: String(upTo) } },
    ];
    try {
      await this.#client.send(
        new PutItemCommand({
          TableName: progress,
          Item: {
            ...progressKey(this.#host, task),
            table: { S: this.#shape.table },
            run: { S: run },
            tasks: { N: String(tasks) },
            upTo: { N: String(upTo) },
            watermark: { N: String(watermark) },
            ended: { BOOL: watermark === MAX_TIME },
          },
          ConditionExpression: 'attribute_not_exists(#upTo) OR #run <> :run OR #upTo <= :upTo',
          ExpressionAttributeNames: names,
          ExpressionAttributeValues: values,
        }),
      );
    } catch (thrown) {
      if (thrown instanceof ConditionalCheckFailedException) return;
      throw await this.#error(thrown, progress, ['pk', 'sk']);
    }
  }

  async #error(thrown: unknown, table: string, keys: readonly string[]): Promise<MillraceError> {
    if (awsErrorName(thrown) === 'ValidationException' && /item size|too large/i.test(messageOf(thrown))) {
      return new MillraceError(
        'bad-record',
        `a record is too large for an item of table ${table}, which holds 400 KB`,
        {
          cause: thrown,
          hint: 'write smaller records',
        },
      );
    }
    const region = await this.#client.config.region().catch(() => 'unknown');
    return dynamoError(thrown, { table, region, keys });
  }
}

const fieldOf = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;

/** What the stream's key says of the i-th of the table's key attributes. */
function partOf(id: KeyId, i: number, names: readonly string[]): unknown {
  const key = keyOf(id);
  if (Array.isArray(key)) return key[i];
  if (typeof key === 'object') return (key as Record<string, unknown>)[names[i]!];
  return i === 0 ? key : undefined;
}
