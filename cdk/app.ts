/**
 * Deploys one pipeline: `cdk synth -c pipeline=examples/flights -c brokers=b-1.example.com:9096`. What its sources and sinks are bound to otherwise is
 * replaced by topics named after them. A project with needs of its own writes such a file with the construct.
 *
 * Context: `pipeline`, `brokers`, `partitions`, `kafkaSecretArn`, `stack` (its name), `period` and `timeout` (seconds), `removal=destroy` (state and
 * topics between stages go with the stack), and, for local clouds that lack them, `mappings=false` and `schedule=false` (they stand in the template
 * under a condition that is not met, where the local event source finds them).
 */
import { App, Aws, CfnCondition, type CfnResource, Duration, Fn, Stack } from 'aws-cdk-lib';
import { CfnEventSourceMapping } from 'aws-cdk-lib/aws-lambda';
import { CfnSchedule } from 'aws-cdk-lib/aws-scheduler';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { loadPipeline } from '../cli/load-pipeline.ts';
import { shareMillrace } from '../cli/package-root.ts';
import { pipelineTopics } from '../cli/pipeline-topics.ts';
import { MillracePipeline } from './constructs/millrace-pipeline.ts';
import { MillraceState } from './constructs/millrace-state.ts';
import { selfManagedCluster } from './constructs/self-managed-cluster.ts';

const app = new App();
const setting = (name: string): string | undefined => app.node.tryGetContext(name) as string | undefined;
const span = (name: string): Duration | undefined => {
  const text = setting(name);
  return text === undefined ? undefined : Duration.seconds(Number(text));
};

shareMillrace();
const { pipeline, file } = await loadPipeline(setting('pipeline') ?? 'examples/flights');
const topics = pipelineTopics(pipeline);
const partitions = Number(setting('partitions') ?? 8);
const [period, timeout] = [span('period'), span('timeout')];
const destroy = setting('removal') === 'destroy';

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
  sources: Object.fromEntries([...topics.sources].map(([id, topic]) => [id, { topic, partitions }])),
  sinks: Object.fromEntries([...topics.sinks].map(([id, topic]) => [id, { topic }])),
  ...(destroy ? { state: new MillraceState(stack, 'State', { destroyState: true }), destroyTopics: true } : {}),
  ...(period === undefined ? {} : { period }),
  ...(timeout === undefined ? {} : { timeout }),
});
if (setting('mappings') === 'false') leaveOut(CfnEventSourceMapping.isCfnEventSourceMapping);
if (setting('schedule') === 'false') leaveOut(CfnSchedule.isCfnSchedule);
app.synth();

/** Resources stay in the template, and are not made. */
function leaveOut(isOne: (resource: unknown) => resource is CfnResource): void {
  const id = 'NotHere';
  const never =
    (stack.node.tryFindChild(id) as CfnCondition | undefined) ??
    new CfnCondition(stack, id, { expression: Fn.conditionEquals(Aws.REGION, 'nowhere') });
  for (const child of stack.node.findAll()) if (isOne(child)) child.cfnOptions.condition = never;
}
