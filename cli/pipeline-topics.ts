import type { Pipeline } from '../lib/pipeline/index.ts';

/** Topics that millrace's own CDK app puts in the place of a pipeline's sources and sinks, by their ids. */
export function pipelineTopics({ name, sources, sinks }: Pipeline): {
  readonly sources: ReadonlyMap<string, string>;
  readonly sinks: ReadonlyMap<string, string>;
} {
  const named = (ids: Iterable<string>) => new Map([...ids].map((id) => [id, `${name}-${id}`]));
  return { sources: named(sources.keys()), sinks: named(sinks.keys()) };
}
