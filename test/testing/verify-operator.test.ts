import { describe, expect, it } from 'vitest';
import { connectedProcess, count, epochMillis, mean, minutes, seconds, type } from '../../lib/index.ts';
import { process, reducing, session, tumbling, value } from '../../lib/operators/index.ts';
import { verifyOperator, verifyTwoInputs } from '../../lib/testing/index.ts';

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

describe('verifying an operator with two inputs', () => {
  const arrivals = clicks.map((click, i) => (i % 4 === 1 ? { left: click } : { right: click }));
  const twofold = { ...timed, records: arrivals };

  it('agrees for a join, whose results do not depend on how the inputs interleave', async () => {
    const [out] = await verifyTwoInputs<Click, Click>({
      ...twofold,
      build: (left, right) =>
        left
          .keyBy('left-by-user', (c) => c.user)
          .intervalJoin(right.keyBy('right-by-user', (c) => c.user))
          .between(seconds(0), seconds(10.5))
          .outerJoin('near', (a, b) => [a?.n ?? null, b?.n ?? null]),
    });
    const near = (a: Click, b: Click): boolean => a.user === b.user && b.at >= a.at && b.at <= a.at + 10_500;
    const lefts = clicks.filter((_, i) => i % 4 === 1);
    const rights = clicks.filter((_, i) => i % 4 !== 1);
    const pairs = lefts.flatMap((a) => rights.filter((b) => near(a, b)).map((b) => [a.n, b.n]));
    const loose = lefts.filter((a) => !rights.some((b) => near(a, b))).map((a) => [a.n, null]);
    const looseRight = rights.filter((b) => !lefts.some((a) => near(a, b))).map((b) => [null, b.n]);
    const text = (list: readonly unknown[]): string[] => list.map((item) => JSON.stringify(item)).toSorted();
    expect(pairs.length * loose.length * looseRight.length).toBeGreaterThan(0);
    expect(text(out!)).toEqual(text([...pairs, ...loose, ...looseRight]));
  });

  it('finds an operator whose results depend on how the inputs interleave', async () => {
    const last = connectedProcess('last', {
      left: type<Click>(),
      right: type<Click>(),
      key: type<string>(),
      out: type<number>(),
      state: { latest: value<number>() },
      onLeft: (click, ctx) => ctx.state.latest.set(click.n),
      onRight: (_, ctx) => ctx.emit(ctx.state.latest.get() ?? -1),
    });
    const verified = verifyTwoInputs<Click, Click>({
      ...twofold,
      build: (left, right) =>
        left
          .keyBy('l', (c) => c.user)
          .connect(right.keyBy('r', (c) => c.user))
          .process(last),
    });
    await expect(verified).rejects.toThrow(/with one record at a time the outcome differs/);
  });
});
