import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { AssetHashType, CfnOutput, DockerImage, Duration, RemovalPolicy, Stack, type StackProps } from 'aws-cdk-lib';
import { AttributeType, Billing, TableV2 } from 'aws-cdk-lib/aws-dynamodb';
import { Policy, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { Code } from 'aws-cdk-lib/aws-lambda';
import { RetentionDays } from 'aws-cdk-lib/aws-logs';
import { BlockPublicAccess, Bucket, BucketEncryption } from 'aws-cdk-lib/aws-s3';
import { Schedule, ScheduleExpression, ScheduleTargetInput } from 'aws-cdk-lib/aws-scheduler';
import { LambdaInvoke } from 'aws-cdk-lib/aws-scheduler-targets';
import type { Construct } from 'constructs';
import { buildSync } from 'esbuild';
import { type ProbeEvent, probeVariables } from '../functions/probe-record.ts';
import { variables } from '../functions/settings.ts';
import { eventSource } from './constructs/event-source.ts';
import type { KafkaCluster } from './constructs/kafka-cluster.ts';
import { PipelineFunction } from './constructs/pipeline-function.ts';

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

/** A function behind an event source mapping, made as those of stages are, that writes down how it is called. All of it goes with the stack. */
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
    const deployed = new PipelineFunction(this, 'Function', {
      ...{ network: cluster.network, logRetention: RetentionDays.ONE_DAY, keepLogs: false, tracing: false },
      code: probeCode(),
      handler: 'probe.handler',
      description: 'writes down how it is called',
      memorySize: 1_769,
      timeout: Duration.seconds(timeout),
      environment: {
        [variables.pipeline]: run,
        [variables.table]: table.tableName,
        [variables.bucket]: bucket.bucketName,
        [probeVariables.generation]: generation,
      },
    });
    const { function: fn, role } = deployed;
    table.grant(role, 'dynamodb:PutItem', 'dynamodb:Query');
    const actions = ['s3:GetObject', 's3:PutObject', 's3:DeleteObject'];
    role.addToPolicy(new PolicyStatement({ actions, resources: [bucket.arnForObjects('*')] }));
    role.addToPolicy(new PolicyStatement({ actions: ['s3:ListBucket'], resources: [bucket.bucketArn] }));
    const ownVersions = new PolicyStatement({ actions: ['lambda:InvokeFunction'], resources: [`${fn.functionArn}:*`] });
    new Policy(this, 'CallItself', { roles: [role], statements: [ownVersions] });

    const group = `${run}.probe`;
    const where = cluster.connect(role, {
      describes: [],
      reads: [topic, clockTopic],
      writes: [clockTopic],
      creates: [],
      groups: [group],
    });
    for (const [name, value] of Object.entries(where)) fn.addEnvironment(name, value);
    const mapping = eventSource(this, 'EventSource', {
      ...{ cluster, grantee: role, target: deployed.live, topic, consumerGroup: group, pollerGroup: run },
      batchSize: PROBE_BATCH,
      maxBatchingWindow: Duration.seconds(WINDOW),
    });
    mapping.node.addDependency(role);

    const tick: ProbeEvent = { probe: 'tick' };
    new Schedule(this, 'Schedule', {
      schedule: ScheduleExpression.rate(Duration.minutes(1)),
      target: new LambdaInvoke(deployed.live, {
        input: ScheduleTargetInput.fromObject(tick),
        ...{ retryAttempts: 0, maxEventAge: Duration.minutes(1) },
      }),
    });
    const outputs: ProbeOutputs = {
      ...{ FunctionName: fn.functionName, TableName: table.tableName, BucketName: bucket.bucketName },
      ...{ MappingId: mapping.ref, FunctionVersion: deployed.version.version },
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
