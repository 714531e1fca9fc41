import type { Command } from 'commander';
import { type StateEntry, type StateQuery, storedRun, storedState } from '../lib/inspect/index.ts';
import { describeKey, type Key, keyIdOf } from '../lib/model/index.ts';
import type { ListAnswer } from '../lib/operations/index.ts';
import { addDeployment, type DeploymentFlags, deploymentHelp, isDeployed, withDeployment } from './deployment.ts';
import { exitCodes, exitCodesHelp, UsageError } from './exit-codes.ts';
import { hasStores } from './stores-options.ts';
import { asOfText, showRows, type TableWanted } from './table-rows.ts';
import { type CommonOptions, columns, jsonText, print, printError, printJson, timeText } from './terminal.ts';
import { addWhere, openView } from './where.ts';

interface StateOptions extends CommonOptions, DeploymentFlags {
  readonly state?: string;
  readonly rows?: string | true;
}

interface ListOptions extends StateOptions {
  readonly operator?: string;
  readonly limit: string;
  readonly from?: string;
  readonly to?: string;
  readonly windowFrom?: string;
  readonly windowTo?: string;
}

const rowsOption = [
  '-r, --rows [pipeline]',
  'the rows of the table that the operator makes, by this code; of a deployment, by its own',
] as const;

/** `millrace state get` and `millrace state list` */
export function addState(program: Command): void {
  const group = program.command('state').description('look into keyed state, also while the pipeline runs');
  addDeployment(addWhere(group.command('get [data-dir] [operator] [key]').description('the state of one key')))
    .usage('[options] <data-dir> <operator> <key>, or [options] <operator> <key> of another place')
    .option('-s, --state <name>', 'only the state of this name')
    .option(...rowsOption)
    .addHelpText(
      'after',
      `
Keys are given as text; tuples and objects as JSON. Values are shown as operators keep them: of windows that is
the accumulators. With --rows they are the rows of a table. Exits with 1 if the key has none.

Examples:
  millrace state get data inactivity ATL
  millrace state get data aftershocks '[34,-119]' --json
  millrace state get data totals ATL --rows examples/flights
  millrace state get --deployment shop inactivity ATL
  millrace state get --deployment shop totals ATL --rows
${deploymentHelp}
${exitCodesHelp}`,
    )
    .action(
      (first: string | undefined, second: string | undefined, third: string | undefined, options: StateOptions) => {
        const isElsewhere = isDeployed(options) || hasStores(options);
        const [dataDir, operator, key] = isElsewhere ? [undefined, first, second] : [first, second, third];
        if (operator === undefined || key === undefined || (isElsewhere && third !== undefined)) {
          throw new UsageError(
            'an operator and a key are needed, and a data directory or another place',
            typeof options.rows === 'string' ? `--rows took "${options.rows}": say it last` : '--help shows how',
          );
        }
        if (options.rows !== undefined) {
          return table(dataDir, { operator, code: options.rows, key: keyOf(key), limit: MOST_WINDOWS }, options);
        }
        return show(dataDir, { operator, key: keyText(key) }, options);
      },
    );
  addDeployment(addWhere(group.command('list [data-dir]').description('all state, or that of one operator')))
    .option('-o, --operator <id>', 'only of this operator')
    .option('-s, --state <name>', 'only the state of this name')
    .option(...rowsOption)
    .option('--from <key>', 'only keys at or after this one')
    .option('--to <key>', 'only keys before this one')
    .option('--window-from <time>', 'only windows at or after this time, milliseconds or ISO 8601')
    .option('--window-to <time>', 'only windows before this time')
    .option('-n, --limit <n>', 'at most so many entries', '100')
    .addHelpText(
      'after',
      `
Examples:
  millrace state list data --operator inactivity --state last
  millrace state list data --limit 1000000 --json | wc -l
  millrace state list data --operator totals --rows examples/flights --from A --to B
  millrace state list --deployment shop --operator inactivity
${deploymentHelp}
${exitCodesHelp}`,
    )
    .action(
      (dataDir: string | undefined, { operator, limit, from, to, windowFrom, windowTo, ...options }: ListOptions) => {
        const most = limitOf(limit);
        const [windowsFrom, windowsTo] = [timeOf('--window-from', windowFrom), timeOf('--window-to', windowTo)];
        if (options.rows !== undefined) {
          if (operator === undefined) throw new UsageError('--rows is of one table', 'name it by --operator');
          const query = {
            ...(from === undefined ? {} : { from: keyOf(from) }),
            ...(to === undefined ? {} : { to: keyOf(to) }),
            ...(windowsFrom === undefined ? {} : { windowFrom: windowsFrom }),
            ...(windowsTo === undefined ? {} : { windowTo: windowsTo }),
          };
          return table(dataDir, { operator, code: options.rows, limit: most, ...query }, options);
        }
        return show(
          dataDir,
          {
            ...(operator === undefined ? {} : { operator }),
            ...(from === undefined ? {} : { from: keyText(from) }),
            ...(to === undefined ? {} : { to: keyText(to) }),
            ...(windowsFrom === undefined ? {} : { subFrom: windowsFrom }),
            ...(windowsTo === undefined ? {} : { subTo: windowsTo }),
            limit: most,
          },
          options,
        );
      },
    );
}

function table(dataDir: string | undefined, wanted: TableWanted, options: StateOptions): Promise<void> {
  if (options.state !== undefined) throw new UsageError('--state and --rows are given', 'give one of the two');
  return showRows(dataDir, wanted, options);
}

async function show(dataDir: string | undefined, wanted: StateQuery, options: StateOptions): Promise<void> {
  const query = { ...wanted, ...(options.state === undefined ? {} : { state: options.state }) };
  const { items: entries, of } = await entriesOf(dataDir, query, options);
  if (options.json === true) for (const entry of entries) printJson(entry);
  else if (entries.length > 0)
    print(columns(['operator', 'state', 'key', 'sub', 'timer', 'value'], entries.map(rowOf)));
  else printError('no state');
  if (entries.length > 0 && options.json !== true) printError(`as of ${asOfText(entries.map(({ asOf }) => asOf))}`);
  if (entries.length === 0 && wanted.key !== undefined) process.exitCode = exitCodes.failed;
  if (of !== undefined) printError(`the first ${entries.length} of ${of}: an answer of the controller holds no more`);
  else if (options.json !== true && entries.length === wanted.limit)
    printError(`the first ${entries.length}; --limit shows more`);
}

async function entriesOf(
  dataDir: string | undefined,
  query: StateQuery,
  options: StateOptions,
): Promise<ListAnswer<StateEntry>> {
  if (isDeployed(options)) {
    return withDeployment(options, dataDir, (deployed) => deployed.ask({ name: 'state', query }));
  }
  const view = await openView(dataDir, options);
  try {
    return { items: await storedState(view, await storedRun(view, options.pipeline), query) };
  } finally {
    view.close();
  }
}

/** Characters of a value. */
const MOST = 100;
/** Of one key. */
const MOST_WINDOWS = 1_000;

function rowOf({ operator, state, key, sub, timer, value }: StateEntry): readonly string[] {
  const text = jsonText(value);
  const shown = text.length > MOST ? `${text.slice(0, MOST)}...` : text;
  return [
    operator,
    state,
    key,
    sub === undefined ? '' : String(sub),
    timer === undefined ? '' : timeText(timer),
    shown,
  ];
}

/** Tuples and objects in their canonical form, whatever the spacing and order they were typed in. */
function keyText(text: string): string {
  const key = /^[[{]/.test(text) ? keyOf(text) : text;
  return typeof key === 'string' ? key : describeKey(keyIdOf(key));
}

/** A number, tuple or object as JSON; any other text is itself. */
function keyOf(text: string): Key {
  if (!/^[[{"\d-]/.test(text)) return text;
  try {
    return JSON.parse(text) as Key;
  } catch {
    return text;
  }
}

function timeOf(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const time = /^-?\d+$/.test(text) ? Number(text) : Date.parse(text);
  if (Number.isSafeInteger(time)) return time;
  throw new UsageError(`${option} ${text} is no time`, 'give milliseconds since the epoch, or ISO 8601');
}

function limitOf(text: string): number {
  const limit = Number(text);
  if (Number.isSafeInteger(limit) && limit > 0) return limit;
  throw new UsageError(`--limit ${text} is no positive whole number`);
}
