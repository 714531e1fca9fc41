import type { Duration } from 'aws-cdk-lib';
import type { Code, Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import { Construct } from 'constructs';
import { variables } from '../../functions/settings.ts';
import { fingerprint, type Plan, type StagePlan } from '../../lib/plan/index.ts';
import { handlers } from './code-bundle.ts';
import type { KafkaCluster } from './kafka-cluster.ts';
import { pipelineFunction } from './pipeline-function.ts';
import type { StateStore } from './state-store.ts';
import { inputTopic, writtenTopics } from './topic-names.ts';

export interface StageFunctionProps {
  readonly plan: Plan;
  readonly stage: StagePlan;
  readonly code: Code;
  readonly cluster: KafkaCluster;
  readonly state: StateStore;
  readonly memorySize: number;
  readonly timeout: Duration;
}

/** Messages of a delivery: a topic of frames has few and large ones. */
const RECORDS = 1_000;
const FRAMES = 100;

/** One deployed stage: a function for all its tasks, called with what comes to its topic. */
export class StageFunction extends Construct {
  readonly function: LambdaFunction;

  constructor(scope: Construct, id: string, props: StageFunctionProps) {
    super(scope, id);
    const { plan, stage, code, cluster, state, memorySize, timeout } = props;
    this.function = pipelineFunction(this, 'Function', {
      ...{ code, memorySize, timeout, network: cluster.network },
      handler: handlers.stage,
      description: `${plan.pipeline}: ${stage.id} (${stage.nodes.join(', ')})`.slice(0, 256),
      environment: { [variables.pipeline]: plan.pipeline, [variables.stage]: stage.id },
    });
    const topic = inputTopic(plan, stage);
    state.bind(this.function, 'task');
    cluster.bind(
      this.function,
      { reads: [topic], writes: writtenTopics(plan, stage), creates: [] },
      { topic, consumerGroup: groupOf(plan, stage), batchSize: stage.source === undefined ? FRAMES : RECORDS },
    );
  }
}

const LONGEST_GROUP = 200;

/** One group for each stage. Names of up to 200 characters are allowed. */
function groupOf({ pipeline }: Plan, { id }: StagePlan): string {
  const name = `${pipeline}.${id}`;
  return name.length <= LONGEST_GROUP ? name : `${name.slice(0, LONGEST_GROUP - 17)}-${fingerprint(name).slice(0, 16)}`;
}
