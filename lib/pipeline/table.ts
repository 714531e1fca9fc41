/** The tables an author holds. Like streams they only know their place in the graph; types are in `tables.ts`. */
import {
  aggregateGroupsOperator,
  changesOperator,
  countGroups,
  type ForeignKey,
  filterTableOperator,
  functionMistakes,
  type GroupAggregation,
  type GroupOptions,
  type Mistake,
  mapValuesOperator,
  type OperatorDefinition,
  reduceGroups,
  regroupOperator,
  resolveOperator,
  respondOperator,
  rowsOperator,
  type SideOutput,
  type Suppression,
  settings,
  sideName,
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
import { named, optionallyNamed, partnerMistakes, withMistakes } from './arguments.ts';
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
    return this.#ownKeys === undefined ? this.output : this.graph.byKey(this.output);
  }

  sideOutput(tag: SideOutput<unknown>): unknown {
    return this.#streamOf({ node: this.#ownKeys?.windows ?? this.output.node, side: sideName(tag) ?? '' });
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
    return this.#view(id, filterTableOperator(predicate), options);
  }

  mapValues(...given: readonly unknown[]): WrittenTable {
    const [id, fn, options] = named<Fn>(given);
    return this.#view(id, mapValuesOperator(fn), options);
  }

  groupBy(id: string, selector: Fn, options?: ExchangeOptions): Grouped {
    const mistakes = functionMistakes('groupBy', selector, `write .groupBy('by-name', (row) => row.name)`);
    const regrouped = (entries: boolean, authored: boolean): DraftRef => {
      const changes = this.#operator(undefined, regroupOperator(selector, { entries }), undefined, false);
      return this.graph.byKey(changes, options, authored ? { id, mistakes } : undefined);
    };
    const table = (output: DraftRef, ownKeys?: OwnKeys): WrittenTable =>
      new WrittenTable(this.graph, output, this.#streamOf, ownKeys);
    return new Grouped(this.graph, regrouped, table);
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
    const { graph } = this;
    const mistakes = partnerMistakes('table', other, WrittenTable, graph, 'make one: stream.keyBy(...).toTable(id)');
    const right = mistakes.length === 0 ? other : this;
    if (kind !== 'outer' && (typeof given[1] === 'function' || given.length > 2)) {
      const [foreignKey, joiner, options] = given as [ForeignKey<unknown>, Joiner, OperatorOptions?];
      return this.#joinByForeignKey(kind, id, right, foreignKey, joiner, options, mistakes);
    }
    const [joiner, options] = given as [Joiner, OperatorOptions?];
    const operator = withMistakes(tableJoinOperator(kind, joiner), mistakes);
    return this.#table(graph.operator([this.located(), right.located()], id, operator, options, true));
  }

  #joinByForeignKey(
    kind: 'inner' | 'left',
    id: string,
    other: WrittenTable,
    foreignKey: ForeignKey<unknown>,
    joiner: Joiner,
    options: OperatorOptions | undefined,
    mistakes: readonly Mistake[],
  ): WrittenTable {
    const { graph } = this;
    const inner = settings(options);
    const subscriptions = graph.byKey(this.#operator(undefined, subscribeOperator(foreignKey), inner, false));
    const answers = graph.operator([subscriptions, other.located()], `${id}-answers`, respondOperator(), inner);
    const resolve = withMistakes(resolveOperator(kind, foreignKey, joiner), mistakes);
    const back = graph.byKey(answers);
    return this.#table(graph.operator([this.located(), back], id, resolve, options, true));
  }

  #view(id: string | undefined, operator: OperatorDefinition, options: OperatorOptions | undefined): WrittenTable {
    return this.#table(this.#operator(id, operator, options, true), true);
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
  readonly #regrouped: (entries: boolean, authored: boolean) => DraftRef;
  readonly #table: (output: DraftRef, ownKeys?: OwnKeys) => WrittenTable;
  /** The exchanges there are so far: of changes as they are, and with the keys of their rows. */
  readonly #exchanges = new Map<boolean, DraftRef>();

  constructor(
    graph: Graph,
    regrouped: (entries: boolean, authored: boolean) => DraftRef,
    table: (output: DraftRef, ownKeys?: OwnKeys) => WrittenTable,
  ) {
    this.#graph = graph;
    this.#regrouped = regrouped;
    this.#table = table;
  }

  count(id: string, options?: GroupOptions & OperatorOptions): WrittenTable {
    return this.#add(id, aggregateGroupsOperator(countGroups, settings(options), 'count', []), options);
  }

  reduce(id: string, adder: Fn, subtractor: Fn, options?: GroupOptions & OperatorOptions): WrittenTable {
    const functions = [adder, subtractor];
    const operator = aggregateGroupsOperator(reduceGroups(adder, subtractor), settings(options), 'reduce', functions);
    return this.#add(id, operator, options);
  }

  aggregate(
    id: string,
    aggregation: GroupAggregation<unknown, unknown>,
    options?: GroupOptions & OperatorOptions,
  ): WrittenTable {
    return this.#add(id, aggregateGroupsOperator(settings(aggregation), settings(options)), options);
  }

  top(id: string, n: number, options: TopSpec<never> & OperatorOptions): WrittenTable {
    const spec = settings(options);
    const output = this.#graph.operator(this.#input(true), id, topOfTableOperator(n, spec), options, true);
    return this.#table(output, ownKeysOf(spec));
  }

  #add(id: string, operator: OperatorDefinition, options: OperatorOptions | undefined): WrittenTable {
    return this.#table(this.#graph.operator(this.#input(false), id, operator, options, true));
  }

  /** One exchange serves all that is made of the groups, but what needs the rows' keys has its own if the first needed none. */
  #input(entries: boolean): DraftRef {
    const found = this.#exchanges.get(entries) ?? this.#exchanges.get(true);
    if (found !== undefined) return found;
    const made = this.#regrouped(entries, this.#exchanges.size === 0);
    this.#exchanges.set(entries, made);
    return made;
  }
}

/** Of the best of groups: only lists stand under the group's key. */
export const ownKeysOf = ({ rows = 'lists' }: TopSpec<never>): OwnKeys | undefined =>
  rows === 'lists' ? undefined : {};

/** A table that every task behind it has, its changes as records. */
export class WrittenGlobalTable {
  readonly graph: Graph;
  readonly output: DraftRef;

  constructor(graph: Graph, output: DraftRef) {
    this.graph = graph;
    this.output = output;
  }
}
