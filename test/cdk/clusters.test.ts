import { Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { type ISecret, Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { describe, expect, it } from 'vitest';
import { type MskClusterProps, mskCluster, type SelfManagedAuth, selfManagedCluster } from '../../cdk/index.ts';
import { deployed, networkIn, newApp, permissions, resources } from './template.ts';

const clusterArn = 'arn:aws:kafka:eu-west-1:123456789012:cluster/events/0a-1';
const secretArn = 'arn:aws:secretsmanager:eu-west-1:123456789012:secret:AmazonMSK_kafka-AbCdEf';
const secretIn = (stack: Stack): ISecret => Secret.fromSecretCompleteArn(stack, 'Secret', secretArn);

const onMsk = (props: (stack: Stack) => Partial<MskClusterProps> = () => ({})) =>
  deployed((stack) => ({ cluster: mskCluster({ clusterArn, network: networkIn(stack), ...props(stack) }) })).template;

describe('on Amazon MSK', () => {
  const msk = onMsk();
  const arn = (kind: string, name: string): string =>
    `arn:aws:kafka:eu-west-1:123456789012:${kind}/events/0a-1/${name}`;
  const topic = (name: string): string => arn('topic', name);
  const may = (construct: string, action: string): string[] =>
    permissions(msk, construct)
      .filter((each) => each.action === action)
      .map(({ resource }) => resource)
      .sort();

  it('a stage reads its own topic and writes those behind it, its sinks and dead letters', () => {
    expect(may('PipelineStagesperminute', 'kafka-cluster:ReadData')).toEqual([topic('clicks.per-minute')]);
    expect(may('PipelineStagesperminute', 'kafka-cluster:WriteData')).toEqual(
      ['clicks.busy', 'clicks.dead-letters', 'page-counts'].map(topic),
    );
    expect(may('PipelineStagesclicks', 'kafka-cluster:ReadData')).toEqual([topic('web-clicks')]);
    expect(may('PipelineStagesperminute', 'kafka-cluster:WriteDataIdempotently')).toEqual([clusterArn]);
    expect(may('PipelineStagesperminute', 'kafka-cluster:CreateTopic')).toEqual([]);
  });

  it('a stage with exactly-once sinks has transactions of its own, and a group for each of them and its event source', () => {
    const own = arn('transactional-id', 'clicks/counts/*');
    expect(may('PipelineStagesperminute', 'kafka-cluster:AlterTransactionalId')).toEqual([own]);
    expect(may('PipelineStagesperminute', 'kafka-cluster:DescribeTransactionalId')).toEqual([own]);
    expect(may('PipelineStagesperminute', 'kafka-cluster:AlterGroup')).toEqual([
      arn('group', 'clicks.per-minute'),
      arn('group', 'clicks/counts/*'),
    ]);
    expect(may('PipelineStagesclicks', 'kafka-cluster:AlterTransactionalId')).toEqual([]);
  });

  it('the controller reads and writes the topics between stages, and reads those of sources', () => {
    const own = ['clicks.busy', 'clicks.dead-letters', 'clicks.per-minute'].map(topic);
    expect(may('PipelineController', 'kafka-cluster:WriteData')).toEqual(own);
    expect(may('PipelineController', 'kafka-cluster:ReadData')).toEqual([...own, topic('web-clicks')]);
    expect(may('PipelineController', 'kafka-cluster:CreateTopic')).toEqual([]);
  });

  it('a role names each topic once, so that one with many topics stays within what a role holds', () => {
    const stack = new Stack(newApp(), 'Many', { env: { account: '123456789012', region: 'eu-west-1' } });
    const role = new Role(stack, 'Role', { assumedBy: new ServicePrincipal('lambda.amazonaws.com') });
    const names = Array.from({ length: 30 }, (_, i) => `orders.step-${i}`);
    const use = { describes: names, reads: names, writes: names, creates: [] };
    mskCluster({ clusterArn, network: { vpc: undefined as never, securityGroups: [] } }).connect(role, use);
    const many = Template.fromStack(stack);
    const rights = permissions(many, 'Role');
    for (const action of ['DescribeTopic', 'ReadData', 'WriteData']) {
      expect(rights.filter((each) => each.action === `kafka-cluster:${action}`)).toHaveLength(names.length);
    }
    const text = JSON.stringify(resources(many, 'AWS::IAM::Policy'));
    for (const name of names) expect(text.split(`/${name}"`)).toHaveLength(2);
  });

  it('CloudFormation makes the topics between stages, which stay when the stack goes', () => {
    const topics = resources(msk, 'AWS::MSK::Topic');
    expect(topics.map(([, { Properties }]) => [Properties['TopicName'], Properties['PartitionCount']])).toEqual([
      ['clicks.per-minute', 4],
      ['clicks.busy', 4],
      ['clicks.dead-letters', 1],
    ]);
    for (const [, made] of topics) {
      expect(made).toMatchObject({ DeletionPolicy: 'Retain', UpdateReplacePolicy: 'Retain' });
      expect(made.Properties).toMatchObject({ ClusterArn: clusterArn, ReplicationFactor: 3 });
      expect(Buffer.from(made.Properties['Configs'] as string, 'base64').toString()).toContain(
        'message.timestamp.type=LogAppendTime',
      );
    }
    msk.resourceCountIs('Custom::MillraceTopics', 0);
  });

  it('functions stand in the network of the brokers, and event sources are the cluster', () => {
    msk.allResourcesProperties('AWS::Lambda::Function', {
      VpcConfig: Match.objectLike({ SubnetIds: Match.anyValue() }),
    });
    msk.allResourcesProperties('AWS::Lambda::EventSourceMapping', {
      EventSourceArn: clusterArn,
      SelfManagedEventSource: Match.absent(),
      SourceAccessConfigurations: Match.absent(),
      AmazonManagedKafkaEventSourceConfig: { ConsumerGroupId: Match.anyValue() },
    });
    expect(may('PipelineStagesclicks', 'kafka:DescribeClusterV2')).toEqual([clusterArn]);
    expect(may('PipelineStagesclicks', 'ec2:CreateNetworkInterface')).toEqual(['*']);
  });
});

describe('on MSK Serverless', () => {
  it('a function makes the topics, and may', () => {
    const serverless = onMsk(() => ({ kind: 'serverless' }));
    serverless.resourceCountIs('AWS::MSK::Topic', 0);
    serverless.resourceCountIs('Custom::MillraceTopics', 1);
    const made = permissions(serverless, 'PipelineTopics').filter(
      ({ action }) => action === 'kafka-cluster:CreateTopic',
    );
    expect(made.map(({ resource }) => resource.split('/').at(-1)).sort()).toEqual([
      'clicks.busy',
      'clicks.dead-letters',
      'clicks.per-minute',
    ]);
    expect(permissions(serverless, 'PipelineTopics').map(({ action }) => action)).not.toContain(
      'kafka-cluster:DeleteTopic',
    );
  });
});

describe('on MSK without IAM', () => {
  it.each([
    ['scram-sha-512', 'SASL_SCRAM_512_AUTH'],
    ['mtls', 'CLIENT_CERTIFICATE_TLS_AUTH'],
  ] as const)('event sources and functions log in by %s with a secret', (auth, type) => {
    const msk = onMsk((stack) => ({ auth, credentials: secretIn(stack) }));
    msk.allResourcesProperties('AWS::Lambda::EventSourceMapping', {
      SourceAccessConfigurations: [{ Type: type, URI: secretArn }],
    });
    msk.hasResourceProperties('AWS::Lambda::Function', {
      Environment: { Variables: Match.objectLike({ MILLRACE_KAFKA_AUTH: auth, MILLRACE_KAFKA_TLS: 'true' }) },
    });
    const granted = permissions(msk, 'PipelineStagesbusy').map(({ action }) => action);
    expect(granted.filter((action) => action.startsWith('kafka-cluster:'))).toEqual([]);
    expect(granted).toContain('secretsmanager:GetSecretValue');
    expect(granted.includes('kafka:ListScramSecrets')).toBe(auth === 'scram-sha-512');
  });
});

describe('on other clusters', () => {
  it.each([
    ['scram-sha-512', 'SASL_SCRAM_512_AUTH'],
    ['scram-sha-256', 'SASL_SCRAM_256_AUTH'],
    ['plain', 'BASIC_AUTH'],
    ['mtls', 'CLIENT_CERTIFICATE_TLS_AUTH'],
  ] satisfies [SelfManagedAuth, string][])('event sources and functions log in by %s', (auth, type) => {
    const { template } = deployed((stack) => ({
      cluster: selfManagedCluster({ brokers: ['b-1.example.com:9096'], auth, credentials: secretIn(stack) }),
    }));
    template.allResourcesProperties('AWS::Lambda::EventSourceMapping', {
      SourceAccessConfigurations: [{ Type: type, URI: secretArn }],
    });
    template.hasResourceProperties('AWS::Lambda::Function', {
      Environment: { Variables: Match.objectLike({ MILLRACE_KAFKA_AUTH: auth, MILLRACE_KAFKA_TLS: 'true' }) },
    });
    expect(permissions(template, 'PipelineController')).toContainEqual({
      action: 'secretsmanager:GetSecretValue',
      resource: secretArn,
    });
  });

  it('event sources stand in the network of the brokers, if there is one', () => {
    const { template } = deployed((stack) => ({
      cluster: selfManagedCluster({ brokers: ['b-1.example.com:9092'], network: networkIn(stack) }),
    }));
    template.allResourcesProperties('AWS::Lambda::EventSourceMapping', {
      SourceAccessConfigurations: [
        { Type: 'VPC_SUBNET', URI: Match.anyValue() },
        { Type: 'VPC_SUBNET', URI: Match.anyValue() },
        { Type: 'VPC_SECURITY_GROUP', URI: Match.anyValue() },
      ],
    });
    template.hasResourceProperties('AWS::Lambda::Function', {
      Environment: { Variables: Match.objectLike({ MILLRACE_KAFKA_AUTH: 'none', MILLRACE_KAFKA_TLS: 'false' }) },
    });
  });
});
