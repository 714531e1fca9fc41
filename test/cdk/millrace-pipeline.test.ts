import { Duration } from 'aws-cdk-lib';
import { Match } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from 'vitest';
import { clicks } from './clicks/pipeline.ts';
import { deployed, permissions, type Resource, resources } from './template.ts';

const { template, deployment } = deployed();

describe('a deployed pipeline', () => {
  it('has one function for each stage of its plan, and one for the controller', () => {
    const named = resources(template, 'AWS::Lambda::Function').map(([, { Properties }]) => {
      const { Variables } = Properties['Environment'] as { readonly Variables: Readonly<Record<string, string>> };
      return Variables['MILLRACE_STAGE'] ?? Properties['Handler'];
    });
    expect(named.sort()).toEqual(['busy', 'clicks', 'controller.handler', 'per-minute', 'topics-resource.handler']);
    expect([...deployment.stages.keys()]).toEqual(deployment.plan.stages.map((stage) => stage.id));
  });

  it('has a function for each operator where nothing is fused', () => {
    const unfused = deployed({ pipeline: clicks('none') });
    expect([...unfused.deployment.stages.keys()]).toEqual(['clicks', 'filter-1', 'per-minute', 'busy']);
    unfused.template.resourceCountIs('AWS::Lambda::Function', 6);
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
    expect(new Set(keys).size).toBe(5);
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
    const [id] = resources(template, 'AWS::Lambda::Alias').find(([each]) =>
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
    const { Environment } = resources(template, 'AWS::Lambda::Function').find(
      ([, { Properties }]) => Properties['Handler'] === 'controller.handler',
    )![1].Properties as { Environment: { Variables: Record<string, unknown> } };
    const told = JSON.stringify(Environment.Variables['MILLRACE_FUNCTIONS']);
    const order = ['clicks', 'perminute', 'busy'].map((stage) =>
      told.indexOf(`PipelineStages${stage}FunctionCurrentVersion`),
    );
    expect(order.every((at) => at > 0)).toBe(true);
    expect([...order].sort((a, b) => a - b)).toEqual(order);
    expect(Environment.Variables).toMatchObject({ MILLRACE_TIMEOUT: '60', MILLRACE_PERIOD: '60' });
  });

  it('lets a stage use state, write its log, and ring other versions of itself, and nothing else', () => {
    const stage = permissions(template, 'PipelineStagesperminute');
    expect([...new Set(stage.map(({ action }) => action))].sort()).toEqual([
      'dynamodb:GetItem',
      'dynamodb:PutItem',
      'dynamodb:Query',
      'lambda:InvokeFunction',
      'logs:CreateLogStream',
      'logs:PutLogEvents',
      's3:AbortMultipartUpload',
      's3:DeleteObject',
      's3:GetObject',
      's3:ListBucket',
      's3:PutObject',
    ]);
    const rung = stage.filter(({ action }) => action === 'lambda:InvokeFunction');
    expect(rung).toEqual([
      { action: 'lambda:InvokeFunction', resource: expect.stringContaining('PipelineStagesperminuteFunction') },
    ]);
  });

  it('lets the controller ring all, and delete no snapshots', () => {
    const controller = permissions(template, 'PipelineController');
    const rung = controller.filter(({ action }) => action === 'lambda:InvokeFunction').map(({ resource }) => resource);
    for (const name of ['Stagesclicks', 'Stagesperminute', 'Stagesbusy', 'Controller']) {
      expect(rung).toContainEqual(expect.stringContaining(`Pipeline${name}Function`));
    }
    const actions = new Set(controller.map(({ action }) => action));
    expect(actions).not.toContain('s3:DeleteObject');
    expect(actions).not.toContain('dynamodb:DeleteItem');
  });

  it('lets nobody do anything with everything', () => {
    expect(permissions(template, 'Pipeline').filter(({ resource }) => resource === '*')).toEqual([]);
    template.allResourcesProperties('AWS::IAM::Role', { ManagedPolicyArns: Match.absent() });
  });

  it('publishes a version of each function with each change, keeps it, and calls the newest by a name that stays', () => {
    const versions = resources(template, 'AWS::Lambda::Version');
    expect(versions).toHaveLength(4);
    for (const [, version] of versions)
      expect(version).toMatchObject({ DeletionPolicy: 'Retain', UpdateReplacePolicy: 'Retain' });
    template.resourceCountIs('AWS::Lambda::Alias', 4);
    template.allResourcesProperties('AWS::Lambda::Alias', { Name: 'live' });
    template.allResourcesProperties('AWS::Lambda::EventInvokeConfig', {
      MaximumRetryAttempts: 0,
      MaximumEventAgeInSeconds: 60,
    });
    const [alias] = resources(template, 'AWS::Lambda::Alias').find(([id]) => id.startsWith('PipelineController'))!;
    template.hasResourceProperties('AWS::Scheduler::Schedule', { Target: Match.objectLike({ Arn: { Ref: alias } }) });
  });

  it('gives a delivery a minute, and logs a month', () => {
    template.hasResourceProperties('AWS::Lambda::Function', { Handler: 'stage.handler', Timeout: 60 });
    template.resourceCountIs('AWS::Logs::LogGroup', 5);
    template.allResourcesProperties('AWS::Logs::LogGroup', { RetentionInDays: 30 });
  });

  it('has the topics between stages made before anything is delivered, and those of others looked at', () => {
    const [[id, { Properties }]] = resources(template, 'Custom::MillraceTopics') as [[string, Resource]];
    expect(JSON.parse(Properties['Topics'] as string)).toEqual({
      own: [
        { name: 'clicks.per-minute', partitions: 4, like: [] },
        { name: 'clicks.busy', partitions: 4, like: [] },
        { name: 'clicks.dead-letters', partitions: 1, like: [] },
      ],
      outer: [{ name: 'web-clicks', partitions: 6 }, { name: 'page-counts' }, { name: 'busy' }],
    });
    expect(Properties['Destroy']).toBe('false');
    for (const [, mapping] of resources(template, 'AWS::Lambda::EventSourceMapping')) {
      expect(mapping).toMatchObject({ DependsOn: expect.arrayContaining([id]) });
    }
  });

  it('tells the command line where its controller is', () => {
    const outputs = Object.values(template.findOutputs('*')) as { readonly Description: string }[];
    expect(outputs.map(({ Description }) => Description)).toContainEqual(
      expect.stringMatching(/^clicks: the controller/),
    );
  });
});

describe('what is said of a stage', () => {
  const { template: said, deployment: settled } = deployed({
    ...{ memorySize: 512, batchSize: 50, topicPrefix: 'test-', tracing: true, period: Duration.seconds(5) },
    environment: { LOOKUP: 'https://example.com' },
    pollers: { minimum: 2, maximum: 10 },
    stageOptions: {
      busy: {
        memorySize: 3_008,
        maxBatchingWindow: Duration.seconds(2),
        pollers: { group: 'shared' },
        warmBytes: 1_000,
      },
    },
    sources: { clicks: { topic: 'web-clicks', partitions: 6, create: true } },
  });
  const propertiesOf = (type: string, construct: string): Readonly<Record<string, unknown>> =>
    resources(said, type).find(([id]) => id.startsWith(construct))![1].Properties;

  it('holds for it, and what is said of all for the rest', () => {
    const busy = propertiesOf('AWS::Lambda::Function', 'PipelineStagesbusy');
    expect(busy).toMatchObject({ MemorySize: 3_008, TracingConfig: { Mode: 'Active' } });
    expect(busy['Environment']).toMatchObject({
      Variables: { LOOKUP: 'https://example.com', MILLRACE_WARM_BYTES: '1000', MILLRACE_TOPIC_PREFIX: 'test-' },
    });
    expect(propertiesOf('AWS::Lambda::Function', 'PipelineStagesclicks')).toMatchObject({ MemorySize: 512 });
  });

  it('holds for its event source', () => {
    expect(propertiesOf('AWS::Lambda::EventSourceMapping', 'PipelineStagesbusy')).toMatchObject({
      Topics: ['test-clicks.busy'],
      BatchSize: 50,
      MaximumBatchingWindowInSeconds: 2,
      ProvisionedPollerConfig: { MinimumPollers: 1, PollerGroupName: 'shared' },
      SelfManagedKafkaEventSourceConfig: { ConsumerGroupId: 'test-clicks.busy' },
    });
    expect(propertiesOf('AWS::Lambda::EventSourceMapping', 'PipelineStagesclicks')).toMatchObject({
      Topics: ['web-clicks'],
      ProvisionedPollerConfig: { MinimumPollers: 2, MaximumPollers: 10, PollerGroupName: 'clicks' },
    });
  });

  it('has a source’s topic made where that is asked for', () => {
    const { Topics } = propertiesOf('Custom::MillraceTopics', 'PipelineTopics');
    expect(JSON.parse(Topics as string).outer[0]).toEqual({ name: 'web-clicks', partitions: 6, create: 6 });
  });

  it('leaves the code of the stages as it is', () => {
    expect(settled.plan.stages.map(({ code }) => code)).toEqual(deployment.plan.stages.map(({ code }) => code));
  });
});
