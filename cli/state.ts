import type { Command } from 'commander';
import { viewDirectory } from '../lib/embedded/index.ts';
import { type StateEntry, type StateQuery, storedRun, storedState } from '../lib/inspect/index.ts';
import { describeKey, type Key, keyIdOf } from '../lib/model/index.ts';
import { exitCodes, exitCodesHelp, UsageError } from './exit-codes.ts';
import { type CommonOptions, columns, jsonText, print, printError, printJson, timeText } from './terminal.ts';

interface StateOptions extends CommonOptions {
  readonly pipeline?: string;
  readonly state?: string;
}

interface ListOptions extends StateOptions {
  readonly operator?: string;
  readonly limit: string;
}

/** `millrace state get` and `millrace state list` */
export function addState(program: Command): void {
  const group = program.command('state').description('look into keyed state, also while the pipeline runs');
  group
    .command('get <data-dir> <operator> <key>')
    .description('the state of one key')
    .option('-s, --state <name>', 'only the state of this name')
    .option('-p, --pipeline <name>', 'of which pipeline, where the directory has state of several')
    .addHelpText(
      'after',
      `
Keys are given as text; tuples and objects as JSON. Values are shown as operators keep them: of windows that is
the accumulators. Exits with 1 if the key has no state.

Examples:
  millrace state get data inactivity ATL
  millrace state get data aftershocks '[34,-119]' --json
${exitCodesHelp}`,
    )
    .action((dataDir: string, operator: string, key: string, options: StateOptions) =>
      show(dataDir, { operator, key: keyText(key) }, options),
    );
  group
    .command('list <data-dir>')
    .description('all state, or that of one operator')
    .option('-o, --operator <id>', 'only of this operator')
    .option('-s, --state <name>', 'only the state of this name')
    .option('-n, --limit <n>', 'at most so many entries', '100')
    .option('-p, --pipeline <name>', 'of which pipeline, where the directory has state of several')
    .addHelpText(
      'after',
      `
Examples:
  millrace state list data --operator inactivity --state last
  millrace state list data --limit 1000000 --json | wc -l
${exitCodesHelp}`,
    )
    .action((dataDir: string, { operator, limit, ...options }: ListOptions) =>
      show(dataDir, { ...(operator === undefined ? {} : { operator }), limit: limitOf(limit) }, options),
    );
}

async function show(dataDir: string, wanted: StateQuery, options: StateOptions): Promise<void> {
  const view = viewDirectory(dataDir);
  try {
    const query = { ...wanted, ...(options.state === undefined ? {} : { state: options.state }) };
    const entries = await storedState(view, await storedRun(view, options.pipeline), query);
    if (options.json === true) for (const entry of entries) printJson(entry);
    else if (entries.length > 0)
      print(columns(['operator', 'state', 'key', 'sub', 'timer', 'value'], entries.map(rowOf)));
    else printError('no state');
    if (entries.length === 0 && wanted.key !== undefined) process.exitCode = exitCodes.failed;
    if (options.json !== true && entries.length === wanted.limit)
      printError(`the first ${entries.length}; --limit shows more`);
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

function limitOf(text: string): number {
  const limit = Number(text);
  if (Number.isSafeInteger(limit) && limit > 0) return limit;
  throw new UsageError(`--limit ${text} is no positive whole number`);
}
