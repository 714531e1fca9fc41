import type { StandardSchemaV1 } from '@standard-schema/spec';
import { type Key, MillraceError } from '../model/index.ts';
import {
  callMistakes,
  type Mistake,
  type OperatorDefinition,
  objectMistakes,
  optionsMistakes,
  settings,
} from '../operators/index.ts';
import { compile, type Draft, fingerprint, type Plan } from '../plan/index.ts';
import type { SinkConnector, SourceConnector } from '../ports/index.ts';
import { draftSink, type Entry, Graph, type Partitioner } from './graph.ts';
import { pipelineOptions } from './known-options.ts';
import { defaultFaults, type FaultOptions } from './restart.ts';
import { draftSource, rebind, type SourceDefinition, type SourceOptions, sourceDefinition } from './source.ts';
import { streamOf } from './stream.ts';
import type { Stream } from './streams.ts';

/** Where an author begins: the sources. */
export interface PipelineBuilder {
  /**
   * Records of a source. With a `schema` (zod, valibot, arktype or any Standard Schema, synchronous) each row is checked and its result is the record;
   * without, the row is. A host may bind another connector to the id; all else stays with the pipeline.
   */
  source<Row, Schema extends StandardSchemaV1 | undefined = undefined>(
    id: string,
    connector: SourceConnector<Row>,
    options?: SourceOptions<RecordOf<Row, Schema>> & { readonly schema?: Schema },
  ): Stream<RecordOf<Row, Schema>>;
}

/** What a source's records are: what the schema makes of them, or the connector's rows. */
export type RecordOf<Row, Schema> = Schema extends StandardSchemaV1 ? StandardSchemaV1.InferOutput<Schema> : Row;

/** What holds for a whole pipeline. */
export interface PipelineOptions extends FaultOptions {
  /** Tasks of each stage behind a key-by. Default 8. Changing it later means moving state. */
  readonly parallelism?: number;
  /** 'none' gives every operator a stage of its own, for instance to look at one; results are the same. Default 'all'. */
  readonly fusing?: 'all' | 'none';
  /**
   * Names the code where its own text cannot: functions count by their text, so change this when a constant or an imported function that
   * they use changes.
   */
  readonly version?: string;
}

export interface SinkDefinition {
  readonly connector: SinkConnector<unknown>;
}

/** Connectors by the id of the source or sink that they take over. */
export interface Bindings {
  readonly sources?: Readonly<Record<string, SourceConnector<unknown>>>;
  readonly sinks?: Readonly<Record<string, SinkConnector<never>>>;
}

/** A complete pipeline: the plan, and the code and connectors that belong to its nodes, by id. Nothing is running. */
export interface Pipeline {
  readonly name: string;
  readonly plan: Plan;
  readonly sources: ReadonlyMap<string, SourceDefinition>;
  readonly operators: ReadonlyMap<string, OperatorDefinition>;
  readonly keys: ReadonlyMap<string, (record: unknown) => Key>;
  /** Functions that say which task a record goes to. */
  readonly partitioners: ReadonlyMap<string, Partitioner>;
  readonly sinks: ReadonlyMap<string, SinkDefinition>;
  /** The same pipeline on other connectors. Throws `invalid-pipeline` for an id that is none of its sources or sinks. */
  withBindings(bindings: Bindings): Pipeline;
  /** The same pipeline with so many tasks behind every exchange that does not say how many itself. */
  withParallelism(parallelism: number): Pipeline;
  /**
   * The same pipeline, whose code counts by these hashes, by id of the source, operator, key-by, partition-by or sink, and by its options, instead of by its functions' text: a
   * deployment hashes the modules that functions stand in, which sees what they import, and is the same after bundling. Ids that are not named keep what they have. Throws
   * `invalid-pipeline` for an id that the pipeline does not have.
   */
  withCode(hashes: Readonly<Record<string, string>>): Pipeline;
}

/**
 * A pipeline: everything between its sources and sinks, written in `build`. Throws `invalid-pipeline` with every mistake in it at once, each with the
 * operator, the rule and what to do.
 */
export function pipeline(name: string, build: (p: PipelineBuilder) => void, given?: PipelineOptions): Pipeline {
  refuse(name, [
    ...callMistakes('pipeline', build, 'give it (p) => { ... }'),
    ...optionsMistakes(given, pipelineOptions),
  ]);
  const options = settings(given);
  const faults = {
    restart: options.restart ?? defaultFaults.restart,
    fallback: options.fallback ?? defaultFaults.fallback,
  };
  const graph = new Graph(name, faults, options.version);
  const builder: PipelineBuilder = {
    source: (id, connector, sourceOptions) =>
      streamOf(graph, graph.source(id, sourceDefinition(connector, sourceOptions))),
  };
  const returned: unknown = build(builder);
  if (returned instanceof Promise) {
    throw new MillraceError('invalid-pipeline', `pipeline ${name} is written by a function that returned a promise`, {
      where: { pipeline: name },
      hint: 'await what you need before pipeline(...), at the top of the module',
    });
  }
  const { parallelism = 8, fusing = 'all' } = options;
  return assemble({ pipeline: name, parallelism, fusing, faults }, graph.close());
}

function assemble(frame: Omit<Draft, 'nodes'>, entries: readonly Entry[]): Pipeline {
  const { plan, names } = compile({ ...frame, nodes: entries.map((entry) => entry.draft) });
  const sources = new Map<string, SourceDefinition>();
  const operators = new Map<string, OperatorDefinition>();
  const keys = new Map<string, (record: unknown) => Key>();
  const partitioners = new Map<string, Partitioner>();
  const sinks = new Map<string, SinkDefinition>();
  entries.forEach(({ source, operator, selector, partitioner, sink }, index) => {
    const id = names[index] as string;
    if (source !== undefined) sources.set(id, source);
    if (operator !== undefined) operators.set(id, operator);
    if (selector !== undefined) keys.set(id, selector);
    if (partitioner !== undefined) partitioners.set(id, partitioner);
    if (sink !== undefined) sinks.set(id, { connector: sink });
  });
  return {
    ...{ name: plan.pipeline, plan, sources, operators, keys, partitioners, sinks },
    withBindings(bindings) {
      refuse(plan.pipeline, objectMistakes('what is bound', bindings, 'give { sources: { ... }, sinks: { ... } }'));
      checkBindings(plan.pipeline, bindings, sources, sinks);
      return assemble(
        frame,
        entries.map((entry, index) => bind(entry, names[index] as string, bindings)),
      );
    },
    withParallelism: (parallelism) => assemble({ ...frame, parallelism }, entries),
    withCode(hashes) {
      refuse(plan.pipeline, objectMistakes('the code', hashes, 'give hashes by id'));
      checkIds(plan.pipeline, [unknownIds(hashes, new Set(names), 'operator')]);
      return assemble(
        frame,
        entries.map((entry, index) => {
          const hash = hashes[names[index] as string];
          return hash === undefined
            ? entry
            : { ...entry, draft: { ...entry.draft, code: fingerprint(entry.data, hash) } };
        }),
      );
    },
  };
}

/** Throws the first of what makes it impossible to go on. */
function refuse(name: string, [mistake]: readonly Mistake[]): void {
  if (mistake === undefined) return;
  const { rule, fix } = mistake;
  throw new MillraceError('invalid-pipeline', `pipeline ${name}: ${rule}`, { where: { pipeline: name }, hint: fix });
}

function bind(entry: Entry, id: string, { sources = {}, sinks = {} }: Bindings): Entry {
  if (entry.source !== undefined && Object.hasOwn(sources, id)) {
    const source = rebind(entry.source, sources[id] as SourceConnector<unknown>);
    const { code } = entry.draft;
    return { source, data: entry.data, draft: { ...draftSource(id, source), code } };
  }
  if (entry.draft.kind === 'sink' && Object.hasOwn(sinks, id)) {
    const sink = sinks[id] as SinkConnector<unknown>;
    const { upserts: _, ...draft } = entry.draft;
    return { sink, data: entry.data, draft: { ...draft, ...draftSink(sink) } };
  }
  return entry;
}

function checkBindings(
  name: string,
  bindings: Bindings,
  sources: ReadonlyMap<string, unknown>,
  sinks: ReadonlyMap<string, unknown>,
): void {
  checkIds(name, [unknownIds(bindings.sources, sources, 'source'), unknownIds(bindings.sinks, sinks, 'sink')]);
}

type Ids = Pick<ReadonlySet<string>, 'has' | 'keys'>;

const unknownIds = (given: object | undefined, known: Ids, what: string): string[] =>
  Object.keys(given ?? {})
    .filter((id) => !known.has(id))
    .map((id) => `no ${what} '${id}': its ${what}s are ${[...known.keys()].map((key) => `'${key}'`).join(', ')}`);

function checkIds(name: string, unknown: readonly (readonly string[])[]): void {
  const faults = unknown.flat();
  if (faults.length === 0) return;
  throw new MillraceError('invalid-pipeline', `pipeline ${name} has ${faults.join('; and it has ')}`, {
    where: { pipeline: name },
    hint: 'name one of the ids that the pipeline gives',
  });
}
