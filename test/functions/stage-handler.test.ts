import { describe, expect, it } from 'vitest';
import { stageMetrics } from '../../functions/stage-metrics.ts';
import { exponentialDelay, MillraceError, noRestart } from '../../lib/index.ts';
import type { Duration } from '../../lib/model/index.ts';
import type { CommitStore } from '../../lib/ports/index.ts';
import { LOOK_AGE } from '../../lib/runtime/index.ts';
import { Feed } from '../../lib/testing/index.ts';
import { order, ring, StageBench } from './stage-bench.ts';
import { type Amount, all, amounts, barrier, expected, fed, final, gathered, overriding, summing } from './summing.ts';

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
