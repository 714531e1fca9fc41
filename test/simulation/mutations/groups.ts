/** Rules of steps that are written in groups. */
import type { Mutation } from './mutation.ts';

const COMMITTER = 'lib/runtime/committer.ts';
const STAGED = 'lib/runtime/staged-step.ts';
const GROUP = 'lib/testing/simulation/sim-step-group.ts';

export const groups: readonly Mutation[] = [
  {
    name: 'a sink that does not go back is written before the flush',
    edits: [
      { file: COMMITTER, find: 'if (atOnce.some(({ sink }) => sink.isFinal)) await group?.flush();', replace: '' },
    ],
    scenarios: ['groups-moody'],
  },
  {
    name: 'a staged commit survives without the frames staged with it',
    edits: [
      {
        file: GROUP,
        find: '    this.#staged.clear();\n    this.#world.log.lose();',
        replace: '    const left = this.#bodies() ?? [];\n    this.#world.log.lose();\n    this.#write(left);',
      },
    ],
    scenarios: ['groups', 'groups-moody'],
  },
  {
    name: 'staged frames survive without the commit staged with them',
    edits: [{ file: GROUP, find: 'this.#world.log.lose();', replace: 'this.#world.log.settle();' }],
    scenarios: ['groups-moody'],
  },
  {
    name: 'settling drops the cells that a later step has changed',
    edits: [
      {
        file: 'lib/state/keyed-store.ts',
        find: '      if (cell.stamp === since) continue;',
        replace: '      if (cell.stamp <= since) continue;',
      },
    ],
    scenarios: ['groups'],
  },
  {
    name: 'settling drops the rows that a later step has changed',
    edits: [
      {
        file: 'lib/state/row-table.ts',
        find: '      if (this.numbers[place] === since) continue;\n      this.numbers[place] = since;',
        replace: '      if (this.numbers[place]! <= since) continue;\n      this.numbers[place] = since;',
      },
    ],
    scenarios: ['groups'],
  },
  {
    name: 'a staged step is written with what a later one is changing',
    edits: [
      { file: STAGED, find: 'if (this.#body === undefined && !this.#open)', replace: 'if (this.#body === undefined)' },
    ],
    directed: 'noBodyUnderWay',
  },
  {
    name: 'a step that comes to nothing stays in the staged one before it',
    edits: [{ file: STAGED, find: 'if (this.#open) this.#store.rollback(LAST_COMMIT);', replace: '' }],
    directed: 'withoutWhatFailed',
  },
  {
    name: 'a sink hears that its state is in the store for good when that is staged',
    edits: [
      {
        file: COMMITTER,
        find: '    state.staged = step;\n',
        replace:
          '    state.staged = step;\n    for (const sink of state.chain.sinks) sink.committed(sheet.sinks[sink.id]);\n',
      },
    ],
    scenarios: ['groups', 'groups-moody'],
  },
];
