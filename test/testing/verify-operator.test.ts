import { describe, expect, it } from 'vitest';
import { count, epochMillis, mean, minutes, seconds, type } from '../../lib/index.ts';
import { process, reducing, session, tumbling, value } from '../../lib/operators/index.ts';
import { verifyOperator } from '../../lib/testing/index.ts';

interface Click {
  readonly at: number;
  readonly user: string;
  readonly n: number;
}

const clicks: Click[] = Array.from({ length: 120 }, (_, i) => ({
  at: 60_000 + i * 1_700 - (i % 5) * 900,
  user: `u${(i * 7) % 6}`,
  n: i,
}));
const timed = { records: clicks, eventTime: (c: Click) => epochMillis(c.at), outOfOrderness: seconds(5) };

describe('verifying an operator', () => {
  it('agrees for windows, whatever happens to the batches', async () => {
    const [out] = await verifyOperator({
      ...timed,
      build: (s) =>
        s
          .keyBy('by-user', (c) => c.user)
          .window(tumbling(minutes(1)))
          .aggregate('w', { n: count(), mean: mean((c) => c.n) }),
    });
    expect(out!.reduce<number>((n, r) => n + (r as { n: number }).n, 0)).toBe(clicks.length);
  });

  it('agrees for sessions', async () => {
    const [out] = await verifyOperator({
      ...timed,
      build: (s) =>
        s
          .keyBy('by-user', (c) => c.user)
          .window(session(seconds(12)))
          .aggregate('w', { n: count() }),
    });
    expect(out!.reduce<number>((n, r) => n + (r as { n: number }).n, 0)).toBe(clicks.length);
  });

  it('agrees for state and timers', async () => {
    const quiet = process('quiet', {
      in: type<Click>(),
      key: type<string>(),
      out: type<{ user: string; total: number; draw: number }>(),
      state: { total: reducing<number>((a, b) => a + b), until: value<number>() },
      onRecord(click, ctx) {
        ctx.state.total.add(click.n);
        ctx.state.until.set(click.at + 20_000);
        ctx.timers.onEventTime(epochMillis(click.at + 20_000));
      },
      onTimer(time, ctx) {
        if (ctx.state.until.get() === time)
          ctx.emit({ user: ctx.key, total: ctx.state.total.get() ?? 0, draw: ctx.random() });
      },
    });
    const [out] = await verifyOperator({ ...timed, build: (s) => s.keyBy('by-user', (c) => c.user).process(quiet) });
    expect(out!.length).toBeGreaterThan(0);
  });

  it('finds an operator that keeps something outside its state', async () => {
    let seen = 0;
    await expect(verifyOperator({ ...timed, build: (s) => s.map((c) => ({ ...c, seen: ++seen })) })).rejects.toThrow(
      /outcome differs/,
    );
  });

  it('finds an operator that changes its input', async () => {
    await expect(
      verifyOperator({
        ...timed,
        build: (s) =>
          s.map((c) => {
            (c as { n: number }).n = 0;
            return c;
          }),
      }),
    ).rejects.toThrow(/read only|Cannot assign/);
  });
});
