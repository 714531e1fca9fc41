/** Topics in the place of a pipeline's connectors, as `--bind id=kafka:topic` says; anything else is a file. */
import type { Bindings, Pipeline } from '../lib/pipeline/index.ts';
import type { SinkConnector, SourceConnector } from '../lib/ports/index.ts';
import { bindingsOf } from './bind.ts';
import { UsageError } from './exit-codes.ts';

const TOPIC = /^([^=]+)=kafka:(.+)$/;

/** Bindings to files and to topics of JSON. */
export async function allBindingsOf(pipeline: Pipeline, given: readonly string[]): Promise<Bindings> {
  const topics = given.flatMap((binding) => TOPIC.exec(binding)?.slice(1, 3) ?? []);
  const files = bindingsOf(
    pipeline,
    given.filter((binding) => !TOPIC.test(binding)),
  );
  if (topics.length === 0) return files;
  const { kafka, toKafka } = await import('../lib/adapters/kafka/index.ts');
  const { json } = await import('../lib/adapters/formats/index.ts');
  const sources: Record<string, SourceConnector<unknown>> = { ...files.sources };
  const sinks: Record<string, SinkConnector<never>> = { ...files.sinks };
  for (let i = 0; i < topics.length; i += 2) {
    const [id, topic] = topics.slice(i, i + 2) as [string, string];
    if (pipeline.sources.has(id)) sources[id] = kafka({ topic, format: json() });
    else if (pipeline.sinks.has(id)) sinks[id] = toKafka<unknown>({ topic, format: json<NonNullable<unknown>>() });
    else {
      const ids = [...pipeline.sources.keys(), ...pipeline.sinks.keys()].join(', ');
      throw new UsageError(`the pipeline ${pipeline.name} has no source or sink ${id}`, `it has ${ids}`);
    }
  }
  return { sources, sinks };
}
