/** Where a deployed pipeline stands, as far as anything can be read: also where its run cannot be opened. */
import { storedLetters, type TaskView, viewTasks } from '../lib/inspect/index.ts';
import type { StatusAnswer, SwitchStep } from '../lib/operations/index.ts';
import type { Plan } from '../lib/plan/index.ts';
import type { RunRecord } from '../lib/protocol/index.ts';
import { type Control, grownRun, newestCode, newestRun, readControl, type TaskPorts } from '../lib/runtime/index.ts';
import { errorData } from './error-data.ts';
import type { OpenController } from './open-controller.ts';
import type { Pump } from './pump.ts';

/** Of a log that cannot be asked. */
const unknownLog = {
  topic: async () => undefined,
  bounds: async () => ({ start: 0, end: 0 }),
};

export async function statusOf(controller: OpenController): Promise<StatusAnswer> {
  const { name: pipeline } = controller.pipeline;
  const nothing = { pipeline, tasks: [], code: { version: 0, switching: [] }, stops: [] } as const;
  try {
    const { ports } = await controller.connections();
    const opened = await controller.pump().then(
      (pump) => ({ pump, trouble: {} }),
      (error: unknown) => ({ pump: undefined, trouble: { error: errorData(error) } }),
    );
    const run = await newestRun(ports.commits, pipeline);
    if (run === undefined) return { ...nothing, state: 'unavailable', ...opened.trouble };
    return { ...(await viewOf(ports, run, opened.pump)), ...opened.trouble };
  } catch (error) {
    return { ...nothing, state: 'unavailable', error: errorData(error) };
  }
}

async function viewOf(ports: TaskPorts, run: RunRecord, pump: Pump | undefined): Promise<StatusAnswer> {
  const record = await grownRun(ports.commits, run);
  const { pipeline, id, createdAt } = record;
  const stored = { record, plan: record.plan as Plan };
  const [control, { version }] = await Promise.all([
    readControl(ports.commits, record),
    newestCode(ports.commits, record),
  ]);
  let trouble: unknown;
  const [tasks, letters] = await Promise.all([
    viewTasks(ports, stored, pump?.open.sources).catch((error: unknown) => {
      trouble = error;
      return viewTasks({ ...ports, log: unknownLog }, stored);
    }),
    storedLetters(ports, pipeline, { run: id }).catch(() => undefined),
  ]);
  const settled = pump?.settled ?? Number.POSITIVE_INFINITY;
  return {
    ...{ pipeline, run: id, createdAt, tasks },
    state: stateOf(control, stored.plan, tasks, ports.clock.now() - settled),
    ...(letters === undefined ? {} : { deadLetters: letters.length }),
    ...(trouble === undefined ? {} : { error: errorData(trouble) }),
    code: { version, switching: pump === undefined ? [] : await switching(ports, pump, control) },
    stops: [...control.stops].map(([task, { reason, message }]) => ({ task, reason, message })),
  };
}

/** `before`: steps that began earlier are over. */
function stateOf(control: Control, plan: Plan, tasks: readonly TaskView[], before: number): StatusAnswer['state'] {
  if (control.over) return 'over';
  if (control.drain) return 'draining';
  if (control.pausedAt === undefined) return 'running';
  const sources = new Set(plan.stages.flatMap(({ id, source }) => (source === undefined ? [] : [id])));
  const isAtRest = ({ stage, status, debts, lag }: TaskView): boolean =>
    status === 'stopped' || (status !== 'backoff' && debts === 0 && (sources.has(stage) || lag === 0));
  return control.pausedAt < before && tasks.every(isAtRest) ? 'paused' : 'pausing';
}

async function switching({ commits }: TaskPorts, pump: Pump, control: Control): Promise<readonly SwitchStep[]> {
  const { record, tasks } = pump.open;
  const heads = await Promise.all(tasks.map(({ id }) => commits.head(record.id, id)));
  // Where a source ends is of no concern here: what is to be told to whom the rounds decide.
  const log = { id: '', start: 0, end: undefined, sealed: false };
  return pump.switchSteps(
    tasks.map(({ id }, i) => ({ task: id, head: heads[i], log })),
    control,
  );
}
