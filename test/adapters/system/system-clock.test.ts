import { describe, expect, it } from 'vitest';
import { systemClock, systemRandom } from '../../../lib/adapters/system/index.ts';
import { hours, milliseconds } from '../../../lib/model/index.ts';

describe("the machine's clock", () => {
  it('says the time', () => {
    expect(Math.abs(systemClock.now() - Date.now())).toBeLessThan(1_000);
  });

  it('sleeps at least as long as asked', async () => {
    const begin = performance.now();
    await systemClock.sleep(milliseconds(15));
    expect(performance.now() - begin).toBeGreaterThanOrEqual(15);
  });

  it('wakes at once when the signal is aborted, with its reason', async () => {
    const controller = new AbortController();
    const sleeping = systemClock.sleep(hours(24 * 365), controller.signal);
    controller.abort(new Error('enough'));
    await expect(sleeping).rejects.toThrow('enough');
    await expect(systemClock.sleep(milliseconds(1), controller.signal)).rejects.toThrow('enough');
  });

  it('does not take a span beyond what timers hold for none', async () => {
    const controller = new AbortController();
    let woken = false;
    const sleeping = systemClock.sleep(hours(24 * 365), controller.signal).then(() => {
      woken = true;
    });
    await systemClock.sleep(milliseconds(20));
    expect(woken).toBe(false);
    controller.abort(new Error('enough'));
    await expect(sleeping).rejects.toThrow('enough');
  });

  it('gives turns one by one, and hears the world between any two', async () => {
    const order: string[] = [];
    const work = async (name: string): Promise<void> => {
      await systemClock.sleep(milliseconds(0));
      for (const until = performance.now() + 3; performance.now() < until; ) {}
      order.push(name);
    };
    const all = Promise.all(['a', 'b', 'c', 'd'].map(work));
    setTimeout(() => order.push('heard'), 1);
    await all;
    expect(order.filter((name) => name !== 'heard')).toEqual(['a', 'b', 'c', 'd']);
    expect(order.slice(0, 3)).toContain('heard');
  });

  it('draws numbers in [0, 1)', () => {
    for (let i = 0; i < 100; i++) expect(Math.floor(systemRandom.next())).toBe(0);
  });
});
