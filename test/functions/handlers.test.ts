import { describe, expect, it } from 'vitest';
import { settingsFrom, variables } from '../../functions/settings.ts';
import { stageHandler } from '../../functions/stage-handler.ts';
import { bindTopics } from '../../functions/topics.ts';
import {
  boundedOutOfOrderness,
  collection,
  count,
  epochMillis,
  minutes,
  type Pipeline,
  pipeline,
  toMemory,
  tumbling,
} from '../../lib/index.ts';
import { Feed } from '../../lib/testing/index.ts';
import { LocalDeployment, plenty } from './local-event-source.ts';

interface Click {
  readonly page: string;
  readonly at: number;
}

const pages = ['a', 'b', 'c', 'd', 'e'];
const clicks: readonly Click[] = Array.from({ length: 400 }, (_, i) => ({
  page: pages[(i * 7) % 5] as string,
  at: i * 3_000,
}));

function counting() {
  const counts = toMemory<{ page: string; minute: number; clicks: number }>();
  const made = pipeline(
    'clicks',
    (p) => {
      p.source('clicks', collection({ partitions: [clicks.slice(0, 200), clicks.slice(200)] }), {
        eventTime: (click) => epochMillis(click.at),
        watermark: boundedOutOfOrderness(minutes(30)),
      })
        .keyBy('by-page', (click) => click.page)
        .window(tumbling(minutes(1)))
        .aggregate('per-minute', { clicks: count() }, (page, { start }, { clicks }) => ({
          page,
          minute: start,
          clicks,
        }))
        .to('counts', counts);
    },
    { parallelism: 3 },
  );
  return { made, counts };
}

const expected = (): string[] => {
  const counts = new Map<string, number>();
  for (const { page, at } of clicks) {
    const cell = JSON.stringify([page, Math.floor(at / 60_000) * 60_000]);
    counts.set(cell, (counts.get(cell) ?? 0) + 1);
  }
  return [...counts].map(([cell, n]) => `${cell} ${n}`).sort();
};

const found = (counts: ReturnType<typeof counting>['counts']): string[] =>
  counts.records.map(({ page, minute, clicks }) => `${JSON.stringify([page, minute])} ${clicks}`).sort();

const consumer = (made: Pipeline) => made.plan.stages.find((stage) => stage.source === undefined)!;

describe('functions of a deployment', () => {
  it.each([
    ['warm', {}],
    ['cold at every delivery', { cold: true }],
    ['with messages delivered again', { again: 3 }],
    ['cold and with messages delivered again', { again: 100, cold: true }],
  ])('run a pipeline to its end, %s', async (_, how) => {
    const { made, counts } = counting();
    const deployment = new LocalDeployment(made);
    await deployment.settle(how);
    expect(found(counts)).toEqual(expected());
  });

  it('read from the log what a delivery lacks', async () => {
    const { made, counts } = counting();
    const deployment = new LocalDeployment(made);
    await deployment.controller()();
    const [source] = made.plan.stages;
    for (const partition of [0, 1])
      await deployment.stage(source!.id)({ ring: [{ partition, reason: 'backlog' }] }, plenty);
    const event = await deployment.event(consumer(made).topic);
    const last = Object.entries(event?.records ?? {}).map(([name, records]) => [name, records.slice(-1)]);
    await deployment.stage(consumer(made).id)({ ...event, records: Object.fromEntries(last) }, plenty);
    expect(found(counts)).toEqual(expected());
  });

  it('take a message that cannot be decoded for a doorbell: what the log holds counts', async () => {
    const { made, counts } = counting();
    const deployment = new LocalDeployment(made);
    await deployment.settle();
    const { id, topic } = consumer(made);
    const value = Buffer.from('not a frame').toString('base64');
    const record = { topic, partition: 0, offset: 999, timestamp: 0, timestampType: 'LOG_APPEND_TIME', value };
    await deployment.stage(id)({ eventSource: 'aws:kafka', records: { x: [record] } }, plenty);
    expect(found(counts)).toEqual(expected());
  });

  it('refuse an event of another service', async () => {
    const { made } = counting();
    const deployment = new LocalDeployment(made);
    await expect(deployment.stage(consumer(made).id)({ Records: [] }, plenty)).rejects.toMatchObject({
      kind: 'incompatible',
    });
  });

  it('look again for a partition that they do not know: its source may have gained it', async () => {
    const counts = toMemory<Click>();
    const feed = new Feed<Click>(1, () => 0, { grows: true });
    const made = pipeline('clicks', (p) => {
      p.source('clicks', feed).rebalance().to('counts', counts);
    });
    const deployment = new LocalDeployment(made);
    await deployment.controller()();
    const [source] = made.plan.stages;
    const stage = deployment.stage(source!.id);
    const record = { topic: 'clicks', offset: 0, timestamp: 0, timestampType: 'CREATE_TIME', value: '' };
    const delivery = (...partitions: number[]) =>
      stage(
        {
          eventSource: 'aws:kafka',
          records: Object.fromEntries(
            partitions.map((partition) => [`clicks-${partition}`, [{ ...record, partition }]]),
          ),
        },
        plenty,
      );
    feed.push(0, clicks.slice(0, 3));
    await delivery(0);
    await delivery(0, 1);
    feed.push(feed.grow(), clicks.slice(3, 5));
    await delivery(0, 1);
    feed.push(feed.grow(), clicks.slice(5, 9));
    await deployment.settle();
    expect(counts.records.map(({ at }) => at).sort((a, b) => a - b)).toEqual(clicks.slice(0, 9).map(({ at }) => at));
  });

  it('refuse to run another pipeline than they are deployed for', async () => {
    const { made } = counting();
    const deployment = new LocalDeployment(made);
    const settings = { ...deployment.settings('clicks'), pipeline: 'other' };
    const stage = stageHandler(made, settings, deployment.connect);
    await expect(stage({ ring: [] }, plenty)).rejects.toMatchObject({ kind: 'incompatible' });
  });
});

describe('settings', () => {
  const complete = {
    [variables.pipeline]: 'clicks',
    [variables.table]: 'commits',
    [variables.bucket]: 'snapshots',
    [variables.brokers]: 'a:9092,b:9092',
  };

  it('are read from the environment', () => {
    expect(settingsFrom({ ...complete, [variables.stage]: 'counts', [variables.topicPrefix]: 'one.' })).toMatchObject({
      ...{ pipeline: 'clicks', stage: 'counts', table: 'commits', bucket: 'snapshots' },
      kafka: { brokers: ['a:9092', 'b:9092'] },
      ...{ kafkaAuth: 'none', kafkaTls: false, kafkaSecret: undefined },
      ...{ topicPrefix: 'one.', blobPrefix: '', functions: [], timeout: 60_000, period: 60_000, self: undefined },
    });
  });

  it('name functions and their versions', () => {
    const functions = 'f:7,arn:aws:lambda:eu-west-1:1:function:g:12,h';
    const lambda = { AWS_LAMBDA_FUNCTION_NAME: 'c', AWS_LAMBDA_FUNCTION_VERSION: '3' };
    expect(settingsFrom({ ...complete, ...lambda, [variables.functions]: functions })).toMatchObject({
      functions: [
        { function: 'f', version: '7' },
        { function: 'arn:aws:lambda:eu-west-1:1:function:g', version: '12' },
        { function: 'h', version: '$LATEST' },
      ],
      self: { function: 'c', version: '3' },
    });
  });

  it.each([
    ['IAM at a cluster of MSK', { [variables.clusterArn]: 'arn:c' }, 'iam', true],
    ['SCRAM where there is a secret', { [variables.kafkaSecret]: 'arn:s' }, 'scram-sha-512', false],
    ['SCRAM and TLS at MSK', { [variables.clusterArn]: 'c', [variables.kafkaSecret]: 's' }, 'scram-sha-512', true],
    ['mutual TLS', { [variables.kafkaAuth]: 'mtls', [variables.kafkaSecret]: 's' }, 'mtls', true],
    ['TLS alone', { [variables.kafkaTls]: 'true' }, 'none', true],
    ['nothing at all at MSK', { [variables.clusterArn]: 'c', [variables.kafkaAuth]: 'none' }, 'none', false],
  ])('go by the cluster: %s', (_, more, kafkaAuth, kafkaTls) => {
    expect(settingsFrom({ ...complete, ...more })).toMatchObject({ kafkaAuth, kafkaTls });
  });

  it('name all that is missing or wrong at once', () => {
    expect(() => settingsFrom({ [variables.kafkaAuth]: 'kerberos', [variables.timeout]: 'soon' })).toThrow(
      `it lacks ${variables.pipeline}, ${variables.table}, ${variables.bucket}, ${variables.brokers}; ` +
        `${variables.kafkaAuth} is "kerberos", not one of none, iam, scram-sha-512, scram-sha-256, plain, mtls; ` +
        `${variables.timeout} is "soon", not a number above 0`,
    );
    expect(() => settingsFrom({ ...complete, [variables.kafkaAuth]: 'plain' })).toThrow(
      `lacks ${variables.kafkaSecret}`,
    );
  });
});

describe('a pipeline on topics', () => {
  it('has the plan of its topics, the same each time', () => {
    const topics = { sources: { clicks: { topic: 'c', partitions: 4 } }, sinks: { counts: { topic: 'd' } } };
    const [one, two] = [bindTopics(counting().made, topics), bindTopics(counting().made, topics)];
    expect(one.plan).toEqual(two.plan);
    expect(one.plan.stages[0]?.partitions).toBe(4);
    expect(one.plan.nodes.filter((node) => node.kind === 'sink')[0]).toMatchObject({
      connector: 'kafka',
      single: false,
    });
  });
});
