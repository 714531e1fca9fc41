import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  boundedOutOfOrderness,
  count,
  epochMillis,
  type Pipeline,
  pipeline,
  process,
  seconds,
  toMemory,
  tumbling,
  type,
  value,
} from '../../lib/index.ts';
import { type OpenRun, Task } from '../../lib/runtime/index.ts';
import { Feed } from '../../lib/testing/index.ts';
import { opened, settle, type TestPorts, taskOf, testPorts } from './stage.ts';

interface Row {
  readonly key: string;
  readonly at: number;
}

const lengths = process('lengths', {
  in: type<Row>(),
  key: type<string>(),
  out: type<string>(),
  state: { seen: value<number>() },
  onRecord(row, ctx) {
    const n = (ctx.state.seen.get() ?? 0) + 1;
    if (n % 5 === 0) ctx.state.seen.clear();
    else ctx.state.seen.set(n);
    ctx.timers.onEventTime(epochMillis(row.at + 3_000));
    ctx.emit(`${ctx.key} ${n}`);
  },
  onTimer(time, ctx) {
    ctx.emit(`${ctx.key} at ${time}`);
  },
});

class Two {
  readonly ports: TestPorts = testPorts();
  readonly feed = new Feed<Row>(1, () => this.ports.clock.now());
  readonly built: Pipeline;
  readonly slots: number;

  constructor(slots: number) {
    this.slots = slots;
    this.built = pipeline(
      'two',
      (p) => {
        const keyed = p
          .source('in', this.feed, {
            eventTime: (r) => epochMillis(r.at),
            watermark: boundedOutOfOrderness(seconds(1)),
          })
          .keyBy('by-key', (r) => r.key);
        keyed.process(lengths).to('lengths-out', toMemory());
        keyed
          .window(tumbling(seconds(2)))
          .aggregate('counts', { n: count() })
          .to('counts-out', toMemory());
      },
      { parallelism: 1 },
    );
  }

  open(): Promise<OpenRun> {
    return opened(this.built, this.ports, { slots: this.slots, limits: { sourceRows: 2 } });
  }

  push(rows: readonly Row[]): void {
    this.feed.push(0, rows);
  }
}

/** Everything that a state holds, as plain data. */
function contents({ state }: Task): unknown {
  if (state === undefined) throw new Error('there is no state');
  const { version, nextOffset, watermark, store, snapshot, deltas } = state;
  const cells = store.tables.map((table) => ({
    name: table.name,
    cells: [...table.cells()]
      .map(({ key, sub, value, timer }) => ({ key, sub, value, timer }))
      .sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)),
  }));
  return {
    ...{ version, nextOffset, watermark, snapshot, cells, sheet: state.sheet([]) },
    timers: [store.eventTimers.earliest(), store.processingTimers.earliest()],
    deltas: deltas.map((delta) => Buffer.from(delta).toString('hex')),
  };
}

describe('a state that others have gone past', () => {
  const row = fc.record({ key: fc.constantFrom('a', 'b', 'c'), at: fc.nat(20_000) });
  const burst = fc.array(row, { maxLength: 9 });

  it('4: is brought up to what loading it anew gives, whatever was committed since', async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(4, 8, 32), fc.array(burst, { maxLength: 6 }), async (slots, bursts) => {
        const two = new Two(slots);
        const [old, next] = [await two.open(), await two.open()];
        await settle(old.tasks);
        for (const rows of bursts) {
          two.push(rows);
          await settle(next.tasks);
          for (const task of old.tasks) {
            await task.refresh();
            const anew = new Task(task.host);
            await anew.refresh();
            expect(contents(task)).toEqual(contents(anew));
          }
        }
      }),
      { numRuns: 25 },
    );
  });

  it('is caught up by the commits since, and works on as if it had made them', async () => {
    const two = new Two(32);
    const [old, next] = [await two.open(), await two.open()];
    two.push([{ key: 'a', at: 0 }]);
    await settle(old.tasks);
    two.push([
      { key: 'a', at: 5_000 },
      { key: 'b', at: 6_000 },
    ]);
    await settle(next.tasks);
    const counts = taskOf(old, 'lengths');
    expect(await counts.refresh()).toBe('since');
    expect(await counts.refresh()).toBe('same');
    expect(contents(counts)).toEqual(contents(taskOf(next, 'lengths')));
    two.push([{ key: 'a', at: 30_000 }]);
    await settle([taskOf(next, 'in')]);
    await settle([counts]);
    await taskOf(next, 'lengths').refresh();
    expect(contents(taskOf(next, 'lengths'))).toEqual(contents(counts));
  });

  it('is caught up by the newer runs of the snapshot where commits are gone, without reading the older ones', async () => {
    const two = new Two(4);
    const [old, next] = [await two.open(), await two.open()];
    const rows = (n: number, from: number): Row[] =>
      Array.from({ length: n }, (_, i) => ({ key: `k${from + i}`, at: from + i }));
    two.push(rows(600, 0));
    await settle(old.tasks);
    const counts = taskOf(old, 'lengths');
    expect(await counts.refresh()).toBe('same');
    const { version } = counts.state!;
    for (let round = 0; round < 10; round++) {
      two.push([
        { key: 'k7', at: 600 + round },
        { key: 'k8', at: 600 + round },
      ]);
      await settle(next.tasks);
    }
    expect(taskOf(next, 'lengths').state!.version).toBeGreaterThan(version + 4);
    let bytes = 0;
    const { get, getRange } = two.ports.blobs;
    two.ports.blobs.get = async (name) => {
      const blob = await get.call(two.ports.blobs, name);
      bytes += blob?.length ?? 0;
      return blob;
    };
    two.ports.blobs.getRange = async (name, start, end) => {
      const blob = await getRange.call(two.ports.blobs, name, start, end);
      bytes += blob?.length ?? 0;
      return blob;
    };
    expect(await counts.refresh()).toBe('since');
    const little = bytes;
    expect(contents(counts)).toEqual(contents(taskOf(next, 'lengths')));
    bytes = 0;
    await counts.forget();
    await counts.refresh();
    expect(little).toBeLessThan(bytes / 5);
  });

  it('keeps no timers that have fired elsewhere, however long others work', async () => {
    const two = new Two(8);
    const [old, next] = [await two.open(), await two.open()];
    await settle(old.tasks);
    for (let n = 0; n < 60; n++) {
      two.push([{ key: `k${n}`, at: n * 20_000 }]);
      await settle(next.tasks);
      for (const task of old.tasks) await task.refresh();
    }
    const entries = old.tasks.map((task) => task.state!.store.eventTimers.entries);
    expect(Math.max(...entries)).toBeGreaterThan(0);
    expect(Math.max(...entries)).toBeLessThan(10);
  });

  it('14: takes nothing for lost that was let go of behind the others', async () => {
    const two = new Two(8);
    const [old, next] = [await two.open(), await two.open()];
    two.push([{ key: 'a', at: 0 }]);
    await settle(old.tasks);
    two.push([{ key: 'a', at: 1 }]);
    await settle(next.tasks);
    const { log } = two.ports;
    const topic = await log.topic('two.lengths');
    await log.trim(topic!, 0, taskOf(next, 'lengths').state!.nextOffset);
    const task = taskOf(old, 'lengths');
    expect(await task.ring()).toEqual({ kind: 'lost' });
    expect(await task.ring()).toMatchObject({ kind: 'idle' });
  });
});
