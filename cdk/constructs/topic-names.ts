import { KAFKA } from '../../functions/topics.ts';
import type { Plan, StagePlan } from '../../lib/plan/index.ts';
import { deadLetterTopic } from '../../lib/runtime/index.ts';
import type { TopicUse } from './kafka-cluster.ts';

/** A topic between stages, and how many partitions it is to have. */
export interface OwnTopic {
  readonly name: string;
  readonly partitions: number;
  /** Topics of sources whose number it takes over, where that is not known before they are looked at. */
  readonly like: readonly string[];
}

/** The topics of a pipeline as they are called in the cluster, and who uses which. */
export class TopicNames {
  readonly #plan: Plan;
  /** Stands before the names of the pipeline's own topics, groups and transactions. */
  readonly #prefix: string;

  constructor(plan: Plan, prefix: string) {
    this.#plan = plan;
    this.#prefix = prefix;
  }

  /** The topic that a stage's tasks read: its own, or the source's. */
  input({ source, topic }: StagePlan): string {
    return source === undefined ? this.#own(topic) : (topicOf(this.#plan, source) ?? topic);
  }

  /** The consumer group of a stage's event source. Names of up to 200 characters are allowed. */
  group({ id }: StagePlan): string {
    return `${this.#prefix}${this.#plan.pipeline}.${id}`;
  }

  get deadLetters(): string {
    return this.#own(deadLetterTopic(this.#plan.pipeline));
  }

  /** Topics of the pipeline's own: between its stages, and of dead letters. */
  own(): readonly OwnTopic[] {
    const { stages } = this.#plan;
    const between = stages
      .filter(({ source }) => source === undefined)
      .map((stage) => ({
        name: this.#own(stage.topic),
        partitions: stage.partitions,
        like: this.#sourcesOf(stage).flatMap((source) => topicOf(this.#plan, source) ?? []),
      }));
    return [...between, { name: this.deadLetters, partitions: 1, like: [] }];
  }

  /** Topics that sources read. */
  sources(): readonly string[] {
    return this.#plan.nodes.flatMap(({ id }) => topicOf(this.#plan, id) ?? []);
  }

  /** What the tasks of a stage do. */
  useOf(stage: StagePlan): TopicUse {
    const { edges, stages } = this.#plan;
    const next = edges
      .filter(({ from }) => from === stage.id)
      .flatMap(({ to }) => stages.filter(({ id }) => id === to).map(({ topic }) => this.#own(topic)));
    const sinks = stage.nodes.filter((node) => topicOf(this.#plan, node, 'sink') !== undefined);
    return {
      describes: [],
      reads: [this.input(stage)],
      writes: [...new Set([...next, ...sinks.map((id) => topicOf(this.#plan, id, 'sink')!), this.deadLetters])],
      creates: [],
      transactions: sinks.filter((id) => isTransactional(this.#plan, id)).map((id) => this.#transactions(id)),
    };
  }

  /** What workers of these stages do, who look at everything when they open the run, and share the tasks in a group of their own. */
  useOfWorkers(stages: readonly StagePlan[]): TopicUse {
    const uses = stages.map((stage) => this.useOf(stage));
    const own = this.own().map(({ name }) => name);
    return {
      describes: this.#all(),
      reads: uses.flatMap(({ reads }) => reads),
      // Barriers go to all logs.
      writes: [...new Set([...uses.flatMap(({ writes }) => writes), ...own])],
      creates: [],
      groups: [`${this.#prefix}${this.#plan.pipeline}.*`],
      transactions: uses.flatMap(({ transactions = [] }) => transactions),
    };
  }

  /** What the controller does: it moves time and changes of code between stages, reads where sources are, and sends dead letters once more. */
  useOfController(): TopicUse {
    const own = this.own().map(({ name }) => name);
    return { describes: this.#all(), reads: [...this.sources(), ...own], writes: own, creates: [] };
  }

  #all(): readonly string[] {
    return [...new Set([...this.sources(), ...this.own().map(({ name }) => name)])];
  }

  /** As sinks name their groups and transactional ids: `<pipeline>/<sink>/<task>...`. */
  #transactions(sink: string): string {
    return `${this.#prefix}${this.#plan.pipeline}/${sink}/*`;
  }

  /** Sources from which a stage takes its number of tasks, through others perhaps: where all that reaches it stays in its partition. */
  #sourcesOf(stage: StagePlan): readonly string[] {
    if (stage.source !== undefined) return [stage.source];
    const { edges, stages } = this.#plan;
    const inputs = edges.filter(({ to }) => to === stage.id);
    if (inputs.some(({ partitioning }) => partitioning.kind !== 'forward')) return [];
    return inputs.flatMap(({ from }) =>
      stages.filter(({ id }) => id === from).flatMap((each) => this.#sourcesOf(each)),
    );
  }

  #own(topic: string): string {
    return `${this.#prefix}${topic}`;
  }
}

/** The topic that a source (or sink) is on, as its options say; undefined where it is not on Kafka. */
export function topicOf(plan: Plan, id: string, kind: 'source' | 'sink' = 'source'): string | undefined {
  const node = plan.nodes.find((each) => each.id === id);
  if (node?.kind !== kind || node.connector !== KAFKA) return undefined;
  const { options } = node;
  const topic = typeof options === 'object' && options !== null && 'topic' in options ? options.topic : undefined;
  return typeof topic === 'string' ? topic : undefined;
}

const isTransactional = (plan: Plan, id: string): boolean =>
  plan.nodes.some((node) => node.id === id && node.kind === 'sink' && node.guarantee === 'exactly-once');
