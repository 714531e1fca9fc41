/** Rules of time: watermarks, timers, claims, silence, ends. */
import type { Mutation } from './mutation.ts';

const APPLIER = 'lib/runtime/applier.ts';
const CHANNELS = 'lib/protocol/channels.ts';
const CONTROLLER = 'lib/runtime/controller.ts';
const FORESIGHT = 'lib/protocol/foresight.ts';
const MINIMUM = 'lib/protocol/channel-minimum.ts';

export const time: readonly Mutation[] = [
  {
    name: 'timers in map order',
    edits: [
      {
        file: 'lib/state/timer-queue.ts',
        find: 'return due.sort(compareDue).filter((cell, i) => cell !== due[i - 1]);',
        replace: 'return [...new Set(due)];',
      },
    ],
    scenarios: ['windows', 'quiet'],
  },
  {
    name: 'claims without looking at the end of the log',
    edits: [{ file: FORESIGHT, find: 'if (!isDrained(facts) || logFault', replace: 'if (logFault' }],
    scenarios: ['windows', 'quiet'],
  },
  {
    name: 'claims with the clock read after the end of the log',
    edits: [
      {
        file: CONTROLLER,
        find: '    const now = this.#ports.clock.now();\n    this.#trouble = undefined;\n    const tasks = await this.#facts();',
        replace: '    const tasks = await this.#facts();\n    const now = this.#ports.clock.now();',
      },
    ],
    scenarios: ['windows', 'quiet'],
  },
  {
    name: 'a watermark before all channels have spoken',
    edits: [
      {
        file: MINIMUM,
        find: 'if (channel.watermark === MIN_TIME && !channel.spoken) return { value: undefined, holder: i, rest: i };',
        replace: 'if (channel.watermark === MIN_TIME && !channel.spoken) continue;',
      },
    ],
    scenarios: ['windows', 'quiet'],
  },
  {
    name: 'a new channel is not awaited',
    edits: [
      {
        file: CHANNELS,
        find: 'this.#widen(edge, Math.max(frame.channels, task + 1))',
        replace: 'this.#widen(edge, task + 1)',
      },
      {
        file: CHANNELS,
        find: 'if (this.#lanes.has(edge)) this.#widen(edge, channels);\n    for (const claim',
        replace: '{}\n    for (const claim',
      },
    ],
    scenarios: ['growth', 'windows', 'quiet'],
  },
  {
    name: 'steps are applied at the end of their frame',
    edits: [
      { file: APPLIER, find: 'while (step < steps.length && steps[step]! <= i) {', replace: 'while (step < 0) {' },
    ],
    scenarios: ['late'],
  },
  {
    name: 'the grid of watermarks leaves lateness out',
    edits: [
      {
        file: 'lib/operators/window/window-operator.ts',
        find: '[...spans, allowed].map(Math.abs)',
        replace: '[...spans].map(Math.abs)',
      },
    ],
    scenarios: ['grid'],
  },
  {
    name: 'timers fire once a batch',
    edits: [
      {
        file: APPLIER,
        find: '    this.#fire(store.eventTimers, watermark);\n',
        replace: '',
      },
      {
        file: APPLIER,
        find: '  /** A way back to here. */',
        replace:
          '  fireNow(): void {\n    const { store, unit } = this.#state;\n    this.#fire(store.eventTimers, unit.watermark);\n  }\n  /** A way back to here. */',
      },
      {
        file: 'lib/runtime/intake.ts',
        find: '        return upTo;\n      },\n    };\n  }\n\n  /** What the stage',
        replace: '        applier.fireNow();\n        return upTo;\n      },\n    };\n  }\n\n  /** What the stage',
      },
    ],
    scenarios: ['windows', 'late'],
  },
  {
    name: 'history that fell silent holds all others back',
    edits: [
      {
        file: MINIMUM,
        find: 'if (claim !== MIN_TIME && rest - claim <= drift) return claim;',
        replace: 'if (claim !== MIN_TIME) return claim;',
      },
    ],
    scenarios: ['drift'],
  },
  {
    name: 'drift by the local clock',
    edits: [
      {
        file: APPLIER,
        find: 'this.#state.channels.claim(claims);',
        replace: 'this.#state.channels.claim({ ...claims, time: this.#host.clock.now() });',
      },
    ],
    scenarios: ['drift', 'windows'],
  },
  {
    name: 'silence is not verified',
    edits: [
      { file: FORESIGHT, find: 'if (!isDrained(facts) || logFault', replace: 'if (logFault' },
      {
        file: FORESIGHT,
        find: 'const known = state.spoken && state.watermark !== MIN_TIME;',
        replace: 'const known = state.spoken && state.watermark !== MIN_TIME && isDrained(facts);',
      },
    ],
    scenarios: ['drift', 'replay'],
  },
  {
    name: 'a drifted channel does not count again when it speaks',
    edits: [
      {
        file: CHANNELS,
        find: 'silent: ends ? undefined : silent });\n    this.#minimum = undefined;',
        replace: 'silent });\n    this.#minimum = undefined;',
      },
    ],
    directed: 'driftedSpeaks',
  },
  {
    name: 'a partition that never spoke is passed over at once',
    edits: [
      {
        file: MINIMUM,
        find: 'return silent.verifiedAt - silent.since >= idle.after + skew;',
        replace: 'return watermark === MIN_TIME || silent.verifiedAt - silent.since >= idle.after + skew;',
      },
    ],
    scenarios: ['replay'],
  },
  {
    name: 'a claim of time for a partition that never spoke',
    edits: [
      {
        file: FORESIGHT,
        find: 'watermark: known ? Math.min(state.watermark + quiet, MAX_TIME - 1) : undefined,',
        replace: 'watermark: known ? Math.min(state.watermark + quiet, MAX_TIME - 1) : state.lastArrival + quiet,',
      },
    ],
    scenarios: ['windows', 'quiet'],
  },
  {
    name: 'what lies behind a fixed end is applied',
    edits: [
      {
        file: 'lib/runtime/intake.ts',
        find: 'const want = Math.min(this.#host.limits.sourceRows, limit - from);',
        replace: 'const want = limit <= from ? 0 : this.#host.limits.sourceRows;',
      },
      {
        file: 'lib/runtime/intake.ts',
        find: 'const upTo = Math.min(slice.next, limit);',
        replace: 'const upTo = slice.next;',
      },
      { file: 'lib/runtime/source-batch.ts', find: 'if (offset >= limit) return;', replace: '' },
    ],
    scenarios: ['bounded'],
  },
  {
    name: 'the end is said before it is reached',
    edits: [
      {
        file: 'lib/runtime/intake.ts',
        find: 'const ended = upTo >= end || (slice.sealed && slice.end !== undefined && upTo >= slice.end);',
        replace: 'const ended = upTo >= end - 1 || (slice.end !== undefined && upTo >= slice.end);',
      },
    ],
    scenarios: ['bounded'],
  },
  {
    name: 'processing time from ticks alone',
    edits: [
      {
        file: APPLIER,
        find: 'this.processingTime(isTick ? Math.max(message.time, body.time) : message.time);',
        replace: 'if (isTick) this.processingTime(body.time);',
      },
    ],
    scenarios: ['ticks'],
  },
  {
    name: 'the last arrival is by a clock read before the source',
    edits: [
      {
        file: 'lib/runtime/intake.ts',
        find: '    const slice: SourceSlice =\n',
        replace: '    const before = this.#host.clock.now();\n    const slice: SourceSlice =\n',
      },
      {
        file: 'lib/runtime/intake.ts',
        find: 'slice.values.length > 0 ? now : undefined',
        replace: 'slice.values.length > 0 ? before : undefined',
      },
    ],
    directed: 'slowRead',
  },
];
