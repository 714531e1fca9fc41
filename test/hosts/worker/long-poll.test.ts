import { describe, expect, it, onTestFinished } from 'vitest';
import { ManualClock, SeededRandom } from '../../../lib/adapters/simulated/index.ts';
import { recordingTelemetry } from '../../../lib/adapters/telemetry/index.ts';
import { Backoff } from '../../../lib/hosts/worker/backoff.ts';
import { LongPoll } from '../../../lib/hosts/worker/long-poll.ts';
import { Wake } from '../../../lib/hosts/worker/wake.ts';
import type { Duration } from '../../../lib/index.ts';

const turns = () => new Promise((resolve) => setTimeout(resolve, 1));

/** A reader whose requests the test answers. */
class Asked {
  readonly clock = new ManualClock();
  readonly requests: {
    readonly places: readonly string[];
    answer(found: readonly (string | undefined)[]): void;
    fail(): void;
  }[] = [];
  readonly poll: LongPoll<string, string>;

  constructor() {
    this.poll = new LongPoll<string, string>(
      (places) =>
        new Promise((resolve, reject) => {
          this.requests.push({ places, answer: resolve, fail: () => reject(new Error('gone')) });
        }),
      {
        clock: this.clock,
        random: new SeededRandom(1),
        telemetry: recordingTelemetry(),
        patience: 100 as Duration,
        name: 'answers',
      },
    );
    const end = new AbortController();
    const running = this.poll.run(end.signal);
    onTestFinished(async () => {
      end.abort();
      for (const request of this.requests) request.answer([]);
      await running;
    });
  }
}

describe('the reader of all tasks', () => {
  it('asks for all places at once, and hands out what was found', async () => {
    const asked = new Asked();
    const [a, b] = [asked.poll.sit(), asked.poll.sit()];
    a.want('a from 0');
    b.want('b from 0');
    const found = a.wait(asked.clock, undefined);
    await turns();
    expect(asked.requests.map(({ places }) => places)).toEqual([['a from 0', 'b from 0']]);
    asked.requests[0]!.answer(['row', undefined]);
    await found;
    expect([a.take(), b.take()]).toEqual(['row', undefined]);
    await turns();
    expect(asked.requests[1]!.places).toEqual(['b from 0']);
  });

  it('asks in further requests for who comes while others wait, and not for one whose batch has not been taken', async () => {
    const asked = new Asked();
    const [a, b, c, d] = [asked.poll.sit(), asked.poll.sit(), asked.poll.sit(), asked.poll.sit()];
    a.want('a');
    await turns();
    b.want('b');
    await turns();
    c.want('c');
    await turns();
    d.want('d');
    await turns();
    expect(asked.requests.map(({ places }) => places)).toEqual([['a'], ['b']]);
    asked.clock.advance(3 as Duration);
    await turns();
    expect(asked.requests.map(({ places }) => places)).toEqual([['a'], ['b'], ['c', 'd']]);
    asked.requests[0]!.answer(['row']);
    await turns();
    expect(asked.requests).toHaveLength(3);
    expect(a.found).toBe('row');
  });

  it('has at most eight requests under way, and asks again when one has ended', async () => {
    const asked = new Asked();
    for (let i = 0; i < 10; i++) {
      asked.poll.sit().want(`${i}`);
      await turns();
      asked.clock.advance(3 as Duration);
      await turns();
    }
    expect(asked.requests.map(({ places }) => places)).toEqual([0, 1, 2, 3, 4, 5, 6, 7].map((n) => [`${n}`]));
    asked.requests[3]!.answer(['row']);
    await turns();
    asked.clock.advance(3 as Duration);
    await turns();
    expect(asked.requests[8]!.places).toEqual(['8', '9']);
  });

  it('throws away what was found for a place that is not wanted any more', async () => {
    const asked = new Asked();
    const seat = asked.poll.sit();
    seat.want('from 0');
    await turns();
    seat.want('from 7');
    asked.requests[0]!.answer(['row 0']);
    await turns();
    expect(seat.found).toBeUndefined();
    expect(asked.requests[1]!.places).toEqual(['from 7']);
  });

  it('wakes all who asked where asking fails, and asks again after a pause', async () => {
    const asked = new Asked();
    const [a, b] = [asked.poll.sit(), asked.poll.sit()];
    a.want('a');
    b.want('b');
    const woken = Promise.all([a.wait(asked.clock, undefined), b.wait(asked.clock, undefined)]);
    await turns();
    asked.requests[0]!.fail();
    await woken;
    expect([a.take(), b.take()]).toEqual([undefined, undefined]);
    await turns();
    expect(asked.requests).toHaveLength(1);
    asked.clock.advance(50 as Duration);
    await turns();
    expect(asked.requests[1]!.places).toEqual(['a', 'b']);
  });

  it('forgets a seat that is left', async () => {
    const asked = new Asked();
    const seat = asked.poll.sit();
    seat.want('a');
    asked.poll.leave(seat);
    await turns();
    expect(asked.requests).toEqual([]);
  });
});

describe('a wake', () => {
  it('keeps a call that comes while nobody waits, for the next wait only', async () => {
    const [wake, clock] = [new Wake(), new ManualClock()];
    wake.call();
    await wake.wait();
    const waiting = wake.within(clock, 10 as Duration);
    clock.advance(10 as Duration);
    await waiting;
    expect(clock.sleeping).toBe(0);
  });
});

describe('a back-off', () => {
  it('grows to its longest, varies, and begins anew after a success', () => {
    const backoff = new Backoff(new SeededRandom(3), { first: 100 as Duration, most: 1_000 as Duration });
    const delays = Array.from({ length: 40 }, () => backoff.next());
    for (const [i, delay] of delays.entries()) {
      const grown = Math.min(1_000, 100 * 2 ** i);
      expect(delay).toBeGreaterThanOrEqual(grown / 10);
      expect(delay).toBeLessThanOrEqual(grown);
    }
    expect(new Set(delays).size).toBe(40);
    backoff.succeeded();
    expect(backoff.next()).toBeLessThanOrEqual(100);
  });
});
