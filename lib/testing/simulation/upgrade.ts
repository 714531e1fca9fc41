/** What a deployment of changed code does: a barrier into the log of every task behind an exchange, a fixed offset for every task of a source. */
import { type TaskId, taskName } from '../../model/index.ts';
import type { Caller } from './event-source.ts';
import type { Fleet } from './fleet.ts';

export async function upgrade(fleet: Fleet, version: number, callers: ReadonlyMap<string, Caller>): Promise<void> {
  await fleet.deploy(version);
  const { record } = fleet.deployments[version]!;
  const { plan } = fleet.pipelines[version]!;
  fleet.world.tell('', `code version ${version} is deployed`);
  const changed = record.tasks.filter(
    ({ stage }) => fleet.epochOf(version, stage) !== fleet.epochOf(version - 1, stage),
  );
  await Promise.all(
    changed.map(async (task) => {
      const stage = plan.stages.find((s) => s.id === task.stage)!;
      if (stage.source !== undefined) return switchSource(fleet, version, task, callers.get(taskName(task))!);
      const message = {
        kind: 'barrier',
        run: record.id,
        epoch: fleet.epochOf(version, task.stage),
        code: stage.code,
      } as const;
      const entry = { topic: stage.topic, partition: task.partition, message };
      await again(fleet, () =>
        fleet
          .worker(version)
          .ports.log.append([entry])
          .then(() => true),
      );
    }),
  );
}

/**
 * A source's log takes no barrier. Nothing of the old code may be under way, nor any process with a state from before go on, while it is led to a fixed
 * offset: what it had sent beyond could not be recalled.
 */
async function switchSource(fleet: Fleet, version: number, task: TaskId, caller: Caller): Promise<void> {
  await caller.hold();
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
