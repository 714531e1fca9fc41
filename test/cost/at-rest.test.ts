/** What a deployment costs in a month in which nothing arrives, from calls that were counted. */
import { fileURLToPath } from 'node:url';
import { App, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from 'vitest';
import { MillracePipeline, type MillracePipelineProps, selfManagedCluster } from '../../cdk/index.ts';
import { functionTelemetry } from '../../functions/telemetry.ts';
import { bindTopics } from '../../functions/topics.ts';
import { listPrices, restCost, restOf, SECONDS_A_MONTH, usualRest } from '../../lib/cost/index.ts';
import { minutes } from '../../lib/index.ts';
import { ownName, useDynamoDb, useS3 } from '../services/aws.ts';
import { useKafka } from '../services/kafka.ts';
import { DeployedFunctions } from './deployed-functions.ts';
import orders from './four-stages.ts';

const PARTITIONS = 8;
/** A whole hour's: the controller looks at every commit once in each hour of the clock. */
const ROUNDS = 60;
/** Minutes of the clock's hour between which counting begins, so that just one change of the hour is counted, however long the rounds take here. */
const BEGIN = { from: 20, to: 40 };
/** Fewer than a task keeps commits: in the first round through its slots, finding its newest takes one read more. */
const BATCHES = 3;
/** Milliseconds of a call that makes one round only, whatever there is to do. */
const SHORT = 6_000;
/** Seconds that Lambda adds to a round: answers from other machines instead of neighbour processes, and a cold start now and then. */
const OVERHEAD = 0.2;
/** Bytes that Lambda logs of each call: that it begins, that it ends, and a report; and what CloudWatch adds to each line. */
const LAMBDA_LINES = 3 * (120 + 26);

const [kafka, dynamodb, s3] = await Promise.all([useKafka(), useDynamoDb(), useS3()]);
const missing = kafka.missing ?? dynamodb.missing ?? s3.missing;

const entry = fileURLToPath(new URL('four-stages.ts', import.meta.url));

/** What CloudFormation is told to make. */
function deployment(topic: string, more: Partial<MillracePipelineProps> = {}) {
  const stack = new Stack(new App({ context: { 'aws:cdk:bundling-stacks': [] } }), 'AtRest');
  const made = new MillracePipeline(stack, 'Pipeline', {
    ...{ pipeline: orders, entry, cluster: selfManagedCluster({ brokers: ['b:9096'] }) },
    sources: { orders: { topic, partitions: PARTITIONS } },
    sinks: { sizes: { topic: `${topic}-sizes` } },
    ...more,
  });
  const template = Template.fromStack(stack);
  const count = (type: string): number => Object.keys(template.findResources(type)).length;
  const controller = stack.getLogicalId(made.controller.node.defaultChild as never);
  return {
    alarms: count('AWS::CloudWatch::Alarm') + count('AWS::CloudWatch::CompositeAlarm'),
    dashboards: count('AWS::CloudWatch::Dashboard'),
    memory: template.findResources('AWS::Lambda::Function')[controller]?.Properties.MemorySize / 1_024,
    schedule: Object.values(template.findResources('AWS::Scheduler::Schedule')).map(
      ({ Properties }) => Properties.ScheduleExpression,
    ),
  };
}

/** Bytes that are written to standard output meanwhile: a function's log, and its metrics. */
async function loggedBy(work: () => Promise<void>): Promise<string> {
  const [write, lines] = [process.stdout.write, [] as string[]];
  const log = console.log;
  process.stdout.write = ((text: string | Uint8Array) => lines.push(String(text)) > 0) as typeof write;
  console.log = (...words: unknown[]) => void lines.push(`${words.join(' ')}\n`);
  try {
    await work();
  } finally {
    process.stdout.write = write;
    console.log = log;
  }
  return lines.join('');
}

describe.skipIf(missing)(
  `a deployment of four stages and eight partitions${missing === undefined ? '' : ` (${missing})`}`,
  () => {
    it('costs less than five dollars a month at rest', async () => {
      const topic = ownName('orders');
      const shown = deployment(topic);
      expect(shown.schedule).toEqual(['rate(1 minute)']);
      const bound = bindTopics(orders, {
        sources: { orders: { topic, partitions: PARTITIONS } },
        sinks: { sizes: { topic: `${topic}-sizes` } },
      });
      expect(bound.plan.stages).toHaveLength(4);
      const functions = await DeployedFunctions.open(
        bound,
        { kafka: kafka.running!.address, dynamodb: dynamodb.running!.address, s3: s3.running!.address },
        functionTelemetry({ pipeline: orders.name }),
      );
      try {
        const stages = bound.plan.stages.map(({ id }) => id);
        // While something happens, metrics are published: so they would be seen.
        expect(await loggedBy(() => worked(functions, stages, topic))).toContain('_aws');

        functions.startCounting();
        const began = performance.now();
        const log = await loggedBy(async () => {
          for (let round = 0; round < ROUNDS; round++) {
            functions.advance(minutes(1));
            await functions.round();
          }
        });
        const seconds = (performance.now() - began) / 1_000 / ROUNDS;
        const { calls, ...counted } = functions.counted;
        expect(functions.rung).toEqual([]);
        expect(log).not.toContain('_aws');

        const rest = restOf(
          {
            ...counted,
            seconds: ROUNDS * (seconds + OVERHEAD),
            memory: shown.memory,
            logBytes: log.length + ROUNDS * LAMBDA_LINES,
          },
          ROUNDS,
          { metrics: 0, alarms: shown.alarms, dashboards: shown.dashboards },
        );
        const cost = restCost(rest, listPrices);
        const { dashboards } = deployment(topic, { dashboard: true });
        const withDashboard = restCost({ ...rest, dashboards }, listPrices).total;
        const perRound = [...calls].map(([command, times]) => `${(times / ROUNDS).toFixed(1)} ${command}`).join(', ');
        console.log(
          [
            `at rest, 4 stages x 8 partitions, a round a minute: $${cost.total.toFixed(2)} a month (${listPrices.asOf})`,
            `  functions $${cost.lambda.toFixed(2)}, DynamoDB $${cost.dynamodb.toFixed(2)}, S3 $${cost.s3.toFixed(2)}, Scheduler $${cost.scheduler.toFixed(2)}, CloudWatch $${cost.cloudwatch.toFixed(2)} (${rest.alarms} alarms, ${rest.dashboards} dashboard, ${rest.metrics} metrics, ${(rest.logBytes / 1e6).toFixed(0)} MB of logs)`,
            `  a round: ${perRound}; ${(counted.readUnits / ROUNDS).toFixed(1)} read units, ${(counted.writeUnits / ROUNDS).toFixed(1)} write units, ${(seconds * 1_000).toFixed(0)} ms here and ${OVERHEAD * 1_000} ms assumed, ${shown.memory} GB`,
            `  with a dashboard, of which an account's first three are free: the same; with its fourth $${withDashboard.toFixed(2)}`,
            '  beside it: the Kafka cluster; a NAT gateway ($33 a month each zone) or endpoints ($7 each and zone) where functions stand in a VPC; data kept',
          ].join('\n'),
        );
        expect(cost.total).toBeLessThan(5);

        // What the formula supposes is this deployment's, and a little more.
        const usual = usualRest(4, 4 * PARTITIONS);
        for (const part of ['readUnits', 'writeUnits', 'gets', 'puts', 'rings', 'metrics', 'logBytes'] as const) {
          expect.soft(rest[part], part).toBeLessThanOrEqual(usual[part]);
        }
        expect(usual.readUnits).toBeLessThan(2 * rest.readUnits);
        const { memory, alarms } = shown;
        expect(usual).toMatchObject({ memory, alarms, dashboards: shown.dashboards });
        expect(rest.calls).toBe(SECONDS_A_MONTH / 60);
      } finally {
        functions.close();
      }
    }, 300_000);
  },
);

/** Has every task of the deployment work, until nothing is left to do and the clock is far from the change of an hour. */
async function worked(functions: DeployedFunctions, stages: readonly string[], topic: string): Promise<void> {
  const { client } = functions;
  const settings = { 'retention.ms': '-1' };
  await client.ensureTopic({ name: topic, partitions: PARTITIONS, replicas: 1, settings });
  await client.ensureTopic({ name: `${topic}-sizes`, partitions: PARTITIONS, replicas: 1, settings });
  await functions.round(SHORT);
  for (let batch = 0; batch < BATCHES; batch++) {
    const at = Date.now();
    await client.append(
      Array.from({ length: 240 }, (_, i) => ({
        ...{ topic, partition: i % PARTITIONS },
        record: { value: Buffer.from(JSON.stringify({ shop: `${i % 40}-${i % 97}`, city: '', at })), time: at },
      })),
    );
    for (const stage of stages) await functions.ringAll(stage, PARTITIONS);
  }
  const begins = (): boolean => functions.minute >= BEGIN.from && functions.minute < BEGIN.to;
  for (let quiet = 0, round = 0; quiet < 4 || !begins(); round++) {
    if (round > 120) throw new Error('the pipeline does not come to rest');
    functions.advance(minutes(3));
    await functions.round(SHORT);
    const rung = await functions.answerRings();
    for (const stage of stages) await functions.ringAll(stage, PARTITIONS);
    quiet = rung ? 0 : quiet + 1;
  }
}
