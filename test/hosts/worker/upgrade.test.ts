import { describe, expect, it, onTestFinished } from 'vitest';
import { MillraceError, noRestart, type Pipeline, pipeline } from '../../../lib/index.ts';
import { tasksAtOlderCode } from '../../../lib/inspect/index.ts';
import { Feed } from '../../../lib/testing/index.ts';
import { Cluster, ledger, type Running, until } from './cluster.ts';

interface Seen {
  readonly n: number;
  /** The code that handled it in the source's stage, and behind the exchange. */
  readonly source: number;
  readonly middle: number;
}

class Versions {
  readonly cluster = new Cluster();
  readonly feed = new Feed<number>(2, () => Date.now());
  readonly out = ledger<Seen>();
  isPoisoned = false;
  #pushed = 0;

  constructor() {
    onTestFinished(() => this.cluster.close());
  }

  /** Version `v`: what it does in the stages, and where records go, differs. */
  version(v: 0 | 1 | 2, changed: readonly ('in' | 'mark')[] = ['in', 'mark']): Pipeline {
    const [source, middle] = [changed.includes('in') ? v : 0, changed.includes('mark') ? v : 0];
    // What decides a fingerprint is the text of functions.
    const sources: readonly ((n: number) => Seen)[] = [
      (n) => ({ n, source: 0, middle: -1 }),
      (n) => ({ n, source: 1, middle: -1 }),
      (n) => ({ n, source: 2, middle: -1 }),
    ];
    const middles: readonly ((r: Seen) => Seen)[] = [
      (r) => {
        if (this.isPoisoned) throw new Error('poison');
        return { ...r, middle: 0 };
      },
      (r) => ({ ...r, middle: 1 }),
      (r) => ({ ...r, middle: 2 }),
    ];
    const routes: readonly ((r: Seen) => number)[] = [(r) => r.n % 3, (r) => (r.n + 1) % 5, (r) => (r.n + 2) % 7];
    return pipeline(
      'versions',
      (p) => {
        p.source('in', this.feed)
          .map('begin', sources[source]!)
          .rebalance('spread')
          .map('mark', middles[middle]!)
          .keyBy('by-route', routes[middle]!)
          .map('last', (r) => r)
          .to('out', this.out);
      },
      { parallelism: 3, restart: noRestart() },
    );
  }

  push(rows: number): void {
    for (let i = 0; i < rows; i++) this.feed.push(this.#pushed % 2, [this.#pushed++]);
  }

  get found(): readonly number[] {
    return this.out.records.map(({ n }) => n).sort((a, b) => a - b);
  }

  get expected(): readonly number[] {
    return Array.from({ length: this.#pushed }, (_, n) => n);
  }

  /** Each row once, and per source partition the old code's rows before the new code's. */
  check(): void {
    expect(this.found).toEqual(this.expected);
    for (const partition of [0, 1]) {
      const sources = this.out.records.filter(({ n }) => n % 2 === partition).sort((a, b) => a.n - b.n);
      const switches = sources.filter(({ source }, i) => i > 0 && source !== sources[i - 1]!.source);
      expect(switches.length).toBeLessThanOrEqual(2);
    }
  }
}

const kindOf = async ({ end }: Running) => (await end).kind;
const states = ({ worker }: Running, stage: string) =>
  worker
    .status()
    .tasks.filter(({ task }) => task.startsWith(`${stage}/`))
    .map(({ state }) => state.kind);

describe('newer code', () => {
  it('11: takes over while rows come in; the older workers serve up to it, and end', async () => {
    const run = new Versions();
    const old = [await run.cluster.start(run.version(0)), await run.cluster.start(run.version(0))];
    run.push(100);
    await until('the old code has worked', () => run.found.length > 50);
    const next = [await run.cluster.start(run.version(1)), await run.cluster.start(run.version(1))];
    for (let i = 0; i < 20; i++) {
      run.push(10);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(await Promise.all(old.map(kindOf))).toEqual(['superseded', 'superseded']);
    await until('it is ready', () => next.every(({ worker }) => worker.status().ready));
    run.push(50);
    run.feed.seal();
    expect(await Promise.all(next.map(kindOf))).toEqual(['finished', 'finished']);
    run.check();
    expect(run.out.records.filter(({ source, middle }) => source === 1 && middle === 1).length).toBeGreaterThanOrEqual(
      50,
    );
    expect(run.out.records.filter(({ source, middle }) => source === 0 && middle === 0).length).toBeGreaterThan(0);
  });

  it('is not ready before the older code is through, and old code that is killed is finished by another old worker', async () => {
    const run = new Versions();
    const old = [await run.cluster.start(run.version(0)), await run.cluster.start(run.version(0))];
    run.push(60);
    await until('the old code has worked', () => run.found.length > 10);
    for (const { gate } of old) gate.sleep();
    const next = await run.cluster.start(run.version(1));
    await until('it waits', () => states(next, 'in').join() === 'older-code,older-code');
    expect(next.worker.status().ready).toBe(false);
    run.cluster.kill(old[0]!);
    old[1]!.gate.wake();
    run.push(60);
    expect(await kindOf(old[1]!)).toBe('superseded');
    await until('it is ready', () => next.worker.status().ready);
    run.feed.seal();
    expect(await kindOf(next)).toBe('finished');
    run.check();
  });

  it('waits for the older code if that has gone too early, and goes on when it comes back', async () => {
    const run = new Versions();
    const old = await run.cluster.start(run.version(0));
    run.push(60);
    await until('the old code has worked', () => run.found.length > 10);
    run.cluster.kill(old);
    run.push(60);
    const next = await run.cluster.start(run.version(1));
    await until('it waits', () => states(next, 'in').includes('older-code'));
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(run.found.length).toBeLessThan(120);
    const { record, plan } = next.worker.open;
    const older = await tasksAtOlderCode(run.cluster.ports, { record, plan });
    expect(older).toEqual(expect.arrayContaining([{ stage: 'in', partition: 0, code: 0 }]));
    const again = await run.cluster.start(run.version(0));
    expect(again.worker.open.codeVersion).toBe(0);
    expect(await kindOf(again)).toBe('superseded');
    expect(await tasksAtOlderCode(run.cluster.ports, { record, plan })).toEqual([]);
    run.feed.seal();
    expect(await kindOf(next)).toBe('finished');
    run.check();
  });

  it('steps over the barrier itself where the older code had nothing left to do', async () => {
    const run = new Versions();
    const old = await run.cluster.start(run.version(0, ['mark']));
    run.push(40);
    await until('all is through', () => run.found.length === 40);
    old.worker.stop();
    await old.end;
    const next = await run.cluster.start(run.version(1, ['mark']));
    run.push(40);
    run.feed.seal();
    expect(await kindOf(next)).toBe('finished');
    run.check();
    expect(run.out.records.filter(({ middle }) => middle === 1)).toHaveLength(40);
  });

  it('goes on with a task that older code has stopped', async () => {
    const run = new Versions();
    const old = await run.cluster.start(run.version(0, ['mark']));
    run.push(10);
    await until('all is through', () => run.found.length === 10);
    run.isPoisoned = true;
    run.push(20);
    await until('the old code has stopped', () => states(old, 'mark').every((kind) => kind === 'stopped'));
    const next = await run.cluster.start(run.version(1, ['mark']));
    await until('all is through', () => run.found.length === 30);
    run.feed.seal();
    expect(await kindOf(next)).toBe('finished');
    run.check();
  });

  it('leaves stages that have not changed to everybody', async () => {
    const run = new Versions();
    const old = await run.cluster.start(run.version(0, ['mark']));
    run.push(20);
    await until('all is through', () => run.found.length === 20);
    const next = await run.cluster.start(run.version(1, ['mark']));
    await until('all is handed over', () => states(next, 'mark').length === 3);
    run.push(20);
    expect(await kindOf(old)).toBe('superseded');
    await until('it has all', () => next.worker.status().tasks.length === 8);
    run.feed.seal();
    expect(await kindOf(next)).toBe('finished');
    run.check();
  });

  it('is refused if it does not fit', async () => {
    const run = new Versions();
    await run.cluster.start(run.version(0));
    const other = pipeline('versions', (p) => p.source('in', run.feed).to('elsewhere', ledger<number>()), {
      parallelism: 3,
    });
    await expect(run.cluster.start(other)).rejects.toThrow(MillraceError);
  });

  it('may follow newer code, and each version switches in its turn', async () => {
    const run = new Versions();
    const first = await run.cluster.start(run.version(0));
    run.push(60);
    await until('it has worked', () => run.found.length > 10);
    const second = await run.cluster.start(run.version(1));
    const third = await run.cluster.start(run.version(2));
    for (let i = 0; i < 10; i++) {
      run.push(10);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect([await kindOf(first), await kindOf(second)]).toEqual(['superseded', 'superseded']);
    run.feed.seal();
    expect(await kindOf(third)).toBe('finished');
    run.check();
  });
});
