/** The tables an author holds. Like streams they only know their place in the graph; types are in `tables.ts`. */
import { MillraceError } from '../model/index.ts';
import {
  aggregateGroupsOperator,
  changesOperator,
  countGroups,
  type ForeignKey,
  filterTableOperator,
  type GroupAggregation,
  type GroupOptions,
  mapValuesOperator,
  type OperatorDefinition,
  reduceGroups,
  regroupOperator,
  resolveOperator,
  respondOperator,
  streamTableJoinOperator,
  subscribeOperator,
  type TableJoiner,
  tableJoinOperator,
  upsertsOperator,
} from '../operators/index.ts';
import type { DraftRef } from '../plan/index.ts';
import type { UpsertConnector } from '../ports/index.ts';
import { named, optionallyNamed, withFunction } from './arguments.ts';
import type { Graph, OperatorOptions } from './graph.ts';
import type { ExchangeOptions } from './streams.ts';

type Fn = (...args: unknown[]) => never;
type Joiner = TableJoiner<unknown, unknown, unknown>;
type JoinKind = 'inner' | 'left' | 'outer';

/** Makes the stream of an output. */
export type StreamOf = (output: DraftRef) => unknown;

export class WrittenTable {
  readonly graph: Graph;
  /** Changes, under the table's key. */
  readonly output: DraftRef;
  readonly #streamOf: StreamOf;

  constructor(graph: Graph, output: DraftRef, streamOf: StreamOf) {
    this.graph = graph;
    this.output = output;
    this.#streamOf = streamOf;
  }

  filter(...given: readonly unknown[]): WrittenTable {
    const [id, predicate, options] = named<Fn>(given);
    return this.#view(id, filterTableOperator(predicate), predicate, options);
  }

  mapValues(...given: readonly unknown[]): WrittenTable {
    const [id, fn, options] = named<Fn>(given);
    return this.#view(id, mapValuesOperator(fn), fn, options);
  }

  groupBy(id: string, selector: Fn, options: ExchangeOptions = {}): Grouped {
    const regrouped = this.#operator(undefined, withFunction(regroupOperator(selector), selector), undefined, false);
    const grouped = this.graph.byKey(regrouped, id, options.parallelism);
    return new Grouped(this.graph, grouped, (output) => this.#table(output));
  }

  join(id: string, other: WrittenTable, ...given: readonly unknown[]): WrittenTable {
    return this.#join('inner', id, other, given);
  }

  leftJoin(id: string, other: WrittenTable, ...given: readonly unknown[]): WrittenTable {
    return this.#join('left', id, other, given);
  }

  outerJoin(id: string, other: WrittenTable, ...given: readonly unknown[]): WrittenTable {
    return this.#join('outer', id, other, given);
  }

  toStream(...given: readonly unknown[]): unknown {
    const [id, options] = optionallyNamed(given);
    return this.#streamOf(this.#operator(id, upsertsOperator({ updates: false }), options, true));
  }

  changes(...given: readonly unknown[]): unknown {
    const [id, options] = optionallyNamed(given);
    return this.#streamOf(this.#operator(id, changesOperator(), options, false));
  }

  to(id: string, sink: UpsertConnector<unknown>): void {
    this.graph.sink(this.#operator(undefined, upsertsOperator({ updates: true }), undefined, true), id, sink);
  }

  #join(kind: JoinKind, id: string, other: WrittenTable, given: readonly unknown[]): WrittenTable {
    checkTable(id, this.graph, other);
    const byForeignKey = typeof given[1] === 'function';
    const [joiner, options] = (byForeignKey ? given.slice(1) : given) as [Joiner, OperatorOptions?];
    if (byForeignKey && kind !== 'outer') {
      return this.#joinByForeignKey(kind, id, other, given[0] as ForeignKey<unknown>, joiner, options);
    }
    const operator = withFunction(tableJoinOperator(kind, joiner), joiner);
    return this.#table(this.graph.operator([this.output, other.output], id, operator, options, true));
  }

  #joinByForeignKey(
    kind: 'inner' | 'left',
    id: string,
    other: WrittenTable,
    foreignKey: ForeignKey<unknown>,
    joiner: Joiner,
    options: OperatorOptions | undefined,
  ): WrittenTable {
    const { graph } = this;
    const inner = { ...options };
    const subscriptions = graph.byKey(
      this.#operator(undefined, subscribeOperator(foreignKey), inner, false),
      undefined,
      undefined,
    );
    const answers = graph.operator([subscriptions, other.output], `${id}-answers`, respondOperator(), inner);
    const resolve = withFunction(resolveOperator(kind, foreignKey, joiner), joiner);
    const back = graph.byKey(answers, undefined, undefined);
    return this.#table(graph.operator([this.output, back], id, resolve, options, true));
  }

  #view(
    id: string | undefined,
    operator: OperatorDefinition,
    fn: unknown,
    options: OperatorOptions | undefined,
  ): WrittenTable {
    return this.#table(this.#operator(id, withFunction(operator, fn), options, true));
  }

  #operator(
    id: string | undefined,
    operator: OperatorDefinition,
    options: OperatorOptions | undefined,
    keepsKey: boolean,
  ): DraftRef {
    return this.graph.operator(this.output, id, operator, options, keepsKey);
  }

  #table(output: DraftRef): WrittenTable {
    return new WrittenTable(this.graph, output, this.#streamOf);
  }
}

/** A table's rows by another key. */
class Grouped {
  readonly #graph: Graph;
  readonly #input: DraftRef;
  readonly #table: (output: DraftRef) => WrittenTable;

  constructor(graph: Graph, input: DraftRef, table: (output: DraftRef) => WrittenTable) {
    this.#graph = graph;
    this.#input = input;
    this.#table = table;
  }

  count(id: string, options?: GroupOptions & OperatorOptions): WrittenTable {
    return this.#add(id, aggregateGroupsOperator(countGroups, options, 'count', []), options);
  }

  reduce(id: string, adder: Fn, subtractor: Fn, options?: GroupOptions & OperatorOptions): WrittenTable {
    const functions = [adder, subtractor];
    const operator = aggregateGroupsOperator(reduceGroups(adder, subtractor), options, 'reduce', functions);
    return this.#add(id, withFunction(withFunction(operator, adder), subtractor), options);
  }

  aggregate(
    id: string,
    aggregation: GroupAggregation<unknown, unknown>,
    options?: GroupOptions & OperatorOptions,
  ): WrittenTable {
    const { init, add, subtract } = aggregation ?? {};
    const operator = aggregateGroupsOperator(aggregation ?? {}, options);
    return this.#add(id, [init, add, subtract].reduce(withFunction, operator), options);
  }

  #add(id: string, operator: OperatorDefinition, options: OperatorOptions | undefined): WrittenTable {
    return this.#table(this.#graph.operator(this.#input, id, operator, options, true));
  }
}

/** The records of a stream with the row of a table, as the output of an operator. */
export function joinTable(
  kind: 'inner' | 'left',
  graph: Graph,
  stream: DraftRef,
  id: string,
  table: WrittenTable,
  joiner: Fn,
  options: OperatorOptions | undefined,
): DraftRef {
  checkTable(id, graph, table);
  const operator = withFunction(streamTableJoinOperator(kind, joiner), joiner);
  return graph.operator([stream, table.output], id, operator, options, true);
}

function checkTable(id: string, graph: Graph, given: unknown): asserts given is WrittenTable {
  if (given instanceof WrittenTable && given.graph === graph) return;
  if (given instanceof WrittenTable) {
    throw new MillraceError('invalid-pipeline', 'a table of another pipeline is joined', {
      where: { operator: id },
      hint: 'join tables and streams of one pipeline',
    });
  }
  throw new MillraceError('invalid-pipeline', 'a table is joined to what is no table', {
    where: { operator: id },
    hint: 'make one of a stream: stream.keyBy(...).toTable(id)',
  });
}
