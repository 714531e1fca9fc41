import type { Command } from 'commander';
import { type StateEntry, type StateQuery, storedRun, storedState } from '../lib/inspect/index.ts';
import { describeKey, type Key, keyIdOf } from '../lib/model/index.ts';
import type { ListAnswer } from '../lib/operations/index.ts';
import { addDeployment, type DeploymentFlags, deploymentHelp, isDeployed, withDeployment } from './deployment.ts';
import { exitCodes, exitCodesHelp, UsageError } from './exit-codes.ts';
import { hasStores } from './stores-options.ts';
import { type CommonOptions, columns, jsonText, print, printError, printJson, timeText } from './terminal.ts';
import { addWhere, openView } from './where.ts';

interface StateOptions extends CommonOptions, DeploymentFlags {
  readonly state?: string;
}

interface ListOptions extends StateOptions {
  readonly operator?: string;
  readonly limit: string;
  readonly from?: string;
  readonly to?: string;
  readonly windowFrom?: string;
  readonly windowTo?: string;
}

/** `millrace state get` and `millrace state list` */
export function addState(program: Command): void {
  const group = program.command('state').description('look into keyed state, also while the pipeline runs');
  addDeployment(addWhere(group.command('get [data-dir] [operator] [key]').description('the state of one key')))
    .usage('[options] <data-dir> <operator> <key>, or [options] <operator> <key> of another place')
    .option('-s, --state <name>', 'only the state of this name')
    .addHelpText(
      'after',
      `
Keys are given as text; tuples and objects as JSON. Values are shown as operators keep them: of windows that is
the accumulators. Exits with 1 if the key has no state.

Examples:
  millrace state get data inactivity ATL
  millrace state get data aftershocks '[34,-119]' --json
  millrace state get --deployment shop inactivity ATL
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
            '--help shows how',
          );
        }
        return show(dataDir, { operator, key: keyText(key) }, options);
      },
    );
  addDeployment(addWhere(group.command('list [data-dir]').description('all state, or that of one operator')))
    .option('-o, --operator <id>', 'only of this operator')
    .option('-s, --state <name>', 'only the state of this name')
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
  millrace state list --deployment shop --operator inactivity
${deploymentHelp}
${exitCodesHelp}`,
    )
    .action(
      (dataDir: string | undefined, { operator, limit, from, to, windowFrom, windowTo, ...options }: ListOptions) =>
        show(
          dataDir,
          {
            ...(operator === undefined ? {} : { operator }),
            ...(from === undefined ? {} : { from: keyText(from) }),
            ...(to === undefined ? {} : { to: keyText(to) }),
            ...(windowFrom === undefined ? {} : { subFrom: timeOf('--window-from', windowFrom) }),
            ...(windowTo === undefined ? {} : { subTo: timeOf('--window-to', windowTo) }),
            limit: limitOf(limit),
          },
          options,
        ),
    );
}

async function show(dataDir: string | undefined, wanted: StateQuery, options: StateOptions): Promise<void> {
  const query = { ...wanted, ...(options.state === undefined ? {} : { state: options.state }) };
  const { items: entries, of } = await entriesOf(dataDir, query, options);
  if (options.json === true) for (const entry of entries) printJson(entry);
  else if (entries.length > 0)
    print(columns(['operator', 'state', 'key', 'sub', 'timer', 'value'], entries.map(rowOf)));
  else printError('no state');
  if (entries.length > 0 && options.json !== true) printError(`as of ${asOfText(entries)}`);
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

const MOST = 100;

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
function keyText(key: string): string {
  if (!/^[[{]/.test(key)) return key;
  try {
    return describeKey(keyIdOf(JSON.parse(key) as Key));
  } catch {
    return key;
  }
}

/** The least watermark of the tasks that entries come from. */
function asOfText(entries: readonly StateEntry[]): string {
  const marks = entries.map(({ asOf }) => asOf);
  if (marks.includes('none')) return 'before any watermark';
  const times = marks.filter((mark) => typeof mark === 'number');
  return times.length === 0 ? 'the end of all input' : `watermark ${timeText(times.reduce((a, b) => Math.min(a, b)))}`;
}

function timeOf(option: string, text: string): number {
  const time = /^-?\d+$/.test(text) ? Number(text) : Date.parse(text);
  if (Number.isSafeInteger(time)) return time;
  throw new UsageError(`${option} ${text} is no time`, 'give milliseconds since the epoch, or ISO 8601');
}

function limitOf(text: string): number {
  const limit = Number(text);
  if (Number.isSafeInteger(limit) && limit > 0) return limit;
  throw new UsageError(`--limit ${text} is no positive whole number`);
}
