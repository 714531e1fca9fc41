import { type AsOf, type RowsQuery, type RowsRead, storedTable } from '../lib/inspect/index.ts';
import { describeKey, type Key, keyIdOf } from '../lib/model/index.ts';
import { type DeploymentFlags, isDeployed, withDeployment } from './deployment.ts';
import { exitCodes, UsageError } from './exit-codes.ts';
import { loadPipeline } from './load-pipeline.ts';
import { type CommonOptions, columns, jsonText, print, printError, printJson, timeText } from './terminal.ts';
import { openView } from './where.ts';

/** What of a table is shown: the rows that its operator makes of what it keeps, which takes its code. */
export interface TableWanted extends RowsQuery {
  readonly operator: string;
  /** The pipeline's file or folder; true where none was named, as a deployment has its own code. */
  readonly code: string | true;
  readonly limit: number;
}

/** Prints rows of a table, in the order of keys, and the watermark they stand at. */
export async function showRows(
  dataDir: string | undefined,
  wanted: TableWanted,
  options: CommonOptions & DeploymentFlags,
): Promise<void> {
  const { rows, more, asOf } = await rowsOf(dataDir, wanted, options);
  if (options.json === true) for (const row of rows) printJson({ ...row, asOf });
  else if (rows.length > 0) print(columns(['key', 'value'], rows.map(textsOf)));
  else printError('no rows');
  if (options.json !== true) printError(`as of ${asOfText([asOf])}`);
  if (rows.length === 0 && wanted.key !== undefined) process.exitCode = exitCodes.failed;
  if (!more) return;
  const shows = rows.length < wanted.limit ? 'an answer of the controller holds no more' : '--limit shows more';
  printError(`the first ${rows.length}${rows.length < wanted.limit ? ': ' : '; '}${shows}`);
}

async function rowsOf(
  dataDir: string | undefined,
  { operator, code, ...query }: TableWanted,
  options: DeploymentFlags,
): Promise<RowsRead<Key, unknown>> {
  if (isDeployed(options)) {
    if (code !== true) {
      throw new UsageError(
        `--rows names "${code}", and a deployment has its own code`,
        'say --rows last, without a path',
      );
    }
    return withDeployment(options, dataDir, (deployed) => deployed.ask({ name: 'rows', operator, query }));
  }
  if (code === true) throw new UsageError('--rows needs the pipeline whose code makes the rows', 'name it: --rows .');
  const { pipeline } = await loadPipeline(code);
  const view = await openView(dataDir, options);
  try {
    return await storedTable<Key, unknown>(pipeline, view, operator).rows(query);
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
