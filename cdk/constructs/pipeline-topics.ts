import { CustomResource, Duration, RemovalPolicy } from 'aws-cdk-lib';
import type { Code } from 'aws-cdk-lib/aws-lambda';
import { CfnTopic } from 'aws-cdk-lib/aws-msk';
import { Construct } from 'constructs';
import type { OuterTopicWanted, TopicsWanted } from '../../functions/ensure-topics.ts';
import { variables } from '../../functions/settings.ts';
import type { TopicsProperties } from '../../functions/topics-resource.ts';
import { handlers } from './code-bundle.ts';
import type { KafkaCluster } from './kafka-cluster.ts';
import { type IMillraceState, stateEnvironment } from './millrace-state.ts';
import { type FunctionSettings, PipelineFunction } from './pipeline-function.ts';
import type { TopicNames } from './topic-names.ts';

export interface PipelineTopicsProps {
  readonly pipeline: string;
  readonly names: TopicNames;
  readonly outer: readonly OuterTopicWanted[];
  readonly code: Code;
  readonly cluster: KafkaCluster;
  readonly state: IMillraceState;
  readonly settings: FunctionSettings;
  /** Whether topics between stages go with the stack, and all that is in them. */
  readonly destroy: boolean;
}

/**
 * The topics between stages, and those of sources and sinks that the deployment is to make. On a provisioned cluster of Amazon MSK CloudFormation makes the former; otherwise a
 * function does, which also checks that topics that exist fit. They stay when the stack is deleted, unless that is asked for.
 */
export class PipelineTopics extends Construct {
  constructor(scope: Construct, id: string, props: PipelineTopicsProps) {
    super(scope, id);
    const { names, outer, cluster } = props;
    const { topicsOf } = cluster;
    if (topicsOf === undefined) {
      this.#madeByFunction(props, { own: names.own(), outer });
      return;
    }
    for (const { name, partitions } of names.own()) {
      const made = this.#madeByCloudFormation(name, partitions, topicsOf);
      made.configs = Buffer.from(SETTINGS).toString('base64');
      made.applyRemovalPolicy(props.destroy ? RemovalPolicy.DESTROY : RemovalPolicy.RETAIN);
    }
    for (const { name, create } of outer) {
      if (create === undefined) continue;
      this.#madeByCloudFormation(name, create, topicsOf).applyRemovalPolicy(RemovalPolicy.RETAIN);
    }
  }

  #madeByCloudFormation(topicName: string, partitionCount: number, { clusterArn, replicas }: MskTopics): CfnTopic {
    return new CfnTopic(this, topicName, { clusterArn, topicName, partitionCount, replicationFactor: replicas });
  }

  #madeByFunction(props: PipelineTopicsProps, wanted: TopicsWanted): void {
    const { pipeline, names, code, cluster, state, settings, destroy } = props;
    const deployed = new PipelineFunction(this, 'Function', {
      ...settings,
      code,
      handler: handlers.topics,
      description: `${pipeline}: makes and checks topics`,
      memorySize: 512,
      timeout: Duration.minutes(5),
      environment: { [variables.pipeline]: pipeline, ...stateEnvironment(state) },
    });
    const own = names.own().map(({ name }) => name);
    const made = wanted.outer.flatMap(({ name, create }) => (create === undefined ? [] : [name]));
    const told = cluster.connect(deployed.role, {
      describes: wanted.outer.map(({ name }) => name),
      reads: [],
      writes: [],
      creates: [...own, ...made],
      deletes: destroy ? own : [],
    });
    for (const [name, value] of Object.entries(told)) deployed.function.addEnvironment(name, value);
    const properties: TopicsProperties = { Topics: JSON.stringify(wanted), Destroy: String(destroy) };
    const resource = new CustomResource(this, 'Topics', {
      resourceType: 'Custom::MillraceTopics',
      serviceToken: deployed.function.functionArn,
      serviceTimeout: Duration.minutes(6),
      properties: { ...properties },
    });
    resource.node.addDependency(deployed.role);
  }
}

type MskTopics = NonNullable<KafkaCluster['topicsOf']>;

/** As the log of internal topics needs them. */
const SETTINGS = [
  'message.timestamp.type=LogAppendTime',
  'cleanup.policy=delete',
  'retention.ms=604800000',
  'retention.bytes=-1',
].join('\n');
