/** Where tasks stand, as a table. */
import type { TaskView } from '../lib/inspect/index.ts';
import { colours, columns, grouped, print, sizeText, timeText } from './terminal.ts';

/** Prints a table of tasks, and below it why some of them wait or have stopped. */
export function printTasks(tasks: readonly TaskView[]): void {
  print(columns(HEAD, tasks.map(rowOf)));
  for (const task of tasks) if (task.error !== undefined) print(troubleText(task));
}

const HEAD = [
  ...['task', 'status', 'offset', 'end', 'lag', 'watermark', 'held by'],
  ...['entries', 'state', 'restarts', 'last commit'],
];

function rowOf(task: TaskView): readonly string[] {
  const { watermark } = task;
  return [
    `${task.stage}/${task.partition}`,
    task.status,
    grouped(task.offset),
    task.end === undefined ? '' : grouped(task.end),
    lagOf(task),
    typeof watermark === 'number' ? timeText(watermark) : watermark,
    task.heldBy ?? '',
    grouped(task.stateEntries),
    sizeText(task.stateBytes),
    grouped(task.restarts),
    timeText(task.at),
  ];
}

function lagOf({ lag, bytesLeft }: TaskView): string {
  if (lag !== undefined) return grouped(lag);
  return bytesLeft === undefined ? '' : sizeText(bytesLeft);
}

function troubleText({ stage, partition, status: kind, error, reason, until }: TaskView): string {
  const what = kind === 'stopped' ? `has stopped (${reason})` : `tries again at ${timeText(until)}`;
  const hint = error?.hint === undefined ? '' : `\n  ${colours.cyan('hint:')} ${error.hint}`;
  return `${colours.red(`${stage}/${partition}`)} ${what}: ${error?.operator ?? stage}: ${error?.message}${hint}`;
}
