import { describe, expect, it } from 'vitest';
import { MemoryBlobStore, MemoryCommitStore, MemoryLog } from '../../lib/adapters/memory/index.ts';
import { ManualClock, SeededRandom } from '../../lib/adapters/simulated/index.ts';
import { recordingTelemetry } from '../../lib/adapters/telemetry/index.ts';
import {
  collection,
  type Duration,
  epochMillis,
  MillraceError,
  type Pipeline,
  pipeline,
  sum,
  toMemory,
} from '../../lib/index.ts';
import type { Frame } from '../../lib/protocol/index.ts';
import { Controller, load, type OpenRun, openRun, type Task, type TaskPorts } from '../../lib/runtime/index.ts';

interface Row {
  readonly at: number;
  readonly key: string;
  readonly n: number;
}

const rows = (n: number): Row[] => Array.from({ length: n }, (_, i) => ({ at: i * 1_000, key: `k${i % 7}`, n: i }));

function summing(items: readonly Row[]): {
  pipeline: Pipeline;
  out: { readonly records: readonly { key: string; total: number }[] };
} {
  const out = toMemory<{ key: string; total: number }>();
  const built = pipeline(
    'summing',
    (p) => {
      p.source('in', collection(items), { eventTime: (r) => epochMillis(r.at) })
        .keyBy('by-key', (r) => r.key)
        .aggregate('sums', { total: sum((r) => r.n) })
        .to('out', out);
    },
    { parallelism: 2 },
  );
  return { pipeline: built, out };
}

function ports(): TaskPorts & { log: MemoryLog; commits: MemoryCommitStore; blobs: MemoryBlobStore } {
  const clock = new ManualClock();
  return {
    log: new MemoryLog(clock, { encode: true }),
    commits: new MemoryCommitStore({ volatile: false }),
    blobs: new MemoryBlobStore(),
    atomic: undefined,
    clock,
    random: new SeededRandom(7),
    telemetry: recordingTelemetry(),
  };
}

const open = (built: Pipeline, on: TaskPorts, limits: object = {}, slots = 4): Promise<OpenRun> =>
  openRun(built, on, {
    durable: true,
    runId: 'run-1',
    signal: new AbortController().signal,
    slots,
    limits: { sourceRows: 5, batchMessages: 2, ...limits },
  });

async function work(tasks: readonly Task[]): Promise<void> {
  for (let moved = true; moved; ) {
    moved = false;
    for (const task of tasks) {
      const result = await task.ring();
      if (result.kind === 'stopped') throw result.error;
      if (result.kind === 'advanced' || result.kind === 'lost') moved = true;
    }
  }
}

function totals(records: readonly { key: string; total: number }[]): Record<string, number> {
  return Object.fromEntries(records.map((r) => [r.key, r.total]));
}

function expected(items: readonly Row[]): Record<string, number> {
  const all: Record<string, number> = {};
  for (const { key, n } of items) all[key] = (all[key] ?? 0) + n;
  return all;
}

describe('a ring of slots', () => {
  it('2: every commit refers to a snapshot that covers the version it overwrote, and the chain from it is complete', async () => {
    const items = rows(300);
    const { pipeline: built, out } = summing(items);
    const on = ports();
    const run = await open(built, on);
    await work(run.tasks);
    expect(totals(out.records)).toEqual(expected(items));
    for (const { id, host } of run.tasks) {
      const slots = await on.commits.slots('run-1', id);
      expect(slots.length).toBe(4);
      for (const { header } of slots) expect(header.snapshot!.version).toBeGreaterThanOrEqual(header.version - 4);
      const loaded = await load(host);
      expect(loaded.version).toBe(Math.max(...slots.map((s) => s.header.version)));
      await loaded.close();
    }
  });

  it('4: a state loaded from snapshot and deltas is the one that was committed', async () => {
    const { pipeline: built } = summing(rows(300));
    const run = await open(built, ports());
    for (let turn = 0; turn < 60; turn++) {
      for (const task of run.tasks) await task.ring();
      for (const task of run.tasks) {
        const { state } = task;
        if (state === undefined) continue;
        const loaded = await load(task.host);
        const cells = (s: typeof loaded) =>
          s.store.tables.flatMap((t) => [...t.cells()].map((c) => [t.name, c.key, c.value, c.timer])).sort();
        expect(cells(loaded)).toEqual(cells(state));
        expect(loaded.channels.entries()).toEqual(state.channels.entries());
        await loaded.close();
      }
    }
  });

  it('17: garbage is collected by version, and what a live slot reaches stays', async () => {
    const items = rows(400);
    const { pipeline: built, out } = summing(items);
    const on = ports();
    const run = await open(built, on, { inlineBytes: 10 });
    const before: number[] = [];
    for (let turn = 0; turn < 120; turn++) {
      for (const task of run.tasks) await task.ring();
      for (const task of run.tasks) await task.collectGarbage();
      before.push((await on.blobs.list('')).length);
      if (turn % 10 === 0) for (const task of run.tasks) await task.forget();
    }
    expect(totals(out.records)).toEqual(expected(items));
    expect(Math.max(...before)).toBeLessThan(120);
  });
});

describe('what cannot be mended stops the task, naming it', () => {
  it('an emptied commit store: state lost', async () => {
    const { pipeline: built } = summing(rows(20));
    const on = ports();
    const run = await open(built, on);
    await work(run.tasks);
    await expect(open(built, { ...on, commits: new MemoryCommitStore({ volatile: false }) })).rejects.toMatchObject({
      kind: 'state-lost',
    });
  });

  it('an internal topic deleted and created anew: data lost', async () => {
    const { pipeline: built } = summing(rows(20));
    const on = ports();
    const run = await open(built, on);
    await work(run.tasks);
    on.log.deleteTopic('summing.sums');
    await on.log.ensureTopic('summing.sums', 2);
    await expect(open(built, on)).rejects.toMatchObject({ kind: 'data-lost', message: /created anew/ });
    const round = await new Controller(run, on, { skew: 0 as Duration, grace: 0 as Duration }).round();
    expect(round.stops.map((s) => s.reason)).toContain('data-lost');
  });

  it('a blob store that is away for a while stops nobody; a blob that is gone is lost data', async () => {
    const items = rows(60);
    const { pipeline: built } = summing(items);
    const on = ports();
    const run = await open(built, on, { inlineBytes: 0 });
    await work(run.tasks);
    const away = new MillraceError('unavailable', 'the store is away');
    const store = (refuse: boolean): TaskPorts => ({
      ...on,
      blobs: {
        ...on.blobs,
        put: (name, bytes) => on.blobs.put(name, bytes),
        create: (name, bytes) => on.blobs.create(name, bytes),
        list: (prefix) => on.blobs.list(prefix),
        delete: (names) => on.blobs.delete(names),
        get: async (name) => {
          if (refuse && /delta|snap/.test(name)) throw away;
          return on.blobs.get(name);
        },
        getRange: (name, start, end) => on.blobs.getRange(name, start, end),
      },
      clock: { now: () => on.clock.now(), sleep: async () => {} },
    });
    const [cut] = (await open(built, store(true), { inlineBytes: 0 })).tasks;
    await expect(cut!.ring()).rejects.toThrow('the store is away');
    const [again] = (await open(built, store(false), { inlineBytes: 0 })).tasks;
    expect((await again!.ring()).kind).toBe('idle');
    await on.blobs.delete(await on.blobs.list('run-1/'));
    const [gone] = (await open(built, store(false), { inlineBytes: 0 })).tasks;
    expect(await gone!.ring()).toMatchObject({ kind: 'stopped', reason: 'data-lost' });
  });

  it('14: a log that starts after the next offset: data lost', async () => {
    const { pipeline: built } = summing(rows(60));
    const on = ports();
    const run = await open(built, on);
    const source = run.tasks.find((t) => t.id.stage === 'in')!;
    while ((await source.ring()).kind === 'advanced');
    const topic = (await on.log.topic('summing.sums'))!;
    await on.log.trim(topic, 0, 2);
    const result = await run.tasks.find((t) => t.id.stage === 'sums' && t.id.partition === 0)!.ring();
    expect(result).toMatchObject({ kind: 'stopped', reason: 'data-lost' });
  });

  it('14: a source that ends before the next offset: data lost', async () => {
    const { pipeline: built } = summing(rows(60));
    const run = await open(built, ports());
    const source = run.tasks.find((t) => t.id.stage === 'in')!;
    expect(await source.ring()).toMatchObject({ kind: 'advanced', done: false });
    const next = source.state!.nextOffset;
    const log = run.sources.get('in')!;
    log.read = async (_, from) => ({ values: [], next: from, start: 0, end: next - 1, sealed: false });
    const result = await source.ring();
    expect(result).toMatchObject({ kind: 'stopped', reason: 'data-lost' });
    expect(result.kind === 'stopped' && result.error.message).toContain(
      `ends at ${next - 1}, before the offset ${next}`,
    );
  });

  it('6: a frame that presumes one never seen: gap', async () => {
    const { pipeline: built } = summing(rows(60));
    const on = ports();
    const run = await open(built, on);
    const source = run.tasks.find((t) => t.id.stage === 'in')!;
    await source.ring();
    const topic = (await on.log.topic('summing.sums'))!;
    const { messages } = await on.log.read(topic, 0, 0, { messages: 1, bytes: 1e6 });
    const frame = messages[0]!.message as Frame;
    const lost = { ...frame, prev: { cause: 900, k: 0 }, thru: { cause: 901, k: 0 } };
    await on.log.append([{ topic: topic.name, partition: 0, message: lost }]);
    const receiver = run.tasks.find((t) => t.id.stage === 'sums' && t.id.partition === 0)!;
    expect(await receiver.ring()).toMatchObject({ kind: 'stopped', reason: 'gap' });
    await receiver.forget();
    expect(await receiver.ring()).toMatchObject({ kind: 'stopped', reason: 'gap' });
  });
});

describe('two writers of one task', () => {
  it('1: only one commits a version; the other is told it lost and goes on from there', async () => {
    const items = rows(40);
    const { pipeline: built, out } = summing(items);
    const on = ports();
    const one = await open(built, on);
    const two = await open(built, on);
    for (const run of [one, two]) for (const task of run.tasks) await task.ring();
    const pairs = one.tasks.map((task, i) => [task, two.tasks[i]!] as const);
    for (let turn = 0; turn < 40; turn++) for (const pair of pairs) await Promise.all(pair.map((task) => task.ring()));
    expect(totals(out.records)).toEqual(expected(items));
  });
});
