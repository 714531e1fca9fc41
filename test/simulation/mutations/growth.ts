/** Rules of sources that gain partitions. */
import type { Mutation } from './mutation.ts';

const COMMITTER = 'lib/runtime/committer.ts';
const CONTROLLER = 'lib/runtime/controller.ts';
const GROWTH = 'lib/runtime/run-tasks.ts';
const INTAKE = 'lib/runtime/intake.ts';
const LOAD = 'lib/runtime/load.ts';

export const growth: readonly Mutation[] = [
  {
    name: 'frames say how many tasks there are, not how many partitions',
    edits: [
      {
        file: COMMITTER,
        find: 'Math.max(state.partitions, this.#host.partitionsOf(stage.id))',
        replace: 'this.#host.partitionsOf(stage.id)',
      },
    ],
    scenarios: ['growth'],
  },
  {
    name: 'partitions are counted before the rows are read',
    edits: [
      {
        file: INTAKE,
        find: '    const slice: SourceSlice =\n',
        replace: '    const before = (await source.partitions?.()) ?? 0;\n    const slice: SourceSlice =\n',
      },
      {
        file: INTAKE,
        find: 'if (source.partitions !== undefined) state.partitions = await source.partitions();',
        replace: 'state.partitions = before;',
      },
    ],
    directed: 'countedAfterRows',
  },
  {
    name: 'partitions are counted before the commits are read',
    edits: [
      {
        file: CONTROLLER,
        find: '      const { tasks } = this.#run;\n',
        replace: '      await this.#run.grow(() => {});\n      const { tasks } = this.#run;\n',
      },
      {
        file: CONTROLLER,
        // biome-ignore lint/suspicious/noTemplateCurlyInString: source text
        find: '      await this.#run.grow((stage, error) => {\n        if (!isPassing(error)) throw error;\n        uncounted.add(stage);\n        this.#warn(`partitions of ${stage} cannot be counted`, error);\n      });\n      if (this.#run.tasks !== tasks) continue;\n',
        replace: '',
      },
    ],
    directed: 'countedAfterCommits',
  },
  {
    name: 'a partition that was gained is silent since the run was created',
    edits: [{ file: LOAD, find: 'lastArrival: host.clock.now()', replace: 'lastArrival: run.createdAt' }],
    directed: 'silentSinceBirth',
  },
  {
    name: 'a task works before the run is known to have it',
    edits: [
      {
        file: GROWTH,
        find: '    if (partitions > born) await writeGrowth(this.#ports.commits, record, stage.id, partitions);\n',
        replace:
          '    if (partitions > born) void writeGrowth(this.#ports.commits, record, stage.id, partitions).catch(() => {});\n',
      },
    ],
    directed: 'knownOnceBorn',
  },
  {
    name: 'the run is known to have a task before it is born',
    edits: [
      {
        file: GROWTH,
        find: '    const record = withPartitions(this.#record, stage.id, partitions);\n',
        replace:
          '    const record = withPartitions(this.#record, stage.id, partitions);\n    await writeGrowth(this.#ports.commits, record, stage.id, partitions);\n',
      },
    ],
    directed: 'knownOnceBorn',
  },
];
