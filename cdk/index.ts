/** Constructs that deploy a pipeline to AWS. */
export type { EventSourceOptions, ProvisionedPollers } from './constructs/event-source.ts';
export type { WorkerOptions } from './constructs/fargate-workers.ts';
export type { KafkaCluster, KafkaNetwork } from './constructs/kafka-cluster.ts';
export { MillracePipeline, type MillracePipelineProps } from './constructs/millrace-pipeline.ts';
export { type IMillraceState, MillraceState, type MillraceStateProps } from './constructs/millrace-state.ts';
export { type MskAuth, type MskClusterProps, type MskKind, mskCluster } from './constructs/msk-cluster.ts';
export type { DeployedSink, DeployedSource } from './constructs/outer-topics.ts';
export type { AlarmOptions } from './constructs/pipeline-alarms.ts';
export {
  type SelfManagedAuth,
  type SelfManagedClusterProps,
  selfManagedCluster,
} from './constructs/self-managed-cluster.ts';
export type { StageOptions } from './constructs/stage-function.ts';
