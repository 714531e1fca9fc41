import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import { Architecture, type Code, Function as LambdaFunction, Runtime } from 'aws-cdk-lib/aws-lambda';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import type { KafkaNetwork } from './kafka-cluster.ts';

export interface PipelineFunctionProps {
  readonly code: Code;
  readonly handler: string;
  readonly description: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly memorySize: number;
  readonly timeout: Duration;
  readonly network: KafkaNetwork | undefined;
}

/** A function as all of a pipeline are: Node 24 on arm64, in the brokers' network, with a log that is kept for a month. */
export function pipelineFunction(scope: Construct, id: string, props: PipelineFunctionProps): LambdaFunction {
  const { network, environment, ...rest } = props;
  const logGroup = new LogGroup(scope, `${id}Log`, {
    retention: RetentionDays.ONE_MONTH,
    removalPolicy: RemovalPolicy.DESTROY,
  });
  return new LambdaFunction(scope, id, {
    ...rest,
    logGroup,
    runtime: Runtime.NODEJS_24_X,
    architecture: Architecture.ARM_64,
    environment: { ...environment },
    ...(network === undefined
      ? {}
      : {
          vpc: network.vpc,
          securityGroups: [...network.securityGroups],
          ...(network.vpcSubnets === undefined ? {} : { vpcSubnets: network.vpcSubnets }),
        }),
  });
}

/** The longest that a function behind an event source of Kafka may run. */
export const LONGEST_TIMEOUT = Duration.minutes(14);
