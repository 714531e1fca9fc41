/** From what was authored to the plan: checked, named, laid out in stages, with fingerprints; frozen. Pure. */
import { MillraceError } from '../model/index.ts';
import type { Draft, DraftNode, DraftRef, PlanFault } from './draft.ts';
import { fingerprint } from './fingerprint.ts';
import { distinctNames, nameNodes } from './names.ts';
import type { EdgePlan, LocalWire, OutputRef, Plan, PlanNode, SourceNode, StagePlan, Wire } from './plan.ts';
import { type EdgeLayout, type Layout, layOut, type PlacedWire, type StageLayout } from './stages.ts';
import { stepsBehind } from './steps.ts';
import { faultsOf, isKeyed, mayHaveKey, sidesRead } from './validate.ts';

/** A plan, with the name that each node of the draft got. */
export interface Compiled {
  readonly plan: Plan;
  readonly names: readonly string[];
}

/**
 * Compiles a draft. Throws `invalid-pipeline` if it breaks any rule: the message has a line for every fault, with operator, rule and
 * fix, and `cause` is the list of them as `PlanFault`s.
 */
export function compile(draft: Draft): Compiled {
  const names = nameNodes(draft.nodes);
  const faults = faultsOf(draft, names);
  if (faults.length > 0) throw invalidPipeline(draft.pipeline, faults);
  const plan = new Writing(draft, names, layOut(draft)).plan();
  return { plan: freeze(JSON.parse(JSON.stringify(plan)) as Plan), names };
}

/** The error that tells an author everything that is wrong with a pipeline. */
export function invalidPipeline(pipeline: string, faults: readonly PlanFault[]): MillraceError {
  const count = faults.length === 1 ? 'a mistake' : `${faults.length} mistakes`;
  const lines = faults.map(({ operator, rule, fix }) => `  ${operator}: ${rule}; ${fix}`);
  return new MillraceError('invalid-pipeline', `pipeline ${pipeline} has ${count}:\n${lines.join('\n')}`, {
    where: { pipeline },
    cause: faults,
  });
}

class Writing {
  readonly #draft: Draft;
  readonly #names: readonly string[];
  readonly #layout: Layout;
  readonly #stageIds: ReadonlyMap<StageLayout, string>;

  constructor(draft: Draft, names: readonly string[], layout: Layout) {
    this.#draft = draft;
    this.#names = names;
    this.#layout = layout;
    this.#stageIds = new Map(layout.stages.map((stage) => [stage, this.#stageId(stage)]));
  }

  plan(): Plan {
    const { pipeline, faults } = this.#draft;
    const nodes = this.#draft.nodes.map((node, index) => this.#node(node, index));
    const edges = this.#edges();
    const local = Object.fromEntries(this.#layout.stages.map((stage) => [this.#idOf(stage), this.#local(stage)]));
    const stages = this.#layout.stages.map((stage) => this.#stage(stage, nodes, edges, local));
    const code = fingerprint(pipeline, stages);
    return { format: 1, pipeline, nodes, stages, edges, local, faults, code };
  }

  #node(node: DraftNode, index: number): PlanNode {
    const readers = this.#draft.nodes.flatMap(({ inputs }) => inputs.filter((input) => input.node === index));
    const common = {
      id: this.#name(index),
      inputs: node.inputs.map((input) => this.#output(input)),
      sides: sidesRead(readers),
      code: node.code,
    };
    switch (node.kind) {
      case 'source': {
        const { kind, connector, options, bounded, hasEventTime, watermark, idle, badRecords } = node;
        return { ...common, kind, connector, options, bounded, hasEventTime, watermark, idle, badRecords };
      }
      case 'operator': {
        const { kind, type, options, stateful, async, eventTime, processingTime, steps, state, faults } = node;
        const keyed = node.inputs.every(
          (input, i) => node.needs?.[i] === 'broadcast' || isKeyed(this.#draft.nodes, input),
        );
        const nondeterministic = node.nondeterministic || async;
        return {
          ...common,
          ...{ kind, type, options, keyed, stateful, async, nondeterministic },
          ...{ eventTime, processingTime, steps, faults, state },
        };
      }
      case 'sink': {
        const { kind, connector, options, guarantee, single } = node;
        return { ...common, kind, connector, options, guarantee, single };
      }
      default:
        return { ...common, kind: node.kind };
    }
  }

  #edges(): readonly EdgePlan[] {
    const { edges } = this.#layout;
    const behind = stepsBehind(this.#draft.nodes, this.#layout);
    const ids = distinctNames(edges.map((edge) => this.#edgeName(edge)));
    return edges.map((edge, i): EdgePlan => {
      const { nodes } = this.#draft;
      const forward = edge.exchange === undefined;
      return {
        id: ids[i] as string,
        from: this.#idOf(edge.from),
        to: this.#idOf(edge.to),
        output: this.#output(edge.output),
        wires: edge.wires.map((wire) => this.#wire(wire)),
        partitioning: this.#partitioning(edge, forward && isKeyed(nodes, edge.output)),
        ...(forward && mayHaveKey(nodes, edge.output) ? { carriesKey: true } : {}),
        steps: behind.get(edge.to) ?? 'none',
      };
    });
  }

  /** `<sender>--<receiver>`; where several go the same way, also what they take and what they pass. */
  #edgeName(edge: EdgeLayout): string {
    const name = `${this.#idOf(edge.from)}--${this.#idOf(edge.to)}`;
    const { edges } = this.#layout;
    if (edges.filter((other) => other.from === edge.from && other.to === edge.to).length === 1) return name;
    const { node, side } = this.#output(edge.output);
    const parts = [name, side === undefined ? node : `${node}.${side}`];
    if (edge.exchange !== undefined) parts.push(this.#name(edge.exchange));
    return parts.join('--');
  }

  /** Records that carry a key and have no exchange before them stay in their partition, unless their stage has another number of them. */
  #partitioning(edge: EdgeLayout, keyed: boolean): EdgePlan['partitioning'] {
    if (edge.gather) return { kind: 'gather' };
    if (edge.exchange === undefined) {
      return { kind: keyed && edge.from.partitions !== edge.to.partitions ? 'key' : 'forward' };
    }
    const { kind } = this.#draft.nodes[edge.exchange] as DraftNode;
    if (kind === 'rebalance' || kind === 'broadcast') return { kind };
    if (kind === 'partition-by') return { kind: 'custom', partitionBy: this.#name(edge.exchange) };
    return { kind: 'key', keyBy: this.#name(edge.exchange) };
  }

  #local(stage: StageLayout): readonly LocalWire[] {
    return stage.local.map(({ output, wires }) => ({
      output: this.#output(output),
      wires: wires.map((wire) => this.#wire(wire)),
    }));
  }

  #stage(
    stage: StageLayout,
    nodes: readonly PlanNode[],
    edges: readonly EdgePlan[],
    local: Readonly<Record<string, readonly LocalWire[]>>,
  ): StagePlan {
    const id = this.#idOf(stage);
    const inputs = edges.filter((edge) => edge.to === id);
    const outputs = edges.filter((edge) => edge.from === id);
    const source = stage.source === undefined ? undefined : this.#name(stage.source);
    const members = stage.nodes.map((index) => nodes[index] as PlanNode);
    const routes = outputs.flatMap(({ partitioning }) => routedBy(partitioning) ?? []);
    const senders = inputs.flatMap(({ from }) => nodes.filter((node) => node.kind === 'source' && node.id === from));
    return {
      id,
      source,
      nodes: members.map((node) => node.id),
      partitions: stage.partitions,
      journaled: members.some((node) => node.kind === 'operator' && node.nondeterministic),
      inputs: inputs.map((edge) => edge.id),
      outputs: outputs.map((edge) => edge.id),
      topic: source ?? `${this.#draft.pipeline}.${id}`,
      code: fingerprint(
        members.map((node) => [node.kind, this.#label(node.id, stage), node.code]),
        [source, ...routes].map((name) => nodes.find((node) => node.id === name)?.code),
        (local[id] ?? []).map(({ output, wires }) => [this.#outputIn(stage, output), this.#wiresIn(stage, wires)]),
        inputs.map((edge) => [edge.id, this.#wiresIn(stage, edge.wires)]),
        outputs.map((edge) => [
          edge.id,
          this.#outputIn(stage, edge.output),
          edge.partitioning,
          edge.carriesKey,
          edge.steps,
        ]),
        senders.map((node) => timePolicy(node as SourceNode)),
      ),
    };
  }

  /** A node's name for fingerprints: one made up counts by its place in the stage, as other stages' nodes move it. */
  #label(name: string, stage: StageLayout): string | number {
    const index = this.#names.indexOf(name);
    return this.#draft.nodes[index]?.id === undefined ? stage.nodes.indexOf(index) : name;
  }

  #outputIn(stage: StageLayout, { node, side }: OutputRef): unknown {
    return [this.#label(node, stage), side];
  }

  #wiresIn(stage: StageLayout, wires: readonly Wire[]): unknown {
    return wires.map(({ to, input }) => [this.#label(to, stage), input]);
  }

  /** A source's id; else the first operator with state; else the first node that the author named; else the first of all. */
  #stageId(stage: StageLayout): string {
    const node = (index: number): DraftNode => this.#draft.nodes[index] as DraftNode;
    const namesake =
      stage.source ??
      stage.nodes.find((i) => {
        const found = node(i);
        return found.kind === 'operator' && found.stateful;
      }) ??
      stage.nodes.find((i) => node(i).id !== undefined && node(i).kind === 'operator') ??
      stage.nodes.find((i) => node(i).id !== undefined) ??
      (stage.nodes[0] as number);
    return this.#name(namesake);
  }

  #wire({ to, input }: PlacedWire): Wire {
    return { to: this.#name(to), input };
  }

  #output({ node, side }: DraftRef): OutputRef {
    return side === undefined ? { node: this.#name(node) } : { node: this.#name(node), side };
  }

  #idOf(stage: StageLayout): string {
    return this.#stageIds.get(stage) as string;
  }

  #name(index: number): string {
    return this.#names[index] as string;
  }
}

/** The node whose function says where records of an edge go, if there is one. */
export function routedBy(partitioning: EdgePlan['partitioning']): string | undefined {
  if (partitioning.kind === 'custom') return partitioning.partitionBy;
  return partitioning.kind === 'key' ? partitioning.keyBy : undefined;
}

/** What a receiving stage decides by when a source falls silent: part of its code. */
const timePolicy = ({ watermark, idle }: SourceNode): unknown => [watermark.bound, idle];

function freeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    Object.values(value).forEach(freeze);
  }
  return value;
}
