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
  rowsOperator,
  type SideOutput,
  type Suppression,
  subscribeOperator,
  suppressOperator,
  type TableJoiner,
  type TopSpec,
  tableJoinOperator,
  topOfTableOperator,
  upsertsOperator,
  type WindowTime,
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

/** What is known of a table that has keys of its own: its rows are made where their records were grouped by another. */
export interface OwnKeys {
  /** If its keys are windows: how long after its end a window's row still changes, in milliseconds. */
  readonly lateness?: number;
  /** What those windows run by. Default: event time. */
  readonly time?: WindowTime;
  /** And the operator of the windows, which has their side outputs. */
  readonly windows?: DraftRef['node'];
}

export class WrittenTable {
  readonly graph: Graph;
  /** Changes, under the table's key. */
  readonly output: DraftRef;
  readonly #streamOf: StreamOf;
  readonly #ownKeys: OwnKeys | undefined;

  constructor(graph: Graph, output: DraftRef, streamOf: StreamOf, ownKeys?: OwnKeys) {
    this.graph = graph;
    this.output = output;
    this.#streamOf = streamOf;
    this.#ownKeys = ownKeys;
  }

  /** Its changes where those of its key belong. */
  located(): DraftRef {
    return this.#ownKeys === undefined ? this.output : this.graph.byKey(this.output, undefined, undefined);
  }

  sideOutput({ side }: SideOutput<unknown>): unknown {
    return this.#streamOf({ node: this.#ownKeys?.windows ?? this.output.node, side });
  }

  suppress(id: string, suppression: Suppression, options?: OperatorOptions): WrittenTable {
    return this.#table(
      this.#operator(id, suppressOperator(suppression, this.#ownKeys?.lateness, this.#ownKeys?.time), options, true),
      true,
    );
  }

  global(id?: string): WrittenGlobalTable {
    return new WrittenGlobalTable(
      this.graph,
      this.graph.broadcast(this.#operator(undefined, rowsOperator(), undefined, false), id),
    );
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
    const regrouped = (entries: boolean): DraftRef =>
      this.#operator(undefined, withFunction(regroupOperator(selector, { entries }), selector), undefined, false);
    const table = (output: DraftRef, ownKeys?: OwnKeys): WrittenTable =>
      new WrittenTable(this.graph, output, this.#streamOf, ownKeys);
    return new Grouped(this.graph, id, options, regrouped, table);
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
    return this.#streamOf(this.#operator(id, rowsOperator(), options, false));
  }

  changes(...given: readonly unknown[]): unknown {
    const [id, options] = optionallyNamed(given);
    return this.#streamOf(this.#operator(id, changesOperator(), options, false));
  }

  to(id: string, sink: UpsertConnector<unknown>): void {
    this.graph.sink(this.#operator(undefined, upsertsOperator(), undefined, true), id, sink);
  }

  #join(kind: JoinKind, id: string, other: WrittenTable, given: readonly unknown[]): WrittenTable {
    checkTable(id, this.graph, other);
    const byForeignKey = typeof given[1] === 'function';
    const [joiner, options] = (byForeignKey ? given.slice(1) : given) as [Joiner, OperatorOptions?];
    if (byForeignKey && kind !== 'outer') {
      return this.#joinByForeignKey(kind, id, other, given[0] as ForeignKey<unknown>, joiner, options);
    }
    const operator = withFunction(tableJoinOperator(kind, joiner), joiner);
    return this.#table(this.graph.operator([this.located(), other.located()], id, operator, options, true));
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
    const answers = graph.operator([subscriptions, other.located()], `${id}-answers`, respondOperator(), inner);
    const resolve = withFunction(resolveOperator(kind, foreignKey, joiner), joiner);
    const back = graph.byKey(answers, undefined, undefined);
    return this.#table(graph.operator([this.located(), back], id, resolve, options, true));
  }

  #view(
    id: string | undefined,
    operator: OperatorDefinition,
    fn: unknown,
    options: OperatorOptions | undefined,
  ): WrittenTable {
    return this.#table(this.#operator(id, withFunction(operator, fn), options, true), true);
  }

  #operator(
    id: string | undefined,
    operator: OperatorDefinition,
    options: OperatorOptions | undefined,
    keepsKey: boolean,
  ): DraftRef {
    return this.graph.operator(this.output, id, operator, options, keepsKey);
  }

  /** `alike`: its keys are those of this table, where they are. */
  #table(output: DraftRef, alike = false): WrittenTable {
    return new WrittenTable(this.graph, output, this.#streamOf, alike ? this.#ownKeys : undefined);
  }
}

/** A table's rows by another key. */
class Grouped {
  readonly #graph: Graph;
  readonly #id: string;
  readonly #exchange: ExchangeOptions;
  readonly #regrouped: (entries: boolean) => DraftRef;
  readonly #table: (output: DraftRef, ownKeys?: OwnKeys) => WrittenTable;
  /** The exchanges there are so far: of changes as they are, and with the keys of their rows. */
  readonly #exchanges = new Map<boolean, DraftRef>();

  constructor(
    graph: Graph,
    id: string,
    exchange: ExchangeOptions,
    regrouped: (entries: boolean) => DraftRef,
    table: (output: DraftRef, ownKeys?: OwnKeys) => WrittenTable,
  ) {
    this.#graph = graph;
    this.#id = id;
    this.#exchange = exchange;
    this.#regrouped = regrouped;
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

  top(id: string, n: number, options: TopSpec<never> & OperatorOptions): WrittenTable {
    const operator = topOfTableOperator(n, options ?? {});
    const output = this.#graph.operator(this.#input(true), id, operator, options, true);
    return this.#table(output, ownKeysOf(options));
  }

  #add(id: string, operator: OperatorDefinition, options: OperatorOptions | undefined): WrittenTable {
    return this.#table(this.#graph.operator(this.#input(false), id, operator, options, true));
  }

  /** One exchange serves all that is made of the groups, but what needs the rows' keys has its own if the first needed none. */
  #input(entries: boolean): DraftRef {
    const found = this.#exchanges.get(entries) ?? this.#exchanges.get(true);
    if (found !== undefined) return found;
    const id = this.#exchanges.size === 0 ? this.#id : undefined;
    const made = this.#graph.byKey(this.#regrouped(entries), id, this.#exchange.parallelism);
    this.#exchanges.set(entries, made);
    return made;
  }
}

/** Of the best of groups: only lists stand under the group's key. */
export const ownKeysOf = (options: TopSpec<never> | undefined): OwnKeys | undefined =>
  (options?.rows ?? 'lists') === 'lists' ? undefined : {};

/** A table that every task behind it has, its changes as records. */
export class WrittenGlobalTable {
  readonly graph: Graph;
  readonly output: DraftRef;

  constructor(graph: Graph, output: DraftRef) {
    this.graph = graph;
    this.output = output;
  }
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
