import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { AssetHashType, CfnOutput, DockerImage, Duration, RemovalPolicy, Stack, type StackProps } from 'aws-cdk-lib';
import { AttributeType, Billing, TableV2 } from 'aws-cdk-lib/aws-dynamodb';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { Architecture, CfnEventSourceMapping, Code, Function as LambdaFunction, Runtime } from 'aws-cdk-lib/aws-lambda';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import { BlockPublicAccess, Bucket, BucketEncryption } from 'aws-cdk-lib/aws-s3';
import { Schedule, ScheduleExpression, ScheduleTargetInput } from 'aws-cdk-lib/aws-scheduler';
import { LambdaInvoke } from 'aws-cdk-lib/aws-scheduler-targets';
import type { Construct } from 'constructs';
import { buildSync } from 'esbuild';
import { type ProbeEvent, probeVariables } from '../functions/probe-record.ts';
import { variables } from '../functions/settings.ts';
import type { KafkaCluster } from './constructs/kafka-cluster.ts';

export interface ProbeStackProps extends StackProps {
  readonly cluster: (scope: Construct) => KafkaCluster;
  /** Under which calls are written down. */
  readonly run: string;
  /** Delivers it. */
  readonly topic: string;
  /** A topic that bears its broker's time. */
  readonly clockTopic: string;
  /** Tells a later deployment from an earlier one. */
  readonly generation: string;
  /** Seconds that a call may take. */
  readonly timeout: number;
}

/** What the stack says of itself. */
export interface ProbeOutputs {
  readonly FunctionName: string;
  readonly TableName: string;
  readonly BucketName: string;
  readonly MappingId: string;
  /** Of this generation's code. */
  readonly FunctionVersion: string;
}

/** Records of a delivery at most, and seconds that it waits to fill. */
export const PROBE_BATCH = 50;
const WINDOW = 1;

/** A function behind an event source mapping that writes down how it is called, and what it needs. All of it goes with the stack. */
export class ProbeStack extends Stack {
  constructor(scope: Construct, id: string, props: ProbeStackProps) {
    super(scope, id, props);
    const { run, topic, clockTopic, generation, timeout } = props;
    const cluster = props.cluster(this);
    const removalPolicy = RemovalPolicy.DESTROY;
    const table = new TableV2(this, 'Calls', {
      partitionKey: { name: 'pk', type: AttributeType.STRING },
      sortKey: { name: 'sk', type: AttributeType.STRING },
      ...{ billing: Billing.onDemand(), removalPolicy },
    });
    const bucket = new Bucket(this, 'Blobs', {
      ...{ encryption: BucketEncryption.S3_MANAGED, blockPublicAccess: BlockPublicAccess.BLOCK_ALL, enforceSSL: true },
      removalPolicy,
    });
    const functionName = `${this.stackName}-function`;
    const { network } = cluster;
    const fn = new LambdaFunction(this, 'Function', {
      functionName,
      code: probeCode(),
      handler: 'probe.handler',
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      memorySize: 1_769,
      timeout: Duration.seconds(timeout),
      logGroup: new LogGroup(this, 'Log', { retention: RetentionDays.ONE_DAY, removalPolicy }),
      environment: {
        [variables.pipeline]: run,
        [variables.table]: table.tableName,
        [variables.bucket]: bucket.bucketName,
        [probeVariables.generation]: generation,
      },
      ...(network === undefined
        ? {}
        : {
            vpc: network.vpc,
            securityGroups: [...network.securityGroups],
            ...(network.vpcSubnets === undefined ? {} : { vpcSubnets: network.vpcSubnets }),
          }),
    });
    // A version of each generation stays callable until the stack is gone.
    fn.currentVersion.applyRemovalPolicy(RemovalPolicy.RETAIN);
    table.grant(fn, 'dynamodb:PutItem', 'dynamodb:Query');
    const actions = ['s3:GetObject', 's3:PutObject', 's3:DeleteObject'];
    fn.addToRolePolicy(new PolicyStatement({ actions, resources: [bucket.arnForObjects('*')] }));
    fn.addToRolePolicy(new PolicyStatement({ actions: ['s3:ListBucket'], resources: [bucket.bucketArn] }));
    fn.addToRolePolicy(
      new PolicyStatement({
        actions: ['lambda:InvokeFunction'],
        resources: [this.formatArn({ service: 'lambda', resource: `function:${functionName}` })],
      }),
    );

    const group = `${run}.probe`;
    const where = cluster.connect(fn, {
      describes: [],
      reads: [topic, clockTopic],
      writes: [clockTopic],
      creates: [],
      groups: [group],
    });
    for (const [name, value] of Object.entries(where)) fn.addEnvironment(name, value);
    const mapping = new CfnEventSourceMapping(this, 'EventSource', {
      ...cluster.mapping(fn, group),
      functionName: fn.functionName,
      topics: [topic],
      startingPosition: 'TRIM_HORIZON',
      batchSize: PROBE_BATCH,
      maximumBatchingWindowInSeconds: WINDOW,
    });
    if (fn.role !== undefined) mapping.node.addDependency(fn.role);

    const tick: ProbeEvent = { probe: 'tick' };
    new Schedule(this, 'Schedule', {
      schedule: ScheduleExpression.rate(Duration.minutes(1)),
      target: new LambdaInvoke(fn, {
        input: ScheduleTargetInput.fromObject(tick),
        ...{ retryAttempts: 0, maxEventAge: Duration.minutes(1) },
      }),
    });
    const outputs: ProbeOutputs = {
      ...{ FunctionName: fn.functionName, TableName: table.tableName, BucketName: bucket.bucketName },
      ...{ MappingId: mapping.ref, FunctionVersion: fn.currentVersion.version },
    };
    for (const [name, value] of Object.entries(outputs)) new CfnOutput(this, name, { value });
  }
}

/** The function's code, bundled as that of stages is. */
function probeCode(): Code {
  const functions = join(dirname(fileURLToPath(import.meta.url)), '..', 'functions');
  return Code.fromAsset(functions, {
    assetHashType: AssetHashType.OUTPUT,
    bundling: {
      image: DockerImage.fromRegistry('not-used'),
      local: {
        tryBundle(outputDir) {
          mkdirSync(outputDir, { recursive: true });
          buildSync({
            entryPoints: [join(functions, 'probe.ts')],
            outfile: join(outputDir, 'probe.mjs'),
            ...{ bundle: true, format: 'esm', platform: 'node', target: 'node24', logLevel: 'error' },
            external: ['lz4-napi'],
            banner: {
              js: "import { createRequire as requireOfBundle } from 'node:module'; const require = requireOfBundle(import.meta.url);",
            },
          });
          return true;
        },
      },
    },
  });
}
