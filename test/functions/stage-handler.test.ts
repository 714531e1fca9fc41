import { describe, expect, it } from 'vitest';
import { LOOK_AGE } from '../../functions/source-watch.ts';
import { stageMetrics } from '../../functions/stage-metrics.ts';
import {
  exponentialDelay,
  MillraceError,
  noRestart,
  type Pipeline,
  type PipelineOptions,
  pipeline,
  type SourceConnector,
  seconds,
  toMemory,
} from '../../lib/index.ts';
import type { Duration } from '../../lib/model/index.ts';
import type { CommitStore, SourceLog } from '../../lib/ports/index.ts';
import { notePause } from '../../lib/runtime/index.ts';
import { Feed } from '../../lib/testing/index.ts';
import { order, ring, StageBench } from './stage-bench.ts';

interface Amount {
  readonly key: string;
  readonly n: number;
}

const amounts = (from: number, to: number): Amount[] =>
  Array.from({ length: to - from }, (_, i) => ({ key: `k${(from + i) % 7}`, n: from + i }));

interface Summing {
  /** What the code makes of an amount: other code where it is another function. */
  readonly worth?: (n: number) => number;
  readonly version?: string;
  readonly options?: PipelineOptions;
}

/** Sums by key on three tasks, gathered by one. */
function summing(source: SourceConnector<Amount>, { worth = (n) => n, version = '1', options = {} }: Summing = {}) {
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
const final = (records: readonly Amount[]): Record<string, number> =>
  Object.fromEntries(records.map(({ key, n }) => [key, n]));

function expected(given: readonly Amount[], worth = (n: number, _i: number): number => n): Record<string, number> {
  const sums: Record<string, number> = {};
  given.forEach(({ key, n }, i) => {
    const before = sums[key];
    sums[key] = before === undefined ? n : before + worth(n, i);
  });
  return sums;
}

const all = [0, 1, 2];

async function fed(count: number, options: Summing = {}) {
  const bench = new StageBench();
  const feed = new Feed<Amount>(1, () => bench.clock.now());
  feed.push(0, amounts(0, count));
  const job = summing(feed, options);
  await bench.bring(job.made);
  await bench.call(bench.stage(job.made, 'amounts'), ring(0));
  return { bench, feed, ...job };
}

/** Has the last stage gather what the middle one has sent. */
async function gathered(bench: StageBench, made: Pipeline, last: string): Promise<void> {
  await bench.call(bench.stage(made, last), ring(0));
}

describe('a stage before its code is in a run', () => {
  it('acknowledges what is delivered and creates nothing, without a run', async () => {
    const bench = new StageBench();
    const { made, middle } = summing(new Feed<Amount>(1, () => 0));
    await bench.call(bench.stage(made, middle), ring(0));
    expect(await bench.ports.commits.records('sums', '')).toEqual([]);
    expect(await bench.ports.blobs.list('')).toEqual([]);
    expect(bench.telemetry.counter(stageMetrics.untaken)).toBe(1);
  });

  it('acknowledges and rings nobody while its changed code is not in the run, and works once it is', async () => {
    const { bench, feed, middle, sums, last } = await fed(30);
    const next = summing(feed, { version: '2' });
    const stage = bench.stage(next.made, middle);
    await bench.call(stage, await bench.delivery(next.made, middle, all));
    expect(bench.rung).toEqual([]);
    expect((await bench.head(middle, 0)).version).toBe(0);
    await bench.bring(next.made);
    await bench.call(stage, ring(...all));
    expect(bench.rung.map(({ epoch }) => epoch)).toEqual([0, 0, 0]);
    expect(sums.records).toEqual([]);
    expect(last).toBe(next.last);
  });

  it('works at once where only other stages have changed', async () => {
    const { bench, feed, middle } = await fed(30);
    const next = summing(feed).made.withCode({ amounts: 'other' });
    await bench.call(bench.stage(next, middle), ring(...all));
    expect((await bench.head(middle, 0)).version).toBeGreaterThan(0);
  });
});

describe('deliveries', () => {
  it('that mix partitions, come twice and at once, in one function and in two, count each record once', async () => {
    const { bench, made, middle, last, sums } = await fed(500);
    const delivery = await bench.delivery(made, middle, all);
    const [one, two] = [bench.stage(made, middle), bench.stage(made, middle)];
    await Promise.all([one, one, two, two].map((stage) => bench.call(stage, delivery)));
    await bench.call(two, delivery);
    await gathered(bench, made, last);
    expect(sums.records).toHaveLength(500);
    expect(final(sums.records)).toEqual(expected(amounts(0, 500)));
  });

  it('go to functions by turns, each of which catches up with the others', async () => {
    const { bench, feed, made, middle, last, sums } = await fed(0);
    const { commits } = bench.ports;
    let lost = 0;
    const counting = overriding(commits, {
      put: async (...given) => {
        const outcome = await commits.put(...given);
        if (outcome === 'lost') lost++;
        return outcome;
      },
    });
    const three = (stage: string) =>
      [0, 1, 2].map(() => bench.stage(made, stage, { ports: { ...bench.ports, commits: counting } }));
    const [sources, functions] = [three('amounts'), three(middle)];
    for (let i = 0; i < 12; i++) {
      const from = await bench.ends(made, middle, 3);
      feed.push(0, amounts(10 * i, 10 * i + 10));
      await bench.call(sources[i % 3]!, ring(0));
      const delivery = await bench.delivery(made, middle, all, Math.min(...from));
      await bench.call(functions[i % 3]!, delivery);
    }
    await gathered(bench, made, last);
    expect(final(sums.records)).toEqual(expected(amounts(0, 120)));
    expect(lost).toBe(0);
  });

  it('go to functions by turns, and no snapshot is made in vain', async () => {
    const { bench, feed, made, middle } = await fed(0);
    let manifests = 0;
    const { blobs } = bench.ports;
    const slow = new Proxy(blobs, {
      get: (store, name) =>
        name === 'put'
          ? async (...given: Parameters<typeof blobs.put>) => {
              await bench.clock.sleep(50 as Duration);
              if (/\/snap\/\d+\/[^-]+$/.test(given[0])) manifests++;
              return store.put(...given);
            }
          : (store[name as 'get'] as () => unknown).bind(store),
    });
    const functions = [0, 1, 2].map(() => bench.stage(made, middle, { ports: { ...bench.ports, blobs: slow } }));
    const source = bench.stage(made, 'amounts');
    for (let i = 0; i < 60; i++) {
      feed.push(0, amounts(0, 1));
      await bench.call(source, ring(0));
      await bench.call(functions[i % 3]!, ring(...all));
    }
    const versions = await Promise.all(all.map(async (partition) => (await bench.head(middle, partition)).version));
    expect(Math.max(...versions)).toBeGreaterThanOrEqual(60);
    expect(manifests).toBeGreaterThan(0);
    expect(manifests).toBeLessThanOrEqual(6);
  });

  it('of a topic that is not its own, or of a partition that the run does not have, are acknowledged and told', async () => {
    const { bench, made, middle, last } = await fed(10);
    await bench.call(bench.stage(made, last), await bench.delivery(made, middle, [0]));
    expect(bench.telemetry.counter(stageMetrics.untaken, { stage: last })).toBe(1);
    const stage = bench.stage(made, middle);
    await bench.call(stage, ring(99, 0));
    expect(bench.telemetry.counter(stageMetrics.untaken, { stage: middle })).toBe(1);
    expect((await bench.head(middle, 0)).version).toBeGreaterThan(0);
  });
});

describe('a zombie', () => {
  it('whose put comes too late loses it, and its delivery does not fail', async () => {
    const { bench, made, middle, last, sums } = await fed(200);
    const { commits } = bench.ports;
    let release = (): void => {};
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    let gated = 0;
    const slow = overriding(commits, {
      put: async (...given) => {
        gated++;
        await gate;
        return commits.put(...given);
      },
    });
    const delivery = await bench.delivery(made, middle, all);
    const zombie = bench.call(bench.stage(made, middle, { ports: { ...bench.ports, commits: slow } }), delivery);
    while (gated < 3) await new Promise((resolve) => setImmediate(resolve));
    await bench.call(bench.stage(made, middle), delivery);
    release();
    await zombie;
    await gathered(bench, made, last);
    expect(sums.records).toHaveLength(200);
    expect(final(sums.records)).toEqual(expected(amounts(0, 200)));
  });
});

describe('a dependency that is away', () => {
  const away = (commits: CommitStore, times: number): CommitStore => {
    let left = times;
    return overriding(commits, {
      put: (...given) => {
        if (left-- > 0) throw new MillraceError('unavailable', 'the table is throttled');
        return commits.put(...given);
      },
    });
  };

  it('for a moment is tried again in place', async () => {
    const { bench, made, middle } = await fed(20);
    const ports = { ...bench.ports, commits: away(bench.ports.commits, 1) };
    await bench.call(bench.stage(made, middle, { ports }), await bench.delivery(made, middle, [0]));
    expect((await bench.head(middle, 0)).nextOffset).toBeGreaterThan(0);
  });

  it('for longer gives the delivery back, and the next one goes on', async () => {
    const { bench, made, middle, last, sums } = await fed(50);
    const ports = { ...bench.ports, commits: away(bench.ports.commits, 6) };
    const stage = bench.stage(made, middle, { ports });
    const delivery = await bench.delivery(made, middle, all);
    await expect(bench.call(stage, delivery)).rejects.toMatchObject({ kind: 'unavailable' });
    expect(bench.telemetry.counter(stageMetrics.failures)).toBe(3);
    await bench.call(stage, delivery);
    await gathered(bench, made, last);
    expect(final(sums.records)).toEqual(expected(amounts(0, 50)));
  });

  it('does not fail a delivery for a defect, which would only be met again', async () => {
    const { bench, made, middle } = await fed(20);
    const { commits } = bench.ports;
    const broken = overriding(commits, {
      put: () => {
        throw new TypeError('undefined is not a function');
      },
    });
    const stage = bench.stage(made, middle, { ports: { ...bench.ports, commits: broken } });
    await bench.call(stage, await bench.delivery(made, middle, all));
    expect(bench.telemetry.counter(stageMetrics.failures)).toBe(3);
    expect(bench.telemetry.lines('error').map(({ message }) => message)).toContain(
      `${middle}/0 cannot go on: undefined is not a function`,
    );
  });
});

describe("the author's code that throws", () => {
  const poison = (n: number): number => {
    if (n === 33) throw new Error('not this one');
    return n;
  };

  it('stops its task and nobody else; resumed with the code mended it goes on', async () => {
    const options = { restart: noRestart() };
    const { bench, feed, made, middle, sums, last } = await fed(100, { worth: poison, options });
    const stage = bench.stage(made, middle);
    const delivery = await bench.delivery(made, middle, all);
    await bench.call(stage, delivery);
    await bench.call(stage, delivery);
    const statuses = await Promise.all(all.map(async (p) => (await bench.head(middle, p)).status.kind));
    expect(statuses.sort()).toEqual(['ok', 'ok', 'stopped']);
    expect(bench.telemetry.lines('error').filter(({ message }) => message.includes('is stopped'))).toHaveLength(1);
    const mended = summing(feed, { version: '2', options });
    await bench.bring(mended.made);
    const newer = bench.stage(mended.made, middle);
    for (const partition of all) await bench.call(newer, order(partition, { kind: 'resume' }));
    for (const partition of all) await barrier(bench, mended.made, middle, partition, 1);
    for (const function_ of [stage, newer]) await bench.call(function_, ring(...all));
    await bench.call(bench.stage(mended.made, last), ring(0));
    expect(final([...sums.records, ...mended.sums.records])).toEqual(expected(amounts(0, 100)));
  });

  it('backs off for a moment within the invocation', async () => {
    let left = 2;
    const flaky = (n: number): number => {
      if (n === 33 && left-- > 0) throw new Error('not yet');
      return n;
    };
    const options = { restart: exponentialDelay({ attempts: 5 }) };
    const { bench, made, middle, sums, last } = await fed(100, { worth: flaky, options });
    await bench.call(bench.stage(made, middle), await bench.delivery(made, middle, all));
    await gathered(bench, made, last);
    expect(final(sums.records)).toEqual(expected(amounts(0, 100)));
  });

  it('halts where others have found that it must', async () => {
    const { bench, made, middle } = await fed(10);
    const stop = { task: { stage: middle, partition: 0 }, reason: 'data-lost', message: 'its log is gone' } as const;
    await bench.call(bench.stage(made, middle), order(0, { kind: 'halt', stop }));
    expect((await bench.head(middle, 0)).status).toMatchObject({ kind: 'stopped', reason: 'data-lost' });
  });
});

describe('changed code', () => {
  it('goes on behind the barrier, older code up to it, and each rings the other over', async () => {
    const { bench, feed, made, middle, last, sums } = await fed(40);
    const next = summing(feed, { version: '2', worth: (n) => 1_000 * n });
    await bench.bring(next.made);
    for (const partition of all) await barrier(bench, next.made, middle, partition, 1);
    feed.push(0, amounts(40, 80));
    await bench.call(bench.stage(made, 'amounts'), ring(0));
    const [older, newer] = [bench.stage(made, middle), bench.stage(next.made, middle)];
    await bench.call(newer, await bench.delivery(made, middle, all));
    expect(bench.rung.splice(0).map(({ epoch }) => epoch)).toEqual([0, 0, 0]);
    await bench.call(older, await bench.delivery(made, middle, all));
    expect(bench.rung.splice(0).map(({ epoch, event }) => [epoch, event.hops])).toEqual([1, 1, 1].map((e) => [e, 1]));
    await bench.call(newer, ring(...all));
    await gathered(bench, made, last);
    const worth = (n: number, i: number): number => (i < 40 ? n : 1_000 * n);
    expect(final(sums.records)).toEqual(expected(amounts(0, 80), worth));
    expect(next.sums.records).toEqual([]);
  });

  it('passes an event on only so often', async () => {
    const { bench, feed, middle } = await fed(10);
    const next = summing(feed, { version: '2' });
    await bench.bring(next.made);
    const newer = bench.stage(next.made, middle);
    await bench.call(newer, { ...ring(0), hops: 4 });
    expect(bench.rung).toEqual([]);
    await bench.call(newer, ring(0));
    await bench.call(newer, ring(0));
    expect(bench.rung).toHaveLength(1);
    bench.clock.advance(LOOK_AGE);
    await bench.call(newer, ring(0));
    expect(bench.rung).toHaveLength(2);
  });

  it('that is taken back is an older and a newer version in one function', async () => {
    const { bench, feed, made, middle, last, sums } = await fed(20);
    const stage = bench.stage(made, middle);
    await bench.call(stage, ring(0));
    const other = summing(feed, { version: '2', worth: (n) => 1_000 * n });
    await bench.bring(other.made);
    for (const partition of all) await barrier(bench, made, middle, partition, 1);
    await bench.bring(made);
    for (const partition of all) await barrier(bench, made, middle, partition, 2);
    feed.push(0, amounts(20, 40));
    await bench.call(bench.stage(made, 'amounts'), ring(0));
    await bench.call(stage, ring(...all));
    expect(bench.rung.splice(0).map(({ epoch }) => epoch)).toEqual([1, 1, 1]);
    await bench.call(bench.stage(other.made, middle), ring(...all));
    bench.clock.advance((LOOK_AGE + 1) as Duration);
    await bench.call(stage, ring(...all));
    await gathered(bench, made, last);
    expect(final(sums.records)).toEqual(expected(amounts(0, 40)));
  });
});

describe("a source's stage", () => {
  const source = (made: Pipeline): string => made.plan.stages[0]!.id;

  it('stands still once newer code is in the run, until it is handed over, and then goes on to there', async () => {
    const { bench, feed, made } = await fed(10);
    const older = bench.stage(made, source(made));
    await bench.call(older, ring(0));
    const next = summing(feed).made.withCode({ amounts: 'other' });
    await bench.bring(next);
    bench.clock.advance(LOOK_AGE);
    feed.push(0, amounts(10, 30));
    await bench.call(older, ring(0));
    expect((await bench.head(source(made), 0)).nextOffset).toBe(10);
    await bench.call(older, order(0, { kind: 'hand-over', at: 25, epoch: 1 }));
    expect(await bench.head(source(made), 0)).toMatchObject({ nextOffset: 25, epoch: 1 });
    expect(bench.rung.map(({ epoch }) => epoch)).toEqual([1]);
    await bench.call(bench.stage(next, source(made)), ring(0));
    expect((await bench.head(source(made), 0)).nextOffset).toBe(30);
    await bench.call(older, order(0, { kind: 'hand-over', at: 99, epoch: 1 }));
    expect((await bench.head(source(made), 0)).source?.handOver).toBeUndefined();
  });

  it('lets go of what it has read too late to know that nobody hands it over', async () => {
    const bench = new StageBench();
    const feed = new Feed<Amount>(1, () => bench.clock.now());
    feed.push(0, amounts(0, 10));
    let slow = false;
    const slowly = meddling(feed, (read) => async (...given) => {
      const slice = await read(...given);
      if (slow) bench.clock.advance((LOOK_AGE + 1) as Duration);
      slow = false;
      return slice;
    });
    const { made, middle } = summing(slowly);
    await bench.bring(made);
    const stage = bench.stage(made, source(made));
    await bench.call(stage, ring(0));
    const ends = await bench.ends(made, middle, 3);
    const next = summing(feed).made.withCode({ amounts: 'other' });
    feed.push(0, amounts(10, 20));
    slow = true;
    const bring = bench.bring(next);
    await Promise.all([bring, bench.call(stage, ring(0))]);
    expect((await bench.head(source(made), 0)).nextOffset).toBe(10);
    expect(await bench.ends(made, middle, 3)).toEqual(ends);
  });

  it('lets go of what it has read while another of its tasks has seen newer code', async () => {
    const bench = new StageBench();
    const feed = new Feed<Amount>(2, () => bench.clock.now());
    for (const partition of [0, 1]) feed.push(partition, amounts(0, 10));
    let meanwhile: (() => Promise<void>) | undefined;
    const slowly = meddling(feed, (read) => async (...given) => {
      const slice = await read(...given);
      const work = meanwhile;
      meanwhile = undefined;
      await work?.();
      return slice;
    });
    const { made, middle } = summing(slowly);
    await bench.bring(made);
    const stage = bench.stage(made, source(made));
    await bench.call(stage, ring(0, 1));
    const ends = await bench.ends(made, middle, 3);
    feed.push(0, amounts(10, 20));
    meanwhile = async () => {
      bench.clock.advance(seconds(3));
      await bench.bring(summing(feed).made.withCode({ amounts: 'other' }));
      await stage(ring(1), bench.invocation());
      bench.clock.advance(seconds(3));
    };
    await bench.call(stage, ring(0));
    expect((await bench.head(source(made), 0)).nextOffset).toBe(10);
    expect(await bench.ends(made, middle, 3)).toEqual(ends);
  });

  it('takes in nothing while the run pauses', async () => {
    const { bench, feed, made } = await fed(10);
    const stage = bench.stage(made, source(made));
    const run = { pipeline: 'sums', id: 'run' };
    await notePause(bench.ports.commits, run, true, 0);
    feed.push(0, amounts(10, 20));
    await bench.call(stage, ring(0));
    expect((await bench.head(source(made), 0)).nextOffset).toBe(10);
    await notePause(bench.ports.commits, run, false, 1);
    bench.clock.advance(LOOK_AGE);
    await bench.call(stage, ring(0));
    expect((await bench.head(source(made), 0)).nextOffset).toBe(20);
  });

  it('ends where it is told to', async () => {
    const { bench, feed, made } = await fed(10);
    feed.push(0, amounts(10, 20));
    await bench.call(bench.stage(made, source(made)), order(0, { kind: 'drain', end: 15 }));
    await bench.call(bench.stage(made, source(made)), order(0, { kind: 'drain', end: 18 }));
    expect(await bench.head(source(made), 0)).toMatchObject({ nextOffset: 15, source: { done: true } });
  });
});

describe('time that runs out', () => {
  it('gives a delivery back before it is begun', async () => {
    const { bench, made, middle } = await fed(10);
    const late = { getRemainingTimeInMillis: () => (late.calls++ === 0 ? 20_000 : 1_000), calls: 0 };
    const stage = bench.stage(made, middle);
    await expect(bench.call(stage, await bench.delivery(made, middle, all), late)).rejects.toMatchObject({
      kind: 'unavailable',
      message: expect.stringContaining('no time left'),
    });
    await bench.call(stage, ring(...all), { ...late, calls: 0 } as never);
  });

  it('while it waits for another call of the same task gives a delivery back too', async () => {
    const { bench, made, middle } = await fed(10);
    const { commits } = bench.ports;
    const slow = overriding(commits, {
      put: async (...given) => {
        await bench.clock.sleep(seconds(20));
        return commits.put(...given);
      },
    });
    const stage = bench.stage(made, middle, { ports: { ...bench.ports, commits: slow } });
    const delivery = await bench.delivery(made, middle, [0]);
    const [first, second] = [60_000, 15_000].map((limit) => stage(delivery, bench.invocation(limit)));
    const caught = expect(second).rejects.toThrow('no time left');
    for (let i = 0; i < 25; i++) {
      await new Promise((resolve) => setTimeout(resolve, 2));
      bench.clock.advance(seconds(1));
    }
    await first;
    await caught;
  });

  /** Asks somebody about each amount, who does not answer of the last one while `patient` is false. */
  async function asking(pushes: readonly (readonly Amount[])[]) {
    const bench = new StageBench();
    const feed = new Feed<Amount>(1, () => bench.clock.now());
    const out = toMemory<number>();
    const asked: { readonly n: number; readonly signal: AbortSignal }[] = [];
    const mood = { patient: false };
    const last = pushes.flat().length - 1;
    const made = pipeline('sums', (p) => {
      p.source('amounts', feed)
        .rebalance('spread', { parallelism: 1 })
        .async(
          'ask',
          async ({ n }, { signal }) => {
            asked.push({ n, signal });
            if (n === last && !mood.patient) await new Promise(() => {});
            return n;
          },
          { timeout: seconds(600) },
        )
        .to('out', out);
    });
    const [first, second] = made.plan.stages.map(({ id }) => id) as [string, string];
    await bench.bring(made);
    const source = bench.stage(made, first);
    for (const rows of pushes) {
      feed.push(0, rows);
      await bench.call(source, ring(0));
    }
    const delivery = await bench.delivery(made, second, [0]);
    return { bench, delivery, stage: bench.stage(made, second), asked, mood, out, second };
  }

  it('cuts off asynchronous work by its signal, and acknowledges where all the time there was was not enough', async () => {
    const { bench, delivery, stage, asked, mood, out, second } = await asking([amounts(0, 3)]);
    await bench.call(stage, delivery, bench.invocation(10_000));
    expect(asked.map(({ n, signal }) => [n, signal.aborted])).toEqual([0, 1, 2].map((n) => [n, n === 2]));
    expect((await bench.head(second, 0)).nextOffset).toBe(0);
    mood.patient = true;
    await bench.call(stage, delivery, bench.invocation(10_000));
    expect(asked.map(({ n }) => n)).toEqual([0, 1, 2, 2]);
    expect(out.records).toEqual([0, 1, 2]);
  });

  it('commits what has all its answers before it gives the rest back', async () => {
    const { bench, delivery, stage, asked, mood, out, second } = await asking([0, 1, 2].map((n) => amounts(n, n + 1)));
    const given = bench.call(stage, delivery, bench.invocation(10_000));
    await expect(given).rejects.toMatchObject({ kind: 'unavailable' });
    expect((await bench.head(second, 0)).nextOffset).toBe(2);
    expect(out.records).toEqual([0, 1]);
    mood.patient = true;
    await bench.call(stage, delivery, bench.invocation(10_000));
    expect(asked.map(({ n }) => n)).toEqual([0, 1, 2, 2]);
    expect(out.records).toEqual([0, 1, 2]);
  });
});

describe('tasks in memory', () => {
  it.each([
    ['are forgotten where there is no room', 1, true],
    ['are kept where there is', 1e9, false],
  ])('%s', async (_, warmBytes, loads) => {
    const { bench, feed, made, middle, last, sums } = await fed(100);
    let slots = 0;
    const { commits } = bench.ports;
    const counting = overriding(commits, {
      slots: (...given) => {
        slots++;
        return commits.slots(...given);
      },
    });
    const stage = bench.stage(made, middle, { ports: { ...bench.ports, commits: counting }, warmBytes });
    await bench.call(stage, ring(...all));
    slots = 0;
    feed.push(0, amounts(100, 200));
    await bench.call(bench.stage(made, 'amounts'), ring(0));
    await bench.call(stage, ring(...all));
    expect(slots > 0).toBe(loads);
    await gathered(bench, made, last);
    expect(final(sums.records)).toEqual(expected(amounts(0, 200)));
  });
});

/** The store, with some of its methods replaced. */
function overriding(commits: CommitStore, own: Partial<CommitStore>): CommitStore {
  return new Proxy(commits, {
    get: (store, name) => {
      const found: unknown = Reflect.get(name in own ? own : store, name);
      return typeof found === 'function' ? found.bind(name in own ? own : store) : found;
    },
  });
}

function meddling<T>(
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

async function barrier(bench: StageBench, made: Pipeline, stage: string, partition: number, epoch: number) {
  const { topic, code } = made.plan.stages.find(({ id }) => id === stage)!;
  const message = { kind: 'barrier', run: 'run', epoch, code } as const;
  await bench.log.append([{ topic, partition, message }]);
}
