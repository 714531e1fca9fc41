import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import {
  Alias,
  Architecture,
  type Code,
  type IAlias,
  type IVersion,
  Function as LambdaFunction,
  Runtime,
  Tracing,
} from 'aws-cdk-lib/aws-lambda';
import { LogGroup, type RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { acknowledgeWildcards } from './acknowledged.ts';
import type { KafkaNetwork } from './kafka-cluster.ts';

/** What all functions of a pipeline have in common. */
export interface FunctionSettings {
  readonly network: KafkaNetwork | undefined;
  readonly logRetention: RetentionDays;
  /** Keep logs when the stack is deleted. */
  readonly keepLogs: boolean;
  readonly tracing: boolean;
}

export interface PipelineFunctionProps extends FunctionSettings {
  readonly code: Code;
  readonly handler: string;
  readonly description: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly memorySize: number;
  readonly timeout: Duration;
  readonly reservedConcurrency?: number | undefined;
}

/** The alias that always is the newest version. */
const LIVE = 'live';

/** Who rings rings again; a call that waits for longer has been overtaken. */
export const callOnce = { retryAttempts: 0, maxEventAge: Duration.minutes(1) };

/**
 * A function as all of a pipeline are: Node 24 on arm64, in the brokers' network, with a role and a log of its own. Each deployment of other code publishes a version; versions
 * stay, since tasks may be at code that only an older one has, and go with the function.
 */
export class PipelineFunction extends Construct {
  readonly function: LambdaFunction;
  readonly role: Role;
  readonly logGroup: LogGroup;
  #live: IAlias | undefined;

  constructor(scope: Construct, id: string, props: PipelineFunctionProps) {
    super(scope, id);
    const { network, logRetention, keepLogs, tracing, environment, reservedConcurrency, ...rest } = props;
    this.logGroup = new LogGroup(this, 'Log', {
      retention: logRetention,
      removalPolicy: keepLogs ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
    });
    this.role = new Role(this, 'Role', { assumedBy: new ServicePrincipal('lambda.amazonaws.com') });
    if (network !== undefined || tracing) acknowledgeWildcards(this.role, ['*']);
    this.logGroup.grantWrite(this.role);
    if (network !== undefined) this.role.addToPolicy(interfacesInVpc());
    this.function = new LambdaFunction(this, 'Resource', {
      ...rest,
      role: this.role,
      logGroup: this.logGroup,
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      environment: { ...environment },
      tracing: tracing ? Tracing.ACTIVE : Tracing.DISABLED,
      currentVersionOptions: { removalPolicy: RemovalPolicy.RETAIN, ...callOnce },
      ...(reservedConcurrency === undefined ? {} : { reservedConcurrentExecutions: reservedConcurrency }),
      ...(network === undefined ? {} : placeIn(network)),
    });
  }

  /** What is deployed, as a version of its own. */
  get version(): IVersion {
    return this.function.currentVersion as IVersion;
  }

  /** The newest version, under a name that stays: deliveries, schedules and people call it, and share its warm state with whom the controller rings by number. */
  get live(): IAlias {
    this.#live ??= new Alias(this, 'Live', { aliasName: LIVE, version: this.version }) as IAlias;
    return this.#live;
  }
}

const placeIn = ({ vpc, vpcSubnets, securityGroups }: KafkaNetwork) => ({
  vpc,
  securityGroups: [...securityGroups],
  ...(vpcSubnets === undefined ? {} : { vpcSubnets }),
});

/** What Lambda asks for to put a function into a VPC. It names no single resources. */
const interfacesInVpc = (): PolicyStatement =>
  new PolicyStatement({
    actions: [
      'ec2:AssignPrivateIpAddresses',
      'ec2:CreateNetworkInterface',
      'ec2:DeleteNetworkInterface',
      'ec2:DescribeNetworkInterfaces',
      'ec2:DescribeSubnets',
      'ec2:UnassignPrivateIpAddresses',
    ],
    resources: ['*'],
  });
