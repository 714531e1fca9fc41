// What DynamoDB and S3 do under races and load.
import { PutItemCommand } from '@aws-sdk/client-dynamodb';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { dynamoClient } from '../../lib/adapters/dynamodb/index.ts';
import { s3Client } from '../../lib/adapters/s3/index.ts';
import { awsErrorName, statusOf } from '../../lib/aws/index.ts';
import { seconds } from '../../lib/model/index.ts';
import type { Question } from './question.ts';

const RACERS = 24;
const ROUNDS = 20;
/** Kilobytes of the items that are put under load, and how many are under way at once. */
const ITEM = 10;
const AT_ONCE = 64;

export const storeQuestions: readonly Question[] = [
  {
    id: 's3-races',
    text: 'Of many who create one object at once, does exactly one succeed, and what are the others told?',
    async ask(probe) {
      const client = s3Client({ ...probe.options.aws, attempts: 1 });
      const told = new Map<string, number>();
      let odd = 0;
      for (let round = 0; round < ROUNDS; round++) {
        const outcomes = await Promise.all(
          Array.from({ length: RACERS }, (_, racer) =>
            client
              .send(
                new PutObjectCommand({
                  ...{ Bucket: probe.stack.BucketName, Key: `race-${round}`, Body: `racer ${racer}`, IfNoneMatch: '*' },
                }),
              )
              .then(() => 'created')
              .catch((thrown: unknown) => `${statusOf(thrown) ?? 'no answer'} ${awsErrorName(thrown)}`),
          ),
        );
        if (outcomes.filter((outcome) => outcome === 'created').length !== 1) odd++;
        for (const outcome of outcomes) told.set(outcome, (told.get(outcome) ?? 0) + 1);
      }
      client.destroy();
      return {
        text: `${ROUNDS - odd} of ${ROUNDS} races had one winner; ${countsText(told)}`,
        // All may be refused for the moment; two may never win.
        holds: (told.get('created') ?? 0) <= ROUNDS,
      };
    },
  },
  {
    id: 'dynamodb-races',
    text: 'Of many who put one item on the same condition at once, does exactly one succeed?',
    async ask(probe) {
      const told = new Map<string, number>();
      let odd = 0;
      for (let round = 0; round < ROUNDS; round++) {
        const outcomes = await Promise.all(
          Array.from({ length: RACERS }, (_, racer) =>
            put(probe.dynamodb, probe.stack.TableName, `race-${round}`, `racer ${racer}`),
          ),
        );
        if (outcomes.filter((outcome) => outcome === 'put').length !== 1) odd++;
        for (const outcome of outcomes) told.set(outcome, (told.get(outcome) ?? 0) + 1);
      }
      return { text: `${ROUNDS - odd} of ${ROUNDS} races had one winner; ${countsText(told)}`, holds: odd === 0 };
    },
  },
  {
    id: 'dynamodb-throttling',
    text: 'How does DynamoDB refuse what is too much for one key, and from which rate on?',
    async ask(probe) {
      const client = dynamoClient({ ...probe.options.aws, attempts: 1, requestTimeout: seconds(10) });
      const told = new Map<string, number>();
      const body = 'x'.repeat(ITEM * 1_024 - 100);
      const lasts = probe.options.isLocal ? 1_000 : 20_000;
      const began = Date.now();
      let n = 0;
      const worker = async (): Promise<void> => {
        while (Date.now() - began < lasts) {
          const outcome = await put(client, probe.stack.TableName, `load-${n++}`, body);
          told.set(outcome, (told.get(outcome) ?? 0) + 1);
        }
      };
      await Promise.all(Array.from({ length: AT_ONCE }, worker));
      client.destroy();
      const units = ((told.get('put') ?? 0) * ITEM) / (lasts / 1_000);
      return { text: `${units.toFixed(0)} units a second were taken under one key; ${countsText(told)}` };
    },
  },
];

/** All under one partition key. */
async function put(
  client: ReturnType<typeof dynamoClient>,
  TableName: string,
  sk: string,
  body: string,
): Promise<string> {
  try {
    const Item = { pk: { S: 'load' }, sk: { S: sk }, body: { S: body } };
    await client.send(new PutItemCommand({ TableName, Item, ConditionExpression: 'attribute_not_exists(pk)' }));
    return 'put';
  } catch (thrown) {
    return awsErrorName(thrown);
  }
}

const countsText = (told: ReadonlyMap<string, number>): string =>
  [...told].map(([outcome, times]) => `${outcome}: ${times}`).join(', ');
