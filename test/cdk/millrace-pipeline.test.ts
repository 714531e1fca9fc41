import { Duration } from 'aws-cdk-lib';
import { Match } from 'aws-cdk-lib/assertions';
import { type IVpc, SecurityGroup, Vpc } from 'aws-cdk-lib/aws-ec2';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { describe, expect, it } from 'vitest';
import { mskCluster, selfManagedCluster } from '../../cdk/index.ts';
import { collection, pipeline, toMemory } from '../../lib/index.ts';
import { clicks } from './clicks/pipeline.ts';
import { deployed, permissions, resources } from './template.ts';

const { template, deployment } = deployed();

describe('a deployed pipeline', () => {
  it('has one function for each stage of its plan, and one for the controller', () => {
    const named = resources(template, 'AWS::Lambda::Function').map(([, { Properties }]) => {
      const { Variables } = Properties['Environment'] as { readonly Variables: Readonly<Record<string, string>> };
      return Variables['MILLRACE_STAGE'] ?? 'controller';
    });
    expect(named.sort()).toEqual(['busy', 'clicks', 'controller', 'per-minute']);
    expect([...deployment.stages.keys()]).toEqual(deployment.plan.stages.map((stage) => stage.id));
  });

  it('has a function for each operator where nothing is fused', () => {
    const unfused = deployed({ pipeline: clicks('none') });
    expect([...unfused.deployment.stages.keys()]).toEqual(['clicks', 'filter-1', 'per-minute', 'busy']);
    unfused.template.resourceCountIs('AWS::Lambda::Function', 5);
  });

  it('runs all functions on Node 24, on arm64, each with what the plan says of it', () => {
    template.allResourcesProperties('AWS::Lambda::Function', {
      Runtime: 'nodejs24.x',
      Architectures: ['arm64'],
      Environment: {
        Variables: Match.objectLike({ MILLRACE_PIPELINE: 'clicks', MILLRACE_KAFKA_BROKERS: 'b-1:9096,b-2:9096' }),
      },
    });
    const keys = resources(template, 'AWS::Lambda::Function').map(([, { Properties }]) =>
      JSON.stringify(Properties['Code']),
    );
    expect(new Set(keys).size).toBe(4);
    template.hasResourceProperties('AWS::Lambda::Function', {
      Handler: 'stage.handler',
      MemorySize: 1_769,
      Environment: { Variables: Match.objectLike({ MILLRACE_STAGE: 'busy' }) },
    });
  });

  it.each([
    ['clicks', 'web-clicks', 1_000],
    ['per-minute', 'clicks.per-minute', 100],
    ['busy', 'clicks.busy', 100],
  ])('calls the function of %s with what comes to %s', (stage, topic, batchSize) => {
    const [id] = resources(template, 'AWS::Lambda::Function').find(([each]) =>
      each.startsWith(`PipelineStages${stage.replace('-', '')}Function`),
    )!;
    template.hasResourceProperties('AWS::Lambda::EventSourceMapping', {
      FunctionName: { Ref: id },
      Topics: [topic],
      StartingPosition: 'TRIM_HORIZON',
      BatchSize: batchSize,
      SelfManagedEventSource: { Endpoints: { KafkaBootstrapServers: ['b-1:9096', 'b-2:9096'] } },
      SelfManagedKafkaEventSourceConfig: { ConsumerGroupId: `clicks.${stage}` },
    });
  });

  it('neither filters what a task must see nor gives up what it could not take', () => {
    template.resourceCountIs('AWS::Lambda::EventSourceMapping', 3);
    template.allResourcesProperties('AWS::Lambda::EventSourceMapping', {
      FilterCriteria: Match.absent(),
      DestinationConfig: Match.absent(),
      MaximumRetryAttempts: Match.absent(),
      MaximumRecordAgeInSeconds: Match.absent(),
      BisectBatchOnFunctionError: Match.absent(),
      FunctionResponseTypes: Match.absent(),
    });
  });

  it('keeps its commits when the stack goes, and can restore them to any point of time', () => {
    template.hasResource('AWS::DynamoDB::GlobalTable', {
      DeletionPolicy: 'Retain',
      UpdateReplacePolicy: 'Retain',
      Properties: {
        BillingMode: 'PAY_PER_REQUEST',
        KeySchema: [
          { AttributeName: 'pk', KeyType: 'HASH' },
          { AttributeName: 'sk', KeyType: 'RANGE' },
        ],
        Replicas: [Match.objectLike({ PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true } })],
      },
    });
  });

  it('keeps its snapshots when the stack goes, encrypted, private and reached by TLS alone', () => {
    template.hasResource('AWS::S3::Bucket', {
      DeletionPolicy: 'Retain',
      UpdateReplacePolicy: 'Retain',
      Properties: {
        BucketEncryption: {
          ServerSideEncryptionConfiguration: [{ ServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' } }],
        },
        PublicAccessBlockConfiguration: {
          BlockPublicAcls: true,
          BlockPublicPolicy: true,
          IgnorePublicAcls: true,
          RestrictPublicBuckets: true,
        },
      },
    });
    template.hasResourceProperties('AWS::S3::BucketPolicy', {
      PolicyDocument: {
        Statement: [
          Match.objectLike({ Effect: 'Deny', Action: 's3:*', Condition: { Bool: { 'aws:SecureTransport': 'false' } } }),
        ],
      },
    });
  });

  it('wakes the controller every minute, and tells it its functions in the order of the plan', () => {
    template.hasResourceProperties('AWS::Scheduler::Schedule', {
      ScheduleExpression: 'rate(1 minute)',
      FlexibleTimeWindow: { Mode: 'OFF' },
      State: 'ENABLED',
      Target: { RetryPolicy: { MaximumRetryAttempts: 0 } },
    });
    const functions = ['clicks', 'per-minute', 'busy'].map((stage) => ({
      Ref: resources(template, 'AWS::Lambda::Function').find(([id]) =>
        id.startsWith(`PipelineStages${stage.replace('-', '')}Function`),
      )![0],
    }));
    template.hasResourceProperties('AWS::Lambda::Function', {
      Handler: 'controller.handler',
      Environment: {
        Variables: Match.objectLike({
          MILLRACE_FUNCTIONS: { 'Fn::Join': [',', functions] },
        }),
      },
    });
  });

  it('gives no role more than it needs', () => {
    const stage = permissions(template, 'PipelineStagesperminute');
    expect([...new Set(stage.map(({ action }) => action))].sort()).toEqual([
      'dynamodb:GetItem',
      'dynamodb:PutItem',
      'dynamodb:Query',
      's3:AbortMultipartUpload',
      's3:DeleteObject',
      's3:GetObject',
      's3:ListBucket',
      's3:PutObject',
    ]);
    const controller = permissions(template, 'PipelineController');
    const actions = new Set(controller.map(({ action }) => action));
    expect(actions).toContain('lambda:InvokeFunction');
    expect(actions).not.toContain('s3:DeleteObject');
    expect([...stage, ...controller].filter(({ resource }) => resource === '*')).toEqual([]);
  });

  it('keeps logs for a month', () => {
    template.resourceCountIs('AWS::Logs::LogGroup', 4);
    template.allResourcesProperties('AWS::Logs::LogGroup', { RetentionInDays: 30 });
  });
});

describe('logical ids', () => {
  const idsOf = (of: typeof template, type: string): string[] =>
    resources(of, type)
      .map(([id]) => id)
      .sort();

  it('of what holds state never change', () => {
    expect(idsOf(template, 'AWS::DynamoDB::GlobalTable')).toEqual(['PipelineStateCommits29873648']);
    expect(idsOf(template, 'AWS::S3::Bucket')).toEqual(['PipelineStateSnapshots93B53F84']);
  });

  it('of functions and event sources go by the stage, whatever else there is', () => {
    expect(idsOf(template, 'AWS::Lambda::Function')).toEqual([
      'PipelineControllerFunctionC28FFB24',
      'PipelineStagesbusyFunction0ED60572',
      'PipelineStagesclicksFunction1CFAA09C',
      'PipelineStagesperminuteFunctionE1A09FB7',
    ]);
    const unfused = deployed({ pipeline: clicks('none') }).template;
    for (const type of [
      'AWS::Lambda::Function',
      'AWS::Lambda::EventSourceMapping',
      'AWS::DynamoDB::GlobalTable',
      'AWS::S3::Bucket',
    ]) {
      expect(idsOf(unfused, type)).toEqual(expect.arrayContaining(idsOf(template, type)));
    }
  });
});

describe('on Amazon MSK', () => {
  const clusterArn = 'arn:aws:kafka:eu-west-1:123456789012:cluster/events/0a-1';
  const msk = deployed((stack) => {
    const vpc = new Vpc(stack, 'Vpc') as IVpc;
    return {
      cluster: mskCluster({
        clusterArn,
        network: { vpc, securityGroups: [new SecurityGroup(stack, 'Group', { vpc })] },
      }),
    };
  }).template;
  const topic = (name: string): string => `arn:aws:kafka:eu-west-1:123456789012:topic/events/0a-1/${name}`;
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
    expect(may('PipelineStagesperminute', 'kafka-cluster:AlterGroup')).toEqual([
      'arn:aws:kafka:eu-west-1:123456789012:group/events/0a-1/clicks.per-minute',
    ]);
    expect(may('PipelineStagesperminute', 'kafka-cluster:CreateTopic')).toEqual([]);
  });

  it('the controller makes the topics between stages and reads those of sources', () => {
    expect(may('PipelineController', 'kafka-cluster:CreateTopic')).toEqual(
      ['clicks.busy', 'clicks.dead-letters', 'clicks.per-minute'].map(topic),
    );
    expect(may('PipelineController', 'kafka-cluster:ReadData')).toEqual([topic('web-clicks')]);
  });

  it('functions stand in the network of the brokers, and event sources are the cluster', () => {
    msk.allResourcesProperties('AWS::Lambda::Function', {
      VpcConfig: Match.objectLike({ SubnetIds: Match.anyValue() }),
    });
    msk.allResourcesProperties('AWS::Lambda::EventSourceMapping', {
      EventSourceArn: clusterArn,
      SelfManagedEventSource: Match.absent(),
      AmazonManagedKafkaEventSourceConfig: { ConsumerGroupId: Match.anyValue() },
    });
  });
});

describe('on a cluster with a password', () => {
  it('functions may read it, and event sources log in with it', () => {
    const { template } = deployed((stack) => ({
      cluster: selfManagedCluster({
        brokers: ['b:9096'],
        credentials: Secret.fromSecretCompleteArn(
          stack,
          'S',
          'arn:aws:secretsmanager:eu-west-1:123456789012:secret:kafka-AbCdEf',
        ),
      }),
    }));
    template.allResourcesProperties('AWS::Lambda::EventSourceMapping', {
      SourceAccessConfigurations: [
        { Type: 'SASL_SCRAM_512_AUTH', URI: Match.stringLikeRegexp('secret:kafka-AbCdEf$') },
      ],
    });
    expect(permissions(template, 'PipelineController')).toContainEqual({
      action: 'secretsmanager:GetSecretValue',
      resource: expect.stringContaining('secret:kafka-AbCdEf'),
    });
  });
});

describe('what cannot be deployed', () => {
  it('is said before anything is made, all of it', () => {
    const orders = pipeline('orders', (p) => p.source('orders', collection([1])).to('kept', toMemory()));
    expect(() => deployed({ pipeline: orders, sources: {}, sinks: {}, timeout: Duration.minutes(15) })).toThrow(
      expect.objectContaining({
        kind: 'invalid-pipeline',
        message: expect.stringMatching(
          /3 mistakes:\n {2}orders: this source is on no topic.*\n {2}kept: this sink.*\n {2}orders: its timeout/,
        ),
      }),
    );
  });

  it('names an id that the pipeline does not have', () => {
    expect(() => deployed({ sources: { klicks: { topic: 'a', partitions: 1 } } })).toThrow("no source 'klicks'");
  });
});
