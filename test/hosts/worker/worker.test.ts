import { describe, expect, it, onTestFinished } from 'vitest';
import {
  boundedOutOfOrderness,
  count,
  epochMillis,
  milliseconds,
  type Pipeline,
  pipeline,
  tumbling,
} from '../../../lib/index.ts';
import { notePause, requestDrain } from '../../../lib/runtime/index.ts';
import { Feed } from '../../../lib/testing/index.ts';
import { Cluster, ledger, type Running, until } from './cluster.ts';

interface Row {
  readonly key: string;
  readonly at: number;
}

interface Counted {
  readonly key: string;
  readonly n: number;
  readonly windowEnd: number;
}

const KEYS = 7;

class Counting {
  readonly cluster = new Cluster();
  readonly feed = new Feed<Row>(3, () => Date.now());
  readonly out = ledger<Counted>();
  readonly pipeline: Pipeline;
  #rows = 0;

  constructor() {
    this.pipeline = pipeline(
      'counting',
      (p) => {
        p.source('in', this.feed, {
          eventTime: (r) => epochMillis(r.at),
          watermark: boundedOutOfOrderness(milliseconds(0)),
          idle: 'hold',
        })
          .keyBy('by-key', (r) => r.key)
          .window(tumbling(milliseconds(100)))
          .aggregate('counts', { n: count() })
          .to('out', this.out);
      },
      { parallelism: 4 },
    );
    onTestFinished(() => this.cluster.close());
  }

  /** Rows of all keys, one a millisecond in each partition. */
  push(rows: number): void {
    for (let i = 0; i < rows; i++, this.#rows++) {
      for (let p = 0; p < 3; p++) this.feed.push(p, [{ key: `k${this.#rows % KEYS}`, at: 1_000_000 + this.#rows }]);
    }
  }

  /** What a plain count gives. */
  get expected(): readonly string[] {
    const counts = new Map<string, number>();
    for (let i = 0; i < this.#rows; i++) {
      const key = `${Math.floor((1_000_000 + i) / 100) * 100 + 100} k${i % KEYS}`;
      counts.set(key, (counts.get(key) ?? 0) + 3);
    }
    return [...counts].map(([key, n]) => `${key} ${n}`).sort();
  }

  get found(): readonly string[] {
    return this.out.records.map(({ windowEnd, key, n }) => `${windowEnd} ${key} ${n}`).sort();
  }
}

const tasksOf = ({ worker }: Running): number => worker.status().tasks.length;

describe('workers', () => {
  it('share a run, and finish it together when its input ends', async () => {
    const run = new Counting();
    run.push(400);
    const a = await run.cluster.start(run.pipeline);
    const b = await run.cluster.start(run.pipeline);
    await until('each task is at one of them', () => tasksOf(a) + tasksOf(b) === 7 && tasksOf(b) > 2);
    expect([a, b].filter(({ worker }) => worker.status().pump)).toHaveLength(1);
    run.push(400);
    run.feed.seal();
    expect(await Promise.all([a.end, b.end])).toEqual([
      { kind: 'finished', error: undefined },
      { kind: 'finished', error: undefined },
    ]);
    expect(run.found).toEqual(run.expected);
    expect([...run.out.finished].sort()).toEqual([0, 1, 2, 3]);
  });

  it('go on where a killed one was', async () => {
    const run = new Counting();
    run.push(200);
    const a = await run.cluster.start(run.pipeline);
    const b = await run.cluster.start(run.pipeline);
    await until('the first has worked', () => a.worker.status().records > 20);
    run.cluster.kill(a);
    run.push(200);
    run.feed.seal();
    expect(await b.end).toMatchObject({ kind: 'finished' });
    expect(run.found).toEqual(run.expected);
  });

  it('lose nothing to one that sleeps, is taken for dead, and wakes in the middle of its steps', async () => {
    const run = new Counting();
    const a = await run.cluster.start(run.pipeline);
    const b = await run.cluster.start(run.pipeline);
    for (let round = 0; round < 6; round++) {
      run.push(60);
      const [sleeper] = [a, b].slice(round % 2);
      await until('it has something to do', () => sleeper!.worker.status().records >= 0);
      sleeper!.gate.sleep();
      run.cluster.group.expel(sleeper!.assignee);
      run.push(60);
      await new Promise((resolve) => setTimeout(resolve, 30));
      // It has not heard that its tasks are others' now, and works on them too.
      sleeper!.gate.wake();
      await new Promise((resolve) => setTimeout(resolve, 30));
    }
    const c = await run.cluster.start(run.pipeline);
    run.feed.seal();
    await c.end;
    expect(run.found).toEqual(run.expected);
  });

  it('drain when asked to: what is in is worked off, every window closes, all end', async () => {
    const run = new Counting();
    const a = await run.cluster.start(run.pipeline);
    const b = await run.cluster.start(run.pipeline);
    run.push(130);
    await until('something is read', () => a.worker.status().records + b.worker.status().records > 0);
    expect(await requestDrain(run.cluster.ports.commits, a.worker.open.record, 0)).toBe('requested');
    expect(await requestDrain(run.cluster.ports.commits, a.worker.open.record, 0)).toBe('exists');
    expect((await Promise.all([a.end, b.end])).map(({ kind }) => kind)).toEqual(['finished', 'finished']);
    expect(run.found).toEqual(run.expected);
  });

  it('take in nothing while their run pauses, also those that come meanwhile, and go on after it', async () => {
    const run = new Counting();
    const { commits } = run.cluster.ports;
    const a = await run.cluster.start(run.pipeline);
    run.push(40);
    await until('all is read', () => a.worker.status().records === 120);
    const { record } = a.worker.open;
    expect(await notePause(commits, record, true, 1)).toBe('requested');
    expect(await notePause(commits, record, true, 2)).toBe('exists');
    await new Promise((resolve) => setTimeout(resolve, 100));
    run.push(40);
    const b = await run.cluster.start(run.pipeline);
    await new Promise((resolve) => setTimeout(resolve, 150));
    expect(a.worker.status().records + b.worker.status().records).toBe(120);
    expect(await notePause(commits, record, false, 3)).toBe('requested');
    run.feed.seal();
    await Promise.all([a.end, b.end]);
    expect(run.found).toEqual(run.expected);
  });

  it('stop when asked to, and others go on', async () => {
    const run = new Counting();
    run.push(50);
    const a = await run.cluster.start(run.pipeline);
    await until('it works', () => a.worker.status().records > 0);
    a.worker.stop();
    expect(await a.end).toEqual({ kind: 'stopped', error: undefined });
    run.push(50);
    run.feed.seal();
    const b = await run.cluster.start(run.pipeline);
    expect(await b.end).toMatchObject({ kind: 'finished' });
    expect(run.found).toEqual(run.expected);
  });
});
