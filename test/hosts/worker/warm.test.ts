import { describe, expect, it, onTestFinished } from 'vitest';
import { workerMetrics } from '../../../lib/hosts/worker/metrics.ts';
import { count, type Duration, type Pipeline, pipeline } from '../../../lib/index.ts';
import type { Assignee, Assignment } from '../../../lib/ports/index.ts';
import { Feed } from '../../../lib/testing/index.ts';
import { Cluster, ledger, until } from './cluster.ts';

interface Row {
  readonly key: string;
}

/** An assignment told by the test. */
class Told implements Assignment {
  assignee: Assignee | undefined;
  items: readonly string[] = [];

  offer(items: readonly string[]): void {
    this.items = items;
  }

  join(assignee: Assignee): void {
    this.assignee = assignee;
  }

  async leave(): Promise<void> {}

  isCurrent(): boolean {
    return true;
  }

  /** Tasks by name; their code never changes here. */
  give(own: readonly string[], copies: readonly string[] = []): Promise<void> {
    const items = (names: readonly string[]) => new Set(names.map((name) => `${name}@0`));
    return this.assignee!.take({ own: items(own), copies: items(copies) });
  }

  get warm(): readonly string[] {
    return this.assignee!.warm().map((item) => item.replace('@0', ''));
  }
}

class Counting {
  readonly cluster = new Cluster();
  readonly feed = new Feed<Row>(1, () => Date.now());
  readonly out = ledger<{ readonly key: string; readonly value: number }>();
  readonly pipeline: Pipeline;
  pushed = 0;

  constructor() {
    this.pipeline = pipeline(
      'counting',
      (p) => {
        p.source('in', this.feed)
          .keyBy('by-key', (row) => row.key)
          .aggregate('counts', count())
          .to('out', this.out);
      },
      { parallelism: 1 },
    );
    onTestFinished(() => this.cluster.close());
  }

  async worker(options: { readonly warmBytes?: number } = {}) {
    const told = new Told();
    const { worker } = await this.cluster.start(this.pipeline, {
      ...options,
      slots: 32,
      copyPeriod: 5 as Duration,
      assignment: () => told,
    });
    await until('it has joined', () => told.assignee !== undefined);
    return { worker, told };
  }

  async through(rows: number): Promise<void> {
    this.feed.push(
      0,
      Array.from({ length: rows }, () => ({ key: `k${this.pushed++ % 5}` })),
    );
    await until('all is through', () => this.out.records.length === this.pushed);
  }

  /** How take-overs of the counting task came about, in order. */
  get takeOvers(): readonly unknown[] {
    return this.cluster.observed(workerMetrics.takeOver, 'counts').map(({ how }) => how);
  }
}

describe('a task that comes back', () => {
  it('goes on from memory: as it was, or with what has been committed since', async () => {
    const run = new Counting();
    const [a, b] = [await run.worker(), await run.worker()];
    await a.told.give(['in/0', 'counts/0']);
    await run.through(10);
    await a.told.give(['in/0']);
    expect([...a.told.warm].sort()).toEqual(['counts/0', 'in/0']);
    await a.told.give(['in/0', 'counts/0']);
    await run.through(10);
    await a.told.give(['in/0']);
    await b.told.give(['counts/0']);
    await run.through(10);
    await b.told.give([]);
    await a.told.give(['in/0', 'counts/0']);
    await run.through(10);
    expect(run.takeOvers).toEqual(['loaded', 'same', 'loaded', 'since']);
    expect(run.out.records.filter(({ key }) => key === 'k0').map(({ value }) => value)).toEqual([
      1, 2, 3, 4, 5, 6, 7, 8,
    ]);
  });

  it('is loaded where there was no room for it', async () => {
    const run = new Counting();
    const { told } = await run.worker({ warmBytes: 10 });
    await told.give(['in/0', 'counts/0']);
    await run.through(10);
    await told.give(['in/0']);
    expect(told.warm).toEqual(['in/0']);
    await told.give(['in/0', 'counts/0']);
    await run.through(10);
    expect(run.takeOvers).toEqual(['loaded', 'loaded']);
  });
});

describe('a copy', () => {
  it('follows the commits of another worker, so that taking over needs no load', async () => {
    const run = new Counting();
    const [a, b] = [await run.worker(), await run.worker()];
    await a.told.give(['in/0', 'counts/0']);
    await b.told.give([], ['counts/0']);
    for (let round = 0; round < 20; round++) await run.through(5);
    await until('the copy is there', () => b.told.warm.includes('counts/0'));
    await a.told.give(['in/0']);
    await b.told.give(['counts/0']);
    await run.through(10);
    expect(['loaded,same', 'loaded,since']).toContain(run.takeOvers.join());
    expect(run.out.records.filter(({ key }) => key === 'k0')).toHaveLength(22);
  });

  it('is given up where there is no room for it', async () => {
    const run = new Counting();
    const [a, b] = [await run.worker(), await run.worker({ warmBytes: 10 })];
    await a.told.give(['in/0', 'counts/0']);
    await run.through(20);
    await b.told.give([], ['counts/0']);
    await until('it was loaded and let go of', () => b.told.warm.length === 0);
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(b.told.warm).toEqual([]);
  });
});
