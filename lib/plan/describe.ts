/** A plan for people and for tools that draw. */
import type { EdgePlan, OutputRef, Plan, PlanNode, StagePlan } from './plan.ts';

/** The plan as JSON text, the same for the same plan. */
export const planAsJson = (plan: Plan): string => JSON.stringify(plan, null, 2);

/**
 * The plan as a tree of text: each stage with its tasks, what runs in it, and where its records go.
 *
 * ```
 * flights (source, 1 task)
 * └─ flights  jsonl, bounded, event time
 *    └─▶ delay-stats  by key by-origin
 * ```
 */
export function planAsText(plan: Plan): string {
  const title = `pipeline ${plan.pipeline}: ${counted(plan.stages.length, 'stage')}, ${counted(plan.edges.length, 'exchange')}`;
  return [title, ...plan.stages.map((stage) => new StageTree(plan, stage).lines().join('\n'))].join('\n\n');
}

/** The plan as a Mermaid flowchart: a box for each stage, thick arrows for exchanges. */
export function planAsMermaid(plan: Plan): string {
  const names = new Map(plan.nodes.map((node, index) => [node.id, `n${index}`]));
  const lines = ['flowchart LR'];
  plan.stages.forEach((stage, index) => {
    lines.push(`  subgraph s${index}["${escaped(stageTitle(stage))}"]`);
    for (const node of membersOf(plan, stage)) lines.push(`    ${names.get(node.id)}${shapeOf(node)}`);
    lines.push('  end');
  });
  for (const { output, wires } of Object.values(plan.local).flat()) {
    const label = output.side === undefined ? '' : `|${escaped(output.side)}|`;
    for (const { to } of wires) lines.push(`  ${names.get(output.node)} -->${label} ${names.get(to)}`);
  }
  for (const edge of plan.edges) {
    const { output, wires } = edge;
    const label = escaped(output.side === undefined ? routeOf(edge) : `${output.side}, ${routeOf(edge)}`);
    for (const { to } of wires) lines.push(`  ${names.get(output.node)} ==>|"${label}"| ${names.get(to)}`);
  }
  return `${lines.join('\n')}\n`;
}

/** Draws one stage: below each node what gets its records. A node that several lead to is drawn out once. */
class StageTree {
  readonly #plan: Plan;
  readonly #stage: StagePlan;
  readonly #drawn = new Set<string>();
  readonly #lines: string[];

  constructor(plan: Plan, stage: StagePlan) {
    this.#plan = plan;
    this.#stage = stage;
    this.#lines = [stageTitle(stage)];
  }

  lines(): readonly string[] {
    const { source, inputs } = this.#stage;
    const entered = this.#plan.edges.filter((edge) => inputs.includes(edge.id)).flatMap((edge) => edge.wires);
    const roots = source === undefined ? [...new Set(entered.map((wire) => wire.to))] : [source];
    roots.forEach((root, i) => {
      this.#node(root, undefined, '', i === roots.length - 1);
    });
    return this.#lines;
  }

  #node(id: string, side: string | undefined, indent: string, last: boolean): void {
    const node = this.#plan.nodes.find((found) => found.id === id) as PlanNode;
    const again = this.#drawn.has(id);
    const label = side === undefined ? id : `[${side}] ${id}`;
    this.#lines.push(`${indent}${last ? '└─' : '├─'} ${label}  ${again ? '(as above)' : summaryOf(node)}`);
    if (again) return;
    this.#drawn.add(id);
    const below = `${indent}${last ? '   ' : '│  '}`;
    const wires = (this.#plan.local[this.#stage.id] ?? [])
      .filter(({ output }) => output.node === id)
      .flatMap(({ output, wires }) => wires.map(({ to }) => ({ output, to })));
    const edges = this.#plan.edges.filter((edge) => edge.from === this.#stage.id && edge.output.node === id);
    wires.forEach(({ output, to }, i) => {
      this.#node(to, output.side, below, i === wires.length - 1 && edges.length === 0);
    });
    edges.forEach((edge, i) => {
      const corner = i === edges.length - 1 ? '└─▶' : '├─▶';
      this.#lines.push(`${below}${corner} ${sideOf(edge.output)}${edge.to}  ${routeOf(edge)}`);
    });
  }
}

function stageTitle({ id, source, partitions, journaled }: StagePlan): string {
  const facts = [counted(partitions, 'task'), ...(journaled ? ['journaled'] : [])];
  return `${id} (${[...(source === undefined ? [] : ['source']), ...facts].join(', ')})`;
}

function membersOf(plan: Plan, stage: StagePlan): readonly PlanNode[] {
  const ids = stage.source === undefined ? stage.nodes : [stage.source, ...stage.nodes];
  return plan.nodes.filter((node) => ids.includes(node.id));
}

/** What a node is, in a few words. */
function summaryOf(node: PlanNode): string {
  if (node.kind === 'source') {
    const facts = [
      node.connector,
      node.bounded ? 'bounded' : 'unbounded',
      ...(node.hasEventTime ? ['event time'] : []),
    ];
    return facts.join(', ');
  }
  if (node.kind === 'sink') return `to ${node.connector}, ${node.guarantee}`;
  if (node.kind !== 'operator') return node.kind;
  const { type, stateful, eventTime, processingTime } = node;
  const facts = [
    type,
    ...(stateful ? ['state'] : []),
    ...(eventTime ? ['event time'] : []),
    ...(processingTime ? ['processing time'] : []),
  ];
  return facts.join(', ');
}

function shapeOf(node: PlanNode): string {
  const label = `"${escaped(node.id)}<br/>${escaped(summaryOf(node))}"`;
  if (node.kind === 'source') return `([${label}])`;
  return node.kind === 'sink' ? `[/${label}/]` : `[${label}]`;
}

function routeOf({ partitioning }: EdgePlan): string {
  switch (partitioning.kind) {
    case 'key':
      return partitioning.keyBy === undefined ? 'by key' : `by key ${partitioning.keyBy}`;
    case 'custom':
      return `by partitioner ${partitioning.partitionBy}`;
    case 'forward':
      return 'partition by partition';
    case 'rebalance':
      return 'spread evenly';
    case 'gather':
      return 'gathered';
    case 'broadcast':
      return 'to every task';
  }
}

const sideOf = ({ side }: OutputRef): string => (side === undefined ? '' : `[${side}] `);
const counted = (n: number, what: string): string => `${n} ${what}${n === 1 ? '' : 's'}`;
const escaped = (text: string): string => text.replaceAll('&', '#amp;').replaceAll('"', '#quot;');
