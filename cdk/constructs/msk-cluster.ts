import { createRequire } from 'node:module';
import { Fn, Token } from 'aws-cdk-lib';
import type { IGrantable } from 'aws-cdk-lib/aws-iam';
import type { ISecret } from 'aws-cdk-lib/aws-secretsmanager';
import { type KafkaAuth, variables } from '../../functions/settings.ts';
import {
  ACCESS_TYPES,
  allow,
  allowNetwork,
  type ClusterFault,
  type KafkaCluster,
  type KafkaNetwork,
  secretFaults,
  type TopicUse,
} from './kafka-cluster.ts';

/** Kinds of clusters of Amazon MSK. */
export type MskKind = 'provisioned' | 'express' | 'serverless';
export type MskAuth = Extract<KafkaAuth, 'iam' | 'scram-sha-512' | 'mtls' | 'none'>;

export interface MskClusterProps {
  readonly clusterArn: string;
  readonly network: KafkaNetwork;
  /** Brokers of one's own choice (`provisioned`), Express brokers, or Serverless, which knows IAM only. @default 'provisioned' */
  readonly kind?: MskKind;
  /** @default - 'iam'; 'scram-sha-512' where there are credentials */
  readonly auth?: MskAuth;
  /** User name and password for SCRAM, or certificate and private key for mutual TLS, as Lambda's event sources want them. @default - none */
  readonly credentials?: ISecret;
  /** Whether traffic is encrypted; where `auth` is 'none' it need not be. @default true */
  readonly tls?: boolean;
  /**
   * Who makes topics: `cloudformation` (`AWS::MSK::Topic`, for clusters that are not Serverless), which refuses topics that exist already, or `function`, which takes them
   * over if they suit. @default - 'cloudformation' where it can
   */
  readonly topics?: 'cloudformation' | 'function';
  /** Replicas of topics that CloudFormation makes. @default 3 */
  readonly replicas?: number;
}

/** A cluster of Amazon MSK that exists. With IAM every function is allowed its own topics, groups and transactions; otherwise that is for the cluster's access control lists to say. */
export function mskCluster(props: MskClusterProps): KafkaCluster {
  return new MskCluster(props);
}

class MskCluster implements KafkaCluster {
  readonly network: KafkaNetwork;
  readonly topicsOf: KafkaCluster['topicsOf'];
  readonly #props: MskClusterProps;
  readonly #auth: MskAuth;

  constructor(props: MskClusterProps) {
    const { network, clusterArn, kind = 'provisioned', replicas = 3, credentials } = props;
    const { topics = kind === 'serverless' ? 'function' : 'cloudformation' } = props;
    this.#props = props;
    this.#auth = props.auth ?? (credentials === undefined ? 'iam' : 'scram-sha-512');
    this.network = network;
    this.topicsOf = topics === 'function' ? undefined : { clusterArn, replicas };
  }

  *faults(region: string | undefined): Generator<ClusterFault> {
    const { clusterArn, kind, credentials, network, topics, replicas = 3 } = this.#props;
    yield* secretFaults(this.#auth, credentials !== undefined);
    if (kind === 'serverless' && this.#auth !== 'iam') {
      yield { rule: `its authentication is ${this.#auth}, and MSK Serverless knows IAM only`, fix: "use auth: 'iam'" };
    }
    if (kind === 'serverless' && topics === 'cloudformation') {
      yield { rule: 'CloudFormation makes no topics of MSK Serverless', fix: "use topics: 'function'" };
    }
    if (!Number.isInteger(replicas) || replicas < 1) {
      yield { rule: `its topics have ${replicas} replicas`, fix: 'give a positive whole number, at best 3' };
    }
    if (network.securityGroups.length === 0) {
      yield { rule: 'its network has no security groups', fix: "give one that the brokers' security group lets in" };
    }
    if (this.#auth === 'iam' && !isInstalled(SIGNER)) {
      yield { rule: `IAM needs the package ${SIGNER}, which is not installed`, fix: `npm install ${SIGNER}` };
    }
    if (Token.isUnresolved(clusterArn)) return;
    const [, , service, of] = clusterArn.split(':');
    if (service !== 'kafka' || !clusterArn.includes(':cluster/')) {
      yield {
        rule: `${clusterArn} is no ARN of a cluster`,
        fix: 'copy it from the console or aws kafka list-clusters-v2',
      };
    } else if (region !== undefined && of !== region) {
      yield {
        rule: `its cluster is in ${of}, and the stack in ${region}`,
        fix: 'deploy the stack where the cluster is',
      };
    }
  }

  connect(grantee: IGrantable, use: TopicUse): Record<string, string> {
    const { clusterArn, credentials, tls = true } = this.#props;
    allow(grantee, [clusterArn], ['kafka:GetBootstrapBrokers']);
    credentials?.grantRead(grantee);
    if (this.#auth === 'iam') this.#allowTopics(grantee, use);
    return {
      [variables.clusterArn]: clusterArn,
      [variables.kafkaAuth]: this.#auth,
      [variables.kafkaTls]: String(tls),
      ...(credentials === undefined ? {} : { [variables.kafkaSecret]: credentials.secretArn }),
    };
  }

  mapping(grantee: IGrantable, consumerGroup: string) {
    const { clusterArn, credentials } = this.#props;
    allow(grantee, [clusterArn], ['kafka:DescribeCluster', 'kafka:DescribeClusterV2']);
    if (this.#auth === 'iam') allow(grantee, [clusterArn], ['kafka-cluster:DescribeClusterDynamicConfiguration']);
    if (this.#auth === 'scram-sha-512') allow(grantee, [clusterArn], ['kafka:ListScramSecrets']);
    allowNetwork(grantee);
    const type = ACCESS_TYPES[this.#auth];
    return {
      eventSourceArn: clusterArn,
      amazonManagedKafkaEventSourceConfig: { consumerGroupId: consumerGroup },
      ...(type === undefined || credentials === undefined
        ? {}
        : { sourceAccessConfigurations: [{ type, uri: credentials.secretArn }] }),
    };
  }

  #allowTopics(grantee: IGrantable, use: TopicUse): void {
    const { clusterArn } = this.#props;
    const { describes, reads, writes, creates, deletes = [], groups = [], transactions = [] } = use;
    allow(grantee, [clusterArn], ['kafka-cluster:Connect']);
    if (writes.length > 0) allow(grantee, [clusterArn], ['kafka-cluster:WriteDataIdempotently']);
    const actions = new Map<string, string[]>();
    const add = (names: readonly string[], more: readonly string[]): void => {
      for (const name of new Set(names)) actions.set(name, [...(actions.get(name) ?? []), ...more]);
    };
    add([...describes, ...reads, ...writes, ...creates], LOOK);
    add(reads, ['kafka-cluster:ReadData']);
    add(writes, ['kafka-cluster:WriteData']);
    add(creates, ['kafka-cluster:CreateTopic', 'kafka-cluster:AlterTopic']);
    add(deletes, ['kafka-cluster:DeleteTopic']);
    // Each topic once: a role holds 10,240 characters, and thirty names given thrice are more.
    for (const [together, names] of Map.groupBy(actions.keys(), (name) => actions.get(name)!.join())) {
      allow(
        grantee,
        names.map((name) => this.#arn('topic', name)),
        together.split(','),
      );
    }
    const members = [...groups, ...transactions].map((name) => this.#arn('group', name));
    allow(grantee, members, ['kafka-cluster:DescribeGroup', 'kafka-cluster:AlterGroup']);
    allow(
      grantee,
      transactions.map((name) => this.#arn('transactional-id', name)),
      ['kafka-cluster:DescribeTransactionalId', 'kafka-cluster:AlterTransactionalId'],
    );
  }

  #arn(kind: 'topic' | 'group' | 'transactional-id', name: string): string {
    return Fn.join('', [Fn.join(`:${kind}/`, Fn.split(':cluster/', this.#props.clusterArn, 2)), '/', name]);
  }
}

const LOOK = ['kafka-cluster:DescribeTopic', 'kafka-cluster:DescribeTopicDynamicConfiguration'];

const SIGNER = 'aws-msk-iam-sasl-signer-js';

function isInstalled(name: string): boolean {
  try {
    createRequire(import.meta.url).resolve(name);
    return true;
  } catch {
    return false;
  }
}
