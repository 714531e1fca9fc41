import { describe, expect, it } from 'vitest';
import { type DeployedStack, mappingsIn, schedulesIn } from '../../lib/local/index.ts';

const stack: DeployedStack = {
  ...{ name: 'my-stack', region: 'eu-west-1', account: '123456789012' },
  resources: {
    Fn: { Type: 'AWS::Lambda::Function' },
    Alias: { Type: 'AWS::Lambda::Alias' },
    Own: {
      Type: 'AWS::Lambda::EventSourceMapping',
      Properties: {
        FunctionName: { Ref: 'Fn' },
        Topics: ['flights'],
        BatchSize: 1_000,
        MaximumBatchingWindowInSeconds: 2,
        StartingPosition: 'LATEST',
        SelfManagedEventSource: { Endpoints: { KafkaBootstrapServers: ['b-1:9092', 'b-2:9092'] } },
        SelfManagedKafkaEventSourceConfig: { ConsumerGroupId: { 'Fn::Join': ['.', ['p', { Ref: 'AWS::Region' }]] } },
      },
    },
    Managed: {
      Type: 'AWS::Lambda::EventSourceMapping',
      Properties: {
        FunctionName: { Ref: 'Alias' },
        Topics: ['t'],
        StartingPosition: 'AT_TIMESTAMP',
        StartingPositionTimestamp: 1_700_000_000,
        // biome-ignore lint/suspicious/noTemplateCurlyInString: CloudFormation's placeholders
        EventSourceArn: { 'Fn::Sub': 'arn:aws:kafka:${AWS::Region}:${AWS::AccountId}:cluster/c/1' },
      },
    },
    Disabled: {
      Type: 'AWS::Lambda::EventSourceMapping',
      Properties: { FunctionName: { Ref: 'Fn' }, Topics: ['t'], Enabled: false },
    },
    Queue: { Type: 'AWS::Lambda::EventSourceMapping', Properties: { FunctionName: { Ref: 'Fn' } } },
    Minutely: {
      Type: 'AWS::Scheduler::Schedule',
      Properties: {
        ScheduleExpression: 'rate(1 minute)',
        Target: { Arn: { 'Fn::GetAtt': ['Fn', 'Arn'] }, Input: '{"a":1}' },
      },
    },
    Nightly: {
      Type: 'AWS::Scheduler::Schedule',
      Properties: { ScheduleExpression: 'cron(0 3 * * ? *)', Target: { Arn: { 'Fn::GetAtt': ['Fn', 'Arn'] } } },
    },
  },
  physicalIds: new Map([
    ['Fn', 'my-stack-Fn-1'],
    ['Alias', 'arn:aws:lambda:eu-west-1:123456789012:function:my-stack-Fn-1:live'],
    ['Managed', '0c3484ec-2f3a'],
  ]),
};

describe('the mappings of a stack', () => {
  it('are read from its template, with what became of what they name', () => {
    expect(mappingsIn(stack, { bootstrapServers: 'local:9092' })).toEqual([
      {
        name: 'my-stack/Own',
        functionName: 'my-stack-Fn-1',
        topic: 'flights',
        group: 'p.eu-west-1',
        startingPosition: 'LATEST',
        batchSize: 1_000,
        window: 2_000,
        form: { kind: 'self-managed', bootstrapServers: 'b-1:9092,b-2:9092' },
      },
      {
        name: 'my-stack/Managed',
        functionName: 'arn:aws:lambda:eu-west-1:123456789012:function:my-stack-Fn-1:live',
        topic: 't',
        group: '0c3484ec-2f3a',
        startingPosition: { at: 1_700_000_000_000 },
        batchSize: 100,
        window: 500,
        form: {
          kind: 'msk',
          clusterArn: 'arn:aws:kafka:eu-west-1:123456789012:cluster/c/1',
          bootstrapServers: 'local:9092',
        },
      },
    ]);
  });

  it('are refused where they name what is not in the stack', () => {
    const { Own } = stack.resources;
    const lost = { ...Own!, Properties: { ...Own!.Properties, FunctionName: { 'Fn::ImportValue': 'x' } } };
    expect(() => mappingsIn({ ...stack, resources: { Lost: lost } })).toThrow(
      /function of the event source mapping Lost/,
    );
  });
});

it('reads schedules that call a function at a rate', () => {
  expect(schedulesIn(stack)).toEqual([
    {
      name: 'my-stack/Minutely',
      functionName: 'arn:aws:lambda:eu-west-1:123456789012:function:my-stack-Fn-1',
      input: '{"a":1}',
      period: 60_000,
    },
  ]);
});
