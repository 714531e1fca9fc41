/** A pipeline on the topics of its deployment: the same bindings give the same plan where it is deployed and where it runs. */
import { json, raw, text } from '../lib/adapters/formats/index.ts';
import { type KafkaStart, kafka, toKafka } from '../lib/adapters/kafka/index.ts';
import { MillraceError } from '../lib/model/index.ts';
import type { Bindings, Pipeline } from '../lib/pipeline/index.ts';
import type { Format, Guarantee, SinkConnector, SourceConnector } from '../lib/ports/index.ts';

/** How the bodies of messages are written, where the pipeline does not say it itself by `kafka(...)`. */
export type TopicFormat = 'json' | 'text' | 'raw';

/** The topic that a source reads. */
export interface SourceTopic {
  readonly topic: string;
  /** How many partitions it has, if that is to stay so: as many tasks read it. Absent: it is found out, and may grow. */
  readonly partitions?: number;
  /** Default: json. */
  readonly format?: TopicFormat;
  /** Where a new run begins. Default: earliest. */
  readonly start?: KafkaStart;
}

/** The topic that a sink writes. */
export interface SinkTopic {
  readonly topic: string;
  /** Default: json. */
  readonly format?: TopicFormat;
  /** Default: exactly-once. */
  readonly guarantee?: Guarantee;
}

/** Topics by the id of the source or sink that they take the place of; for those that the pipeline itself has on Kafka there is none. */
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

const formats: Readonly<Record<TopicFormat, () => Format<unknown>>> = { json, text, raw };

function topicSource({ topic, partitions, format, start }: SourceTopic): SourceConnector<unknown> {
  const source = kafka({ topic, format: formatOf(topic, format), ...(start === undefined ? {} : { start }) });
  if (partitions === undefined) return source;
  return { ...source, options: { ...(source.options as object), partitions } };
}

function topicSink({ topic, format, guarantee }: SinkTopic): SinkConnector<unknown> {
  return toKafka({
    topic,
    format: formatOf(topic, format) as Format<NonNullable<unknown>>,
    ...(guarantee === undefined ? {} : { guarantee }),
  });
}

function formatOf(topic: string, format: TopicFormat = 'json'): Format<unknown> {
  const make = formats[format];
  if (make !== undefined) return make();
  throw new MillraceError('invalid-pipeline', `there is no format ${format}`, {
    where: { topic },
    hint: `use ${Object.keys(formats).join(', ')}, or give the source or sink its topic in the pipeline: kafka({ ... })`,
  });
}
