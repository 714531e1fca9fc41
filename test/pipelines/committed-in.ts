import type { KafkaClient } from '../../lib/adapters/kafka/index.ts';

/** All JSON that a reader of committed records finds in a topic. */
export const committedIn = async (client: KafkaClient, name: string): Promise<unknown[]> =>
  (await committedRecords(client, name)).map(({ value }) => value);

/** The rows of a compacted topic as a reader of committed records finds them: the last of each key, without those of which that is a tombstone. */
export async function committedRows(
  client: KafkaClient,
  name: string,
): Promise<{ readonly key: string; readonly value: unknown }[]> {
  const latest = new Map<string, unknown>();
  for (const { key, value } of await committedRecords(client, name)) {
    if (value === undefined) latest.delete(key!);
    else latest.set(key!, value);
  }
  return [...latest].map(([key, value]) => ({ key, value }));
}

/** Partition by partition; a value is undefined in a tombstone. */
async function committedRecords(client: KafkaClient, name: string) {
  const topic = (await client.topic(name))!;
  const found: { readonly key: string | undefined; readonly value: unknown }[] = [];
  for (let partition = 0; partition < topic.partitions; partition++) {
    const { stable } = await client.bounds(topic, partition);
    for (let from = 0; from < stable; ) {
      const slice = await client.read({ topic, partition, from }, { bytes: 1_000_000, committedOnly: true });
      for (const { key, value } of slice.records) {
        found.push({ key: textOf(key), value: value === undefined ? undefined : JSON.parse(textOf(value)!) });
      }
      if (slice.next === from) break;
      from = slice.next;
    }
  }
  return found;
}

const textOf = (bytes: Uint8Array | undefined): string | undefined =>
  bytes === undefined ? undefined : Buffer.from(bytes).toString();
