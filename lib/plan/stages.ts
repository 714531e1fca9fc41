/**
 * Fusing: which operators share a stage, and what goes between stages. Works through the nodes in the order written, inputs before readers:
 *
 * 1. A source begins a stage. Only operators without state and timers, and sinks, join it: nothing can be appended to a source's log.
 * 2. All that reads one key-by (or partition-by, or rebalance) and nothing else shares the stage behind it, and so does what follows there without an exchange.
 * 3. An asynchronous operator, one that forbids fusing, one whose inputs come from several stages, and a sink that must be single behind several
 *    tasks begin a stage of their own.
 * 4. What works by event time behind an operator that holds records back does not share its stage: the watermark there has passed them.
 * 5. Edges enter a stage only at the nodes that it began with, so that stages form no cycle.
 */
import type { Draft, DraftNode, DraftOperator, DraftRef, DraftSink } from './draft.ts';
import type { Wire } from './plan.ts';

/** A stage in the making; nodes by their place in the draft. */
export interface StageLayout {
  readonly source: number | undefined;
  readonly nodes: number[];
  readonly partitions: number;
  /** Whether `partitions` is certain before sources are opened. */
  readonly certain: boolean;
  /** Whether operators may still join. */
  readonly open: boolean;
  readonly local: { readonly output: DraftRef; readonly wires: PlacedWire[] }[];
}

export interface PlacedWire {
  readonly to: number;
  readonly input: Wire['input'];
}

export interface EdgeLayout {
  readonly from: StageLayout;
  readonly to: StageLayout;
  readonly output: DraftRef;
  /** The key-by, partition-by, rebalance or broadcast that it passes; of several the last. */
  readonly exchange: number | undefined;
  readonly gather: boolean;
  readonly wires: PlacedWire[];
}

export interface Layout {
  readonly stages: readonly StageLayout[];
  readonly edges: readonly EdgeLayout[];
}

/** Where a node's records come from once unions are resolved: an output, and the last exchange on the way. */
interface Feed {
  readonly output: DraftRef;
  readonly exchange: number | undefined;
}

/** Lays a draft without faults out in stages, in an order in which senders come before receivers. */
export function layOut(draft: Draft): Layout {
  return new Fusing(draft).run();
}

class Fusing {
  readonly #draft: Draft;
  readonly #stages: StageLayout[] = [];
  readonly #edges: EdgeLayout[] = [];
  readonly #stageOf = new Map<number, StageLayout>();
  /** The shared stage behind a key-by or rebalance. */
  readonly #behind = new Map<number, StageLayout>();

  constructor(draft: Draft) {
    this.#draft = draft;
  }

  run(): Layout {
    this.#draft.nodes.forEach((node, index) => {
      if (node.kind === 'source') this.#beginSource(node, index);
      else if (node.kind === 'operator' || node.kind === 'sink') this.#place(node, index);
    });
    return { stages: this.#stages, edges: this.#edges };
  }

  #beginSource(node: DraftNode & { kind: 'source' }, index: number): void {
    const { partitions } = node;
    const stage = this.#begin({ source: index, partitions: partitions ?? 1, certain: partitions !== undefined });
    this.#stageOf.set(index, stage);
  }

  #place(node: DraftOperator | DraftSink, index: number): void {
    const inputs = node.inputs.map((input) => this.#feeds(input, undefined));
    const feeds = inputs.flat();
    const gather = node.kind === 'sink' && node.single && this.#writers(feeds) !== 1;
    const stage = gather
      ? this.#begin({ partitions: 1, certain: true })
      : (this.#shared(node, feeds) ?? this.#beginOwn(node, feeds));
    stage.nodes.push(index);
    this.#stageOf.set(index, stage);
    inputs.forEach((list, input) => {
      for (const feed of list) this.#connect(feed, stage, { to: index, input }, gather);
    });
  }

  /** What an output leads back to through unions and exchanges. */
  #feeds(ref: DraftRef, exchange: number | undefined): readonly Feed[] {
    const node = this.#draft.nodes[ref.node] as DraftNode;
    if (node.kind === 'union') return node.inputs.flatMap((input) => this.#feeds(input, exchange));
    if (node.kind === 'source' || node.kind === 'operator' || node.kind === 'sink') return [{ output: ref, exchange }];
    return node.inputs.flatMap((input) => this.#feeds(input, exchange ?? ref.node));
  }

  /** How many tasks hold these records, if they are all of one stage and need no exchange; undefined if not or if nobody knows. */
  #writers(feeds: readonly Feed[]): number | undefined {
    const stages = new Set(feeds.map((feed) => this.#stageOf.get(feed.output.node)));
    const [stage] = stages;
    if (stage === undefined || stages.size > 1 || feeds.some((feed) => feed.exchange !== undefined)) return undefined;
    return stage.certain ? stage.partitions : undefined;
  }

  /** The stage that a node may join: the one in which all its records arrive, or undefined. */
  #shared(node: DraftOperator | DraftSink, feeds: readonly Feed[]): StageLayout | undefined {
    const arrivals = new Set(
      feeds.map(({ output, exchange }) =>
        exchange === undefined ? this.#stageOf.get(output.node) : (this.#behind.get(exchange) ?? exchange),
      ),
    );
    const [arrival] = arrivals;
    if (arrival === undefined || arrivals.size > 1) return undefined;
    if (node.kind === 'operator' && (this.#alone(node) || node.async)) return undefined;
    if (typeof arrival === 'number') {
      const stage = this.#begin({ partitions: this.#parallelism(arrival), certain: true });
      this.#behind.set(arrival, stage);
      return stage;
    }
    if (node.kind === 'sink') return arrival;
    if (node.eventTime && node.inputs.some((input) => this.#isHeldBack(input))) return undefined;
    const waits = node.stateful || node.eventTime || node.processingTime;
    return arrival.open && !(waits && arrival.source !== undefined) ? arrival : undefined;
  }

  /** Whether records of an output may come behind the watermark of the task that they are in: in another they are in time. */
  #isHeldBack({ node: index }: DraftRef): boolean {
    const node = this.#draft.nodes[index] as DraftNode;
    if (node.kind !== 'operator' && node.kind !== 'union') return false;
    return (
      (node.kind === 'operator' && node.holdsBack === true) || node.inputs.some((input) => this.#isHeldBack(input))
    );
  }

  #beginOwn(node: DraftOperator | DraftSink, feeds: readonly Feed[]): StageLayout {
    const spread = feeds.filter(({ exchange }) => !this.#isBroadcast(exchange));
    const counts = (spread.length === 0 ? feeds : spread).map(({ output, exchange }) => {
      if (exchange !== undefined) return this.#parallelism(exchange);
      const stage = this.#stageOf.get(output.node) as StageLayout;
      return stage.certain ? stage.partitions : this.#draft.parallelism;
    });
    const open = node.kind === 'sink' || !this.#alone(node);
    return this.#begin({ partitions: Math.max(...counts), certain: true, open });
  }

  #alone(node: DraftOperator): boolean {
    return !node.fuse || this.#draft.fusing === 'none';
  }

  #parallelism(exchange: number): number {
    const node = this.#draft.nodes[exchange] as DraftNode;
    return ('parallelism' in node ? node.parallelism : undefined) ?? this.#draft.parallelism;
  }

  #isBroadcast(exchange: number | undefined): boolean {
    return exchange !== undefined && this.#draft.nodes[exchange]?.kind === 'broadcast';
  }

  #begin(stage: Pick<StageLayout, 'partitions' | 'certain'> & Partial<StageLayout>): StageLayout {
    const begun: StageLayout = { source: undefined, open: true, ...stage, nodes: [], local: [] };
    this.#stages.push(begun);
    return begun;
  }

  #connect(feed: Feed, to: StageLayout, wire: PlacedWire, gather: boolean): void {
    const { output, exchange } = feed;
    const from = this.#stageOf.get(output.node) as StageLayout;
    if (from === to && exchange === undefined) {
      const known = to.local.find((entry) => sameOutput(entry.output, output));
      if (known === undefined) to.local.push({ output, wires: [wire] });
      else known.wires.push(wire);
      return;
    }
    const known = this.#edges.find(
      (edge) => edge.from === from && edge.to === to && edge.exchange === exchange && sameOutput(edge.output, output),
    );
    if (known === undefined) this.#edges.push({ from, to, output, exchange, gather, wires: [wire] });
    else known.wires.push(wire);
  }
}

const sameOutput = (a: DraftRef, b: DraftRef): boolean => a.node === b.node && a.side === b.side;
