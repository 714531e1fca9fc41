import type { Command } from 'commander';
import { stopDirectory, viewDirectory } from '../lib/embedded/index.ts';
import { storedRun, viewTasks } from '../lib/inspect/index.ts';
import { exitCodes, exitCodesHelp } from './exit-codes.ts';
import { type CommonOptions, colours, print, printError, printJson } from './terminal.ts';

interface StopOptions extends CommonOptions {
  readonly pipeline?: string;
  readonly drain?: boolean;
}

/** `millrace stop` */
export function addStop(program: Command): void {
  program
    .command('stop <data-dir>')
    .description('end the process that runs on a data directory, and wait until it has ended')
    .option('--drain', 'for good, as if the input had ended: every window closes, and files are finished')
    .option('-p, --pipeline <name>', 'of which pipeline, where the directory has state of several')
    .addHelpText(
      'after',
      `
Without --drain it is as with Ctrl-C: steps under way are finished, and the same run can go on later. With it, sources
end where they stand, the watermark goes to the end of time, timers fire and files get their final names. A drained run
has finished: it cannot go on. Exits with 1 if the run ended before it was drained.

Examples:
  millrace stop data
  millrace stop data --drain
${exitCodesHelp}`,
    )
    .action(stop);
}

async function stop(dataDir: string, options: StopOptions): Promise<void> {
  const { drain = false, json = false } = options;
  await stopDirectory(dataDir, drain ? 'drain' : 'stop');
  const finished = await isFinished(dataDir, options.pipeline);
  if (json) printJson({ event: finished ? 'finished' : 'stopped' });
  else if (finished) print(`${colours.green('finished')}: every window has closed, and files are finished`);
  else print(`${colours.yellow('stopped')}: run it again to go on`);
  if (!drain || finished) return;
  if (!json) printError(`it ended before it was drained; millrace status ${dataDir} shows where it stands`);
  process.exitCode = exitCodes.failed;
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
