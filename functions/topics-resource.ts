/** The function behind a deployment's topics: CloudFormation calls it when the stack is created, changed or deleted, and it answers to a URL. */
import { KafkaClient } from '../lib/adapters/kafka/index.ts';
import { MillraceError, messageOf } from '../lib/model/index.ts';
import { deleteTopics, ensureTopics, type TopicsWanted } from './ensure-topics.ts';
import { kafkaConnection } from './kafka-connection.ts';
import { settingsFrom } from './settings.ts';

/** What the stack asks for; CloudFormation passes texts only. */
export interface TopicsProperties {
  /** `TopicsWanted` as JSON. */
  readonly Topics: string;
  /** 'true': topics of the pipeline's own go with the stack, and all that is in them. */
  readonly Destroy: string;
}

/** As CloudFormation calls a custom resource. */
export interface ResourceEvent {
  readonly RequestType: 'Create' | 'Update' | 'Delete';
  readonly ResponseURL: string;
  readonly StackId: string;
  readonly RequestId: string;
  readonly LogicalResourceId: string;
  readonly PhysicalResourceId?: string;
  readonly ResourceProperties: TopicsProperties;
}

type Connect = () => Promise<KafkaClient>;

/** Longest reason that an answer may hold, which is 4,096 bytes as a whole. */
const LONGEST_REASON = 2_000;

/** Carries a call out and answers, also where it fails: CloudFormation waits for an hour otherwise. */
export async function answer(event: ResourceEvent, connect: Connect): Promise<void> {
  let failure: string | undefined;
  try {
    await carryOut(event, connect);
  } catch (thrown) {
    failure = messageOf(thrown);
  }
  const { StackId, RequestId, LogicalResourceId, PhysicalResourceId = LogicalResourceId } = event;
  const answered = await fetch(event.ResponseURL, {
    method: 'PUT',
    headers: { 'content-type': '' },
    body: JSON.stringify({
      ...{ StackId, RequestId, LogicalResourceId, PhysicalResourceId },
      ...(failure === undefined
        ? { Status: 'SUCCESS' }
        : { Status: 'FAILED', Reason: failure.slice(0, LONGEST_REASON) }),
    }),
  });
  if (answered.ok) return;
  // Lambda calls again when this fails, which is one more chance to be heard.
  throw new MillraceError('unavailable', `CloudFormation did not take the answer: HTTP status ${answered.status}`, {
    hint: 'the stack waits until it gives up; cancel its update, and deploy again',
  });
}

async function carryOut({ RequestType, ResourceProperties }: ResourceEvent, connect: Connect): Promise<void> {
  const wanted = JSON.parse(ResourceProperties.Topics) as TopicsWanted;
  if (RequestType === 'Delete' && ResourceProperties.Destroy !== 'true') return;
  const client = await connect();
  try {
    if (RequestType === 'Delete') await deleteTopics(client, wanted);
    else await ensureTopics(client, wanted);
  } finally {
    client.close();
  }
}

export const handler = (event: ResourceEvent): Promise<void> =>
  answer(event, async () => new KafkaClient(await kafkaConnection(settingsFrom(process.env))));
