import { KAFKA } from '../../functions/topics.ts';
import type { Plan, StagePlan } from '../../lib/plan/index.ts';
import { deadLetterTopic } from '../../lib/runtime/index.ts';

/** The topic that a stage's tasks read: its own, or the source's. */
export function inputTopic(plan: Plan, stage: StagePlan): string {
  return stage.source === undefined ? stage.topic : (topicOf(plan, stage.source) ?? stage.topic);
}

/** Topics that a stage's tasks write: of the stages behind it, of its sinks, and of dead letters. */
export function writtenTopics(plan: Plan, stage: StagePlan): readonly string[] {
  const next = plan.edges
    .filter(({ from }) => from === stage.id)
    .flatMap(({ to }) => plan.stages.filter(({ id }) => id === to).map(({ topic }) => topic));
  const sinks = stage.nodes.flatMap((node) => topicOf(plan, node, 'sink') ?? []);
  return [...new Set([...next, ...sinks, deadLetterTopic(plan.pipeline)])];
}

/** Topics of the pipeline's own: between its stages, and of dead letters. */
export function internalTopics(plan: Plan): readonly string[] {
  const between = plan.stages.filter(({ source }) => source === undefined).map(({ topic }) => topic);
  return [...between, deadLetterTopic(plan.pipeline)];
}

/** Topics that sources read. */
export function sourceTopics(plan: Plan): readonly string[] {
  return plan.nodes.flatMap(({ id }) => topicOf(plan, id) ?? []);
}

/** The topic that a source (or sink) is on, as its options say; undefined where it is not on Kafka. */
export function topicOf(plan: Plan, id: string, kind: 'source' | 'sink' = 'source'): string | undefined {
  const node = plan.nodes.find((each) => each.id === id);
  if (node?.kind !== kind || node.connector !== KAFKA) return undefined;
  const { options } = node;
  const topic = typeof options === 'object' && options !== null && 'topic' in options ? options.topic : undefined;
  return typeof topic === 'string' ? topic : undefined;
}
