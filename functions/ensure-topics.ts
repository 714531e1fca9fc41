/** Topics of a deployment: made where they are missing, widened where nothing can get mixed up by it, never deleted unless that is asked for. */
import { type KafkaClient, KafkaLog } from '../lib/adapters/kafka/index.ts';
import { MillraceError, messageOf } from '../lib/model/index.ts';
import type { Topic } from '../lib/ports/index.ts';

/** A topic of the pipeline's own, between stages or of dead letters. */
export interface OwnTopicWanted {
  readonly name: string;
  readonly partitions: number;
  /** It has as many partitions as the largest of these topics; `partitions` where there are none. */
  readonly like: readonly string[];
}

/** A topic that sources read or sinks write. */
export interface OuterTopicWanted {
  readonly name: string;
  /** How many partitions the pipeline counts on; absent where any number will do. */
  readonly partitions?: number;
  /** Make it if it is not there, with so many partitions. Absent: it must be there. */
  readonly create?: number;
}

export interface TopicsWanted {
  readonly own: readonly OwnTopicWanted[];
  readonly outer: readonly OuterTopicWanted[];
}

/** Does what is missing. Throws `incompatible` with all that does not fit at once, and what can be reached is made nevertheless. */
export async function ensureTopics(client: KafkaClient, { own, outer }: TopicsWanted): Promise<void> {
  const faults: string[] = [];
  const attempt = (name: string, work: () => Promise<string | undefined>): Promise<void> =>
    work().then(
      (fault) => void (fault !== undefined && faults.push(`${name} ${fault}`)),
      (thrown: unknown) => void faults.push(`${name}: ${messageOf(thrown)}`),
    );
  for (const topic of outer) await attempt(topic.name, () => ensureOuter(client, topic));
  for (const topic of own) await attempt(topic.name, () => ensureOwn(client, topic));
  if (faults.length === 0) return;
  throw new MillraceError('incompatible', `topics do not fit the pipeline: ${faults.join('; ')}`, {
    hint: 'change the topic or what the deployment says of it, and deploy again; nothing was deleted',
  });
}

/** Deletes the pipeline's own topics with all that is in them. */
export async function deleteTopics(client: KafkaClient, { own }: TopicsWanted): Promise<void> {
  for (const { name } of own) await client.deleteTopic(name);
}

async function ensureOuter(client: KafkaClient, wanted: OuterTopicWanted): Promise<string | undefined> {
  const { name, partitions, create } = wanted;
  const found = await client.topic(name);
  if (found === undefined) {
    if (create === undefined) return 'does not exist: make it, or let the deployment do it (create)';
    await client.ensureTopic({ name, partitions: create, replicas: -1, settings: {} });
    return undefined;
  }
  if (partitions === undefined || found.partitions === partitions) return undefined;
  if (found.partitions > partitions || create === undefined) {
    return `has ${found.partitions} partitions, and the deployment says ${partitions}`;
  }
  await client.ensureTopic({ name, partitions, replicas: -1, settings: {} });
  return undefined;
}

async function ensureOwn(client: KafkaClient, { name, partitions, like }: OwnTopicWanted): Promise<string | undefined> {
  const models = await Promise.all(like.map((each) => client.topic(each)));
  const count = Math.max(...models.flatMap((model) => model?.partitions ?? []), like.length === 0 ? partitions : 1);
  const found = await client.topic(name);
  if (found !== undefined && found.partitions !== count) {
    if (found.partitions > count)
      return `has ${found.partitions} partitions instead of ${count}, and none can be taken away`;
    if (!(await isUntouched(client, found))) {
      return `has ${found.partitions} partitions instead of ${count}, and messages that would lie in the wrong ones`;
    }
  }
  await new KafkaLog(client).ensureTopic(name, count);
  return undefined;
}

/** Whether nothing was ever written to it. */
async function isUntouched(client: KafkaClient, topic: Topic): Promise<boolean> {
  const all = Array.from({ length: topic.partitions }, (_, partition) => client.bounds(topic, partition));
  return (await Promise.all(all)).every(({ end }) => end === 0);
}
