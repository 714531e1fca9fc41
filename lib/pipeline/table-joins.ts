/** Streams that meet tables: by key, by the time of their records, or with a table that every task has. */
import { type Duration, MillraceError } from '../model/index.ts';
import {
  globalJoinOperator,
  type KeyOfRecord,
  type OperatorDefinition,
  type RowOf,
  type SideOutput,
  type StreamTableJoiner,
  streamTableJoinOperator,
  temporalJoinOperator,
} from '../operators/index.ts';
import type { DraftRef } from '../plan/index.ts';
import { withFunction } from './arguments.ts';
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
    const operator = withFunction(withFunction(globalJoinOperator(kind, keyOf, joiner), joiner), keyOf);
    return add(stream, table, id, operator, options);
  }
  if (!(table instanceof WrittenTable)) throw noTable(id, 'stream.keyBy(...).toTable(id)');
  const [joiner, options] = given as [Joiner, OperatorOptions?];
  const operator = withFunction(streamTableJoinOperator(kind, joiner), joiner);
  return add(stream, { graph: table.graph, output: table.located() }, id, operator, options);
}

/** The stream joined to a changelog as it was at its records' times. */
export function joinVersions(
  kind: Kind,
  stream: Place,
  id: string,
  versions: unknown,
  joiner: Joiner,
  options: { readonly grace?: Duration; readonly late?: SideOutput<unknown> } & OperatorOptions = {},
): DraftRef {
  if (!(versions instanceof WrittenVersions)) throw noTable(id, 'stream.keyBy(...).toVersionedTable()');
  const { grace = 0, late } = options;
  const operator = temporalJoinOperator({ kind, joiner, row: versions.row, grace, lateSide: late?.side });
  return add(stream, versions, id, withFunction(operator, joiner), options, false);
}

function add(
  stream: Place,
  table: Place,
  id: string,
  operator: OperatorDefinition,
  options: OperatorOptions | undefined,
  keepsKey = true,
): DraftRef {
  const stranger = { rule: 'a table of another pipeline is joined', fix: 'join tables and streams of one pipeline' };
  const same = stream.graph === table.graph;
  const checked = same ? operator : { ...operator, mistakes: [stranger, ...(operator.mistakes ?? [])] };
  return stream.graph.operator([stream.output, same ? table.output : stream.output], id, checked, options, keepsKey);
}

function noTable(id: string, how: string): MillraceError {
  return new MillraceError('invalid-pipeline', 'what is joined is no table', {
    where: { operator: id },
    hint: `make one of a stream: ${how}`,
  });
}
