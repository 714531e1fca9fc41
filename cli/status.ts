import type { Command } from 'commander';
import {
  type OlderCode,
  storedLetters,
  storedRun,
  type TaskView,
  tasksAtOlderCode,
  viewTasks,
} from '../lib/inspect/index.ts';
import { exitCodesHelp } from './exit-codes.ts';
import {
  type CommonOptions,
  colours,
  columns,
  counted,
  grouped,
  print,
  printJson,
  sizeText,
  timeText,
} from './terminal.ts';
import { addWhere, openView, type WhereFlags, whereText } from './where.ts';

type StatusOptions = CommonOptions & WhereFlags;

/** `millrace status` */
export function addStatus(program: Command): void {
  addWhere(program.command('status [data-dir]').description('show where each task of a run stands, also while it runs'))
    .addHelpText(
      'after',
      `
Per task: the next offset of its log, the log's end, and how much waits there (lag); the watermark and which task
holds it back (a source's own rows do); state, restarts, and for a task that waits or has stopped the reason. A
source's end and lag are those of its last commit, as far as it knew them: of text files the lag is in bytes.

Examples:
  millrace status data
  millrace status --kafka localhost:9092 --table commits --bucket snapshots
  millrace status data --json | jq '.tasks[] | select(.status == "stopped")'
${exitCodesHelp}`,
    )
    .action(status);
}

async function status(dataDir: string | undefined, options: StatusOptions): Promise<void> {
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
    print(columns(HEAD, tasks.map(rowOf)));
    for (const task of tasks) if (task.error !== undefined) print(troubleText(task));
    for (const [code, waiting] of Map.groupBy(older, (each) => each.code)) print(olderText(code, waiting));
    if (deadLetters > 0)
      print(`${counted(deadLetters, 'dead letter')}; to see them: millrace dead-letters list ${whereText(dataDir)}`);
  } finally {
    view.close();
  }
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

/** Where nobody runs that code any more, somebody has to. */
function olderText(code: number, tasks: readonly OlderCode[]): string {
  const names = tasks.map(({ stage, partition }) => `${stage}/${partition}`).join(', ');
  return [
    `${colours.yellow('older code')}: version ${code} of the code has not finished with ${names}`,
    `  ${colours.cyan('hint:')} if this lasts, start a worker with that version: millrace worker <its pipeline> ...; it ends by itself`,
  ].join('\n');
}

function troubleText({ stage, partition, status: kind, error, reason, until }: TaskView): string {
  const what = kind === 'stopped' ? `has stopped (${reason})` : `tries again at ${timeText(until)}`;
  const hint = error?.hint === undefined ? '' : `\n  ${colours.cyan('hint:')} ${error.hint}`;
  return `${colours.red(`${stage}/${partition}`)} ${what}: ${error?.operator ?? stage}: ${error?.message}${hint}`;
}
