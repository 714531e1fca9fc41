/** Rules of frames, positions and offsets. */
import type { Mutation } from './mutation.ts';

const APPLIER = 'lib/runtime/applier.ts';
const COMMITTER = 'lib/runtime/committer.ts';
const EDGE = 'lib/runtime/edge-output.ts';
const INTAKE = 'lib/runtime/intake.ts';
const SPLIT = 'lib/runtime/split-frame.ts';
const TASK = 'lib/runtime/task.ts';

export const logs: readonly Mutation[] = [
  {
    name: 'repeats are not dropped',
    edits: [{ file: APPLIER, find: 'for (let i = arrival.first; i < n; i++)', replace: 'for (let i = 0; i < n; i++)' }],
    scenarios: ['rolling'],
  },
  {
    name: 'holes are skipped',
    edits: [
      {
        file: INTAKE,
        find: 'if (delivered === undefined || !contiguous(messages, state.nextOffset)) {',
        replace: 'if (messages.length > 0) upTo = messages.at(-1)!.offset + 1;\n    if (delivered === undefined) {',
      },
    ],
    scenarios: ['rolling'],
  },
  {
    name: 'trailing holes are not proven',
    edits: [
      {
        file: INTAKE,
        find: 'const upTo = Math.min(slice.next, limit);',
        replace: 'const upTo = Math.min((slice.offsets?.at(-1) ?? from - 1) + 1, limit);',
      },
    ],
    scenarios: ['rolling', 'windows'],
  },
  {
    name: 'frames out of order',
    edits: [
      {
        file: COMMITTER,
        find: 'if (!journaled && entries.length > 0) await log.append(entries);',
        replace: 'if (!journaled && entries.length > 0) await log.append(entries.toReversed());',
      },
    ],
    scenarios: ['wild'],
  },
  {
    name: 'append errors are ignored',
    edits: [
      {
        file: COMMITTER,
        find: 'if (!journaled && entries.length > 0) await log.append(entries);',
        replace: 'if (!journaled && entries.length > 0) await log.append(entries).catch(() => {});',
      },
    ],
    scenarios: ['rolling'],
  },
  {
    name: 'a watermark before its records',
    edits: [
      {
        file: APPLIER,
        find: 'while (step < steps.length && steps[step]! <= i) {',
        replace: 'while (step < steps.length) {',
      },
    ],
    scenarios: ['windows'],
  },
  {
    name: 'every part of a split batch carries the watermark',
    edits: [
      {
        file: SPLIT,
        find: '  return {\n    ...frame,\n    prev: from === 0',
        replace:
          '  if (to < n && frame.steps.length > 0) steps.push(to - from, frame.steps.at(-1)!);\n  return {\n    ...frame,\n    prev: from === 0',
      },
    ],
    scenarios: ['grid', 'late'],
  },
  {
    name: 'repeats are told by counting',
    edits: [
      { file: EDGE, find: '      this.#cause = cause;\n      this.#k = 0;\n', replace: '      this.#cause = cause;\n' },
      { file: EDGE, find: 'put(to, value, time, cause, this.#k++);', replace: 'put(to, value, time, this.#k++, 0);' },
      {
        file: EDGE,
        find: '    this.#findBoundary();\n  }\n\n  record(',
        replace:
          '    this.#findBoundary();\n    for (const { thru } of this.sent) this.#k = Math.max(this.#k, thru.cause + 1);\n  }\n\n  record(',
      },
      {
        file: EDGE,
        find: 'const thru: Position = { cause: upTo - 1, k: ALL };',
        replace: 'const thru: Position = { cause: this.#k - 1, k: ALL };',
      },
    ],
    scenarios: ['wild'],
  },
  {
    name: 'a frame speaks as far as its last record, not as its batch',
    edits: [
      {
        file: EDGE,
        find: '      const d = this.#drafts[q]!;\n      const sent = this.sent[q]!;\n      const reached',
        replace:
          '      const d = this.#drafts[q]!;\n      const sent = this.sent[q]!;\n      const thru = d.values.length === 0 ? sent.thru : { cause: d.causes.at(-1)!, k: d.ks.at(-1)! };\n      const reached',
      },
    ],
    scenarios: ['wild'],
  },
  {
    name: 'a message is cut although it need not be',
    edits: [
      {
        file: SPLIT,
        find: 'if (at > 0 && at < causes.length && causes[at] !== causes[at - 1]) return at;',
        replace: '{}',
      },
    ],
    directed: 'cutsBetweenMessages',
  },
  {
    name: 'an internal topic is taken for the one it was',
    edits: [
      {
        file: 'lib/testing/simulation/stored-log.ts',
        find: 'if (this.#current(topic.name).topic.id === topic.id) return;',
        replace: 'if (this.#current(topic.name) !== undefined) return;',
      },
      {
        file: 'lib/protocol/facts.ts',
        find: 'if (log.id !== head.topicId) return lost(',
        replace: 'if (log.id === undefined) return lost(',
      },
    ],
    scenarios: ['lost-log'],
  },
  {
    name: 'an upgrade by fence alone',
    edits: [
      {
        file: TASK,
        find: 'state.epoch < this.host.epoch && this.host.atomic !== undefined',
        replace: 'state.epoch < this.host.epoch',
      },
      {
        file: 'lib/testing/simulation/upgrade.ts',
        find: 'switched.add(taskName(task));\n',
        replace:
          'switched.add(taskName(task));\n        callers.get(taskName(task))!.version = version;\n        if (version > 0) return undefined;\n',
      },
    ],
    scenarios: ['upgrade'],
  },
  {
    name: 'a source is handed over before the old code has come to its end',
    edits: [
      {
        file: TASK,
        find: 'if (state.nextOffset < at) state.handOver = { at, epoch };',
        replace: 'if (state.nextOffset < 0) state.handOver = { at, epoch };',
      },
    ],
    scenarios: ['upgrade'],
    more: { crash: 3, lost: 3, fail: 3 },
  },
  {
    name: 'code goes on behind a barrier',
    edits: [
      {
        file: INTAKE,
        find: 'if (barrier >= 0 && barrier < messages.length - 1) {',
        replace: 'if (barrier >= messages.length) {',
      },
    ],
    scenarios: ['upgrade'],
  },
  {
    name: 'a source goes on with rows that it has read long after it looked for newer code',
    edits: [
      {
        file: 'lib/runtime/source-watch.ts',
        find: 'return this.#isHandedOver || this.#watch.isCurrent(this.#task.host.epoch);',
        replace: 'return true;',
      },
    ],
    scenarios: ['upgrade-looking'],
    more: { pause: 4, twice: 3 },
  },
  {
    name: 'a source is handed over while older code may not have looked yet',
    edits: [
      {
        file: 'lib/testing/simulation/upgrade.ts',
        find: 'since + LOOK_AGE + 2 * fleet.clockSkew;',
        replace: 'since;',
      },
    ],
    scenarios: ['upgrade-looking'],
  },
];
