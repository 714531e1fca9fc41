import { Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { type ITable, Table } from 'aws-cdk-lib/aws-dynamodb';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Bucket, type IBucket } from 'aws-cdk-lib/aws-s3';
import { describe, expect, it } from 'vitest';
import { MillracePipeline, MillraceState, selfManagedCluster } from '../../cdk/index.ts';
import { clicks } from './clicks/pipeline.ts';
import { deployed, entry, newApp, permissions, resources, topics } from './template.ts';

const environment = { account: '123456789012', region: 'eu-west-1' };
const cluster = selfManagedCluster({ brokers: ['localhost:9092'] });

describe('state', () => {
  it('can live in a stack of its own, apart from the code', () => {
    const app = newApp();
    const apart = new Stack(app, 'State', { env: environment });
    const state = new MillraceState(apart, 'State', { blobPrefix: 'clicks/' });
    const stack = new Stack(app, 'Code', { env: environment });
    new MillracePipeline(stack, 'Pipeline', { pipeline: clicks(), entry, cluster, state, ...topics });
    const code = Template.fromStack(stack);
    for (const type of ['AWS::DynamoDB::GlobalTable', 'AWS::S3::Bucket']) {
      code.resourceCountIs(type, 0);
      Template.fromStack(apart).resourceCountIs(type, 1);
    }
    const objects = permissions(code, 'PipelineStagesbusy').filter(({ action }) => action === 's3:PutObject');
    expect(objects).toEqual([{ action: 's3:PutObject', resource: expect.stringContaining('/clicks/*') }]);
  });

  it('can be a table and a bucket that are there', () => {
    const { template } = deployed((stack) => ({
      state: new MillraceState(stack, 'Mine', {
        table: Table.fromTableName(stack, 'Table', 'commits') as ITable,
        bucket: Bucket.fromBucketName(stack, 'Bucket', 'snapshots') as IBucket,
      }),
    }));
    template.resourceCountIs('AWS::DynamoDB::GlobalTable', 0);
    template.resourceCountIs('AWS::S3::Bucket', 0);
    expect(permissions(template, 'PipelineStagesbusy')).toContainEqual({
      action: 's3:GetObject',
      resource: expect.stringContaining(':s3:::snapshots/*'),
    });
  });

  it('is protected against deletion, and goes only where that is asked for', () => {
    const kept = deployed().template;
    kept.hasResource('AWS::DynamoDB::GlobalTable', {
      DeletionPolicy: 'Retain',
      Properties: { Replicas: [{ DeletionProtectionEnabled: true }] },
    });
    const { template } = deployed((stack) => ({ state: new MillraceState(stack, 'Short', { destroyState: true }) }));
    template.hasResource('AWS::DynamoDB::GlobalTable', { DeletionPolicy: 'Delete' });
    template.hasResource('AWS::S3::Bucket', { DeletionPolicy: 'Delete' });
    template.resourceCountIs('Custom::S3AutoDeleteObjects', 1);
  });
});

describe('what others may do', () => {
  const { template } = deployed((stack) => ({
    environment: { ROLE: new Role(stack, 'Unused', { assumedBy: new ServicePrincipal('ec2.amazonaws.com') }).roleName },
  }));

  it('is nothing unless it is granted', () => {
    expect(resources(template, 'AWS::IAM::Policy').filter(([id]) => id.startsWith('Unused'))).toEqual([]);
  });

  it('is to look at state, and to operate the pipeline', () => {
    const stack = new Stack(newApp(), 'Clicks', { env: environment });
    const deployment = new MillracePipeline(stack, 'Pipeline', { pipeline: clicks(), entry, cluster, ...topics });
    const reader = new Role(stack, 'Reader', { assumedBy: new ServicePrincipal('ec2.amazonaws.com') });
    const operator = new Role(stack, 'Operator', { assumedBy: new ServicePrincipal('ec2.amazonaws.com') });
    deployment.grantReadState(reader);
    deployment.grantOperate(operator);
    const made = Template.fromStack(stack);
    expect([...new Set(permissions(made, 'Reader').map(({ action }) => action))].sort()).toEqual([
      'dynamodb:GetItem',
      'dynamodb:Query',
      's3:GetObject',
      's3:ListBucket',
    ]);
    expect(permissions(made, 'Operator')).toContainEqual({
      action: 'lambda:InvokeFunction',
      resource: expect.stringContaining('PipelineControllerFunctionLive'),
    });
  });
});
