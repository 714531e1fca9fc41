/** A pipeline on the topics of its deployment: the same bindings give the same plan where it is deployed and where it runs. */
import { MillraceError } from '../lib/model/index.ts';
import type { Bindings, Pipeline } from '../lib/pipeline/index.ts';
import type { SinkConnector, SourceConnector } from '../lib/ports/index.ts';

/** The topic that a source reads. */
export interface SourceTopic {
  readonly topic: string;
  /** How many partitions it has: as many tasks read it. */
  readonly partitions: number;
}

/** The topic that a sink writes. */
export interface SinkTopic {
  readonly topic: string;
}

/** Topics by the id of the source or sink that they take the place of. */
export interface Topics {
  readonly sources?: Readonly<Record<string, SourceTopic>>;
  readonly sinks?: Readonly<Record<string, SinkTopic>>;
}

/** The pipeline, reading and writing these topics. Throws `invalid-pipeline` for an id that is none of its sources or sinks. */
export function bindTopics(pipeline: Pipeline, { sources = {}, sinks = {} }: Topics): Pipeline {
  const bindings: Bindings = {
    sources: Object.fromEntries(Object.entries(sources).map(([id, topic]) => [id, topicSource(topic)])),
    sinks: Object.fromEntries(Object.entries(sinks).map(([id, topic]) => [id, topicSink(topic)])),
  };
  return pipeline.withBindings(bindings);
}

/** Kind of the connectors to Kafka. */
export const KAFKA = 'kafka';

function topicSource({ topic, partitions }: SourceTopic): SourceConnector<unknown> {
  return { kind: KAFKA, options: { topic, partitions }, bounded: false, open: () => notYet(topic) };
}

function topicSink({ topic }: SinkTopic): SinkConnector<unknown> {
  const open = (): Promise<never> => notYet(topic);
  return { kind: KAFKA, options: { topic }, guarantee: 'at-least-once', single: false, open };
}

async function notYet(topic: string): Promise<never> {
  throw new MillraceError('unavailable', `the topic ${topic} cannot be opened yet`, {
    where: { topic },
    hint: 'this comes with the Kafka adapter; until then bind a connector to files or memory',
    retry: false,
  });
}
