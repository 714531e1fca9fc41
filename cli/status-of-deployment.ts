/** `millrace status --deployment`: what the controller says. */
import { setTimeout as sleep } from 'node:timers/promises';
import { taskName } from '../lib/model/index.ts';
import type { DeployedPipeline, ErrorData, StatusAnswer, SwitchStep } from '../lib/operations/index.ts';
import { type DeploymentFlags, withDeployment } from './deployment.ts';
import { exitCodes } from './exit-codes.ts';
import { printTasks } from './task-table.ts';
import { type CommonOptions, colours, counted, print, printError, printJson, timeText } from './terminal.ts';

interface Options extends CommonOptions, DeploymentFlags {
  readonly deployment: string;
  readonly wait?: boolean;
}

const PERIOD = 2_000;

/** Sets exit code 1 where the run cannot be opened, or its code is refused. */
export async function statusOfDeployment(dataDir: string | undefined, options: Options): Promise<void> {
  const status = await withDeployment(options, dataDir, (deployed) =>
    options.wait === true ? switched(deployed) : deployed.ask({ name: 'status' }),
  );
  if (status.error !== undefined) process.exitCode = exitCodes.failed;
  if (options.json === true) return printJson(status);
  printStatus(status, options.deployment);
}

/** The status once all tasks have come to the newest code, or cannot. */
async function switched(deployed: DeployedPipeline): Promise<StatusAnswer> {
  let said = '';
  for (;;) {
    const status = await deployed.ask({ name: 'status' });
    const { switching } = status.code;
    const isBegun = status.run !== undefined;
    if (status.error !== undefined || (isBegun && switching.every(({ kind }) => kind === 'stuck'))) return status;
    const text = isBegun
      ? `${counted(switching.length, 'task')} still at older code`
      : 'waiting for the controller to begin';
    if (text !== said) printError(text);
    said = text;
    await sleep(PERIOD);
  }
}

function printStatus(
  { pipeline, run, createdAt, state, tasks, code, deadLetters, stops, error }: StatusAnswer,
  deployment: string,
): void {
  const begun =
    run === undefined ? 'no run yet' : `run ${run}, begun ${timeText(createdAt)}, code version ${code.version}`;
  print(`${colours.bold(pipeline)}: ${state}; ${begun}`);
  if (tasks.length > 0) printTasks(tasks);
  for (const step of code.switching) print(switchText(step));
  for (const { task, reason, message } of stops) print(`${colours.red(task)} must not go on (${reason}): ${message}`);
  if ((deadLetters ?? 0) > 0)
    print(
      `${counted(deadLetters!, 'dead letter')}; to see them: millrace dead-letters list --deployment ${deployment}`,
    );
  if (error !== undefined) print(errorText(error));
}

function switchText({ task, from, to, kind, at, until }: SwitchStep): string {
  const why: Readonly<Record<SwitchStep['kind'], string>> = {
    barrier: 'works up to the barrier in its log',
    hold: `stands still until ${timeText(until)}`,
    'hand-over': 'is about to be handed over',
    finish: `works up to offset ${at}`,
    stopped: 'has stopped there, and goes on with the newer code',
    stuck: 'no function is known that has that code, or what stopped the task cannot be mended',
  };
  return `${colours.yellow(taskName(task))} is at code ${from}, and goes to ${to}: ${why[kind]}`;
}

function errorText({ message, hint }: ErrorData): string {
  return `${colours.red('error:')} ${message}${hint === undefined ? '' : `\n ${colours.cyan('hint:')} ${hint}`}`;
}

/** What is said of a run that pauses. */
export const pausedText = (since: number): string =>
  `${colours.yellow('paused')} since ${timeText(since)}: sources take in nothing; millrace resume lifts it`;
