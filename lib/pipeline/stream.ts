/** The streams an author holds: each knows its place in the graph, and adds to it. No behaviour of its own. */
import { type Key, MillraceError } from '../model/index.ts';
import {
  type Aggregation,
  type Aggregator,
  type AnyWindowFunction,
  type AsyncOptions,
  aggregateOperator,
  aggregateToTableOperator,
  asyncFlatMapOperator,
  asyncOperator,
  filterOperator,
  flatMapOperator,
  type Mistake,
  mapOperator,
  type OperatorDefinition,
  type Process,
  type Reduce,
  type RowOf,
  reduceOperator,
  type SideOutput,
  type StateDescriptors,
  splitOperator,
  toTableOperator,
  type WindowAssigner,
  type WindowSpec,
  windowOperator,
} from '../operators/index.ts';
import type { DraftRef } from '../plan/index.ts';
import type { SinkConnector } from '../ports/index.ts';
import { named, withFunction } from './arguments.ts';
import type { Graph, OperatorOptions } from './graph.ts';
import { IntervalJoined } from './joined.ts';
import type { ExchangeOptions, Stream, WindowFunctionOptions, WindowingOptions } from './streams.ts';
import { joinTable, WrittenTable } from './table.ts';

/** A stream of what an output holds. */
export function streamOf<T>(graph: Graph, output: DraftRef): Stream<T> {
  return new Written(graph, output) as unknown as Stream<T>;
}

type Fn = (record: unknown) => never;

/** A stream with or without key. Which it is the plan knows; what may be done with it the author's types say (`streams.ts`). */
class Written {
  readonly graph: Graph;
  readonly output: DraftRef;

  constructor(graph: Graph, output: DraftRef) {
    this.graph = graph;
    this.output = output;
  }

  map(...given: readonly unknown[]): Written {
    const [id, fn, options] = named<Fn>(given);
    return this.#add(id, mapOperator(fn), options, fn);
  }

  filter(...given: readonly unknown[]): Written {
    const [id, predicate, options] = named<Fn>(given);
    return this.#add(id, filterOperator(predicate), options, predicate, true);
  }

  flatMap(...given: readonly unknown[]): Written {
    const [id, fn, options] = named<Fn>(given);
    return this.#add(id, flatMapOperator(fn), options, fn);
  }

  keyBy(id: string, selector: (record: unknown) => Key, options: ExchangeOptions = {}): Written {
    return this.#at(this.graph.keyBy(this.output, id, selector, options.parallelism));
  }

  rebalance(...given: readonly unknown[]): Written {
    const [id, options] = (typeof given[0] === 'string' ? given : [undefined, ...given]) as [string?, ExchangeOptions?];
    return this.#at(this.graph.rebalance(this.output, id, options?.parallelism));
  }

  union(...others: readonly Written[]): Written {
    const { inputs, mistakes } = this.#with(others);
    return this.#at(this.graph.union(inputs, mistakes));
  }

  intervalJoin(right: Written): IntervalJoined<Written> {
    return new IntervalJoined((id, operator, options) => this.#joined(right, id, operator, options));
  }

  split(
    id: string,
    branches: Readonly<Record<string, Fn>>,
    options?: OperatorOptions,
  ): Readonly<Record<string, Written>> {
    const rest = this.#add(id, splitOperator(branches), options);
    const streams = Object.keys(branches).map((side) => [side, this.#at({ ...rest.output, side })] as const);
    return { ...Object.fromEntries(streams), otherwise: rest };
  }

  async(id: string, fn: Fn, options: AsyncOptions & OperatorOptions = {}): Written {
    return this.#add(id, asyncOperator(fn, options), options, fn);
  }

  asyncFlatMap(id: string, fn: Fn, options: AsyncOptions & OperatorOptions = {}): Written {
    return this.#add(id, asyncFlatMapOperator(fn, options), options, fn);
  }

  process(...given: readonly unknown[]): Written {
    const [id, process, options] = named<Process<never, never, unknown>>(given);
    if (process?.definition === undefined) {
      throw new MillraceError('invalid-pipeline', 'process takes an operator made by process(id, { onRecord ... })', {
        ...(id === undefined ? {} : { where: { operator: id } }),
      });
    }
    return this.#add(id ?? process.id, process.definition, options);
  }

  reduce(id: string, fn: Reduce<unknown>, options?: OperatorOptions): Written {
    return this.#add(id, reduceOperator(fn), options, fn);
  }

  aggregate(id: string, aggregation: Aggregation<unknown, unknown>, options?: OperatorOptions): Written {
    return this.#add(id, aggregateOperator(aggregation), options);
  }

  toTable(
    id: string,
    of?: RowOf<unknown, unknown> | Aggregation<unknown, unknown>,
    options?: OperatorOptions,
  ): WrittenTable {
    const operator = typeof of === 'object' ? aggregateToTableOperator(of) : toTableOperator(of);
    const output = this.#add(id, operator, options, Object, true).output;
    return new WrittenTable(this.graph, output, (ref) => this.#at(ref));
  }

  join(id: string, table: WrittenTable, joiner: Fn, options?: OperatorOptions): Written {
    return this.#at(joinTable('inner', this.graph, this.output, id, table, joiner, options));
  }

  leftJoin(id: string, table: WrittenTable, joiner: Fn, options?: OperatorOptions): Written {
    return this.#at(joinTable('left', this.graph, this.output, id, table, joiner, options));
  }

  window(assigner: WindowAssigner<never>, options: WindowingOptions<never> = {}): Windowed {
    const { allowedLateness, late, trigger, evictor } = options;
    const spec = { assigner, allowedLateness, lateSide: late?.side, trigger, evictor };
    return new Windowed(spec, (id, operator, given, fn) => this.#add(id, operator, given, fn));
  }

  sideOutput(tag: SideOutput<unknown>): Written {
    return this.#at({ node: this.output.node, side: tag.side });
  }

  to(id: string, sink: SinkConnector<unknown>): void {
    this.graph.sink(this.output, id, sink);
  }

  #add(
    id: string | undefined,
    operator: OperatorDefinition,
    options?: OperatorOptions,
    fn: unknown = Object,
    keepsKey = false,
  ): Written {
    return this.#at(this.graph.operator(this.output, id, withFunction(operator, fn), options, keepsKey));
  }

  #joined(
    right: Written,
    id: string | undefined,
    operator: OperatorDefinition,
    options: OperatorOptions | undefined,
  ): Written {
    const { inputs, mistakes } = this.#with([right]);
    const checked = { ...operator, mistakes: [...mistakes, ...(operator.mistakes ?? [])] };
    return this.#at(this.graph.operator(inputs, id, checked, options));
  }

  /** The outputs of this stream and of others, which must be of the same pipeline. */
  #with(others: readonly Written[]): { inputs: readonly DraftRef[]; mistakes: readonly Mistake[] } {
    const known = others.filter((other) => other instanceof Written && other.graph === this.graph);
    const rule = 'a stream of another pipeline is part of it';
    const stranger: Mistake = { rule, fix: 'bring streams of one pipeline together' };
    return {
      inputs: [this.output, ...known.map(({ output }) => output)],
      mistakes: others.slice(known.length).map(() => stranger),
    };
  }

  #at(output: DraftRef): Written {
    return new Written(this.graph, output);
  }
}

type Add = (id: string, operator: OperatorDefinition, options: OperatorOptions | undefined, fn?: unknown) => Written;
type FunctionOptions = WindowFunctionOptions<unknown, StateDescriptors, StateDescriptors>;

/** A stream in windows: waits to hear what is made of them. */
class Windowed {
  readonly #spec: WindowSpec;
  readonly #add: Add;

  constructor(spec: WindowSpec, add: Add) {
    this.#spec = spec;
    this.#add = add;
  }

  aggregate(id: string, aggregation: Aggregation<never, unknown>, ...given: readonly unknown[]): Written {
    const [windowFunction, options] = optional(given);
    return this.#add(id, this.#operator({ aggregation, windowFunction }, options), options);
  }

  reduce(id: string, fn: Reduce<unknown>, ...given: readonly unknown[]): Written {
    const [windowFunction, options] = optional(given);
    return this.#add(id, this.#operator({ aggregation: reduced(fn), windowFunction }, options), options, fn);
  }

  process(id: string, windowFunction: AnyWindowFunction, options?: FunctionOptions): Written {
    return this.#add(id, this.#operator({ windowFunction }, options), options, windowFunction);
  }

  #operator(parts: Partial<WindowSpec>, options: FunctionOptions = {}): OperatorDefinition {
    const { state, windowState, outputs } = options;
    return windowOperator({ ...this.#spec, ...parts, state, windowState, outputs });
  }
}

/** A window function that may be left out, and options. */
function optional(given: readonly unknown[]): [AnyWindowFunction | undefined, FunctionOptions | undefined] {
  const [fn, options] = typeof given[0] === 'function' ? given : [undefined, given[0]];
  return [fn as AnyWindowFunction | undefined, options as FunctionOptions | undefined];
}

/** Reducing as an aggregation. */
const reduced = (fn: Reduce<unknown>): Aggregator<unknown, unknown, unknown> => ({
  create: () => undefined,
  add: (acc, record) => (acc === undefined ? record : fn(acc, record)),
  merge: (a, b) => (a === undefined ? b : b === undefined ? a : fn(a, b)),
  result: (acc) => acc,
  clone: (acc) => acc,
  made: { kind: 'reduce', parts: [fn] },
});
