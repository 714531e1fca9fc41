import { describe, expect, it } from 'vitest';
import {
  aggregator,
  aggregatorOf,
  composite,
  count,
  first,
  max,
  mean,
  sum,
} from '../../../lib/operators/aggregate/index.ts';

const x = (r: { x: number }): number => r.x;

describe('composite', () => {
  it('keeps parts made of numbers in one array', () => {
    const subject = composite({ n: count(), mean: mean(x) });
    const acc = subject.add(subject.create(), { x: 4 }, 0);
    expect(acc).toEqual([1, 1, 4, 0]);
    expect(subject.result(acc)).toEqual({ n: 1, mean: 4 });
  });

  it('keeps numbers first and other parts behind, and names the result in the order of declaration', () => {
    const subject = composite({ a: first(x), n: count(), b: first(x), s: sum(x) });
    const acc = subject.add(subject.create(), { x: 4 }, 7);
    expect(acc).toEqual([
      [1, 4, 0],
      [7, 4],
      [7, 4],
    ]);
    expect(Object.keys(subject.result(acc))).toEqual(['a', 'n', 'b', 's']);
  });

  it('composes any number of number parts, and composites', () => {
    for (let size = 0; size <= 10; size++) {
      const parts = Object.fromEntries(
        Array.from({ length: size }, (_, i) => [
          `p${i}`,
          i % 2 === 0 ? sum((r: { x: number }) => r.x + i) : max((r: { x: number }) => r.x * i),
        ]),
      );
      const subject = composite({ inner: composite(parts), outer: count() });
      const acc = [{ x: 1 }, { x: 2 }].reduce((a, r) => subject.add(a, r, 0), subject.create());
      const wanted = Object.fromEntries(
        Array.from({ length: size }, (_, i) => [`p${i}`, i % 2 === 0 ? 3 + 2 * i : 2 * i]),
      );
      expect(subject.result(acc)).toEqual({ inner: wanted, outer: 2 });
      expect(acc.every((slot) => typeof slot === 'number')).toBe(true);
    }
  });

  it('takes an accumulator read back from storage', () => {
    const subject = composite({ n: count(), mean: mean(x) });
    const stored = JSON.parse(JSON.stringify(subject.add(subject.create(), { x: 4 }, 0)));
    expect(subject.result(subject.add(stored, { x: 8 }, 0))).toEqual({ n: 2, mean: 6 });
  });

  it('is what several aggregators under names become, while one stays itself', () => {
    const one = count();
    expect(aggregatorOf(one)).toBe(one);
    const several = aggregatorOf({ n: count(), create: max(x) });
    expect(several.result(several.add(several.create(), { x: 3 }, 0))).toEqual({ n: 1, create: 3 });
  });
});

describe('an author’s own aggregator', () => {
  const holding = (held: unknown) =>
    aggregator<unknown, unknown, unknown>({
      create: () => held,
      add: (acc) => acc,
      merge: (a) => a,
      result: (acc) => acc,
    });

  it('is copied in depth without a clone of its own', () => {
    const held = {
      a: [1, { b: new Set([1n]) }],
      m: new Map([['k', [new Date(5)]]]),
      t: new Uint8Array([1, 2]),
      f: new Float64Array([0.5]),
      n: null,
    };
    const subject = holding(held);
    const copy = subject.clone(held) as typeof held;
    expect(copy).toEqual(held);
    expect(copy.t).toBeInstanceOf(Uint8Array);
    expect(copy.f).toBeInstanceOf(Float64Array);
    copy.t[0] = 9;
    copy.m.get('k')!.push(new Date(6));
    (copy.a[1] as { b: Set<bigint> }).b.add(2n);
    expect(held.t[0]).toBe(1);
    expect(held.m.get('k')).toHaveLength(1);
    expect((held.a[1] as { b: Set<bigint> }).b.size).toBe(1);
  });

  it('is refused a copy of what is not plain data', () => {
    class Odd {}
    for (const held of [new Odd(), () => 1, [Symbol('s')]])
      expect(() => holding(held).clone(held)).toThrow(/plain data/);
  });

  it('uses the clone it brings', () => {
    const subject = aggregator<number, { n: number }, number>({
      create: () => ({ n: 0 }),
      add: (acc, v) => ({ n: acc.n + v }),
      merge: (a, b) => ({ n: a.n + b.n }),
      result: (acc) => acc.n,
      clone: (acc) => acc,
    });
    const acc = subject.create();
    expect(subject.clone(acc)).toBe(acc);
  });
});
