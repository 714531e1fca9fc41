/** A pipeline that sums amounts, for tests of stages' functions, and what it runs on. */
import { type Pipeline, type PipelineOptions, pipeline, type SourceConnector, toMemory } from '../../lib/index.ts';
import type { CommitStore, SourceLog } from '../../lib/ports/index.ts';
import { Feed } from '../../lib/testing/index.ts';
import { ring, StageBench } from './stage-bench.ts';

export interface Amount {
  readonly key: string;
  readonly n: number;
}

export const amounts = (from: number, to: number): Amount[] =>
  Array.from({ length: to - from }, (_, i) => ({ key: `k${(from + i) % 7}`, n: from + i }));

export interface Summing {
  /** What the code makes of an amount: other code where it is another function. */
  readonly worth?: (n: number) => number;
  readonly version?: string;
  readonly options?: PipelineOptions;
}

/** Sums by key on three tasks, gathered by one. */
export function summing(
  source: SourceConnector<Amount>,
  { worth = (n) => n, version = '1', options = {} }: Summing = {},
) {
  const sums = toMemory<Amount>();
  const made = pipeline(
    'sums',
    (p) => {
      p.source('amounts', source)
        .keyBy('by-key', ({ key }) => key)
        .reduce('sum', (a, b) => ({ key: a.key, n: a.n + worth(b.n) }))
        .rebalance('gather', { parallelism: 1 })
        .to('sums', sums);
    },
    { parallelism: 3, ...options },
  ).withCode({ sum: version });
  const [, middle, last] = made.plan.stages.map(({ id }) => id);
  return { made, sums, middle: middle as string, last: last as string };
}

/** The last sum of each key. */
export const final = (records: readonly Amount[]): Record<string, number> =>
  Object.fromEntries(records.map(({ key, n }) => [key, n]));

export function expected(
  given: readonly Amount[],
  worth = (n: number, _i: number): number => n,
): Record<string, number> {
  const sums: Record<string, number> = {};
  given.forEach(({ key, n }, i) => {
    const before = sums[key];
    sums[key] = before === undefined ? n : before + worth(n, i);
  });
  return sums;
}

export const all = [0, 1, 2];

export async function fed(count: number, options: Summing = {}) {
  const bench = new StageBench();
  const feed = new Feed<Amount>(1, () => bench.clock.now());
  feed.push(0, amounts(0, count));
  const job = summing(feed, options);
  await bench.bring(job.made);
  await bench.call(bench.stage(job.made, 'amounts'), ring(0));
  return { bench, feed, ...job };
}

/** Has the last stage gather what the middle one has sent. */
export async function gathered(bench: StageBench, made: Pipeline, last: string): Promise<void> {
  await bench.call(bench.stage(made, last), ring(0));
}

/** The store, with some of its methods replaced. */
export function overriding(commits: CommitStore, own: Partial<CommitStore>): CommitStore {
  return new Proxy(commits, {
    get: (store, name) => {
      const found: unknown = Reflect.get(name in own ? own : store, name);
      return typeof found === 'function' ? found.bind(name in own ? own : store) : found;
    },
  });
}

export function meddling<T>(
  connector: SourceConnector<T>,
  around: (read: SourceLog['read']) => SourceLog['read'],
): SourceConnector<T> {
  const { kind, options, bounded } = connector;
  return {
    ...{ kind, options, bounded },
    open: async (host) => {
      const log = await connector.open(host);
      return { ...log, read: around(log.read.bind(log)) };
    },
  };
}

export async function barrier(bench: StageBench, made: Pipeline, stage: string, partition: number, epoch: number) {
  const { topic, code } = made.plan.stages.find(({ id }) => id === stage)!;
  const message = { kind: 'barrier', run: 'run', epoch, code } as const;
  await bench.log.append([{ topic, partition, message }]);
}
