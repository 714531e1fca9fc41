import type { Duration } from 'aws-cdk-lib';
import { Policy, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { CfnEventSourceMapping, Code } from 'aws-cdk-lib/aws-lambda';
import { Construct } from 'constructs';
import { variables } from '../../functions/settings.ts';
import type { Plan, StagePlan } from '../../lib/plan/index.ts';
import { acknowledgeWildcards } from './acknowledged.ts';
import { handlers } from './code-bundle.ts';
import { type EventSourceOptions, eventSource } from './event-source.ts';
import type { KafkaCluster } from './kafka-cluster.ts';
import { grantState, type IMillraceState, stateEnvironment } from './millrace-state.ts';
import { type FunctionSettings, PipelineFunction } from './pipeline-function.ts';
import type { TopicNames } from './topic-names.ts';

/** What can be said of a single stage's function, or of all. */
export interface StageOptions extends EventSourceOptions {
  /** Megabytes; 1,769 are one processor. @default 1769 */
  readonly memorySize?: number;
  /** Bytes of tasks' state that the function keeps between its calls. @default - 128 MiB */
  readonly warmBytes?: number;
  /** Most calls at the same time, taken from the account's. @default - no limit of its own */
  readonly reservedConcurrency?: number;
}

export interface StageFunctionProps extends StageOptions {
  readonly plan: Plan;
  readonly stage: StagePlan;
  readonly names: TopicNames;
  readonly code: Code;
  readonly cluster: KafkaCluster;
  readonly state: IMillraceState;
  readonly settings: FunctionSettings;
  readonly environment: Readonly<Record<string, string>>;
  readonly memorySize: number;
  readonly timeout: Duration;
}

/** Messages of a delivery: a topic of frames has few and large ones. */
const RECORDS = 1_000;
const FRAMES = 100;

/** One deployed stage: a function for all its tasks, called with what comes to its topic, and by the controller. */
export class StageFunction extends Construct {
  readonly deployed: PipelineFunction;
  readonly eventSource: CfnEventSourceMapping;

  constructor(scope: Construct, id: string, props: StageFunctionProps) {
    super(scope, id);
    const { plan, stage, names, code, cluster, state, settings, memorySize, timeout, warmBytes } = props;
    this.deployed = new PipelineFunction(this, 'Function', {
      ...settings,
      ...{ code, memorySize, timeout, reservedConcurrency: props.reservedConcurrency },
      handler: handlers.stage,
      description: `${plan.pipeline}: ${stage.id} (${stage.nodes.join(', ')})`.slice(0, 256),
      environment: {
        ...props.environment,
        [variables.pipeline]: plan.pipeline,
        [variables.stage]: stage.id,
        ...(warmBytes === undefined ? {} : { [variables.warmBytes]: String(warmBytes) }),
        ...stateEnvironment(state),
      },
    });
    const { role } = this.deployed;
    grantState(state, role, 'task');
    const group = names.group(stage);
    const told = cluster.connect(role, { ...names.useOf(stage), groups: [group] });
    for (const [name, value] of Object.entries(told)) this.deployed.function.addEnvironment(name, value);
    this.#ringItself();
    this.eventSource = eventSource(this, 'EventSource', {
      ...eventSourceOptions(props),
      ...{ cluster, grantee: role, target: this.deployed.live },
      topic: names.input(stage),
      consumerGroup: group,
      batchSize: props.batchSize ?? (stage.source === undefined ? FRAMES : RECORDS),
      pollerGroup: plan.pipeline,
    });
    this.eventSource.node.addDependency(role);
  }

  /** A delivery may meet another version than the one with a task's code, and rings that. A policy apart from the role's own, which the function waits for. */
  #ringItself(): void {
    const { function: target, role } = this.deployed;
    const resources = [`${target.functionArn}:*`];
    const policy = new Policy(this, 'RingOtherVersions', {
      roles: [role],
      statements: [new PolicyStatement({ actions: ['lambda:InvokeFunction'], resources })],
    });
    acknowledgeWildcards(policy, resources);
  }
}

const eventSourceOptions = ({ maxBatchingWindow, pollers, enabled }: EventSourceOptions): EventSourceOptions => ({
  ...(maxBatchingWindow === undefined ? {} : { maxBatchingWindow }),
  ...(pollers === undefined ? {} : { pollers }),
  ...(enabled === undefined ? {} : { enabled }),
});
