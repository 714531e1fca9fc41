import { describe, expect, it } from 'vitest';
import { controllerMetrics } from '../../functions/controller-metrics.ts';
import {
  boundedOutOfOrderness,
  epochMillis,
  type MemorySink,
  type Pipeline,
  pipeline,
  seconds,
  toMemory,
  tumbling,
} from '../../lib/index.ts';
import type { RowsQuery } from '../../lib/inspect/index.ts';
import { count } from '../../lib/operators/aggregate/index.ts';
import { newestRun, noteStop } from '../../lib/runtime/index.ts';
import { Feed } from '../../lib/testing/index.ts';
import { LocalLambda } from './local-lambda.ts';

interface Row {
  readonly n: number;
  readonly key: string;
  readonly at: number;
}

interface Counted {
  readonly key: string;
  readonly start: number;
  readonly rows: number;
}

/** Counts rows a window of ten seconds; throws at the numbers that it is told to. */
class Shop {
  readonly lambda = new LocalLambda();
  readonly feed = new Feed<Row>(2, () => this.lambda.clock.now());
  readonly out: MemorySink<Counted> = toMemory<Counted>();
  readonly poison = new Set<number>();
  #rows = 0;

  constructor(fallback: 'fail' | 'dead-letter' = 'fail') {
    this.lambda.deploy(this.pipeline(2, fallback));
  }

  pipeline(parallelism = 2, fallback: 'fail' | 'dead-letter' = 'fail'): Pipeline {
    return pipeline(
      'shop',
      (p) => {
        p.source('rows', this.feed, {
          eventTime: (row) => epochMillis(row.at),
          watermark: boundedOutOfOrderness(seconds(1)),
        })
          .rebalance('spread')
          .map('check', (row) => {
            if (this.poison.has(row.n)) throw new Error(`poison ${row.n}`);
            return row;
          })
          .keyBy('by-key', (row) => row.key)
          .window(tumbling(seconds(10)))
          .aggregate('per-window', { rows: count() }, (key, { start }, { rows }) => ({ key, start, rows }))
          .to('out', this.out);
      },
      { parallelism, restart: { kind: 'none' }, fallback },
    );
  }

  push(rows: number): void {
    for (let i = 0; i < rows; i++, this.#rows++) {
      this.feed.push(this.#rows % 2, [{ n: this.#rows, key: `k${this.#rows % 3}`, at: this.lambda.clock.now() }]);
    }
  }

  get counted(): number {
    return this.out.records.reduce((sum, { rows }) => sum + rows, 0);
  }

  /** Lets time pass until the windows of what was pushed are over. */
  async closeWindows(): Promise<void> {
    for (let i = 0; i < 8; i++) {
      this.lambda.clock.advance(seconds(5));
      await this.lambda.settle();
    }
  }
}

describe('the controller', () => {
  it('closes the last windows of sources that have fallen silent', async () => {
    const shop = new Shop();
    shop.push(30);
    await shop.lambda.settle();
    await shop.closeWindows();
    expect(shop.counted).toBe(30);
  });

  it('ends at once while another holds the lease, and answers commands all the same', async () => {
    const shop = new Shop();
    const { lambda } = shop;
    const { clock } = lambda;
    await lambda.lease.take('another', clock.now(), (clock.now() + 20_000) as never);
    shop.push(3);
    await lambda.tick();
    expect(lambda.waiting).toBe(0);
    expect(await newestRun(lambda.ports.commits, 'shop')).toBeUndefined();
    expect(await lambda.command({ name: 'status' })).toMatchObject({ pipeline: 'shop', state: 'running' });
    clock.advance(seconds(20));
    await lambda.tick();
    expect(lambda.waiting).toBe(1);
  });

  it('rings again whom it could not ring', async () => {
    const shop = new Shop();
    const { lambda } = shop;
    await lambda.tick();
    shop.push(3);
    lambda.faults = { lost: 1, twice: 0, dies: 0 };
    for (let i = 0; i < 3; i++) {
      await lambda.tick();
      while (await lambda.work());
      lambda.clock.advance(seconds(3));
    }
    await shop.lambda.settle();
    await shop.closeWindows();
    expect(shop.counted).toBe(3);
  });

  it('drains a run to its end, and then does nothing more', async () => {
    const shop = new Shop();
    const { lambda } = shop;
    shop.push(25);
    await lambda.settle();
    shop.push(5);
    expect(await lambda.command({ name: 'drain' })).toEqual({ asked: 'requested' });
    expect(await lambda.command({ name: 'drain' })).toEqual({ asked: 'exists' });
    await lambda.settle();
    expect(shop.counted).toBe(30);
    const status = await lambda.command({ name: 'status' });
    expect(status.state).toBe('over');
    expect(status.tasks.every(({ status }) => status === 'done')).toBe(true);
    await expect(lambda.command({ name: 'pause' })).rejects.toMatchObject({ kind: 'unavailable' });
  });

  it('pauses: sources take in nothing, what is in flight is committed, no window closes', async () => {
    const shop = new Shop();
    const { lambda } = shop;
    shop.push(10);
    await lambda.tick();
    expect(await lambda.command({ name: 'pause' })).toEqual({ asked: 'requested' });
    expect(await lambda.command({ name: 'pause' })).toEqual({ asked: 'exists' });
    expect((await lambda.command({ name: 'status' })).state).toBe('pausing');
    await lambda.settle();
    shop.push(20);
    lambda.clock.advance(seconds(80));
    await lambda.settle();
    const status = await lambda.command({ name: 'status' });
    expect(status.state).toBe('paused');
    const behind = status.tasks.filter(({ lag }) => lag !== 0).map(({ stage }) => stage);
    expect(new Set(behind)).toEqual(new Set(['rows']));
    expect(shop.out.records).toEqual([]);
    expect(await lambda.command({ name: 'resume' })).toEqual({ lifted: true, tasks: [] });
    expect(await lambda.command({ name: 'resume' })).toEqual({ lifted: false, tasks: [] });
    await lambda.settle();
    await shop.closeWindows();
    expect(shop.counted).toBe(30);
  });

  it('says which tasks have stopped, and sets them going again', async () => {
    const shop = new Shop();
    const { lambda } = shop;
    const { telemetry } = lambda;
    shop.poison.add(4);
    shop.push(10);
    await lambda.settle();
    const { tasks } = await lambda.command({ name: 'status' });
    const stopped = tasks.filter(({ status }) => status === 'stopped');
    expect(stopped).toMatchObject([
      { stage: 'check', reason: 'failed', error: { message: expect.stringContaining('poison 4') } },
    ]);
    expect(telemetry.reading(controllerMetrics.stopped, { stage: 'check' })).toBe(1);
    expect(telemetry.gauges(controllerMetrics.stopped, { stage: 'rows' })).toEqual([]);
    await expect(lambda.command({ name: 'resume', tasks: ['check/9'] })).rejects.toMatchObject({
      kind: 'invalid-pipeline',
    });
    shop.poison.clear();
    const name = `check/${stopped[0]!.partition}`;
    expect(await lambda.command({ name: 'resume', tasks: [name] })).toEqual({ lifted: false, tasks: [name] });
    await lambda.settle();
    expect(telemetry.reading(controllerMetrics.stopped, { stage: 'check' })).toBe(0);
    await shop.closeWindows();
    expect(shop.counted).toBe(10);
  });

  it('lists dead letters, and gives them back once', async () => {
    const shop = new Shop('dead-letter');
    const { lambda } = shop;
    shop.poison.add(4).add(7);
    shop.push(10);
    await lambda.flow();
    expect((await lambda.command({ name: 'status' })).deadLetters).toBe(2);
    const { items } = await lambda.command({ name: 'dead-letters' });
    expect(items.map(({ letter }) => (letter.value as Row).n).sort()).toEqual([4, 7]);
    shop.poison.clear();
    await expect(lambda.command({ name: 'replay', ids: ['99.0'] })).rejects.toMatchObject({ kind: 'invalid-pipeline' });
    expect(await lambda.command({ name: 'replay', ids: [items[0]!.id] })).toEqual({ replayed: 1, left: [] });
    expect(await lambda.command({ name: 'replay' })).toEqual({ replayed: 1, left: [] });
    expect(await lambda.command({ name: 'replay' })).toEqual({ replayed: 0, left: [] });
    await lambda.settle();
    await shop.closeWindows();
    expect(shop.counted).toBe(10);
  });

  it('shows the state of keys', async () => {
    const shop = new Shop();
    shop.push(9);
    await shop.lambda.flow();
    const { items, of } = await shop.lambda.command({ name: 'state', query: { operator: 'per-window', key: 'k1' } });
    expect(of).toBeUndefined();
    expect(items).toMatchObject([{ operator: 'per-window', key: 'k1' }]);
    await expect(shop.lambda.command({ name: 'state', query: { operator: 'nobody' } })).rejects.toMatchObject({
      kind: 'invalid-pipeline',
    });
  });

  it('answers with rows of tables, as its own code makes them of what is kept', async () => {
    const lambda = new LocalLambda();
    const feed = new Feed<Row>(2, () => lambda.clock.now());
    lambda.deploy(
      pipeline(
        'prices',
        (p) => {
          p.source('rows', feed)
            .keyBy('by-key', ({ key }) => key)
            .toTable('latest', ({ n }) => (n < 0 ? null : { n, big: 10n ** 20n }));
        },
        { parallelism: 2 },
      ),
    );
    const row = (key: string, n: number): Row => ({ key, n, at: 0 });
    feed.push(0, [row('a', 1), row('b', 2), row('c', 3), row('b', 4)]);
    feed.push(1, [row('d', 5), row('d', -1)]);
    await lambda.flow();
    const read = (query: RowsQuery) => lambda.command({ name: 'rows', operator: 'latest', query });
    const big = 10n ** 20n;
    expect((await read({})).rows).toEqual([
      { key: 'a', value: { n: 1, big } },
      { key: 'b', value: { n: 4, big } },
      { key: 'c', value: { n: 3, big } },
    ]);
    expect(await read({ from: 'b', limit: 1 })).toMatchObject({ rows: [{ key: 'b' }], more: true });
    expect((await read({ key: 'd' })).rows).toEqual([]);
    await expect(lambda.command({ name: 'rows', operator: 'by-key', query: {} })).rejects.toMatchObject({
      kind: 'invalid-pipeline',
      hint: 'it keeps latest',
    });
    const long = 'x'.repeat(300_000);
    feed.push(
      0,
      Array.from({ length: 12 }, (_, i) => row(`${long}${i}`, 6)),
    );
    await lambda.settle();
    const cut = await read({ from: 'x' });
    expect(cut.more).toBe(true);
    expect(cut.rows.length).toBeLessThan(9);
    feed.push(0, [row('y'.repeat(2_600_000), 7)]);
    await lambda.settle();
    const tooLong = /longer than an answer of the controller may be/;
    await expect(read({ from: 'y' })).rejects.toThrow(tooLong);
    const query = { operator: 'latest', from: 'y' };
    await expect(lambda.command({ name: 'state', query })).rejects.toThrow(tooLong);
  });

  it('stops tasks of which others have found that they must not go on', async () => {
    const shop = new Shop();
    const { lambda } = shop;
    await lambda.settle();
    const run = (await newestRun(lambda.ports.commits, 'shop'))!;
    await noteStop(lambda.ports.commits, run, {
      task: { stage: 'check', partition: 1 },
      reason: 'lost',
      message: 'frames are lost',
    });
    await lambda.settle();
    const { tasks, stops } = await lambda.command({ name: 'status' });
    expect(tasks.find(({ stage, partition }) => stage === 'check' && partition === 1)).toMatchObject({
      status: 'stopped',
      reason: 'lost',
    });
    expect(stops).toEqual([{ task: 'check/1', reason: 'lost', message: 'frames are lost' }]);
  });
});
