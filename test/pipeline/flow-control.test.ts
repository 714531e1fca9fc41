import { describe, expect, it } from 'vitest';
import { runEmbedded } from '../../lib/embedded/index.ts';
import {
  boundedOutOfOrderness,
  collection,
  epochMillis,
  milliseconds,
  noRestart,
  type PipelineOptions,
  pipeline,
  type Stream,
  seconds,
  sideOutput,
  toMemory,
} from '../../lib/index.ts';

interface Order {
  readonly id: number;
  readonly at: number;
  readonly region: number;
}

const orders = Array.from({ length: 40 }, (_, id): Order => ({ id, at: id * 10, region: (id * id) % 5 }));

function of(build: (orders: Stream<Order>) => void, options: PipelineOptions = {}) {
  return pipeline(
    'orders',
    (p) => {
      build(
        p.source('in', collection(orders), {
          eventTime: ({ at }) => epochMillis(at),
          watermark: boundedOutOfOrderness(milliseconds(0)),
        }),
      );
    },
    { parallelism: 3, restart: noRestart(), ...options },
  );
}

describe('partitionBy', () => {
  it('brings each record to the task that it names, in the order of its partition', async () => {
    const out = toMemory<Order>();
    const built = of((input) => {
      input
        .partitionBy('by-region', ({ region }, tasks) => Math.min(region, tasks - 1), { parallelism: 4 })
        .map('seen', (order) => order)
        .to('out', out);
    });
    expect((await runEmbedded(built)).error).toBeUndefined();
    const tasks = [0, 1, 2, 3].map((task) => out.tasks[task]?.map(({ value }) => value) ?? []);
    expect(tasks).toEqual([0, 1, 2, 3].map((task) => orders.filter(({ region }) => Math.min(region, 3) === task)));
  });

  it('fails a record for which it names no task, as an operator fails', async () => {
    const out = toMemory<Order>();
    const build = (input: Stream<Order>): void =>
      input
        .partitionBy('by-region', ({ region }, tasks) => (region === 4 ? tasks : region % tasks))
        .map('seen', (order) => order)
        .to('out', out);
    const stopped = await runEmbedded(of(build));
    expect(stopped.error).toMatchObject({
      kind: 'operator-failed',
      message: 'the partitioner returned 3, which is none of 3 tasks',
      where: { operator: 'by-region' },
    });
    const done = await runEmbedded(of(build, { fallback: 'skip' }));
    expect(done.kind).toBe('finished');
    expect(out.records.map(({ id }) => id).sort((a, b) => a - b)).toEqual(
      orders.filter(({ region }) => region !== 4).map(({ id }) => id),
    );
  });

  it('counts as code of the stage before it, and needs an id and a function', () => {
    const stages = (place: (order: Order) => number) =>
      Object.fromEntries(
        of((input) =>
          input
            .partitionBy('place', place)
            .map('m', (o) => o)
            .to('out', toMemory()),
        ).plan.stages.map(({ id, code }) => [id, code]),
      );
    const [zero, one] = [stages(() => 0), stages(() => 1)];
    expect(zero['in']).not.toBe(one['in']);
    expect(zero['m']).toBe(one['m']);
    const built = of((input) => input.partitionBy('place', () => 0).to('out', toMemory()));
    expect([...built.partitioners.keys()]).toEqual(['place']);
    const coded = built.withCode({ place: 'x' }).plan.stages[0]!.code;
    expect(coded).not.toBe(built.withCode({ place: 'y' }).plan.stages[0]!.code);
    expect(() => of((input) => input.partitionBy('place', 5 as never).to('out', toMemory()))).toThrow(
      'place: partitionBy takes a function, not number',
    );
  });

  it('takes the key away', () => {
    const again = (input: Stream<Order>) => input.keyBy('by-id', ({ id }) => id).partitionBy('place', () => 0);
    expect(() =>
      of((input) =>
        (again(input) as never as ReturnType<Stream<Order>['keyBy']>).reduce('r', (a) => a).to('out', toMemory()),
      ),
    ).toThrow('r: a reduce needs records with a key');
  });
});

describe('rateLimit', () => {
  const dropped = sideOutput<Order>('dropped');

  it('limits each key, or the whole stream at one task', async () => {
    const [keys, whole, left] = [toMemory<Order>(), toMemory<Order>(), toMemory<Order>()];
    const built = of((input) => {
      input
        .keyBy('by-region', ({ region }) => region)
        .rateLimit('each', { limit: 1, per: seconds(1), excess: 'drop' })
        .reduce('first', (a) => a)
        .to('keys', keys);
      const all = input.rateLimit('all', {
        limit: 5,
        per: seconds(1),
        burst: 2,
        excess: 'delay',
        maxDelayed: 10,
        dropped,
      });
      all.to('whole', whole);
      all.sideOutput(dropped).to('left', left);
    });
    expect(built.plan.stages.find(({ id }) => id === 'all')?.partitions).toBe(1);
    expect((await runEmbedded(built)).error).toBeUndefined();
    expect(keys.records.map(({ id }) => id).sort((a, b) => a - b)).toEqual([0, 1, 2]);
    expect(whole.records.map(({ id }) => id)).toEqual(whole.records.map(({ id }) => id).toSorted((a, b) => a - b));
    expect(whole.records.length + left.records.length).toBe(40);
    expect(
      whole.tasks
        .flat()
        .map(({ time }) => time)
        .slice(0, 5),
    ).toEqual([0, 10, 200, 400, 600]);
  });

  it('lets everything out that waits by the clock before a run ends', async () => {
    const out = toMemory<Order>();
    const built = of((input) => {
      input
        .rateLimit('all', { limit: 20, per: milliseconds(20), burst: 1, by: 'processing', excess: 'delay' })
        .to('out', out);
    });
    expect((await runEmbedded(built)).kind).toBe('finished');
    expect(out.records).toEqual(orders);
  });
});

describe('sample', () => {
  it('keeps the key, and needs an id where it counts', async () => {
    const out = toMemory<Order>();
    const built = of((input) => {
      input
        .keyBy('by-region', ({ region }) => region)
        .sample({ fraction: 1 })
        .sample('half', { every: 2 })
        .reduce('last', (_, order) => order)
        .to('out', out);
    });
    expect(built.plan.nodes.map(({ id }) => id)).toContain('sample-1');
    expect((await runEmbedded(built)).error).toBeUndefined();
    expect(out.records).toHaveLength(20);
    expect(() => of((input) => input.sample({ every: 2 }).to('out', toMemory()))).toThrow('a sample needs an id');
  });
});
