import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type MemorySink, type Pipeline, pipeline, type SourceConnector, seconds, toMemory } from '../../lib/index.ts';
import type { LogMessage } from '../../lib/ports/index.ts';
import type { OpenRun, Task } from '../../lib/runtime/index.ts';
import { Feed } from '../../lib/testing/index.ts';
import { messagesIn, opened, settle, type TestPorts, taskOf, testPorts } from './stage.ts';

interface Seen {
  readonly n: number;
  /** The code that handled it in the source's stage, and behind the first exchange. */
  readonly source: number;
  readonly middle: number;
}

/** Version `v` of a pipeline: the code of the stages named differs, and with it where their records go. */
function versioned(
  v: number,
  changed: readonly ('in' | 'mark')[],
  feed: Feed<number>,
  out: MemorySink<Seen>,
): Pipeline {
  const [source, middle] = [changed.includes('in') ? v : 0, changed.includes('mark') ? v : 0];
  // What decides a fingerprint is the text of functions: two versions have two texts.
  const inSource: (n: number) => Seen =
    source === 0 ? (n: number) => ({ n, source: 0, middle: -1 }) : (n: number) => ({ n, source: 1, middle: -1 });
  const inMiddle: (r: Seen) => Seen =
    middle === 0 ? (r: Seen) => ({ ...r, middle: 0 }) : (r: Seen) => ({ ...r, middle: 1 });
  const route: (r: Seen) => number = middle === 0 ? (r: Seen) => r.n % 3 : (r: Seen) => (r.n + 1) % 5;
  return pipeline(
    'switching',
    (p) => {
      p.source('in', feed)
        .map('begin', inSource)
        .rebalance('spread')
        .map('mark', inMiddle)
        .keyBy('by-route', route)
        .reduce('last', (_, b) => b)
        .to('out', out);
    },
    { parallelism: 2 },
  );
}

interface Two {
  readonly ports: TestPorts;
  readonly feed: Feed<number>;
  readonly out: MemorySink<Seen>;
  readonly old: OpenRun;
  readonly next: () => Promise<OpenRun>;
}

async function two(changed: readonly ('in' | 'mark')[], atomic = false): Promise<Two> {
  const ports = testPorts({ atomic });
  const feed = new Feed<number>(1, () => ports.clock.now());
  const out = toMemory<Seen>();
  const limits = { limits: { sourceRows: 2, batchMessages: 3 } };
  const old = await opened(versioned(0, changed, feed, out), ports, limits);
  return { ports, feed, out, old, next: () => opened(versioned(1, changed, feed, out), ports, limits) };
}

const numbers = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);
const sorted = (out: { readonly records: readonly Seen[] }) => [...out.records].sort((a, b) => a.n - b.n);

const barrier = (ports: TestPorts, partition: number): Promise<void> =>
  ports.log.append([
    { topic: 'switching.mark', partition, message: { kind: 'barrier', run: 'run', epoch: 1, code: 'next' } },
  ]);

/** Tasks whose code is switched; a sink in memory bears one process only. */
const changing = ({ tasks }: OpenRun): Task[] => tasks.filter(({ id }) => id.stage !== 'last');

/** Rings tasks of several processes until none moves. */
async function settleAll(tasks: readonly Task[]): Promise<void> {
  for (let moved = true; moved; ) {
    moved = false;
    for (const task of tasks) {
      const { kind } = await task.ring();
      if (kind === 'advanced' || kind === 'lost') moved = true;
    }
  }
}

describe('a barrier', () => {
  it('11: old code handles nothing behind it, new code nothing before, whoever delivers what and when', async () => {
    const turn = fc.record({ who: fc.nat(1), partition: fc.nat(1), from: fc.nat(12), size: fc.nat(6) });
    await fc.assert(
      fc.asyncProperty(fc.nat(12), fc.nat(12), fc.array(turn, { maxLength: 25 }), async (first, second, turns) => {
        const { ports, feed, out, old, next } = await two(['mark']);
        feed.push(0, numbers(0, 10));
        await settle([taskOf(old, 'in')]);
        const at = [first, second];
        const switched = [new Set<number>(), new Set<number>()];
        const known = await next();
        for (const partition of [0, 1]) {
          if (at[partition]! < 6) await barrier(ports, partition);
        }
        feed.push(0, numbers(10, 24));
        await settle([taskOf(old, 'in')]);
        for (const partition of [0, 1]) {
          if (at[partition]! >= 6) await barrier(ports, partition);
          await barrier(ports, partition);
        }
        const logs: (readonly LogMessage[])[] = [];
        for (const partition of [0, 1]) {
          const log = await messagesIn(ports, 'switching.mark', partition);
          logs.push(log);
          const line = log.findIndex(({ message }) => message.kind === 'barrier');
          for (const { message } of log.slice(line))
            if (message.kind === 'frame') for (const r of message.values) switched[partition]!.add((r as Seen).n);
        }
        for (const { who, partition, from, size } of turns) {
          const task = taskOf(who === 0 ? old : known, 'mark', partition);
          const before = (await ports.commits.head('run', task.id))!;
          const result = await task.deliver(logs[partition]!.slice(from, from + size));
          if (result.kind === 'other-code') expect(before.epoch).not.toBe(who);
        }
        await settleAll([...known.tasks, ...changing(old)]);
        const all = new Set([...switched[0]!, ...switched[1]!]);
        expect(sorted(out)).toEqual(numbers(0, 24).map((n) => ({ n, source: 0, middle: all.has(n) ? 1 : 0 })));
      }),
      { numRuns: 30 },
    );
  });

  it('11: is not needed where appends and commits are one: new code goes on at the next offset', async () => {
    const { feed, out, old, next } = await two(['mark'], true);
    feed.push(0, numbers(0, 6));
    await settle(old.tasks);
    feed.push(0, numbers(6, 9));
    const known = await next();
    expect(known.changedStages).toEqual(['mark']);
    await settle(known.tasks);
    expect(sorted(out).map((r) => r.middle)).toEqual([...new Array(6).fill(0), ...new Array(3).fill(1)]);
    expect(await taskOf(old, 'mark').ring()).toEqual({ kind: 'lost' });
    expect(await taskOf(old, 'mark').ring()).toEqual({ kind: 'other-code', epoch: 1 });
  });
});

describe('a source’s hand-over', () => {
  it('11: old code works up to the offset, new code from it on, whoever is rung', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(14), fc.nat(6), fc.array(fc.nat(1), { maxLength: 20 }), async (at, before, turns) => {
        const { feed, out, old, next } = await two(['in']);
        feed.push(0, numbers(0, before));
        await settle(old.tasks);
        const source = taskOf(old, 'in');
        const known = await next();
        await source.handOver(at, 1);
        feed.push(0, numbers(before, 15));
        for (const who of turns) await taskOf(who === 0 ? old : known, 'in').ring();
        await settleAll([...known.tasks, ...changing(old)]);
        const line = Math.max(at, before);
        expect(sorted(out)).toEqual(numbers(0, 15).map((n) => ({ n, source: n < line ? 0 : 1, middle: 0 })));
      }),
      { numRuns: 30 },
    );
  });
});

describe('a hand-over in the middle of what a source read', () => {
  it('14: leaves no row out, though offsets have holes and the source has a cursor of its own', async () => {
    const rows = numbers(0, 9);
    const connector: SourceConnector<number> = {
      ...{ kind: 'sparse', options: { partitions: 1 }, bounded: false },
      open: async () => ({
        info: { id: 'sparse', partitions: 1, bounded: false, resumable: true },
        async read(_partition, from, limit, cursor) {
          const first = typeof cursor === 'number' ? cursor : Math.ceil(from / 10);
          const last = Math.min(first + limit, rows.length);
          const values = rows.slice(first, last);
          const offsets = values.map((n) => n * 10);
          const next = last === rows.length ? 90 : last * 10;
          return { values, offsets, next: Math.max(from, next), cursor: last, start: 0, end: 90, sealed: false };
        },
        bounds: async () => ({ start: 0, end: 90, sealed: false }),
        close: async () => {},
      }),
    };
    const out = toMemory<number>();
    const made = (fn: (n: number) => number) =>
      pipeline('sparse', (p) => p.source('in', connector).map('mark', fn).to('out', out));
    const ports = testPorts();
    const old = await opened(
      made((n) => n),
      ports,
    );
    await taskOf(old, 'in').handOver(25, 1);
    const known = await opened(
      made((n) => n + 100),
      ports,
    );
    for (let turn = 0; turn < 3; turn++) for (const run of [old, known]) await taskOf(run, 'in').ring();
    expect(out.records).toEqual([0, 1, 2, 103, 104, 105, 106, 107, 108]);
  });
});

describe('fixing a source’s end', () => {
  it('takes nothing at or beyond it, then ends', async () => {
    const { feed, out, old, ports } = await two([]);
    feed.push(0, numbers(0, 9));
    const source = taskOf(old, 'in');
    await source.ring();
    await source.drainTo(5);
    await settle(old.tasks);
    expect(sorted(out).map((r) => r.n)).toEqual(numbers(0, 5));
    expect((await ports.commits.head('run', source.id))!).toMatchObject({ nextOffset: 5, source: { done: true } });
    feed.push(0, [99]);
    expect(await source.ring()).toMatchObject({ kind: 'idle', done: true });
  });

  it('14: before where it stands, ends it where it stands', async () => {
    const { feed, out, old, ports } = await two([]);
    feed.push(0, numbers(0, 8));
    await settle(old.tasks);
    const source = taskOf(old, 'in');
    await source.drainTo(0);
    await settle(old.tasks);
    expect((await ports.commits.head('run', source.id))!).toMatchObject({ nextOffset: 8, source: { done: true } });
    expect(sorted(out).map((r) => r.n)).toEqual(numbers(0, 8));
    expect(taskOf(old, 'last').state!.watermark).toBe(Number.MAX_SAFE_INTEGER);
  });

  it('1: fails for nobody’s loss when another process commits at the same time', async () => {
    const { feed, old, ports, out } = await two([]);
    feed.push(0, numbers(0, 6));
    const other = await opened(versioned(0, [], feed, out), ports);
    await Promise.all([taskOf(old, 'in').ring(), taskOf(other, 'in').drainTo(4)]);
    await taskOf(other, 'in').drainTo(4);
    ports.clock.advance(seconds(1));
    await settleAll([...other.tasks, ...changing(old)]);
    expect(sorted(out).map((r) => r.n)).toEqual(numbers(0, 4));
  });
});
