import { Token } from 'aws-cdk-lib';
import type { IGrantable } from 'aws-cdk-lib/aws-iam';
import type { ISecret } from 'aws-cdk-lib/aws-secretsmanager';
import { type KafkaAuth, variables } from '../../functions/settings.ts';
import {
  ACCESS_TYPES,
  allowNetwork,
  type ClusterFault,
  type KafkaCluster,
  type KafkaNetwork,
  secretFaults,
} from './kafka-cluster.ts';

export type SelfManagedAuth = Exclude<KafkaAuth, 'iam'>;

export interface SelfManagedClusterProps {
  /** Addresses such as `b-1.example.com:9096`. */
  readonly brokers: readonly string[];
  /** @default - the brokers are reached over the internet */
  readonly network?: KafkaNetwork;
  /** @default - 'scram-sha-512' where there are credentials, else 'none' */
  readonly auth?: SelfManagedAuth;
  /** User name and password, or certificate and private key for mutual TLS, as Lambda's event sources want them. @default - none */
  readonly credentials?: ISecret;
  /** Whether traffic is encrypted. @default - true where there is authentication */
  readonly tls?: boolean;
}

/** Any other cluster of Kafka. What its access control lists allow is its own to say. */
export function selfManagedCluster(props: SelfManagedClusterProps): KafkaCluster {
  return new SelfManagedCluster(props);
}

class SelfManagedCluster implements KafkaCluster {
  readonly network: KafkaNetwork | undefined;
  readonly topicsOf = undefined;
  readonly #props: SelfManagedClusterProps;
  readonly #auth: SelfManagedAuth;

  constructor(props: SelfManagedClusterProps) {
    this.#props = props;
    this.#auth = props.auth ?? (props.credentials === undefined ? 'none' : 'scram-sha-512');
    this.network = props.network;
  }

  *faults(): Generator<ClusterFault> {
    const { brokers, credentials, tls } = this.#props;
    yield* secretFaults(this.#auth, credentials !== undefined);
    if (brokers.length === 0)
      yield { rule: 'it names no brokers', fix: "give addresses such as 'b-1.example.com:9096'" };
    const known = brokers.filter((broker) => !Token.isUnresolved(broker));
    const wrong = known.filter((broker) => !/^[^\s,]+:\d+$/.test(broker));
    if (wrong.length > 0) {
      yield {
        rule: `its brokers have no port: ${wrong.join(', ')}`,
        fix: "write addresses such as 'b-1.example.com:9096'",
      };
    }
    if (this.#auth === 'none' && this.network === undefined && known.some((broker) => !isLocal(broker))) {
      yield {
        rule: 'it asks for no authentication and is in no VPC, and Lambda reads no such cluster',
        fix: 'give its network, or credentials',
      };
    }
    if (this.#auth === 'mtls' && tls === false) {
      yield { rule: 'mutual TLS is without TLS', fix: 'leave tls out' };
    }
    if (this.network?.securityGroups.length === 0) {
      yield { rule: 'its network has no security groups', fix: 'give one that the brokers let in' };
    }
  }

  connect(grantee: IGrantable): Record<string, string> {
    const { brokers, credentials, tls = this.#auth !== 'none' } = this.#props;
    credentials?.grantRead(grantee);
    return {
      [variables.brokers]: brokers.join(','),
      [variables.kafkaAuth]: this.#auth,
      [variables.kafkaTls]: String(tls),
      ...(credentials === undefined ? {} : { [variables.kafkaSecret]: credentials.secretArn }),
    };
  }

  mapping(grantee: IGrantable, consumerGroup: string) {
    if (this.network !== undefined) allowNetwork(grantee);
    const access = this.#access();
    return {
      selfManagedEventSource: { endpoints: { kafkaBootstrapServers: [...this.#props.brokers] } },
      selfManagedKafkaEventSourceConfig: { consumerGroupId: consumerGroup },
      ...(access.length === 0 ? {} : { sourceAccessConfigurations: access }),
    };
  }

  #access() {
    const { credentials } = this.#props;
    const type = ACCESS_TYPES[this.#auth];
    const subnets = this.network?.vpc.selectSubnets(this.network.vpcSubnets).subnetIds ?? [];
    return [
      ...(type === undefined || credentials === undefined ? [] : [{ type, uri: credentials.secretArn }]),
      ...subnets.map((id) => ({ type: 'VPC_SUBNET', uri: `subnet:${id}` })),
      ...(this.network?.securityGroups ?? []).map((group) => ({
        type: 'VPC_SECURITY_GROUP',
        uri: `security_group:${group.securityGroupId}`,
      })),
    ];
  }
}

/** Of this machine or of its own network, as emulators of Lambda reach it. */
const isLocal = (broker: string): boolean =>
  /^(localhost|127\.[\d.]+|\[::1\]|host\.docker\.internal|[^.]+):\d+$/.test(broker);
