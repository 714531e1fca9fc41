import type { Command } from 'commander';
import { type OlderCode, storedLetters, storedRun, tasksAtOlderCode, viewTasks } from '../lib/inspect/index.ts';
import { readControl } from '../lib/runtime/index.ts';
import { addDeployment, type DeploymentFlags, deploymentHelp, isDeployed } from './deployment.ts';
import { exitCodesHelp } from './exit-codes.ts';
import { pausedText, statusOfDeployment } from './status-of-deployment.ts';
import { printTasks } from './task-table.ts';
import { type CommonOptions, colours, counted, print, printJson, timeText } from './terminal.ts';
import { addWhere, openView, whereText } from './where.ts';

interface StatusOptions extends CommonOptions, DeploymentFlags {
  readonly wait?: boolean;
}

/** `millrace status` */
export function addStatus(program: Command): void {
  const command = program
    .command('status [data-dir]')
    .description('show where each task of a run stands, also while it runs');
  addDeployment(addWhere(command))
    .option('--wait', 'of a deployment: until its tasks have come to its newest code')
    .addHelpText(
      'after',
      `
Per task: the next offset of its log, the log's end, and how much waits there (lag); the watermark and which task
holds it back (a source's own rows do); state, restarts, and for a task that waits or has stopped the reason. A
source's end and lag are those of its last commit, as far as it knew them: of text files the lag is in bytes.

Examples:
  millrace status data
  millrace status --kafka localhost:9092 --table commits --bucket snapshots
  millrace status --deployment shop --wait
  millrace status data --json | jq '.tasks[] | select(.status == "stopped")'
${deploymentHelp}
${exitCodesHelp}`,
    )
    .action(status);
}

async function status(dataDir: string | undefined, options: StatusOptions): Promise<void> {
  if (isDeployed(options)) return statusOfDeployment(dataDir, options);
  const view = await openView(dataDir, options);
  try {
    const run = await storedRun(view, options.pipeline);
    const { record } = run;
    const tasks = await viewTasks(view, run);
    const older = dataDir === undefined ? await tasksAtOlderCode(view, run) : [];
    const deadLetters = (await storedLetters(view, record.pipeline, { run: record.id })).length;
    if (options.json === true) {
      const { pipeline, id, createdAt } = record;
      printJson({
        pipeline,
        run: id,
        createdAt,
        deadLetters,
        tasks,
        ...(older.length > 0 ? { atOlderCode: older } : {}),
      });
      return;
    }
    print(`${colours.bold(record.pipeline)}: run ${record.id}, begun ${timeText(record.createdAt)}`);
    printTasks(tasks);
    const { pausedAt } = dataDir === undefined ? await readControl(view.commits, record) : { pausedAt: undefined };
    if (pausedAt !== undefined) print(pausedText(pausedAt));
    for (const [code, waiting] of Map.groupBy(older, (each) => each.code)) print(olderText(code, waiting));
    if (deadLetters > 0)
      print(`${counted(deadLetters, 'dead letter')}; to see them: millrace dead-letters list ${whereText(dataDir)}`);
  } finally {
    view.close();
  }
}

/** Where nobody runs that code any more, somebody has to. */
function olderText(code: number, tasks: readonly OlderCode[]): string {
  const names = tasks.map(({ stage, partition }) => `${stage}/${partition}`).join(', ');
  return [
    `${colours.yellow('older code')}: version ${code} of the code has not finished with ${names}`,
    `  ${colours.cyan('hint:')} if this lasts, start a worker with that version: millrace worker <its pipeline> ...; it ends by itself`,
  ].join('\n');
}
