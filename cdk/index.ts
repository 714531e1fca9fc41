/** Constructs that deploy a pipeline to AWS. */
export type { SinkTopic, SourceTopic } from '../functions/topics.ts';
export {
  type KafkaCluster,
  type KafkaNetwork,
  type MskClusterProps,
  mskCluster,
  type SelfManagedClusterProps,
  selfManagedCluster,
} from './constructs/kafka-cluster.ts';
export { MillracePipeline, type MillracePipelineProps } from './constructs/millrace-pipeline.ts';
