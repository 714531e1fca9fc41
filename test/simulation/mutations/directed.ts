/** Tests of rules that seeds break too seldom to wait for. Each throws if its rule does not hold. */
import { deepStrictEqual, strictEqual } from 'node:assert/strict';
import { MemoryBlobStore, MemoryCommitStore, MemoryLog } from '../../../lib/adapters/memory/index.ts';
import { ManualClock, SeededRandom } from '../../../lib/adapters/simulated/index.ts';
import { recordingTelemetry } from '../../../lib/adapters/telemetry/index.ts';
import { collection, epochMillis, pipeline, sum, toMemory } from '../../../lib/index.ts';
import { ALL, type Duration, NOTHING } from '../../../lib/model/index.ts';
import { Channels, type Frame } from '../../../lib/protocol/index.ts';
import { load, openRun, Task, type TaskPorts } from '../../../lib/runtime/index.ts';
import { splitToFit } from '../../../lib/runtime/split-frame.ts';
import { directedGroups } from './directed-groups.ts';
import { directedGrowth } from './directed-growth.ts';

export type Directed = () => Promise<void>;

function keyedSums() {
  const commits = new MemoryCommitStore({ volatile: false });
  const clock = new ManualClock();
  const ports: TaskPorts = {
    ...{ commits, clock, log: new MemoryLog(clock, { encode: true }), blobs: new MemoryBlobStore(), atomic: undefined },
    ...{ random: new SeededRandom(7), telemetry: recordingTelemetry() },
  };
  const rows = Array.from({ length: 12 }, (_, i) => ({ at: i, key: `k${i}`, n: i }));
  const built = pipeline('sums', (p) => {
    p.source('in', collection(rows), { eventTime: (r) => epochMillis(r.at) })
      .keyBy('by-key', (r) => r.key)
      .aggregate('sums', { total: sum((r) => r.n) })
      .to('out', toMemory());
  });
  const opened = openRun(built, ports, {
    ...{ durable: true, runId: 'run-1', signal: new AbortController().signal, slots: 32 },
    limits: { sourceRows: 2, batchMessages: 1 },
  });
  return { commits, clock, opened };
}

/** A query of the slots that misses a version in the middle is asked again. */
const incompleteChain: Directed = async () => {
  const { commits, clock, opened } = keyedSums();
  const { tasks } = await opened;
  for (const task of tasks) while ((await task.ring()).kind === 'advanced');
  const { host } = tasks.find(({ state }) => state !== undefined && state.store.size > 0 && state.version > 2)!;
  const whole = await load(host);
  let queries = 0;
  const torn = {
    ...host,
    clock: { now: () => clock.now(), sleep: async () => {} },
    commits: {
      volatile: false,
      slots: async (run: string, task: typeof host.task) => {
        const slots = await commits.slots(run, task);
        return queries++ === 0 ? slots.filter(({ header }) => header.version !== whole.version - 1) : slots;
      },
    } as unknown as TaskPorts['commits'],
  };
  const again = await load(torn);
  const cells = (state: typeof whole) => state.store.tables.flatMap((table) => [...table.cells()].map((c) => c.key));
  deepStrictEqual(cells(again), cells(whole));
};

/** What arrived while a source was being read has arrived by the clock after the read: claims reckon from there. */
const slowRead: Directed = async () => {
  const { clock, opened } = keyedSums();
  const { host } = (await opened).tasks[0]!;
  const source = host.source!;
  const slow = new Task({
    ...host,
    source: {
      ...source,
      log: {
        ...source.log,
        read: async (...asked) => {
          const slice = await source.log.read(...asked);
          clock.advance(10_000 as Duration);
          return slice;
        },
      },
    },
  });
  await slow.ring();
  strictEqual(slow.state?.lastArrival, clock.now());
};

const frame = (task: number, cause: number, watermark: number): Frame => ({
  ...{ kind: 'frame', run: 'r', channel: { edge: 'e', task }, channels: 2, epoch: 0 },
  prev: cause === 0 ? NOTHING : { cause: cause - 1, k: ALL },
  thru: { cause, k: ALL },
  ...{ values: [], keys: undefined, times: [], causes: [], ks: [], steps: [0, watermark] },
});

/** History that was left out for its silence is waited for again as soon as it speaks. */
const driftedSpeaks: Directed = async () => {
  const idle = { policy: 'advance', after: 5_000, drift: 20_000 } as const;
  const channels = new Channels([{ edge: 'e', bound: 1_000, idle: idle as never }], 0);
  const hear = (task: number, cause: number, watermark: number): void => {
    const said = frame(task, cause, watermark);
    channels.begin(said);
    channels.step('e', task, watermark);
    channels.end(said);
  };
  hear(0, 0, 1_000_000);
  hear(1, 0, 100_000);
  strictEqual(channels.watermark().value, 100_000);
  const silence = { channel: { edge: 'e', task: 1 }, prev: { cause: 0, k: ALL }, upTo: 1, watermark: 110_000 };
  channels.claim({
    ...{ kind: 'claims', run: 'r', time: 1_010_000, edges: [['e', 2]] },
    list: [{ ...silence, silentSince: 1_000_000 }],
  });
  strictEqual(channels.watermark().value, 1_000_000);
  hear(1, 1, 200_000);
  strictEqual(channels.watermark().value, 200_000);
};

/** Nondeterministic code may say something else of a message at each attempt: its results must not be cut where they fit a frame together. */
const cutsBetweenMessages: Directed = async () => {
  const causes = Array.from({ length: 30 }, (_, i) => Math.floor(i / 3));
  const whole: Frame = {
    ...frame(0, 9, 5),
    ...{ prev: NOTHING, causes, ks: causes.map((_, i) => i % 3), times: causes.map(() => 0), steps: [] },
    values: causes.map((cause, i) => `${cause} ${i} `.repeat(20)),
  };
  const parts = splitToFit(whole, 1_000).map((part) => part.frame);
  strictEqual(parts.length > 1, true);
  strictEqual(parts.flatMap((part) => part.values).length, causes.length);
  deepStrictEqual(
    parts.map((part) => part.thru.k),
    parts.map(() => ALL),
  );
};

export const directed: Readonly<Record<string, Directed>> = {
  ...{ incompleteChain, slowRead, driftedSpeaks, cutsBetweenMessages, ...directedGrowth, ...directedGroups },
};
