/** The ports of a simulated process that has its stores for itself and writes steps in groups. What it has not written is gone with it; nothing of it lands later. */
import { taskName } from '../../model/index.ts';
import type { TaskPorts } from '../../runtime/index.ts';
import type { SimProcess } from './sim-process.ts';
import type { SimStepGroup } from './sim-step-group.ts';
import { commitOf } from './stored-commits.ts';
import type { World } from './world.ts';

/** `ports`: those of a process that writes everything at once, of which reads and blobs are taken. */
export function groupPorts(
  { log, commits }: World,
  process: SimProcess,
  version: number,
  group: SimStepGroup,
  ports: TaskPorts,
): TaskPorts {
  const alone = <T>(what: string, work: () => T): Promise<T> => process.local(what, () => group.alone(work));
  const put: TaskPorts['commits']['put'] = (_run, task, slot, commit, expect) =>
    alone(`commit ${taskName(task)}`, () => commits.put(task, slot, commit, expect, version));
  return {
    ...ports,
    log: {
      ...ports.log,
      ensureTopic: (name, partitions) => alone(`ensure ${name}`, () => log.ensureTopic(name, partitions)),
      append: (entries) => process.local('append', () => group.append(entries)),
    },
    commits: {
      ...ports.commits,
      put,
      slots: (_run, task) =>
        process.local(`query slots of ${taskName(task)}`, async () => {
          await group.flush();
          return [...commits.slots(task).values()].map(commitOf);
        }),
      head: (_run, task) =>
        process.read(`head of ${taskName(task)}`, () => group.head(task) ?? commits.newest(task)?.header),
      createRecord: (_pipeline, name, value) => alone(`record ${name}`, () => commits.createRecord(name, value)),
    },
    atomic: {
      group,
      appendAndPut: async (entries, run, task, slot, commit, expect) => {
        await ports.log.append(entries);
        return put(run, task, slot, commit, expect);
      },
    },
  };
}
