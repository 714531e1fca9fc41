/** Deploys the probe of `scripts/real-account.ts`, which says by context, as JSON, what to reach. */
import { App, Fn } from 'aws-cdk-lib';
import { SecurityGroup, Vpc } from 'aws-cdk-lib/aws-ec2';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import type { Construct } from 'constructs';
import type { KafkaAuth } from '../functions/settings.ts';
import type { KafkaCluster, KafkaNetwork } from './constructs/kafka-cluster.ts';
import { type MskAuth, type MskKind, mskCluster } from './constructs/msk-cluster.ts';
import { type SelfManagedAuth, selfManagedCluster } from './constructs/self-managed-cluster.ts';
import { ProbeStack } from './probe-stack.ts';

/** What the probe is to reach, and how it is named. */
export interface ProbeTarget {
  readonly stack: string;
  readonly run: string;
  readonly topic: string;
  readonly clockTopic: string;
  readonly generation: string;
  /** Seconds that a call may take. */
  readonly timeout: number;
  readonly brokers?: readonly string[];
  readonly clusterArn?: string;
  readonly kind?: MskKind;
  readonly auth?: KafkaAuth;
  readonly secretArn?: string;
  readonly network?: {
    readonly vpc: string;
    readonly subnets: readonly string[];
    readonly securityGroups: readonly string[];
  };
}

const app = new App();
const target = JSON.parse(String(app.node.tryGetContext('probe'))) as ProbeTarget;
const { stack, run, topic, clockTopic, generation, timeout } = target;
new ProbeStack(app, stack, {
  run,
  topic,
  clockTopic,
  generation,
  timeout,
  cluster: (scope) => clusterOf(scope, target),
});
app.synth();

function clusterOf(
  scope: Construct,
  { brokers, clusterArn, kind, auth, secretArn, network }: ProbeTarget,
): KafkaCluster {
  const credentials =
    secretArn === undefined ? {} : { credentials: Secret.fromSecretCompleteArn(scope, 'KafkaSecret', secretArn) };
  const where = network === undefined ? undefined : networkOf(scope, network);
  if (clusterArn === undefined) {
    return selfManagedCluster({
      ...{ brokers: brokers ?? [], ...credentials },
      ...(where === undefined ? {} : { network: where }),
      ...(auth === undefined ? {} : { auth: auth as SelfManagedAuth }),
    });
  }
  if (where === undefined) throw new Error('a cluster of MSK is reached from a VPC: say which');
  return mskCluster({
    ...{ clusterArn, network: where, ...credentials },
    ...(kind === undefined ? {} : { kind }),
    ...(auth === undefined ? {} : { auth: auth as MskAuth }),
  });
}

function networkOf(
  scope: Construct,
  { vpc, subnets, securityGroups }: NonNullable<ProbeTarget['network']>,
): KafkaNetwork {
  return {
    vpc: Vpc.fromVpcAttributes(scope, 'Vpc', {
      vpcId: vpc,
      availabilityZones: subnets.map((_, i) => Fn.select(i, Fn.getAzs())),
      privateSubnetIds: [...subnets],
    }),
    securityGroups: securityGroups.map((id) => SecurityGroup.fromSecurityGroupId(scope, id, id, { mutable: false })),
  };
}
