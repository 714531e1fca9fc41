import { type AsOf, type RowsQuery, storedTable } from '../lib/inspect/index.ts';
import { describeKey, type Key, keyIdOf } from '../lib/model/index.ts';
import { exitCodes } from './exit-codes.ts';
import { loadPipeline } from './load-pipeline.ts';
import { type CommonOptions, columns, jsonText, print, printError, printJson, timeText } from './terminal.ts';
import { openView, type WhereFlags } from './where.ts';

/** What of a table is shown: the rows that its operator makes of what it keeps, which takes its code. */
export interface TableWanted extends RowsQuery {
  readonly operator: string;
  /** The pipeline's file or folder. */
  readonly code: string;
  readonly limit: number;
}

/** Prints rows of a table, in the order of keys, and the watermark they stand at. */
export async function showRows(
  dataDir: string | undefined,
  { operator, code, ...query }: TableWanted,
  options: CommonOptions & WhereFlags,
): Promise<void> {
  const { pipeline } = await loadPipeline(code);
  const view = await openView(dataDir, options);
  try {
    const { rows, more, asOf } = await storedTable<Key, unknown>(pipeline, view, operator).rows(query);
    if (options.json === true) for (const row of rows) printJson({ ...row, asOf });
    else if (rows.length > 0) print(columns(['key', 'value'], rows.map(textsOf)));
    else printError('no rows');
    if (options.json !== true) printError(`as of ${asOfText([asOf])}`);
    if (rows.length === 0 && query.key !== undefined) process.exitCode = exitCodes.failed;
    if (more) printError(`the first ${rows.length}; --limit shows more`);
  } finally {
    view.close();
  }
}

/** The least of the watermarks that something is as of. */
export function asOfText(marks: readonly AsOf[]): string {
  if (marks.includes('none')) return 'before any watermark';
  const times = marks.filter((mark) => typeof mark === 'number');
  return times.length === 0 ? 'the end of all input' : `watermark ${timeText(Math.min(...times))}`;
}

const textsOf = ({ key, value }: { readonly key: Key; readonly value: unknown }): readonly string[] => [
  describeKey(keyIdOf(key)),
  jsonText(value),
];
