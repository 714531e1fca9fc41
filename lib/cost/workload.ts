/** What is assumed of a pipeline's load, and what follows of it for each stage. */
import type { EdgePlan, Plan, PlanNode, StagePlan } from '../plan/index.ts';

/** The load, and what the functions are like. Times in seconds. */
export interface Workload {
  /** Records a second, by source; `rate` for the others. */
  readonly rates: Readonly<Record<string, number>>;
  readonly rate: number;
  /** Partitions of a source's topic, where the plan does not know. */
  readonly partitions: number;
  /** Bytes of a record, encoded. */
  readonly recordBytes: number;
  /** Results for each record, by operator. Where nothing is said: a window 0.1, anything else 1. */
  readonly pass: Readonly<Record<string, number>>;
  /** Keys that are in use at a time, for each stage. */
  readonly keys: number;
  /** Records a delivery of a source holds at most, and messages one of a topic between stages. */
  readonly batchRecords: number;
  readonly batchFrames: number;
  /** How long an event source waits for a delivery to fill. */
  readonly window: number;
  /** Gigabytes of a stage's function. */
  readonly memory: number;
  /** How long a delivery takes beside its records: to call, to read, to append, to commit. */
  readonly deliveryTime: number;
  /** How long a record takes, on one processor. */
  readonly recordTime: number;
  /** Bytes of a commit without what changed, and of each cell that changed. */
  readonly commitBytes: number;
  readonly cellBytes: number;
  /** Commits that a task keeps; half of them lie between two snapshots. */
  readonly slots: number;
}

/** What is assumed unless said otherwise. The times are rough: measure your own, and give them. */
export const usualWorkload: Workload = {
  rates: {},
  rate: 100,
  partitions: 8,
  recordBytes: 200,
  pass: {},
  keys: 10_000,
  batchRecords: 1_000,
  batchFrames: 100,
  window: 0.5,
  memory: 1.769,
  deliveryTime: 0.03,
  recordTime: 10e-6,
  commitBytes: 900,
  cellBytes: 60,
  slots: 32,
};

/** What reaches a stage in a second, and what it does with it. */
export interface StageLoad {
  readonly stage: string;
  readonly records: number;
  readonly deliveries: number;
  /** Commits: one for each partition of a delivery. */
  readonly commits: number;
  /** Cells of state that a commit changes. */
  readonly cells: number;
  /** Bytes that it appends to topics of the pipeline's own. */
  readonly bytesOut: number;
}

/** The load of each stage, in the plan's order. */
export function loadsOf(plan: Plan, workload: Workload): readonly StageLoad[] {
  const loads = new Map<string, StageLoad>();
  const flow = new Flow(plan, workload);
  for (const stage of plan.stages) loads.set(stage.id, flow.load(stage, loads));
  return [...loads.values()];
}

class Flow {
  readonly #plan: Plan;
  readonly #workload: Workload;
  readonly #nodes: ReadonlyMap<string, PlanNode>;
  readonly #out = new Map<string, number>();

  constructor(plan: Plan, workload: Workload) {
    this.#plan = plan;
    this.#workload = workload;
    this.#nodes = new Map(plan.nodes.map((node) => [node.id, node]));
  }

  load(stage: StagePlan, before: ReadonlyMap<string, StageLoad>): StageLoad {
    const { rates, rate, partitions, window, batchRecords, batchFrames } = this.#workload;
    const isSource = stage.source !== undefined;
    const inputs = this.#plan.edges.filter(({ to }) => to === stage.id);
    const records = isSource ? (rates[stage.source as string] ?? rate) : sum(inputs, (edge) => this.#sent(edge));
    const tasks = isSource ? partitions : stage.partitions;
    const messages = isSource ? records : sum(inputs, (edge) => this.#frames(edge, tasks, before.get(edge.from)));
    const deliveries = deliveriesOf(messages, window, isSource ? batchRecords : batchFrames);
    const commits = deliveries * spread(tasks, deliveries === 0 ? 0 : messages / deliveries);
    const stateful = stage.nodes.some((id) => {
      const node = this.#nodes.get(id);
      return node?.kind === 'operator' && node.stateful;
    });
    const bytesOut = sum(
      this.#plan.edges.filter(({ from }) => from === stage.id),
      (edge) => this.#sent(edge),
    );
    return {
      stage: stage.id,
      ...{ records, deliveries, commits },
      cells: stateful && commits > 0 ? spread(this.#workload.keys, records / commits) : 0,
      bytesOut: bytesOut * this.#workload.recordBytes,
    };
  }

  /** Records a second that an edge brings: what is broadcast comes once to each task. */
  #sent({ output, partitioning, to }: EdgePlan): number {
    const tasks = this.#plan.stages.find(({ id }) => id === to)?.partitions ?? 1;
    return this.#of(output) * (partitioning.kind === 'broadcast' ? tasks : 1);
  }

  /** Messages a second of an edge: each commit behind it sends one to each partition that it has records for. */
  #frames(edge: EdgePlan, tasks: number, from: StageLoad | undefined): number {
    if (from === undefined || from.commits === 0) return 0;
    const records = this.#of(edge.output) / from.commits;
    const { kind } = edge.partitioning;
    if (kind === 'broadcast') return from.commits * tasks * Math.min(1, records);
    return from.commits * (kind === 'forward' ? Math.min(1, records) : spread(tasks, records));
  }

  /** Records a second that a node gives out. */
  #of({ node: id }: { readonly node: string }): number {
    const known = this.#out.get(id);
    if (known !== undefined) return known;
    const node = this.#nodes.get(id);
    const { pass, rates, rate } = this.#workload;
    const result =
      node?.kind === 'source'
        ? (rates[id] ?? rate) * (pass[id] ?? 1)
        : sum(node?.inputs ?? [], (input) => this.#of(input)) * (pass[id] ?? usualPass(node));
    this.#out.set(id, result);
    return result;
  }
}

const usualPass = (node: PlanNode | undefined): number =>
  node?.kind === 'operator' && node.type.startsWith('window') ? 0.1 : 1;

/** An event source calls when a delivery is full, or when the first of its messages has waited for the window's length. */
function deliveriesOf(messages: number, window: number, batch: number): number {
  if (messages === 0) return 0;
  return Math.max(messages / batch, messages / (1 + messages * window));
}

/** How many of so many places are hit by so many throws. */
function spread(places: number, throws: number): number {
  if (places <= 1) return Math.min(1, throws);
  return places * (1 - (1 - 1 / places) ** throws);
}

const sum = <T>(items: readonly T[], of: (item: T) => number): number =>
  items.reduce((total, item) => total + of(item), 0);
