/**
 * The operators of one stage, wired for one task: where records enter, where they leave, and everything between.
 */
import type { Key } from '../model/index.ts';
import { MillraceError } from '../model/index.ts';
import type { Operator, OperatorContext, OperatorDefinition, Receiver } from '../operators/index.ts';
import {
  type EdgePlan,
  type OperatorNode,
  type OutputRef,
  type Plan,
  routedBy,
  type StagePlan,
  type Wire,
} from '../plan/index.ts';
import type { Json, SinkConnector, SinkHost } from '../ports/index.ts';
import type { AnyTable, KeyedStore, RowLayout, TableOptions } from '../state/index.ts';
import { type EdgeMark, EdgeOutput, type Sent } from './edge-output.ts';
import { type Outlet, outlet, type Site } from './outlet.ts';
import { SinkOutput } from './sink-output.ts';
import type { Unit } from './unit.ts';

/** The author's code that a stage runs, by node id. */
export interface StageCode {
  readonly operators: ReadonlyMap<string, OperatorDefinition>;
  readonly keys: ReadonlyMap<string, (value: unknown) => Key>;
  readonly partitioners: ReadonlyMap<string, (value: unknown, tasks: number) => number>;
  readonly sinks: ReadonlyMap<string, { readonly connector: SinkConnector<unknown> }>;
}

/** What a chain needs of its task. */
export interface ChainHost {
  readonly plan: Plan;
  readonly stage: StagePlan;
  readonly code: StageCode;
  readonly partition: number;
  readonly store: KeyedStore;
  readonly unit: Unit;
  partitionsOf(stage: string): number;
  sinkHost(sink: string): SinkHost;
  /** What the last commit remembers. */
  readonly sent: Readonly<Record<string, readonly Sent[]>>;
  readonly sinkState: Readonly<Record<string, Json>>;
}

/** What the stage has put out and counted up to a moment. */
export interface ChainMark {
  readonly edges: readonly EdgeMark[];
  readonly sinks: readonly number[];
  readonly counts: readonly ReadonlyMap<string, number>[];
}

export class StageChain {
  /** Where records of each input edge enter. */
  readonly heads = new Map<string, Outlet>();
  /** Where a source stage's records enter. */
  readonly sourceHead: Receiver | undefined;
  readonly edges: EdgeOutput[] = [];
  readonly sinks: SinkOutput[] = [];
  readonly site: Site;
  /** Records out, by `node` or `node/side`. */
  readonly outlets = new Map<string, Outlet>();
  /** Counts that operators made since the last flush, by operator and metric. */
  readonly counts = new Map<string, Map<string, number>>();
  readonly #host: ChainHost;
  readonly #inputs = new Map<string, readonly Receiver[]>();

  constructor(host: ChainHost) {
    this.#host = host;
    this.site = { at: host.stage.id };
    const nodes = host.stage.nodes.map((id) => this.#node(id));
    const tables: AnyTable[][] = [];
    for (const node of nodes.toReversed()) {
      const before = host.store.tables.length;
      if (node.kind === 'sink') this.#inputs.set(node.id, [this.#sink(node.id)]);
      else if (node.kind === 'operator') this.#inputs.set(node.id, this.#operator(node).inputs);
      tables.unshift(host.store.tables.slice(before));
    }
    tables.flat().forEach((table, index) => {
      table.index = index;
    });
    for (const id of host.stage.inputs) this.heads.set(id, this.#head(this.#edge(id).wires));
    this.sourceHead = host.stage.source === undefined ? undefined : this.#outlet({ node: host.stage.source });
  }

  /** How many records came in and went out so far, to go back to. */
  takenMark(): readonly number[] {
    return [...this.heads.values(), ...this.outlets.values()].map(({ count }) => count);
  }

  restoreTaken(taken: readonly number[]): void {
    let i = 0;
    for (const outlet of [...this.heads.values(), ...this.outlets.values()]) outlet.count = taken[i++]!;
  }

  mark(): ChainMark {
    return {
      edges: this.edges.map((edge) => edge.mark()),
      sinks: this.sinks.map((sink) => sink.mark()),
      counts: [...this.counts.values()].map((counts) => new Map(counts)),
    };
  }

  /** Takes back what was put out and counted since. */
  rollback(to: ChainMark): void {
    this.edges.forEach((edge, i) => {
      edge.rollback(to.edges[i]!);
    });
    this.sinks.forEach((sink, i) => {
      sink.rollback(to.sinks[i]!);
    });
    let i = 0;
    for (const counts of this.counts.values()) {
      counts.clear();
      for (const [metric, n] of to.counts[i++]!) counts.set(metric, n);
    }
  }

  /** Adds to the counts of one of the stage's operators. */
  counting(operator: string): OperatorContext['count'] {
    const counts = this.counts.get(operator)!;
    return (metric, n) => {
      counts.set(metric, (counts.get(metric) ?? 0) + n);
    };
  }

  /** The stage's watermark has moved: tells every output. */
  watermark(watermark: number): void {
    for (const edge of this.edges) edge.watermark(watermark);
  }

  #node(id: string) {
    const node = this.#host.plan.nodes.find((n) => n.id === id);
    if (node === undefined) throw new MillraceError('internal', `the plan has no node "${id}"`);
    return node;
  }

  #edge(id: string): EdgePlan {
    const edge = this.#host.plan.edges.find((e) => e.id === id);
    if (edge === undefined) throw new MillraceError('internal', `the plan has no edge "${id}"`);
    return edge;
  }

  #head(wires: readonly Wire[]): Outlet {
    return outlet(this.site, this.#targets(wires));
  }

  #targets(wires: readonly Wire[]) {
    return wires.map(({ to, input }) => {
      const receiver = this.#inputs.get(to)?.[input];
      if (receiver === undefined)
        throw new MillraceError('internal', `no input ${input} of "${to}" in stage ${this.#host.stage.id}`);
      return { node: to, receiver };
    });
  }

  /** The outlet of a node's output: its local wires and the edges that leave the stage there. */
  #outlet(output: OutputRef): Outlet {
    const name = output.side === undefined ? output.node : `${output.node}/${output.side}`;
    const made = this.outlets.get(name);
    if (made !== undefined) return made;
    const { plan, stage } = this.#host;
    const wires = (plan.local[stage.id] ?? []).filter((w) => same(w.output, output)).flatMap((w) => w.wires);
    const edges = stage.outputs.map((id) => this.#edge(id)).filter((edge) => same(edge.output, output));
    const result = outlet(this.site, [
      ...this.#targets(wires),
      ...edges.map((edge) => ({
        node: routedBy(edge.partitioning) ?? output.node,
        receiver: this.#edgeOutput(edge),
      })),
    ]);
    this.outlets.set(name, result);
    return result;
  }

  #edgeOutput(edge: EdgePlan): EdgeOutput {
    const { partition, unit, sent, code } = this.#host;
    const route = routedBy(edge.partitioning);
    const by = {
      keyOf: route === undefined ? undefined : code.keys.get(route),
      partitionOf: route === undefined ? undefined : code.partitioners.get(route),
    };
    const output = new EdgeOutput(edge, this.#host.partitionsOf(edge.to), partition, unit, sent[edge.id], by);
    this.edges.push(output);
    return output;
  }

  #sink(id: string): SinkOutput {
    const { code, unit, sinkState } = this.#host;
    const definition = code.sinks.get(id);
    if (definition === undefined) throw new MillraceError('internal', `the pipeline has no sink "${id}"`);
    const sink = new SinkOutput(id, definition.connector, this.#host.sinkHost(id), unit, sinkState[id]);
    this.sinks.push(sink);
    return sink;
  }

  #operator(node: OperatorNode): Operator {
    const definition = this.#host.code.operators.get(node.id);
    if (definition === undefined) throw new MillraceError('internal', `the pipeline has no operator "${node.id}"`);
    const { store, unit } = this.#host;
    this.counts.set(node.id, new Map());
    const context: OperatorContext = {
      operator: node.id,
      time: unit,
      table: <V>(name: string, options: TableOptions<V>) => store.table(`${node.id}/${name}`, options),
      rows: <V>(name: string, layout: RowLayout<V>) => store.rows(`${node.id}/${name}`, layout),
      output: (side) => this.#outlet(side === undefined ? { node: node.id } : { node: node.id, side }),
      count: this.counting(node.id),
    };
    return definition.code.create(context);
  }
}

const same = (a: OutputRef, b: OutputRef): boolean => a.node === b.node && a.side === b.side;
