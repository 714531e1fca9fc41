import type { Command } from 'commander';
import { carryOut, openEmbedded } from '../lib/embedded/index.ts';
import { replayLetters, replayObstacle, type StoredLetter, storedLetters, storedRun } from '../lib/inspect/index.ts';
import type { ListAnswer } from '../lib/operations/index.ts';
import { commandLine } from './command-line.ts';
import { addDeployment, type DeploymentFlags, deploymentHelp, isDeployed, withDeployment } from './deployment.ts';
import { exitCodeOf, exitCodes, exitCodesHelp, UsageError } from './exit-codes.ts';
import { printFailure } from './failure.ts';
import { loadPipeline } from './load-pipeline.ts';
import { listenForStop } from './stop-signals.ts';
import { type CommonOptions, colours, counted, jsonText, print, printError, printJson, timeText } from './terminal.ts';
import { addWhere, openView } from './where.ts';

interface ListOptions extends CommonOptions, DeploymentFlags {
  readonly all?: boolean;
}

interface ReplayOptions extends CommonOptions, DeploymentFlags {
  readonly dataDir?: string;
}

/** `millrace dead-letters list` and `millrace dead-letters replay` */
export function addDeadLetters(program: Command): void {
  const group = program.command('dead-letters').description('see the records that were given up, and try them again');
  addDeployment(
    addWhere(group.command('list [data-dir]').description('the records that were given up, with the reason')),
  )
    .option('-a, --all', 'also those that were replayed')
    .addHelpText(
      'after',
      `
Examples:
  millrace dead-letters list data
  millrace dead-letters list data --json | jq .value > records.jsonl
  millrace dead-letters list --deployment shop
${deploymentHelp}
${exitCodesHelp}`,
    )
    .action(listLetters);
  addDeployment(
    group
      .command('replay [pipeline] [ids...]')
      .description('give records that were given up to the pipeline again: all, or those of the ids'),
  )
    .usage('[options] <pipeline> [ids...] --data-dir <folder>, or --deployment <name> [ids...]')
    .option('-d, --data-dir <folder>', 'where the state is')
    .option('-p, --pipeline <name>', 'of which pipeline, where a stack has several')
    .option('--region <name>', 'AWS region, of a deployment')
    .option('--endpoint <url>', 'address of AWS, of a deployment')
    .addHelpText(
      'after',
      `
Mend the pipeline first. A record goes back to the stage that gave it up, a source's row to its source; each counts
once, however often it is replayed. Its event time stays what it was, so windows that are over treat it as late.
What fails again is given up again, with a new id.

Examples:
  millrace dead-letters replay . --data-dir data
  millrace dead-letters replay . 0.0 3.1 --data-dir data
  millrace dead-letters replay --deployment shop 0.0
${deploymentHelp}
${exitCodesHelp}`,
    )
    .action(replay);
}

async function listLetters(dataDir: string | undefined, options: ListOptions): Promise<void> {
  const { items: letters, of } = await lettersOf(dataDir, options);
  if (options.json === true) for (const { id, letter } of letters) printJson({ id, ...letter });
  else for (const letter of letters) print(textOf(letter));
  if (of !== undefined) printError(`the first ${letters.length} of ${of}: an answer of the controller holds no more`);
  else if (options.json !== true) printError(counted(letters.length, 'dead letter'));
}

async function lettersOf(dataDir: string | undefined, options: ListOptions): Promise<ListAnswer<StoredLetter>> {
  const replayed = options.all === true;
  if (isDeployed(options)) {
    return withDeployment(options, dataDir, (deployed) => deployed.ask({ name: 'dead-letters', replayed }));
  }
  const view = await openView(dataDir, options);
  try {
    const { record } = await storedRun(view, options.pipeline);
    return { items: await storedLetters(view, record.pipeline, { run: record.id, replayed }) };
  } finally {
    view.close();
  }
}

function textOf({ id, letter }: StoredLetter): string {
  const { operator, stage, partition, offset, attempts, error, at, value, key } = letter;
  return [
    `${colours.bold(id)}  ${operator}: ${error.message}`,
    `     task ${stage}/${partition}, offset ${offset}, ${counted(attempts, 'attempt')}, ${timeText(at)}${key === undefined ? '' : `, key ${jsonText(key)}`}`,
    `     ${jsonText(value)}`,
  ].join('\n');
}

async function replay(path: string | undefined, ids: readonly string[], options: ReplayOptions): Promise<void> {
  const { dataDir } = options;
  if (isDeployed(options)) return replayDeployed([...(path === undefined ? [] : [path]), ...ids], options);
  if (path === undefined || dataDir === undefined) {
    throw new UsageError('a pipeline and --data-dir are needed, or --deployment', '--help shows how');
  }
  const { pipeline } = await loadPipeline(path);
  const stop = listenForStop((text) => printError(text), commandLine());
  let code: number = exitCodes.ok;
  try {
    const open = await openEmbedded(pipeline, { dataDir, signal: stop.signal });
    try {
      const { record, tasks } = open.run.open;
      const stored = await storedLetters(open.ports, pipeline.name, { run: record.id, replayed: ids.length > 0 });
      const letters = chosen(stored, ids);
      const lost = ids.length > 0 ? [] : letters.filter((letter) => replayObstacle(tasks, letter) !== undefined);
      const replayed = await replayLetters(
        tasks,
        letters.filter((letter) => !lost.includes(letter)),
      );
      const done = await carryOut(open, { signal: stop.signal });
      const { kind, deadLettered } = done;
      if (options.json === true) printJson({ event: kind, replayed, deadLettered, left: lost.map(({ id }) => id) });
      else print(`${counted(replayed, 'record')} replayed, ${deadLettered} given up again`);
      for (const letter of options.json === true ? [] : lost)
        printError(`${letter.id} cannot be replayed: ${replayObstacle(tasks, letter)}`);
      if (done.error !== undefined) {
        printFailure(done.error, options);
        code = exitCodeOf(done.error, dataDir);
      } else if (kind === 'stopped') code = stop.code();
    } finally {
      await open.close();
    }
  } catch (error) {
    if (error !== stop.signal.reason) throw error;
    printError('stopped before it began');
    code = stop.code();
  } finally {
    stop.end();
  }
  process.exitCode = code;
}

/** The controller gives them back; what becomes of them the status shows. */
async function replayDeployed(
  ids: readonly string[],
  options: ReplayOptions & { readonly deployment: string },
): Promise<void> {
  const { replayed, left } = await withDeployment(options, options.dataDir, (deployed) =>
    deployed.ask({ name: 'replay', ...(ids.length === 0 ? {} : { ids }) }),
  );
  if (options.json === true) return printJson({ event: 'replayed', replayed, left: left.map(({ id }) => id) });
  print(`${counted(replayed, 'record')} replayed`);
  for (const { id, why } of left) printError(`${id} cannot be replayed: ${why}`);
}

function chosen(letters: readonly StoredLetter[], ids: readonly string[]): readonly StoredLetter[] {
  const missing = ids.filter((id) => !letters.some((letter) => letter.id === id));
  if (missing.length > 0)
    throw new UsageError(`there are no dead letters ${missing.join(', ')}`, 'list them to see their ids');
  return ids.length === 0 ? letters : letters.filter(({ id }) => ids.includes(id));
}
