/** What a deployment of changed code does: a barrier into the log of every task behind an exchange, a fixed offset for every task of a source. */
import { MillraceError, taskName } from '../../model/index.ts';
import type { Caller } from './event-source.ts';
import type { Fleet } from './fleet.ts';

export async function upgrade(fleet: Fleet, version: number, callers: ReadonlyMap<string, Caller>): Promise<void> {
  await fleet.deploy(version);
  const { record } = fleet.deployments[version]!;
  const { plan } = fleet.pipelines[version]!;
  const changed = record.tasks.filter(
    ({ stage }) => fleet.epochOf(version, stage) !== fleet.epochOf(version - 1, stage),
  );
  for (const task of changed) {
    const stage = plan.stages.find((s) => s.id === task.stage)!;
    const epoch = fleet.epochOf(version, task.stage);
    if (stage.source === undefined) {
      const message = { kind: 'barrier', run: record.id, epoch, code: stage.code } as const;
      await again(fleet, () =>
        fleet.worker(version).ports.log.append([{ topic: stage.topic, partition: task.partition, message }]),
      );
      continue;
    }
    throw new MillraceError(
      'internal',
      `the simulation does not upgrade sources yet: ${taskName(task)}, ${callers.size} callers`,
    );
  }
}

/** Tries until it succeeds. */
async function again(fleet: Fleet, act: () => Promise<void>): Promise<void> {
  for (;;) {
    const done = await fleet.within(
      40_000,
      act().then(
        () => true,
        () => false,
      ),
    );
    if (done === true) return;
  }
}
