import type { Duration } from 'aws-cdk-lib';
import type { IGrantable } from 'aws-cdk-lib/aws-iam';
import { CfnEventSourceMapping, type IAlias } from 'aws-cdk-lib/aws-lambda';
import type { Construct } from 'constructs';
import type { KafkaCluster } from './kafka-cluster.ts';

/** Pollers of event sources in provisioned mode. Each group of them costs from about 133 dollars a month, whatever it does. */
export interface ProvisionedPollers {
  /** 1 to 200. @default 1 */
  readonly minimum?: number;
  /** 1 to 2,000, and no more than the topic has partitions takes effect. @default - as Lambda has it: 200 */
  readonly maximum?: number;
  /** Event sources of one group share what they pay for: up to 100 in one VPC. @default - the pipeline's name */
  readonly group?: string;
}

/** How a stage's event source reads its topic. */
export interface EventSourceOptions {
  /** Most messages of a delivery, 1 to 10,000. @default 1000 for sources, 100 between stages, where messages are larger */
  readonly batchSize?: number;
  /** How long messages are gathered, 0 to 300 whole seconds. Longer is cheaper and later. @default - as Lambda has it: half a second */
  readonly maxBatchingWindow?: Duration;
  /** Provisioned mode: lower latency, more throughput, and a price by the hour. @default - pollers on demand */
  readonly pollers?: ProvisionedPollers;
  /** Whether it delivers. @default true */
  readonly enabled?: boolean;
}

export interface EventSourceProps extends EventSourceOptions {
  readonly cluster: KafkaCluster;
  readonly grantee: IGrantable;
  readonly target: IAlias;
  readonly topic: string;
  readonly consumerGroup: string;
  readonly batchSize: number;
  /** Where nothing else is said. */
  readonly pollerGroup: string;
}

/**
 * Has a function called with what comes to a topic. No filter, since offsets that a task never sees look like a hole, and no destination for failures: with one, deliveries that fail ten times
 * are dropped. A delivery is tried again until it succeeds; tasks that cannot go on acknowledge it and keep their place. It begins with the first message that is kept: what a task has
 * done already, it skips.
 */
export function eventSource(scope: Construct, id: string, props: EventSourceProps): CfnEventSourceMapping {
  const { cluster, grantee, target, topic, consumerGroup, batchSize, maxBatchingWindow, enabled } = props;
  const { pollers, pollerGroup } = props;
  return new CfnEventSourceMapping(scope, id, {
    ...cluster.mapping(grantee, consumerGroup),
    functionName: target.functionArn,
    topics: [topic],
    startingPosition: 'TRIM_HORIZON',
    batchSize,
    ...(maxBatchingWindow === undefined ? {} : { maximumBatchingWindowInSeconds: maxBatchingWindow.toSeconds() }),
    ...(enabled === undefined ? {} : { enabled }),
    ...(pollers === undefined
      ? {}
      : {
          provisionedPollerConfig: {
            minimumPollers: pollers.minimum ?? 1,
            ...(pollers.maximum === undefined ? {} : { maximumPollers: pollers.maximum }),
            pollerGroupName: pollers.group ?? pollerGroup,
          },
        }),
  });
}
