/** The streams an author holds: each knows its place in the graph, and adds to it. No behaviour of its own. */
import { type Key, MillraceError } from '../model/index.ts';
import {
  type Aggregation,
  type Aggregator,
  type AnyWindowFunction,
  type AsyncOptions,
  aggregateOperator,
  asyncFlatMapOperator,
  asyncOperator,
  filterOperator,
  flatMapOperator,
  type Mistake,
  mapOperator,
  type OperatorDefinition,
  type Process,
  type Reduce,
  reduceOperator,
  type SideOutput,
  type StateDescriptors,
  splitOperator,
  type WindowAssigner,
  type WindowSpec,
  windowOperator,
} from '../operators/index.ts';
import type { DraftRef } from '../plan/index.ts';
import type { SinkConnector } from '../ports/index.ts';
import type { Graph, OperatorOptions } from './graph.ts';
import type { ExchangeOptions, Stream, WindowFunctionOptions, WindowingOptions } from './streams.ts';

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
    const strangers = others.filter((other) => other.graph !== this.graph);
    const rule = 'a stream of another pipeline is part of it';
    const mistakes = strangers.map((): Mistake => ({ rule, fix: 'unite streams of one pipeline' }));
    const inputs = [this as Written, ...others].filter((stream) => stream.graph === this.graph);
    return this.#at(
      this.graph.union(
        inputs.map(({ output }) => output),
        mistakes,
      ),
    );
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
    const mistakes = operator.mistakes ?? [];
    const missing: Mistake = { rule: `a ${operator.type} takes a function, not ${typeof fn}`, fix: 'give it one' };
    const checked = typeof fn === 'function' ? operator : { ...operator, mistakes: [missing, ...mistakes] };
    return this.#at(this.graph.operator(this.output, id, checked, options, keepsKey));
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

/** Arguments with or without an id before them. */
function named<T>(given: readonly unknown[]): [id: string | undefined, what: T, options: OperatorOptions | undefined] {
  const [id, ...rest] = typeof given[0] === 'string' ? given : [undefined, ...given];
  return [id as string | undefined, rest[0] as T, rest[1] as OperatorOptions | undefined];
}
