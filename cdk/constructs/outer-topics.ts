import type { OuterTopicWanted } from '../../functions/ensure-topics.ts';
import type { SinkTopic, SourceTopic, Topics } from '../../functions/topics.ts';
import type { Plan } from '../../lib/plan/index.ts';
import { topicOf } from './topic-names.ts';

/** The topic that a source reads. */
export interface DeployedSource extends SourceTopic {
  /** Whether the deployment makes the topic if it is not there, with so many `partitions`. It stays when the stack goes. @default false */
  readonly create?: boolean;
}

/** The topic that a sink writes. */
export interface DeployedSink extends SinkTopic {
  /** Make the topic if it is not there, with so many partitions. It stays when the stack goes. @default - it is there */
  readonly create?: number;
}

export type DeployedSources = Readonly<Record<string, DeployedSource>>;
export type DeployedSinks = Readonly<Record<string, DeployedSink>>;

/** What of it functions must know. */
export function boundTopics(sources: DeployedSources, sinks: DeployedSinks): Topics {
  return {
    sources: Object.fromEntries(Object.entries(sources).map(([id, { create, ...topic }]) => [id, topic])),
    sinks: Object.fromEntries(Object.entries(sinks).map(([id, { create, ...topic }]) => [id, topic])),
  };
}

/** Topics that must be there, or be made; each once. */
export function outerTopics(plan: Plan, sources: DeployedSources, sinks: DeployedSinks): readonly OuterTopicWanted[] {
  const wanted = new Map<string, OuterTopicWanted>();
  for (const { id } of plan.nodes) {
    const read = topicOf(plan, id);
    const written = topicOf(plan, id, 'sink');
    const name = read ?? written;
    if (name === undefined) continue;
    const { partitions, create } = sources[id] ?? {};
    const count = read !== undefined ? (create === true ? partitions : undefined) : sinks[id]?.create;
    wanted.set(name, {
      ...wanted.get(name),
      name,
      ...(read !== undefined && partitions !== undefined ? { partitions } : {}),
      ...(count === undefined ? {} : { create: count }),
    });
  }
  return [...wanted.values()];
}
