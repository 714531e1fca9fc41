import { describe, expect, it } from 'vitest';
import { type MemorySink, type Pipeline, pipeline, toMemory } from '../../lib/index.ts';
import { newestRun } from '../../lib/runtime/index.ts';
import { Feed } from '../../lib/testing/index.ts';
import { LocalLambda, noFaults } from './local-lambda.ts';

interface Seen {
  readonly n: number;
  /** The code that handled it in the source's stage, and behind the exchange. */
  readonly source: number;
  readonly middle: number;
}

// What decides a fingerprint is the text of functions: versions have texts of their own.
const inSource: readonly ((n: number) => Seen)[] = [
  (n) => ({ n, source: 0, middle: -1 }),
  (n) => ({ n, source: 1, middle: -1 }),
  (n) => ({ n, source: 2, middle: -1 }),
];
const inMiddle: readonly ((seen: Seen) => Seen)[] = [
  (seen) => ({ ...seen, middle: 0 }),
  (seen) => ({ ...seen, middle: 1 }),
  (seen) => ({ ...seen, middle: 2 }),
];

/** Where records go differs too: what two versions do with one record lands at different tasks. */
const routes: readonly ((seen: Seen) => number)[] = [({ n }) => n % 7, ({ n }) => (n + 1) % 7, ({ n }) => (n + 2) % 7];
const reducers: readonly ((before: Seen, seen: Seen) => Seen)[] = [
  (_, seen) => seen,
  (_before, seen) => seen,
  (_older, seen) => seen,
];

class Life {
  readonly lambda: LocalLambda;
  readonly feed: Feed<number>;
  readonly out: MemorySink<Seen> = toMemory<Seen>();
  #next = 0;

  constructor(seed = 1) {
    this.lambda = new LocalLambda(seed);
    this.feed = new Feed<number>(2, () => this.lambda.clock.now(), { grows: true });
  }

  /** The code of the source's stage and of the one behind it. */
  code(source: number, middle: number, parallelism = 5): Pipeline {
    return pipeline(
      'switching',
      (p) => {
        p.source('in', this.feed)
          .map('begin', inSource[source]!)
          .keyBy('spread', routes[source]!)
          .reduce('mark', reducers[middle]!)
          .map('name', inMiddle[middle]!)
          .rebalance()
          .to('out', this.out);
      },
      { parallelism },
    );
  }

  push(count: number): void {
    for (let i = 0; i < count; i++) this.feed.push(this.#next % this.partitions, [this.#next++]);
  }

  partitions = 2;

  get pushed(): number {
    return this.#next;
  }

  /** All that was read, by number: each once. */
  get seen(): readonly Seen[] {
    return this.out.records.toSorted((a, b) => a.n - b.n);
  }

  expectAll(): void {
    expect(this.seen.map(({ n }) => n)).toEqual(Array.from({ length: this.pushed }, (_, n) => n));
  }

  async epochs(): Promise<readonly number[]> {
    const { commits } = this.lambda.ports;
    const run = (await newestRun(commits, 'switching'))!;
    return Promise.all(run.tasks.map(async (task) => (await commits.head(run.id, task))!.epoch));
  }
}

describe('a deployment of changed code', () => {
  it('takes over at a barrier behind an exchange, and at the source’s end', async () => {
    const life = new Life();
    const { lambda } = life;
    lambda.deploy(life.code(0, 0));
    life.push(20);
    await lambda.settle();
    lambda.deploy(life.code(1, 1));
    life.push(10);
    await lambda.settle();
    life.push(10);
    await lambda.settle();
    life.expectAll();
    const { state, code, tasks } = await lambda.command({ name: 'status' });
    expect(state).toBe('running');
    expect(code).toEqual({ version: 1, switching: [] });
    expect(tasks.every(({ lag }) => lag === 0)).toBe(true);
    expect(life.seen.at(-1)).toEqual({ n: 39, source: 1, middle: 1 });
    expect(life.seen[0]).toEqual({ n: 0, source: 0, middle: 0 });
  });

  it('leaves to older code all that any of its attempts has read', async () => {
    const life = new Life();
    const { lambda } = life;
    lambda.deploy(life.code(0, 0));
    await lambda.settle();
    life.push(2);
    lambda.trouble = (call) => (call === 'commits.put' ? new Error('no answer') : undefined);
    await lambda.tick();
    while (await lambda.work());
    await lambda.deliver();
    lambda.trouble = () => undefined;
    lambda.deploy(life.code(1, 0));
    await lambda.settle();
    life.expectAll();
    expect(life.seen.map(({ source }) => source)).toEqual(life.seen.map(() => 0));
  });

  it('in a pause leaves to older code only what had come before', async () => {
    const life = new Life();
    const { lambda } = life;
    lambda.deploy(life.code(0, 0));
    life.push(6);
    await lambda.settle();
    await lambda.command({ name: 'pause' });
    life.push(2);
    await lambda.settle();
    life.push(10);
    lambda.deploy(life.code(1, 1));
    await lambda.settle();
    expect(life.seen).toHaveLength(8);
    expect((await lambda.command({ name: 'status' })).code.switching).toEqual([]);
    await lambda.command({ name: 'resume' });
    await lambda.settle();
    life.expectAll();
    expect(life.seen.map(({ source }) => source)).toEqual(life.seen.map(({ n }) => (n < 8 ? 0 : 1)));
  });

  it('leaves stages that have not changed alone', async () => {
    const life = new Life();
    const { lambda } = life;
    lambda.deploy(life.code(0, 0));
    life.push(20);
    await lambda.settle();
    lambda.deploy(life.code(0, 1));
    life.push(20);
    await lambda.settle();
    life.expectAll();
    expect(life.seen.at(-1)).toEqual({ n: 39, source: 0, middle: 1 });
    expect((await life.epochs()).filter((epoch) => epoch === 0).length).toBeGreaterThan(0);
  });

  it.each(Array.from({ length: 12 }, (_, i) => i + 1))(
    'loses and doubles nothing, whoever dies, is called twice or not at all (seed %i)',
    async (seed) => {
      const life = new Life(seed);
      const { lambda } = life;
      const { random } = lambda;
      const below = (n: number): number => Math.floor(random.next() * n);
      lambda.deploy(life.code(0, 0));
      lambda.faults = { lost: 0.15, twice: 0.15, dies: 0.02 };
      for (let i = 0; i < 500; i++) {
        if (random.next() < 0.3) life.push(below(5));
        if (random.next() < 0.02) lambda.deploy(life.code(below(3), below(3)));
        if (random.next() < 0.01) life.partitions = life.feed.grow() + 1;
        if (random.next() < 0.02) await lambda.command({ name: 'pause' }).catch(() => {});
        if (random.next() < 0.04) await lambda.command({ name: 'resume' }).catch(() => {});
        await lambda.moment();
      }
      lambda.faults = noFaults;
      await lambda.command({ name: 'resume' });
      await lambda.settle();
      life.expectAll();
      const { code, tasks } = await lambda.command({ name: 'status' });
      expect(code.switching).toEqual([]);
      expect(tasks.filter(({ status }) => status !== 'ok')).toEqual([]);
    },
  );
});
