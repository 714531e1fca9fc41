import { describe, expect, it } from 'vitest';
import { type Pipeline, pipeline, seconds, toMemory } from '../../lib/index.ts';
import type { Duration } from '../../lib/model/index.ts';
import { LOOK_AGE, notePause } from '../../lib/runtime/index.ts';
import { Feed } from '../../lib/testing/index.ts';
import { order, ring, StageBench } from './stage-bench.ts';
import { type Amount, all, amounts, fed, meddling, overriding, summing } from './summing.ts';

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
