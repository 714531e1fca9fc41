import { type DynamoDBClient, QueryCommand } from '@aws-sdk/client-dynamodb';
import { dynamoError } from './dynamo-error.ts';
import type { Item } from './item-table.ts';

export interface TableProgressOptions {
  readonly client: DynamoDBClient;
  /** The sink's option `progress`. */
  readonly progress: string;
  readonly pipeline: string;
  /** The sink's id. */
  readonly sink: string;
}

const TASK = 'task/';

/** Where a task of a sink writes how far it has come. */
export const progressKey = (
  { pipeline, sink }: { readonly pipeline: string; readonly sink: string },
  task: number,
): Item => ({
  pk: { S: `table/${encodeURIComponent(pipeline)}/${encodeURIComponent(sink)}` },
  sk: { S: TASK + String(task).padStart(6, '0') },
});

/**
 * Up to which event time a materialised table is complete: the least watermark of its tasks, in milliseconds since 1970; `Number.MAX_SAFE_INTEGER` once
 * its input has ended. Undefined while a task has none yet. Tasks say it when they write records, so it may lag while nothing changes. Throws `unavailable`.
 */
export async function tableWatermark(options: TableProgressOptions): Promise<number | undefined> {
  const { client, progress, pipeline, sink } = options;
  const items: Item[] = [];
  let from: Item | undefined;
  try {
    do {
      const page = await client.send(
        new QueryCommand({
          TableName: progress,
          ConsistentRead: true,
          KeyConditionExpression: 'pk = :pk AND begins_with(sk, :task)',
          ExpressionAttributeValues: { ':pk': progressKey({ pipeline, sink }, 0)['pk']!, ':task': { S: TASK } },
          ...(from === undefined ? {} : { ExclusiveStartKey: from }),
        }),
      );
      items.push(...(page.Items ?? []));
      from = page.LastEvaluatedKey;
    } while (from !== undefined);
  } catch (thrown) {
    const region = await client.config.region().catch(() => 'unknown');
    throw dynamoError(thrown, { table: progress, region, keys: ['pk', 'sk'] });
  }
  const tasks = Math.max(0, ...items.map((item) => Number(item['tasks']?.N ?? 0)));
  const watermarks = items.flatMap((item) => (item['watermark']?.N === undefined ? [] : [Number(item['watermark'].N)]));
  return watermarks.length === 0 || watermarks.length < tasks ? undefined : Math.min(...watermarks);
}
