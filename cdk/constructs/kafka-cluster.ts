import { Fn } from 'aws-cdk-lib';
import type { ISecurityGroup, IVpc, SubnetSelection } from 'aws-cdk-lib/aws-ec2';
import { Effect, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { CfnEventSourceMapping, type Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import type { ISecret } from 'aws-cdk-lib/aws-secretsmanager';
import { variables } from '../../functions/settings.ts';

/** Where functions stand to reach the brokers. */
export interface KafkaNetwork {
  readonly vpc: IVpc;
  /** @default - the VPC's private subnets */
  readonly vpcSubnets?: SubnetSelection;
  readonly securityGroups: readonly ISecurityGroup[];
}

/** What a function does with topics. */
export interface TopicUse {
  /** Topics that it reads. */
  readonly reads: readonly string[];
  readonly writes: readonly string[];
  /** Topics that it creates or widens. */
  readonly creates: readonly string[];
}

/** The event source of a function. */
export interface EventSource {
  readonly topic: string;
  readonly consumerGroup: string;
  readonly batchSize: number;
}

/** A cluster that a pipeline's topics are on: `mskCluster` or `selfManagedCluster`. */
export interface KafkaCluster {
  readonly network: KafkaNetwork | undefined;
  /** Lets the function use the topics, tells it where the cluster is, and has it called with what comes to `source`. */
  bind(fn: LambdaFunction, use: TopicUse, source: EventSource | undefined): void;
}

export interface MskClusterProps {
  readonly clusterArn: string;
  readonly network: KafkaNetwork;
}

/** A cluster of Amazon MSK, provisioned or serverless, with IAM authentication. */
export function mskCluster({ clusterArn, network }: MskClusterProps): KafkaCluster {
  const arn = (kind: 'topic' | 'group', name: string): string =>
    Fn.join('', [Fn.join(`:${kind}/`, Fn.split(':cluster/', clusterArn, 2)), '/', name]);
  return {
    network,
    bind(fn, use, source) {
      fn.addEnvironment(variables.clusterArn, clusterArn);
      allow(fn, [clusterArn], ['kafka:GetBootstrapBrokers', 'kafka-cluster:Connect']);
      const topics = (names: readonly string[]): string[] => names.map((name) => arn('topic', name));
      allow(fn, topics([...use.reads, ...use.writes]), ['kafka-cluster:DescribeTopic']);
      allow(fn, topics(use.reads), ['kafka-cluster:ReadData']);
      allow(fn, topics(use.writes), ['kafka-cluster:WriteData']);
      if (use.writes.length > 0) allow(fn, [clusterArn], ['kafka-cluster:WriteDataIdempotently']);
      allow(fn, topics(use.creates), ['kafka-cluster:CreateTopic', 'kafka-cluster:AlterTopic']);
      if (source === undefined) return;
      allow(fn, [clusterArn], ['kafka:DescribeClusterV2', 'kafka-cluster:DescribeClusterDynamicConfiguration']);
      allow(fn, [arn('group', source.consumerGroup)], ['kafka-cluster:DescribeGroup', 'kafka-cluster:AlterGroup']);
      allowNetwork(fn);
      mapping(fn, source, {
        eventSourceArn: clusterArn,
        amazonManagedKafkaEventSourceConfig: { consumerGroupId: source.consumerGroup },
      });
    },
  };
}

export interface SelfManagedClusterProps {
  /** Addresses such as `b-1.example.com:9096`. */
  readonly brokers: readonly string[];
  /** @default - the brokers are reached over the internet */
  readonly network?: KafkaNetwork;
  /** User name and password for SASL/SCRAM (SHA-512). @default - none */
  readonly credentials?: ISecret;
}

/** Any other cluster of Kafka. What its access control lists allow is its own to say. */
export function selfManagedCluster({ brokers, network, credentials }: SelfManagedClusterProps): KafkaCluster {
  return {
    network,
    bind(fn, _use, source) {
      fn.addEnvironment(variables.brokers, brokers.join(','));
      if (credentials !== undefined) {
        fn.addEnvironment(variables.kafkaSecret, credentials.secretArn);
        credentials.grantRead(fn);
      }
      if (source === undefined) return;
      if (network !== undefined) allowNetwork(fn);
      const access = accessOf(network, credentials);
      mapping(fn, source, {
        selfManagedEventSource: { endpoints: { kafkaBootstrapServers: [...brokers] } },
        selfManagedKafkaEventSourceConfig: { consumerGroupId: source.consumerGroup },
        ...(access.length === 0 ? {} : { sourceAccessConfigurations: access }),
      });
    },
  };
}

type Access = CfnEventSourceMapping.SourceAccessConfigurationProperty;

function accessOf(network: KafkaNetwork | undefined, credentials: ISecret | undefined): Access[] {
  const subnets = network?.vpc.selectSubnets(network.vpcSubnets).subnetIds ?? [];
  return [
    ...(credentials === undefined ? [] : [{ type: 'SASL_SCRAM_512_AUTH', uri: credentials.secretArn }]),
    ...subnets.map((id) => ({ type: 'VPC_SUBNET', uri: `subnet:${id}` })),
    ...(network?.securityGroups ?? []).map((group) => ({
      type: 'VPC_SECURITY_GROUP',
      uri: `security_group:${group.securityGroupId}`,
    })),
  ];
}

/**
 * No filter, since offsets that a task never sees look like a hole, and no destination for failures: with one, deliveries that fail ten times are
 * dropped. A delivery is tried again until it succeeds; tasks that cannot go on acknowledge it and keep their place.
 */
function mapping(
  fn: LambdaFunction,
  { topic, batchSize }: EventSource,
  props: Omit<Partial<ConstructorParameters<typeof CfnEventSourceMapping>[2]>, 'functionName'>,
): void {
  const created = new CfnEventSourceMapping(fn, 'EventSource', {
    functionName: fn.functionName,
    topics: [topic],
    startingPosition: 'TRIM_HORIZON',
    batchSize,
    ...props,
  });
  if (fn.role !== undefined) created.node.addDependency(fn.role);
}

function allow(fn: LambdaFunction, resources: readonly string[], actions: readonly string[]): void {
  if (resources.length === 0) return;
  fn.addToRolePolicy(
    new PolicyStatement({ effect: Effect.ALLOW, actions: [...actions], resources: [...new Set(resources)] }),
  );
}

/** What an event source asks of the function's role beside what a function in a VPC has; none of it knows single resources. */
function allowNetwork(fn: LambdaFunction): void {
  allow(fn, ['*'], ['ec2:DescribeSecurityGroups', 'ec2:DescribeSubnets', 'ec2:DescribeVpcs']);
}
