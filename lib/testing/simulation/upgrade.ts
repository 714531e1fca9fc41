/** What a deployment of changed code does: a barrier into the log of every task behind an exchange, a fixed offset for every task of a source. */
import { type TaskId, taskName } from '../../model/index.ts';
import type { StagePlan } from '../../plan/index.ts';
import { LOOK_AGE } from '../../runtime/index.ts';
import { type Caller, LATEST } from './event-source.ts';
import type { Fleet } from './fleet.ts';

export async function upgrade(fleet: Fleet, version: number, callers: ReadonlyMap<string, Caller>): Promise<void> {
  await fleet.deploy(version);
  const { plan } = fleet.pipelines[version]!;
  fleet.world.tell('', `code version ${version} is deployed`);
  const switched = new Set<string>();
  for (;;) {
    const left = (await changedTasks(fleet, version)).filter((task) => !switched.has(taskName(task)));
    if (left.length === 0) return;
    await Promise.all(
      left.map((task) => {
        switched.add(taskName(task));
        const stage = plan.stages.find((s) => s.id === task.stage)!;
        if (stage.source === undefined) return putBarrier(fleet, version, task, stage);
        return switchSource(fleet, version, task, callers.get(taskName(task))!);
      }),
    );
    if (!fleet.grows) return;
    // Processes of the old code may have come upon partitions that sources have gained, and borne their tasks at the old epoch: once they are over, it looks again.
    await pause(fleet, LATEST);
  }
}

/** Tasks of stages whose code has changed that were born before it. */
async function changedTasks(fleet: Fleet, version: number): Promise<TaskId[]> {
  if (fleet.grows)
    await again(fleet, () =>
      fleet
        .worker(version)
        .grow()
        .then(() => true),
    );
  return fleet.record.tasks.filter((task) => {
    const epoch = fleet.epochOf(version, task.stage);
    return epoch !== fleet.epochOf(version - 1, task.stage) && fleet.world.commits.birth(task)!.epoch < epoch;
  });
}

async function putBarrier(fleet: Fleet, version: number, task: TaskId, { topic, code }: StagePlan): Promise<void> {
  const epoch = fleet.epochOf(version, task.stage);
  const message = { kind: 'barrier', run: fleet.record.id, epoch, code } as const;
  const entry = { topic, partition: task.partition, message };
  await again(fleet, () =>
    fleet
      .worker(version)
      .ports.log.append([entry])
      .then(() => true),
  );
}

/**
 * A source's log takes no barrier. Nothing of the old code may be under way, nor any process with a state from before go on, while it is led to a fixed
 * offset: what it had sent beyond could not be recalled. Where tasks look at the run's records, nothing that they do after a while comes of rows beyond it.
 */
async function switchSource(fleet: Fleet, version: number, task: TaskId, caller: Caller): Promise<void> {
  if (fleet.looks) await looked(fleet, version);
  else await caller.hold();
  const epoch = fleet.epochOf(version, task.stage);
  const { source } = fleet.pipelines[version]!.plan.stages.find((s) => s.id === task.stage)!;
  const at = fleet.world.sources.get(source!)!.end(task.partition);
  fleet.world.tell('', `${taskName(task)} is handed over at ${at}`);
  fleet.handOvers.set(taskName(task), [...(fleet.handOvers.get(taskName(task)) ?? []), { at, epoch }]);
  await again(fleet, async () => {
    const old = await fleet.worker(version - 1).find(task);
    await old.forget();
    const { kind } = await old.handOver(at, epoch);
    return kind === 'advanced';
  });
  await pause(fleet, fleet.world.random.below(6_000));
  await again(fleet, async () => {
    const old = await fleet.worker(version - 1).find(task);
    await old.forget();
    const { kind } = await old.ring();
    return kind === 'other-code';
  });
  caller.version = version;
  caller.held = false;
}

/** Until all that old code has read without knowing of the new was there before, by a clock that may go wrong. */
async function looked(fleet: Fleet, version: number): Promise<void> {
  const since = fleet.worker(version).process.clock.now();
  const isSettled = async (): Promise<boolean> =>
    fleet.worker(version).process.clock.now() >= since + LOOK_AGE + 2 * fleet.clockSkew;
  await again(fleet, isSettled);
}

/** Tries until it succeeds. */
async function again(fleet: Fleet, act: () => Promise<boolean>): Promise<void> {
  for (;;) {
    const done = await fleet.within(
      60_000,
      act().catch(() => false),
    );
    if (done === true) return;
    await pause(fleet, 500);
  }
}

const pause = (fleet: Fleet, span: number): Promise<void> =>
  new Promise((resolve) => fleet.world.schedule.after(span, resolve));
