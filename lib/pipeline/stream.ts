/** The streams an author holds: each knows its place in the graph, and adds to it. No behaviour of its own. */
import type { Key } from '../model/index.ts';
import {
  type Aggregation,
  type AsyncOptions,
  aggregateOperator,
  aggregateToTableOperator,
  asyncFlatMapOperator,
  asyncOperator,
  type DeduplicateSpec,
  deduplicateOperator,
  filterOperator,
  flatMapOperator,
  type Lookup,
  lookupJoinOperator,
  type MatchCode,
  type Mistake,
  mapOperator,
  type OperatorDefinition,
  type Pattern,
  type Process,
  type RateLimit,
  type Reduce,
  type RowOf,
  rateLimitOperator,
  reduceOperator,
  type Sample,
  type SideOutput,
  sampleOperator,
  settings,
  sideName,
  splitOperator,
  type TopOfRecordsSpec,
  topOfEntitiesOperator,
  topOfRecordsOperator,
  toTableOperator,
  type WindowAssigner,
} from '../operators/index.ts';
import type { DraftRef } from '../plan/index.ts';
import type { SinkConnector } from '../ports/index.ts';
import { named, optionallyNamed, partnerMistakes, processOf, withMistakes } from './arguments.ts';
import type { Graph, OperatorOptions, Partitioner } from './graph.ts';
import { CoGroupedStreams, ConnectedStreams, IntervalJoined, type Joined, windowJoined } from './joined.ts';
import { matchedBy } from './patterns.ts';
import type { ExchangeOptions, Stream, TwoInputWindowing, WindowingOptions } from './streams.ts';
import { type OwnKeys, ownKeysOf, WrittenTable } from './table.ts';
import { joinTable, joinVersions, WrittenVersions } from './table-joins.ts';
import { Windowed, type WindowedPlace } from './windowed.ts';

/** A stream of what an output holds. */
export function streamOf<T>(graph: Graph, output: DraftRef): Stream<T> {
  return new Written(graph, output) as unknown as Stream<T>;
}

type Fn = (record: unknown) => never;
type AnyLookup = Lookup<unknown, unknown, unknown, unknown>;

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
    return this.#add(id, mapOperator(fn), options);
  }

  filter(...given: readonly unknown[]): Written {
    const [id, predicate, options] = named<Fn>(given);
    return this.#add(id, filterOperator(predicate), options, true);
  }

  flatMap(...given: readonly unknown[]): Written {
    const [id, fn, options] = named<Fn>(given);
    return this.#add(id, flatMapOperator(fn), options);
  }

  mapValues(...given: readonly unknown[]): Written {
    const [id, fn, options] = named<Fn>(given);
    return this.#add(id, mapOperator(fn), options, true);
  }

  flatMapValues(...given: readonly unknown[]): Written {
    const [id, fn, options] = named<Fn>(given);
    return this.#add(id, flatMapOperator(fn), options, true);
  }

  keyBy(id: string, selector: (record: unknown) => Key, options?: ExchangeOptions): Written {
    return this.#at(this.graph.keyBy(this.output, id, selector, options));
  }

  partitionBy(id: string, partitioner: Partitioner, options?: ExchangeOptions): Written {
    return this.#at(this.graph.partitionBy(this.output, id, partitioner, options));
  }

  rebalance(...given: readonly unknown[]): Written {
    const [id, options] = optionallyNamed<ExchangeOptions>(given);
    return this.#at(this.graph.rebalance(this.output, id, options));
  }

  union(...others: readonly Written[]): Written {
    const { inputs, mistakes } = this.#with(others);
    return this.#at(this.graph.union(inputs, mistakes));
  }

  intervalJoin(right: Written): IntervalJoined<Written> {
    return new IntervalJoined((id, operator, options) => this.#joined(right, id, operator, options));
  }

  windowJoin(
    right: Written,
    assigner: WindowAssigner<never>,
    windowing?: TwoInputWindowing<never, never>,
  ): Joined<Written> {
    return windowJoined((id, operator, options) => this.#joined(right, id, operator, options), assigner, windowing);
  }

  coGroup(
    right: Written,
    assigner: WindowAssigner<never>,
    windowing?: TwoInputWindowing<never, never>,
  ): CoGroupedStreams<Written> {
    const add = (id: string, operator: OperatorDefinition, options: OperatorOptions | undefined): Written =>
      this.#joined(right, id, operator, options);
    return new CoGroupedStreams(add, assigner, windowing);
  }

  connect(other: Written): ConnectedStreams<Written> {
    return new ConnectedStreams((id, operator, options) => this.#joined(other, id, operator, options));
  }

  broadcast(id?: string): Written {
    return this.#at(this.graph.broadcast(this.output, id));
  }

  split(
    id: string,
    branches: Readonly<Record<string, Fn>>,
    options?: OperatorOptions,
  ): Readonly<Record<string, Written>> {
    const rest = this.#add(id, splitOperator(branches), options);
    const streams = Object.keys(settings(branches)).map((side) => [side, this.#at({ ...rest.output, side })] as const);
    return { ...Object.fromEntries(streams), otherwise: rest };
  }

  async(id: string, fn: Fn, options?: AsyncOptions & OperatorOptions): Written {
    return this.#add(id, asyncOperator(fn, settings(options)), options);
  }

  asyncFlatMap(id: string, fn: Fn, options?: AsyncOptions<never, never> & OperatorOptions): Written {
    return this.#add(id, asyncFlatMapOperator(fn, settings(options)), options);
  }

  lookupJoin(id: string, lookup: AnyLookup, joiner: Fn, options?: OperatorOptions): Written {
    return this.#add(id, lookupJoinOperator('inner', lookup, joiner), options, true);
  }

  leftLookupJoin(id: string, lookup: AnyLookup, joiner: Fn, options?: OperatorOptions): Written {
    return this.#add(id, lookupJoinOperator('left', lookup, joiner), options, true);
  }

  rateLimit(id: string, limit: RateLimit, options?: OperatorOptions): Written {
    const keyed = this.graph.isKeyed(this.output);
    const from = keyed ? this : this.keyBy(`${id}-all`, () => '', { parallelism: 1 });
    return from.#add(id, rateLimitOperator(limit), options, keyed);
  }

  sample(...given: readonly unknown[]): Written {
    const [id, sample, options] = named<Sample<unknown>>(given);
    return this.#add(id, sampleOperator(sample, this.graph.isKeyed(this.output)), options, true);
  }

  process(...given: readonly unknown[]): Written {
    const [id, process, options] = named<Process<never, never, unknown>>(given);
    return this.#add(id ?? settings(process).id, processOf(process, 1), options);
  }

  match(id: string, pattern: Pattern<never, unknown>, fn: MatchCode, options?: OperatorOptions): Written {
    return this.#add(id, matchedBy(pattern, fn, options), options);
  }

  reduce(id: string, fn: Reduce<unknown>, options?: OperatorOptions): Written {
    return this.#add(id, reduceOperator(fn), options);
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
    return tableOf(this.#add(id, operator, options, true));
  }

  deduplicate(id: string, options?: DeduplicateSpec & OperatorOptions): Written | WrittenTable {
    const operator = deduplicateOperator(settings(options));
    const made = this.#add(id, operator, options, true);
    return operator.updates === true ? tableOf(made) : made;
  }

  top(id: string, n: number, options: TopOfRecordsSpec<never> & OperatorOptions): WrittenTable {
    const spec = settings(options);
    const of = spec.unique === undefined ? topOfRecordsOperator : topOfEntitiesOperator;
    return tableOf(this.#add(id, of(n, spec), options, true), ownKeysOf(spec));
  }

  toVersionedTable(row?: RowOf<unknown, unknown>): WrittenVersions {
    return new WrittenVersions(this, row);
  }

  join(id: string, table: unknown, ...given: readonly unknown[]): Written {
    return this.#at(joinTable('inner', this, id, table, given));
  }

  leftJoin(id: string, table: unknown, ...given: readonly unknown[]): Written {
    return this.#at(joinTable('left', this, id, table, given));
  }

  temporalJoin(id: string, versions: unknown, joiner: Fn, options?: OperatorOptions): Written {
    return this.#at(joinVersions('inner', this, id, versions, joiner, options));
  }

  leftTemporalJoin(id: string, versions: unknown, joiner: Fn, options?: OperatorOptions): Written {
    return this.#at(joinVersions('left', this, id, versions, joiner, options));
  }

  window(assigner: WindowAssigner<never>, options?: WindowingOptions<never>): Windowed<Written> {
    return new Windowed(this.#windows(), assigner, options);
  }

  windowAll(assigner: WindowAssigner<never>, options?: WindowingOptions<never>): Windowed<Written> {
    return new Windowed(
      this.#windows((id) => this.keyBy(`${id}-all`, () => '', { parallelism: 1 })),
      assigner,
      options,
      true,
    );
  }

  sideOutput(tag: SideOutput<unknown>): Written {
    return this.#at({ node: this.output.node, side: sideName(tag) ?? '' });
  }

  to(id: string, sink: SinkConnector<unknown>): void {
    this.graph.sink(this.output, id, sink);
  }

  #add(id: string | undefined, operator: OperatorDefinition, options?: OperatorOptions, keepsKey = false): Written {
    return this.#at(this.graph.operator(this.output, id, operator, options, keepsKey));
  }

  #joined(
    right: Written,
    id: string | undefined,
    operator: OperatorDefinition,
    options: OperatorOptions | undefined,
  ): Written {
    const { inputs, mistakes } = this.#with([right]);
    return this.#at(this.graph.operator(inputs, id, withMistakes(operator, mistakes), options));
  }

  /** The outputs of this stream and of others, which must be of the same pipeline. */
  #with(others: readonly Written[]): { inputs: readonly DraftRef[]; mistakes: readonly Mistake[] } {
    const strange = others.map((other) => partnerMistakes('stream', other, Written, this.graph, 'give it a stream'));
    const known = others.filter((_, i) => strange[i]?.length === 0);
    return { inputs: [this.output, ...known.map(({ output }) => output)], mistakes: strange.flat() };
  }

  #windows(grouped: (id: string) => Written = () => this): WindowedPlace<Written> {
    return { graph: this.graph, input: (id) => grouped(id).output, stream: (output) => this.#at(output) };
  }

  #at(output: DraftRef): Written {
    return new Written(this.graph, output);
  }
}

/** The table whose changes a stream is. */
function tableOf({ graph, output }: Written, ownKeys?: OwnKeys): WrittenTable {
  return new WrittenTable(graph, output, (ref) => new Written(graph, ref), ownKeys);
}
