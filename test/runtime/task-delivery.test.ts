import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { collection, pipeline, type SourceConnector, seconds, toMemory } from '../../lib/index.ts';
import { ALL } from '../../lib/model/index.ts';
import type { LogMessage } from '../../lib/ports/index.ts';
import { slotsUsed } from '../../lib/protocol/index.ts';
import { load, type Task } from '../../lib/runtime/index.ts';
import { Feed } from '../../lib/testing/index.ts';
import { frameOf, messagesIn, opened, settle, type TestPorts, taskOf, testPorts } from './stage.ts';

interface Item {
  readonly key: string;
  readonly list: readonly number[];
}

const item = (n: number): Item => ({ key: `k${n % 2}`, list: [n] });

/** Lists what came, by key: order and repeats show in the result. */
function listing(items: readonly Item[] = []) {
  const out = toMemory<Item>();
  const built = pipeline(
    'listing',
    (p) => {
      p.source('in', collection(items))
        .keyBy('by-key', (r) => r.key)
        .reduce('lists', (a, b) => ({ key: a.key, list: [...a.list, ...b.list] }))
        .rebalance('again')
        .map((r) => r)
        .to('out', out);
    },
    { parallelism: 1 },
  );
  return { pipeline: built, out };
}

const EDGE = 'in--lists';
const TOPIC = 'listing.lists';

/** A run whose stage has n messages before it, one item each. */
async function prepared(n: number, limits = {}) {
  const ports = testPorts();
  const { pipeline: built, out } = listing();
  const run = await opened(built, ports, { limits });
  for (let i = 0; i < n; i++) {
    const prev = { cause: i - 1, k: ALL };
    const frame = frameOf(EDGE, [{ value: item(i), key: `k${i % 2}`, cause: i }], { prev });
    await ports.log.append([{ topic: TOPIC, partition: 0, message: frame }]);
  }
  return { ports, built, out, run, task: taskOf(run, 'lists'), messages: await messagesIn(ports, TOPIC) };
}

const expected = (n: number): number[][] =>
  Array.from({ length: n }, (_, i) => Array.from({ length: Math.floor(i / 2) + 1 }, (_, j) => (i % 2) + 2 * j));

const listsOf = (out: { readonly records: readonly Item[] }) => out.records.map((r) => r.list);

describe('deliveries', () => {
  it('7: apply each message once and in order, whatever was repeated, left out, or delivered from an older offset', async () => {
    const delivery = fc.record({
      from: fc.nat(15),
      length: fc.integer({ min: 0, max: 8 }),
      without: fc.array(fc.nat(7), { maxLength: 2 }),
      twice: fc.boolean(),
      forget: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(delivery, { maxLength: 12 }), async (deliveries) => {
        const { task, run, out, messages } = await prepared(16, { batchMessages: 3 });
        for (const { from, length, without, twice, forget } of deliveries) {
          const some = messages.slice(from, from + length).filter((_, i) => !without.includes(i));
          await task.deliver(twice ? some.flatMap((m) => [m, m]) : some);
          if (forget) await task.forget();
        }
        await settle(run.tasks);
        expect(listsOf(out)).toEqual(expected(16));
      }),
      { numRuns: 40 },
    );
  });

  it('14: fill a hole before and inside a delivery from the log', async () => {
    const { task, messages } = await prepared(8);
    expect(await task.deliver(messages.slice(0, 2))).toMatchObject({ nextOffset: 2 });
    expect(await task.deliver([messages[2]!, messages[4]!])).toMatchObject({ kind: 'advanced', nextOffset: 8 });
    await task.forget();
    expect(await task.deliver([messages[7]!])).toMatchObject({ kind: 'idle', nextOffset: 8 });
  });

  it('7: of what is behind the task change nothing', async () => {
    const { task, ports, messages } = await prepared(6);
    await task.deliver(messages);
    const puts = ports.calls.length;
    expect(await task.deliver(messages.slice(0, 3))).toMatchObject({ kind: 'idle', nextOffset: 6 });
    expect(await task.deliver([])).toMatchObject({ kind: 'idle', nextOffset: 6 });
    expect(ports.calls.length).toBe(puts);
  });

  it('work side by side on a task without mixing: calls queue up', async () => {
    const { task, run, out, messages } = await prepared(12);
    await Promise.all([
      task.deliver(messages.slice(0, 3)),
      task.deliver(messages.slice(2, 6)),
      task.ring(),
      task.forget(),
      task.deliver(messages),
    ]);
    await settle(run.tasks);
    expect(listsOf(out)).toEqual(expected(12));
  });
});

describe('a warm task that others have gone past', () => {
  /** Two processes at a task; the first is warm at offset 2 and misses what the second does up to `upTo`. */
  async function stale(act: (second: Task, messages: readonly LogMessage[], ports: TestPorts) => Promise<unknown>) {
    const { task, ports, built, messages, out } = await prepared(10);
    await task.deliver(messages.slice(0, 2));
    const other = await opened(built, ports);
    const second = taskOf(other, 'lists');
    await act(second, messages, ports);
    return { task, messages, ports, out, other };
  }

  it('goes on from the newest commit when a delivery shows a hole', async () => {
    const { task, messages, out, other } = await stale((second, all) => second.deliver(all.slice(0, 6)));
    expect(await task.deliver(messages.slice(6))).toMatchObject({ kind: 'advanced', nextOffset: 10 });
    await settle(other.tasks);
    expect(listsOf(out)).toEqual(expected(10));
  });

  it('11: leaves to other code what is the other code’s', async () => {
    const { task, messages } = await stale(async (second, all, { log }) => {
      await log.append([
        { topic: TOPIC, partition: 0, message: { kind: 'barrier', run: 'run', epoch: 1, code: 'new' } },
      ]);
      await second.deliver(all);
      await second.ring();
    });
    const later = { ...messages[9]!, offset: 12 };
    expect(await task.deliver([later])).toEqual({ kind: 'other-code', epoch: 1 });
  });

  it('waits, or stays stopped, if that is how the others left it', async () => {
    const { task, ports, messages } = await stale(async (second, _, { log }) => {
      const prev = { cause: 9, k: ALL };
      const bad = frameOf(EDGE, [{ value: { key: 'k0' }, key: 'k0', cause: 10 }], { prev });
      await log.append([{ topic: TOPIC, partition: 0, message: bad }]);
      await second.ring();
    });
    const later = { ...messages[9]!, offset: 12 };
    expect(await task.deliver([later])).toMatchObject({ kind: 'waiting' });
    ports.clock.advance(seconds(100));
    for (let attempt = 0; attempt < 3; attempt++) {
      await taskOf(await opened(listing().pipeline, ports), 'lists').ring();
      ports.clock.advance(seconds(100));
    }
    expect(await task.deliver([{ ...later, offset: 13 }])).toMatchObject({ kind: 'stopped', reason: 'failed' });
    expect((await ports.commits.head('run', task.id))!.status.kind).toBe('stopped');
  });
});

describe('a put of which nobody knows', () => {
  it('3: never doubles nor loses anything, and no more does an append', async () => {
    const fault = fc.option(fc.constantFrom('before' as const, 'after' as const), { nil: undefined, freq: 2 });
    const plan = fc.array(fault, { maxLength: 30 });
    await fc.assert(
      fc.asyncProperty(plan, plan, async (puts, appends) => {
        const items = Array.from({ length: 12 }, (_, n) => item(n));
        const ports = testPorts();
        const { pipeline: built, out } = listing(items);
        const run = await opened(built, ports, { slots: 3, limits: { sourceRows: 2, batchMessages: 2 } });
        ports.faults.put = () => puts.shift();
        ports.faults.append = () => appends.shift();
        await settle(run.tasks);
        expect(listsOf(out)).toEqual(expected(12));
      }),
      { numRuns: 40 },
    );
  });

  it('3: is forgotten, so that what is cached is what was committed', async () => {
    const { task, ports, messages } = await prepared(4);
    await task.deliver(messages.slice(0, 1));
    for (const fault of ['before', 'after'] as const) {
      ports.faults.put = () => fault;
      await expect(task.deliver(messages.slice(0, 3))).rejects.toMatchObject({ kind: 'unavailable' });
      expect(task.state).toBeUndefined();
      ports.faults.put = () => undefined;
    }
    await task.deliver(messages);
    const committed = await load(task.host);
    expect(task.state).toMatchObject({ version: committed.version, nextOffset: committed.nextOffset });
    await committed.close();
  });
});

describe('loading a task', () => {
  it('2: believes no query that shows some slots before and some after other commits', async () => {
    const { task, ports, messages } = await prepared(8);
    for (let n = 1; n <= 6; n++) await task.deliver(messages.slice(0, n));
    const slots = ports.commits.slots.bind(ports.commits);
    const newest = (await slots('run', task.id)).length - 1;
    let asked = 0;
    ports.commits.slots = async (...of) => {
      const all = await slots(...of);
      return asked++ === 0 ? all.filter(({ header }) => header.version !== newest - 2) : all;
    };
    const loading = load(task.host);
    await new Promise((resolve) => setTimeout(resolve, 2));
    ports.clock.advance(seconds(1));
    const state = await loading;
    expect(asked).toBe(2);
    expect(state.nextOffset).toBe(6);
    expect(state.store.size).toBe(task.state!.store.size);
    await state.close();
  });

  it('2: gives up when commits stay missing, and says that they are', async () => {
    const { task, ports, messages } = await prepared(8);
    for (let n = 1; n <= 6; n++) await task.deliver(messages.slice(0, n));
    await task.forget();
    const slots = ports.commits.slots.bind(ports.commits);
    ports.commits.slots = async (...of) => (await slots(...of)).filter(({ header }) => header.version !== 4);
    const ringing = task.ring();
    for (let turn = 0; turn < 20; turn++) {
      await new Promise((resolve) => setTimeout(resolve, 1));
      ports.clock.advance(seconds(10));
    }
    expect(await ringing).toMatchObject({
      kind: 'stopped',
      reason: 'data-lost',
      error: { message: /versions are missing/ },
    });
  });
});

describe('a source whose log no longer has what comes next', () => {
  it('14: stops its task', async () => {
    const feed = new Feed<number>(1, () => 0);
    let bounds: Partial<{ start: number; end: number }> = {};
    const connector: SourceConnector<number> = {
      ...{ kind: feed.kind, options: feed.options, bounded: false },
      open: async () => {
        const log = await feed.open();
        return { ...log, read: async (...of) => ({ ...(await log.read(...of)), ...bounds }) };
      },
    };
    const out = toMemory<number>();
    const built = pipeline('gone', (p) => p.source('in', connector).to('out', out));
    const run = await opened(built, testPorts());
    feed.push(0, [1, 2, 3]);
    await settle(run.tasks);
    bounds = { start: 5 };
    expect(await taskOf(run, 'in').ring()).toMatchObject({
      ...{ kind: 'stopped', reason: 'data-lost' },
      error: { message: 'the log of in/0 starts at 5, after the offset 3 that is next' },
    });
    expect(out.records).toEqual([1, 2, 3]);
  });
});

describe('the ring of slots', () => {
  /** Each message a commit of its own. */
  async function worked(slots: number, n: number) {
    const ports = testPorts();
    const { pipeline: built, out } = listing(Array.from({ length: n }, (_, i) => item(i)));
    const run = await opened(built, ports, { slots, limits: { sourceRows: 1, batchMessages: 1 } });
    return { ports, run, out };
  }

  it.each([2, 3, 4])('2: of %i slots always holds a chain from a snapshot to the newest commit', async (slots) => {
    const { ports, run, out } = await worked(slots, 25);
    for (let turn = 0; turn < 90; turn++) {
      for (const task of run.tasks) {
        const result = await task.ring();
        if (result.kind !== 'advanced') continue;
        const headers = (await ports.commits.slots('run', task.id)).map(({ header }) => header);
        expect(headers.length).toBeLessThanOrEqual(slots);
        const newest = headers.reduce((a, b) => (b.version > a.version ? b : a));
        expect(slotsUsed(newest)).toBeLessThanOrEqual(slots);
        if (turn % 5 === 0) await task.forget();
      }
    }
    expect(listsOf(out)).toEqual(expected(25));
  });

  it.each([2, 3])('2: of %i is not written over before the snapshot that covers it is stored', async (slots) => {
    const { ports, run } = await worked(slots, 20);
    const task = taskOf(run, 'in');
    let release = () => {};
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    const put = ports.blobs.put.bind(ports.blobs);
    ports.blobs.put = async (name, bytes) => {
      await gate;
      await put(name, bytes);
    };
    let steps = 0;
    const working = (async () => {
      for (; steps < slots + 2; steps++) await task.ring();
    })();
    for (let turn = 0; turn < 200 && steps < slots - 1; turn++) await new Promise((resolve) => setTimeout(resolve, 5));
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(steps).toBe(slots - 1);
    expect((await ports.commits.head('run', task.id))!.version).toBe(slots - 1);
    release();
    await working;
    expect((await ports.commits.head('run', task.id))!.version).toBe(slots + 2);
  });

  it('2: waits for nothing but fails, and tries again, where no snapshot can be stored', async () => {
    const { ports, run, out } = await worked(2, 6);
    const put = ports.blobs.put.bind(ports.blobs);
    let calls = 0;
    ports.blobs.put = async (name, bytes) => {
      if (calls++ % 12 < 5) throw new Error('the disk is full');
      await put(name, bytes);
    };
    await settle(run.tasks);
    expect(listsOf(out)).toEqual(expected(6));
  });
});
