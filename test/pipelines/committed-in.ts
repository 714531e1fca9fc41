import type { KafkaClient } from '../../lib/adapters/kafka/index.ts';

/** All JSON that a reader of committed records finds in a topic. */
export async function committedIn(client: KafkaClient, name: string): Promise<unknown[]> {
  const topic = (await client.topic(name))!;
  const found: unknown[] = [];
  for (let partition = 0; partition < topic.partitions; partition++) {
    const { stable } = await client.bounds(topic, partition);
    for (let from = 0; from < stable; ) {
      const slice = await client.read({ topic, partition, from }, { bytes: 1_000_000, committedOnly: true });
      for (const { value } of slice.records) found.push(JSON.parse(Buffer.from(value!).toString()));
      if (slice.next === from) break;
      from = slice.next;
    }
  }
  return found;
}
