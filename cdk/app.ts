/**
 * Deploys one pipeline: `cdk synth -c pipeline=examples/flights -c brokers=b-1.example.com:9096`. What its sources and sinks are bound to otherwise is
 * replaced by topics named after them. A project with needs of its own writes such a file with the construct.
 */
import { App, Stack } from 'aws-cdk-lib';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { loadPipeline } from '../cli/load-pipeline.ts';
import { shareMillrace } from '../cli/package-root.ts';
import { MillracePipeline } from './constructs/millrace-pipeline.ts';
import { selfManagedCluster } from './constructs/self-managed-cluster.ts';

const app = new App();
const setting = (name: string): string | undefined => app.node.tryGetContext(name) as string | undefined;

shareMillrace();
const { pipeline, file } = await loadPipeline(setting('pipeline') ?? 'examples/flights');
const topic = (id: string): string => `${pipeline.name}-${id}`;
const partitions = Number(setting('partitions') ?? 8);

const stack = new Stack(app, setting('stack') ?? pipeline.name);
const secretArn = setting('kafkaSecretArn');
new MillracePipeline(stack, 'Pipeline', {
  pipeline,
  entry: file,
  cluster: selfManagedCluster({
    brokers: (setting('brokers') ?? 'localhost:9092').split(','),
    ...(secretArn === undefined
      ? {}
      : { credentials: Secret.fromSecretCompleteArn(stack, 'KafkaCredentials', secretArn) }),
  }),
  sources: Object.fromEntries([...pipeline.sources.keys()].map((id) => [id, { topic: topic(id), partitions }])),
  sinks: Object.fromEntries([...pipeline.sinks.keys()].map((id) => [id, { topic: topic(id) }])),
});
app.synth();
