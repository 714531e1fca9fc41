import type { ISecurityGroup, IVpc, SubnetSelection } from 'aws-cdk-lib/aws-ec2';
import { Effect, type IGrantable, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { CfnEventSourceMappingProps } from 'aws-cdk-lib/aws-lambda';
import type { KafkaAuth } from '../../functions/settings.ts';
import { acknowledgeWildcards } from './acknowledged.ts';

/** Where functions stand to reach the brokers. */
export interface KafkaNetwork {
  readonly vpc: IVpc;
  /** @default - the VPC's private subnets */
  readonly vpcSubnets?: SubnetSelection;
  readonly securityGroups: readonly ISecurityGroup[];
}

/** What somebody does with topics. Names as they are in the cluster. */
export interface TopicUse {
  /** Topics that it looks at. */
  readonly describes: readonly string[];
  /** Topics that it reads. */
  readonly reads: readonly string[];
  readonly writes: readonly string[];
  /** Topics that it creates or widens. */
  readonly creates: readonly string[];
  /** Topics that it deletes. */
  readonly deletes?: readonly string[];
  /** Consumer groups that it is a member of. May end with an asterisk. */
  readonly groups?: readonly string[];
  /** Transactional ids under which it writes, and groups in which it commits with that. May end with an asterisk. */
  readonly transactions?: readonly string[];
}

/** A setting that cannot be deployed. */
export interface ClusterFault {
  readonly rule: string;
  readonly fix: string;
}

/** How event source mappings and topics of a cluster are made. */
export interface KafkaCluster {
  readonly network: KafkaNetwork | undefined;
  /** The cluster of Amazon MSK, if it is one whose topics CloudFormation can make. */
  readonly topicsOf: { readonly clusterArn: string; readonly replicas: number } | undefined;
  /** What is wrong with the settings. `region` is the stack's, if it is known. */
  faults(region: string | undefined): Iterable<ClusterFault>;
  /** Lets somebody use topics. Returns environment variables that tell where the cluster is and who one is there. */
  connect(grantee: IGrantable, use: TopicUse): Readonly<Record<string, string>>;
  /** Lets event sources of functions with this role read the cluster. Returns what all mappings have in common. */
  mapping(grantee: IGrantable, consumerGroup: string): Partial<CfnEventSourceMappingProps>;
}

/** As event sources name the secrets of clusters. */
export const ACCESS_TYPES: Readonly<Partial<Record<KafkaAuth, string>>> = {
  'scram-sha-512': 'SASL_SCRAM_512_AUTH',
  'scram-sha-256': 'SASL_SCRAM_256_AUTH',
  plain: 'BASIC_AUTH',
  mtls: 'CLIENT_CERTIFICATE_TLS_AUTH',
};

/** What is wrong with a secret given or not given for a kind of authentication. */
export function* secretFaults(auth: KafkaAuth, hasSecret: boolean): Generator<ClusterFault> {
  const needsSecret = ACCESS_TYPES[auth] !== undefined;
  if (needsSecret && !hasSecret) {
    const holds = auth === 'mtls' ? 'certificate and privateKey' : 'username and password';
    yield { rule: `its authentication ${auth} has no credentials`, fix: `give a secret that holds ${holds}` };
  }
  if (!needsSecret && hasSecret) {
    yield { rule: `its authentication ${auth} takes no credentials`, fix: 'leave them out, or say which to use: auth' };
  }
}

export function allow(grantee: IGrantable, resources: readonly string[], actions: readonly string[]): void {
  if (resources.length === 0) return;
  acknowledgeWildcards(grantee, resources);
  grantee.grantPrincipal.addToPrincipalPolicy(
    new PolicyStatement({ effect: Effect.ALLOW, actions: [...actions], resources: [...new Set(resources)] }),
  );
}

/** What an event source asks of the function's role beside what a function in a VPC has; none of it knows single resources. */
export function allowNetwork(grantee: IGrantable): void {
  allow(grantee, ['*'], ['ec2:DescribeSecurityGroups', 'ec2:DescribeSubnets', 'ec2:DescribeVpcs']);
}
