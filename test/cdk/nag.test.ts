import { Stack, Validations } from 'aws-cdk-lib';
import { Bucket } from 'aws-cdk-lib/aws-s3';
import { type ISecret, Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { AwsSolutionsChecks } from 'cdk-nag';
import { describe, expect, it } from 'vitest';
import { MillracePipeline, type MillracePipelineProps, mskCluster, selfManagedCluster } from '../../cdk/index.ts';
import { clicks } from './clicks/pipeline.ts';
import { entry, networkIn, newApp, topics } from './template.ts';

/** What the rules find in a deployment that nobody has given a reason for. */
function findings(props: (stack: Stack) => Pick<MillracePipelineProps, 'cluster'> & Partial<MillracePipelineProps>) {
  const app = newApp();
  const stack = new Stack(app, 'Clicks', { env: { account: '123456789012', region: 'eu-west-1' } });
  new MillracePipeline(stack, 'Pipeline', { pipeline: clicks(), entry, ...topics, ...props(stack) });
  const vpc = stack.node.tryFindChild('Vpc');
  if (vpc !== undefined) Validations.of(vpc).acknowledge({ id: 'AwsSolutions-VPC7', reason: 'a network of the test' });
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
  try {
    app.synth();
    return [];
  } catch (error) {
    return String(error)
      .split('\n')
      .filter((line) => line.includes('Acknowledge with') || line.includes('Clicks/'));
  }
}

describe('the rules of cdk-nag', { timeout: 600_000 }, () => {
  it('find nothing in a deployment on other clusters, with workers and all', () => {
    const found = findings((stack) => ({
      cluster: selfManagedCluster({
        brokers: ['b-1.example.com:9096'],
        network: networkIn(stack),
        credentials: Secret.fromSecretCompleteArn(
          stack,
          'Secret',
          'arn:aws:secretsmanager:eu-west-1:123456789012:secret:kafka-AbCdEf',
        ) as ISecret,
      }),
      ...{ workers: { stages: ['busy'] }, dashboard: true, tracing: true },
    }));
    expect(found).toEqual([]);
  });

  it('find nothing in a deployment on Amazon MSK', () => {
    const clusterArn = 'arn:aws:kafka:eu-west-1:123456789012:cluster/events/0a-1';
    expect(
      findings((stack) => ({ cluster: mskCluster({ clusterArn, network: networkIn(stack), kind: 'serverless' }) })),
    ).toEqual([]);
  });

  it('would find a bucket that is open to all', () => {
    const found = findings((stack) => {
      new Bucket(stack, 'Open');
      return { cluster: selfManagedCluster({ brokers: ['localhost:9092'] }) };
    });
    expect(found.join('\n')).toContain('AwsSolutions-S10');
  });
});
