import { App } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { SecurityGroup, Vpc } from 'aws-cdk-lib/aws-ec2';
import { describe, expect, it } from 'vitest';
import { mskCluster } from '../../cdk/index.ts';
import { ProbeStack } from '../../cdk/probe-stack.ts';

const stack = new ProbeStack(new App({ context: { 'aws:cdk:bundling-stacks': [] } }), 'Probe', {
  ...{ run: 'run', topic: 'probed', clockTopic: 'probed-clock', generation: '1', timeout: 20 },
  cluster: (scope) =>
    mskCluster({
      clusterArn: 'arn:aws:kafka:eu-west-1:123456789012:cluster/events/0a1b-1',
      kind: 'serverless',
      network: {
        vpc: Vpc.fromVpcAttributes(scope, 'Vpc', {
          ...{ vpcId: 'vpc-1', availabilityZones: ['a'], privateSubnetIds: ['subnet-1'] },
        }),
        securityGroups: [SecurityGroup.fromSecurityGroupId(scope, 'Group', 'sg-0123456789abcdef0', { mutable: false })],
      },
    }),
});
const template = Template.fromStack(stack);

describe("the probe's stack", () => {
  it('leaves nothing behind but versions, which go with their function', () => {
    const kept = Object.values(
      template.toJSON()['Resources'] as Record<string, { Type: string; DeletionPolicy?: string }>,
    )
      .filter(({ DeletionPolicy }) => DeletionPolicy === 'Retain')
      .map(({ Type }) => Type);
    expect(new Set(kept)).toEqual(new Set(['AWS::Lambda::Version']));
  });

  it('allows its function its own table, bucket, topics and versions, and of networks what Lambda asks for', () => {
    const statements = Object.values(template.findResources('AWS::IAM::Policy')).flatMap(
      ({ Properties }) => Properties.PolicyDocument.Statement as { Action: string | string[]; Resource: unknown }[],
    );
    const anywhere = statements.filter(({ Resource }) => JSON.stringify(Resource).includes('"*"'));
    expect(anywhere.flatMap(({ Action }) => Action).every((action) => action.startsWith('ec2:'))).toBe(true);
    const written = statements.filter(({ Action }) => [Action].flat().includes('kafka-cluster:WriteData'));
    expect(written.map(({ Resource }) => Resource)).toEqual([
      'arn:aws:kafka:eu-west-1:123456789012:topic/events/0a1b-1/probed-clock',
    ]);
  });

  it('maps its topic as those of stages are mapped: to the newest version, without filter and destination', () => {
    const [mapping] = Object.values(template.findResources('AWS::Lambda::EventSourceMapping'));
    expect(mapping?.Properties).toMatchObject({ Topics: ['probed'], StartingPosition: 'TRIM_HORIZON' });
    expect(mapping?.Properties).not.toHaveProperty('FilterCriteria');
    expect(mapping?.Properties).not.toHaveProperty('DestinationConfig');
    expect(template.findResources('AWS::Lambda::Alias')).toHaveProperty(mapping?.Properties.FunctionName.Ref);
  });
});
