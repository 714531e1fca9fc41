import { resolve } from 'node:path';
import { Duration } from 'aws-cdk-lib';
import type { TableV2 } from 'aws-cdk-lib/aws-dynamodb';
import type { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import type { Bucket } from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { bindTopics, type SinkTopic, type SourceTopic, type Topics } from '../../functions/topics.ts';
import type { Pipeline } from '../../lib/pipeline/index.ts';
import { invalidPipeline, type Plan, type PlanFault } from '../../lib/plan/index.ts';
import { CodeBundle } from './code-bundle.ts';
import { codeHashes } from './code-hashes.ts';
import { ControllerFunction } from './controller-function.ts';
import type { KafkaCluster } from './kafka-cluster.ts';
import { ModuleGraph } from './module-graph.ts';
import { LONGEST_TIMEOUT } from './pipeline-function.ts';
import { StageFunction } from './stage-function.ts';
import { StateStore } from './state-store.ts';
import { topicOf } from './topic-names.ts';

export interface MillracePipelineProps {
  readonly pipeline: Pipeline;
  /** The module whose default export is the pipeline, from which the functions' code is bundled. */
  readonly entry: string;
  /** Where its topics are. */
  readonly cluster: KafkaCluster;
  /** Topics of sources, by id. @default - sources have a topic by themselves */
  readonly sources?: Readonly<Record<string, SourceTopic>>;
  /** Topics of sinks, by id. @default - sinks have a topic by themselves */
  readonly sinks?: Readonly<Record<string, SinkTopic>>;
  /** Megabytes of each stage's function; 1,769 are one processor. @default 1769 */
  readonly memorySize?: number;
  /** Time that a delivery may take, at most 14 minutes. @default 2 minutes */
  readonly timeout?: Duration;
}

/** The names of more functions than this might not fit into the controller's environment. */
const MOST_STAGES = 50;

/**
 * A deployed pipeline: one function for each stage of its plan, the topics between them, state in a table and a bucket, and a controller on a schedule.
 * Throws `invalid-pipeline` with every source and sink that is on no topic, and all else that cannot be deployed.
 */
export class MillracePipeline extends Construct {
  /** The plan on the deployment's topics. */
  readonly plan: Plan;
  readonly table: TableV2;
  readonly bucket: Bucket;
  /** Functions by stage. */
  readonly stages: ReadonlyMap<string, LambdaFunction>;
  readonly controller: LambdaFunction;

  constructor(scope: Construct, id: string, props: MillracePipelineProps) {
    super(scope, id);
    const { entry, cluster, sources = {}, sinks = {}, memorySize = 1_769, timeout = Duration.minutes(2) } = props;
    const topics: Topics = { sources, sinks };
    const bound = bindTopics(props.pipeline, topics);
    const modules = new ModuleGraph(resolve(entry));
    const hashes = codeHashes(bound, modules);
    const { plan } = bound.withCode(hashes);
    const faults = [...faultsOf(plan, timeout)];
    if (faults.length > 0) throw invalidPipeline(plan.pipeline, faults);

    const code = new CodeBundle(this, 'Code', { plan, entry, modules, topics, hashes });
    const state = new StateStore(this, 'State');
    const folder = new Construct(this, 'Stages');
    const stages = plan.stages.map(
      (stage) =>
        new StageFunction(folder, stage.id, {
          ...{ plan, stage, cluster, state, memorySize, timeout },
          code: code.stage(stage),
        }),
    );
    const controller = new ControllerFunction(this, 'Controller', {
      ...{ plan, cluster, state, stages },
      code: code.controller,
    });

    this.plan = plan;
    this.table = state.table;
    this.bucket = state.bucket;
    this.stages = new Map(stages.map((stage) => [stage.node.id, stage.function]));
    this.controller = controller.function;
  }
}

function* faultsOf(plan: Plan, timeout: Duration): Generator<PlanFault> {
  for (const { id, kind } of plan.nodes) {
    if ((kind !== 'source' && kind !== 'sink') || topicOf(plan, id, kind) !== undefined) continue;
    yield {
      operator: id,
      rule: `this ${kind} is on no topic, and functions reach nothing else`,
      fix: `name one: ${kind}s: { '${id}': { topic: '...'${kind === 'source' ? ', partitions: 8' : ''} } }`,
    };
  }
  if (plan.stages.length > MOST_STAGES) {
    yield {
      operator: plan.pipeline,
      rule: `it has ${plan.stages.length} stages, and one controller wakes ${MOST_STAGES} at most`,
      fix: 'let more operators share a stage, or divide the pipeline in two',
    };
  }
  if (!timeout.isUnresolved() && timeout.toMilliseconds() > LONGEST_TIMEOUT.toMilliseconds()) {
    yield {
      operator: plan.pipeline,
      rule: `its timeout is ${timeout.toHumanString()}, longer than functions behind Kafka may have`,
      fix: 'give 14 minutes at most',
    };
  }
}
