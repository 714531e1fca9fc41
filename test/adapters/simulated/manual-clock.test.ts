import { describe, expect, it } from 'vitest';
import { ManualClock, SeededRandom } from '../../../lib/adapters/simulated/index.ts';
import { milliseconds, seconds, type WallTime } from '../../../lib/model/index.ts';

const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

describe('the clock moved by hand', () => {
  it('stands still until it is moved', () => {
    const clock = new ManualClock(1_000);
    expect(clock.now()).toBe(1_000);
    clock.advance(seconds(2));
    expect(clock.now()).toBe(3_000);
    clock.set(500 as WallTime);
    expect(clock.now()).toBe(500);
  });

  it('wakes sleepers when they are due, in order', async () => {
    const clock = new ManualClock(0);
    const woken: string[] = [];
    const sleep = (name: string, span: number) => void clock.sleep(milliseconds(span)).then(() => woken.push(name));
    sleep('c', 30);
    sleep('a', 10);
    sleep('b', 20);
    sleep('a2', 10);
    expect(clock.nextWake).toBe(10);
    clock.advance(milliseconds(9));
    await settled();
    expect(woken).toEqual([]);
    clock.advance(milliseconds(11));
    await settled();
    expect(woken).toEqual(['a', 'a2', 'b']);
    expect(clock.sleeping).toBe(1);
    clock.advance(milliseconds(100));
    await settled();
    expect(woken).toEqual(['a', 'a2', 'b', 'c']);
    expect(clock.nextWake).toBeUndefined();
  });

  it('lets a sleeper go when its signal is aborted, with the reason', async () => {
    const clock = new ManualClock(0);
    const controller = new AbortController();
    const sleeping = clock.sleep(seconds(1), controller.signal);
    controller.abort(new Error('enough'));
    await expect(sleeping).rejects.toThrow('enough');
    expect(clock.sleeping).toBe(0);
    await expect(clock.sleep(seconds(1), controller.signal)).rejects.toThrow('enough');
  });

  it('does not let anyone wait for no time', async () => {
    await new ManualClock().sleep(milliseconds(0));
  });
});

describe('random numbers from a seed', () => {
  it('are the same for the same seed, and others for another', () => {
    const take = (seed: number | string) =>
      Array.from(
        { length: 5 },
        (
          (random) => () =>
            random.next()
        )(new SeededRandom(seed)),
      );
    expect(take(7)).toEqual(take(7));
    expect(take(7)).toEqual(take('7'));
    expect(take(7)).not.toEqual(take(8));
  });

  it('do not change between versions: a printed seed must tell the same story', () => {
    const random = new SeededRandom(42);
    expect([random.uint32(), random.uint32(), random.uint32()]).toMatchInlineSnapshot(`
      [
        329940457,
        1260667778,
        2383061369,
      ]
    `);
  });

  it('lie in [0, 1), evenly', () => {
    const random = new SeededRandom('even');
    const buckets = new Array<number>(10).fill(0);
    for (let i = 0; i < 20_000; i++) buckets[Math.floor(random.next() * 10)]!++;
    expect(buckets).toHaveLength(10);
    for (const count of buckets) expect(Math.abs(count - 2_000)).toBeLessThan(200);
  });

  it('stay below a bound, and reach all there is below', () => {
    const random = new SeededRandom(1);
    expect(new Set(Array.from({ length: 200 }, () => random.below(4)))).toEqual(new Set([0, 1, 2, 3]));
  });

  it('fork into one that goes its own way', () => {
    const random = new SeededRandom(1);
    const fork = random.fork();
    expect([fork.next(), fork.next()]).not.toEqual([random.next(), random.next()]);
  });
});
