/** Streams that meet tables: by key, by the time of their records, or with a table that every task has. */
import type { Duration } from '../model/index.ts';
import {
  globalJoinOperator,
  type KeyOfRecord,
  type OperatorDefinition,
  type RowOf,
  type SideOutput,
  type StreamTableJoiner,
  settings,
  sideName,
  streamTableJoinOperator,
  temporalJoinOperator,
} from '../operators/index.ts';
import type { DraftRef } from '../plan/index.ts';
import { partnerMistakes, withMistakes } from './arguments.ts';
import type { Graph, OperatorOptions } from './graph.ts';
import { WrittenGlobalTable, WrittenTable } from './table.ts';

type Kind = 'inner' | 'left';
type Joiner = StreamTableJoiner<unknown, unknown, unknown>;

/** Where a stream stands. */
interface Place {
  readonly graph: Graph;
  readonly output: DraftRef;
}

/** A changelog whose rows are looked up by time. */
export class WrittenVersions {
  readonly graph: Graph;
  readonly output: DraftRef;
  readonly row: RowOf<unknown, unknown> | undefined;

  constructor({ graph, output }: Place, row: RowOf<unknown, unknown> | undefined) {
    this.graph = graph;
    this.output = output;
    this.row = row;
  }
}

/** The stream joined to a table by key, or to a table that every task has, by a key that each record names. */
export function joinTable(kind: Kind, stream: Place, id: string, table: unknown, given: readonly unknown[]): DraftRef {
  if (table instanceof WrittenGlobalTable) {
    const [keyOf, joiner, options] = given as [KeyOfRecord, Joiner, OperatorOptions?];
    return add(stream, table, WrittenGlobalTable, id, globalJoinOperator(kind, keyOf, joiner), options);
  }
  const [joiner, options] = given as [Joiner, OperatorOptions?];
  return add(stream, table, WrittenTable, id, streamTableJoinOperator(kind, joiner), options);
}

/** The stream joined to a changelog as it was at its records' times. */
export function joinVersions(
  kind: Kind,
  stream: Place,
  id: string,
  versions: unknown,
  joiner: Joiner,
  options?: { readonly grace?: Duration; readonly late?: SideOutput<unknown> } & OperatorOptions,
): DraftRef {
  const { grace = 0, late } = settings(options);
  const row = versions instanceof WrittenVersions ? versions.row : undefined;
  const operator = temporalJoinOperator({ kind, joiner, row, grace, lateSide: sideName(late) });
  return add(stream, versions, WrittenVersions, id, operator, options, false);
}

type Kinds = typeof WrittenTable | typeof WrittenGlobalTable | typeof WrittenVersions;

function add(
  stream: Place,
  table: unknown,
  kind: Kinds,
  id: string,
  operator: OperatorDefinition,
  options: OperatorOptions | undefined,
  keepsKey = true,
): DraftRef {
  const how = `make one: stream.keyBy(...).${kind === WrittenVersions ? 'toVersionedTable()' : 'toTable(id)'}`;
  const mistakes = partnerMistakes('table', table, kind, stream.graph, how);
  const right = mistakes.length > 0 ? stream : (table as InstanceType<Kinds>);
  const inputs = [stream.output, right instanceof WrittenTable ? right.located() : right.output];
  return stream.graph.operator(inputs, id, withMistakes(operator, mistakes), options, keepsKey);
}
