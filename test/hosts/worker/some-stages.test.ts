import { expect, it, onTestFinished } from 'vitest';
import { type Pipeline, pipeline, process, type } from '../../../lib/index.ts';
import { codeVersions, newestRun } from '../../../lib/runtime/index.ts';
import { Feed } from '../../../lib/testing/index.ts';
import { Cluster, ledger, until } from './cluster.ts';

it('a worker of some stages works on these alone, and leaves the rest and the pump to others', async () => {
  const cluster = new Cluster();
  onTestFinished(() => cluster.close());
  const feed = new Feed<number>(2, () => Date.now());
  const out = ledger<number>();
  const doubles = process('doubles', {
    in: type<number>(),
    key: type<number>(),
    out: type<number>(),
    onRecord: (n, ctx) => ctx.emit(2 * n),
  });
  const numbers = pipeline(
    'numbers',
    (p) => {
      p.source('in', feed, { idle: 'hold' })
        .keyBy('by-parity', (n) => n % 2)
        .process(doubles)
        .to('out', out);
    },
    { parallelism: 4 },
  );
  const front = await cluster.start(numbers, { stages: ['in'] });
  feed.push(0, [1, 2, 3]);
  await until('the first stage has taken all', () => front.worker.status().records === 3);
  expect(out.records).toEqual([]);
  const back = await cluster.start(numbers, { stages: ['doubles'] });
  await until('the second stage has written all', () => out.records.length === 3);
  expect([...out.records].sort((a, b) => a - b)).toEqual([2, 4, 6]);
  const tasks = (worker: typeof front): readonly string[] =>
    worker.worker
      .status()
      .tasks.map(({ task }) => task)
      .sort();
  expect(tasks(front)).toEqual([expect.stringContaining('in'), expect.stringContaining('in')]);
  expect(tasks(back)).toHaveLength(4);
  expect([front.worker.status().pump, back.worker.status().pump]).toEqual([false, false]);
});

it('a worker that awaits code waits until another has begun the run with it, and brings none itself', async () => {
  const cluster = new Cluster();
  onTestFinished(() => cluster.close());
  const [first, second] = [1, 2].map((n) =>
    pipeline('sums', (p) => {
      const add = n === 1 ? (value: number): number => value + 1 : (value: number): number => value + 2;
      p.source('in', new Feed<number>(1, () => Date.now()))
        .map('add', add)
        .to('out', ledger());
    }),
  ) as [Pipeline, Pipeline];
  const codes = async (): Promise<number> => {
    const run = await newestRun(cluster.ports.commits, 'sums');
    return run === undefined ? 0 : (await codeVersions(cluster.ports.commits, run)).length;
  };
  const waits = (after: number): Promise<void> =>
    until(
      'it has asked',
      () => cluster.telemetry.lines().filter(({ message }) => message.includes('yet')).length > after,
    );

  const early = cluster.start(first, { awaitsCode: true });
  await waits(1);
  expect(await codes()).toBe(0);
  await cluster.start(first);
  await early;
  const newer = cluster.start(second, { awaitsCode: true });
  await waits(3);
  expect(await codes()).toBe(1);
  await cluster.start(second);
  await newer;
  expect(await codes()).toBe(2);
});
