import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { stopDirectory, viewDirectory } from '../lib/embedded/index.ts';
import { storedRun, viewTasks } from '../lib/inspect/index.ts';
import { taskName } from '../lib/model/index.ts';
import { addDeployment, type DeploymentFlags, deploymentHelp, isDeployed, withDeployment } from './deployment.ts';
import { exitCodes, exitCodesHelp, UsageError } from './exit-codes.ts';
import { type CommonOptions, colours, print, printError, printJson } from './terminal.ts';
import { addWhere, openView } from './where.ts';

interface StopOptions extends CommonOptions, DeploymentFlags {
  readonly drain?: boolean;
  readonly wait: boolean;
}

/** `millrace stop` */
export function addStop(program: Command): void {
  addDeployment(
    addWhere(
      program
        .command('stop [data-dir]')
        .description(
          'end the process that runs on a data directory, or drain a run of workers, and wait until it has ended',
        ),
    ),
  )
    .option('--drain', 'for good, as if the input had ended: every window closes, and files are finished')
    .option('--no-wait', 'of workers and deployments: ask to drain, and do not wait until they have')
    .addHelpText(
      'after',
      `
Without --drain it is as with Ctrl-C: steps under way are finished, and the same run can go on later. With it, sources
end where they stand, the watermark goes to the end of time, timers fire and files get their final names. A drained run
has finished: it cannot go on. Exits with 1 if the run ended before it was drained.

Workers are stopped one by one, by SIGTERM or Ctrl-C. A run of theirs is ended with --drain: the request stands in the
table of commits, and when all is done the workers end by themselves.

Examples:
  millrace stop data
  millrace stop data --drain
  millrace stop --drain --kafka localhost:9092 --table commits --bucket snapshots
  millrace stop --drain --deployment shop
${deploymentHelp}
${exitCodesHelp}`,
    )
    .action(stop);
}

async function stop(dataDir: string | undefined, options: StopOptions): Promise<void> {
  const { drain = false, json = false } = options;
  if (isDeployed(options)) return drainDeployment(dataDir, options);
  if (dataDir === undefined) return drainWorkers(options);
  await stopDirectory(dataDir, drain ? 'drain' : 'stop');
  const finished = await isFinished(dataDir, options.pipeline);
  if (json) printJson({ event: finished ? 'finished' : 'stopped' });
  else if (finished) print(`${colours.green('finished')}: every window has closed, and files are finished`);
  else print(`${colours.yellow('stopped')}: run it again to go on`);
  if (!drain || finished) return;
  if (!json) printError(`it ended before it was drained; millrace status ${dataDir} shows where it stands`);
  process.exitCode = exitCodes.failed;
}

/** Asks for the drain, and waits until the run is over. */
async function drainWorkers({ drain, wait, json, ...where }: StopOptions): Promise<void> {
  if (drain !== true) {
    throw new UsageError('workers are stopped one by one', 'send them SIGTERM; to end the run itself, give --drain');
  }
  const { readControl, requestDrain } = await import('../lib/worker/index.ts');
  const view = await openView(undefined, where);
  try {
    const { record } = await storedRun(view, where.pipeline);
    const asked = await requestDrain(view.commits, record, Date.now());
    if (json !== true)
      printError(asked === 'requested' ? 'asked the workers to drain the run' : 'it is asked for already');
    while (wait && !(await readControl(view.commits, record)).over) await sleep(500);
    const event = wait ? 'finished' : 'draining';
    if (json === true) printJson({ event, run: record.id });
    else if (wait) print(`${colours.green('finished')}: every window has closed, and all workers end`);
  } finally {
    view.close();
  }
}

/** Asks the controller, and waits until the run is over. */
async function drainDeployment(
  dataDir: string | undefined,
  options: StopOptions & { readonly deployment: string },
): Promise<void> {
  const { drain, wait, json } = options;
  if (drain !== true) {
    throw new UsageError(
      'a deployment has no process to stop',
      'millrace pause lets its sources take in nothing; --drain ends its run',
    );
  }
  const run = await withDeployment(options, dataDir, async (deployed) => {
    const { asked } = await deployed.ask({ name: 'drain' });
    if (json !== true) printError(asked === 'requested' ? 'asked to drain the run' : 'it is asked for already');
    for (let said = ''; ; ) {
      const status = await deployed.ask({ name: 'status' });
      if (!wait || status.state === 'over') return status.run;
      const stopped = status.tasks.filter((task) => task.status === 'stopped').map(taskName);
      const text = stopped.length === 0 ? '' : `stopped, and keep the run from ending: ${stopped.join(', ')}`;
      if (text !== said && text !== '' && json !== true) printError(text);
      said = text;
      await sleep(2_000);
    }
  });
  if (json === true) printJson({ event: wait ? 'finished' : 'draining', run });
  else if (wait) print(`${colours.green('finished')}: every window has closed`);
}

async function isFinished(dataDir: string, pipeline: string | undefined): Promise<boolean> {
  const view = viewDirectory(dataDir);
  try {
    const tasks = await viewTasks(view, await storedRun(view, pipeline));
    return tasks.every(({ status }) => status === 'done');
  } finally {
    view.close();
  }
}
