import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { storedRun } from '../lib/inspect/index.ts';
import type { DeployedPipeline } from '../lib/operations/index.ts';
import { notePause, readControl } from '../lib/runtime/index.ts';
import { addDeployment, type DeploymentFlags, deploymentHelp, isDeployed, withDeployment } from './deployment.ts';
import { exitCodesHelp, UsageError } from './exit-codes.ts';
import { type CommonOptions, colours, counted, print, printError, printJson } from './terminal.ts';
import { addWhere, openView } from './where.ts';

type Options = CommonOptions & DeploymentFlags;

interface PauseOptions extends Options {
  readonly wait: boolean;
}

const PERIOD = 2_000;

/** `millrace pause` and `millrace resume` */
export function addPause(program: Command): void {
  addDeployment(addWhere(program.command('pause').description('let the sources of a run take in nothing more')))
    .option('--no-wait', 'do not wait until everything in flight is committed')
    .addHelpText(
      'after',
      `
What sources have read goes on to its end, windows stay open, and nothing is lost: the records wait where they come
from. It is done when nothing is in flight any more; of a deployment that takes as long as its functions may run. Asking
twice is as good as once.

Examples:
  millrace pause --deployment shop
  millrace pause --no-wait --kafka localhost:9092 --table commits --bucket snapshots
${deploymentHelp}
${exitCodesHelp}`,
    )
    .action(pause);
  addDeployment(
    addWhere(
      program.command('resume [tasks...]').description('let a run go on that pauses, and tasks that have stopped'),
    ),
  )
    .addHelpText(
      'after',
      `
Without names of tasks it lifts a pause, and sets all tasks going that have stopped for what can be mended; with names,
only those tasks. Tasks of workers that have stopped go on when a worker is started; here a pause of theirs is lifted.

Examples:
  millrace resume --deployment shop
  millrace resume --deployment shop counts/3
${deploymentHelp}
${exitCodesHelp}`,
    )
    .action(resume);
}

async function pause(options: PauseOptions): Promise<void> {
  if (!isDeployed(options)) return pauseWorkers(options);
  const state = await withDeployment(options, undefined, async (deployed) => {
    const { asked } = await deployed.ask({ name: 'pause' });
    if (options.json !== true) printError(asked === 'requested' ? 'asked to pause' : 'it pauses already');
    return options.wait ? atRest(deployed) : 'pausing';
  });
  if (options.json === true) printJson({ event: state });
  else if (state === 'paused') print(`${colours.green('paused')}: everything that was in flight is committed`);
}

async function atRest(deployed: DeployedPipeline): Promise<string> {
  for (;;) {
    const { state, error } = await deployed.ask({ name: 'status' });
    if (state !== 'pausing' || error !== undefined) return state;
    await sleep(PERIOD);
  }
}

async function pauseWorkers(options: Options): Promise<void> {
  const asked = await say(options, true);
  if (options.json === true) printJson({ event: 'pausing' });
  else print(asked === 'requested' ? 'asked the workers to pause' : 'they pause already');
}

async function resume(tasks: readonly string[], options: Options): Promise<void> {
  if (!isDeployed(options)) return resumeWorkers(tasks, options);
  const answer = await withDeployment(options, undefined, (deployed) =>
    deployed.ask({ name: 'resume', ...(tasks.length === 0 ? {} : { tasks }) }),
  );
  if (options.json === true) return printJson({ event: 'resumed', ...answer });
  if (answer.lifted) print('the pause is lifted');
  if (answer.tasks.length > 0) print(`${counted(answer.tasks.length, 'task')} set going: ${answer.tasks.join(', ')}`);
  if (!answer.lifted && answer.tasks.length === 0) print('nothing pauses, and no task has stopped that could go on');
}

async function resumeWorkers(tasks: readonly string[], options: Options): Promise<void> {
  if (tasks.length > 0) {
    throw new UsageError(
      'tasks of workers are not resumed one by one',
      'start a worker: what had stopped goes on with it',
    );
  }
  const lifted = (await say(options, false)) === 'requested';
  if (options.json === true) printJson({ event: 'resumed', lifted, tasks: [] });
  else print(lifted ? 'the pause is lifted' : 'nothing pauses');
}

async function say(options: Options, paused: boolean): Promise<'requested' | 'exists'> {
  const view = await openView(undefined, options);
  try {
    const { record } = await storedRun(view, options.pipeline);
    const { drain, over } = await readControl(view.commits, record);
    if (paused && (drain || over))
      throw new UsageError(`the run is ${over ? 'over' : 'being drained'}, and cannot pause`);
    return await notePause(view.commits, record, paused, Date.now());
  } finally {
    view.close();
  }
}
