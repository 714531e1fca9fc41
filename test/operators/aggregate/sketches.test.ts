import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Key } from '../../../lib/model/index.ts';
import { addHash } from '../../../lib/operators/aggregate/hyper-log-log.ts';
import { distinct, distinctApprox, quantile, quantiles } from '../../../lib/operators/aggregate/index.ts';

const itself = (x: number): number => x;
const finite = fc.double({ noNaN: true, noDefaultInfinity: true });
const quantileOf = (numbers: number[], q: number, accuracy: number): number => {
  const subject = quantile(itself, q, { accuracy });
  return subject.result(numbers.reduce((acc, x) => subject.add(acc, x, 0), subject.create()));
};

describe('a quantile', () => {
  it('is within its accuracy of the true one, over the whole range of doubles', () => {
    fc.assert(
      fc.property(
        fc.array(finite, { minLength: 1, maxLength: 30 }),
        fc.nat({ max: 1_000 }),
        fc.constantFrom(0.0001, 0.01, 0.05, 0.5),
        (numbers, permille, accuracy) => {
          const truth = [...numbers].sort((a, b) => a - b)[Math.floor((permille * (numbers.length - 1)) / 1_000)]!;
          const bound = Math.abs(truth) < 2.3e-308 ? 2.3e-308 : Math.abs(truth) * (accuracy + 1e-9);
          expect(Math.abs(quantileOf(numbers, permille / 1_000, accuracy) - truth)).toBeLessThanOrEqual(bound);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('keeps zero and signs exact', () => {
    expect(quantileOf([-5, 0, 5], 0.5, 0.01)).toBe(0);
    expect(quantileOf([-5, 0, 5], 0, 0.01)).toBeLessThan(-4.9);
    expect(quantileOf([Number.MAX_VALUE], 1, 0.5)).toBeLessThanOrEqual(Number.MAX_VALUE);
  });

  it('counts a rank that is whole but for rounding as whole', () => {
    const numbers = Array.from({ length: 101 }, (_, i) => i);
    for (let percent = 0; percent <= 100; percent++) {
      expect(Math.round(quantileOf(numbers, percent / 100, 0.0001))).toBe(percent);
    }
  });

  it('of several yields them in the order asked for', () => {
    const subject = quantiles(itself, [0.9, 0.1], { accuracy: 0.0001 });
    const [high, low] = subject.result(
      [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11].reduce((acc, x) => subject.add(acc, x, 0), subject.create()),
    );
    expect([Math.round(high), Math.round(low)]).toEqual([10, 2]);
  });

  it('has the very same accumulator in any order', () => {
    const subject = quantile(itself, 0.5);
    fc.assert(
      fc.property(fc.array(finite), fc.array(finite), (a, b) => {
        const of = (numbers: number[]): number[] =>
          numbers.reduce((acc, x) => subject.add(acc, x, 0), subject.create());
        expect(subject.merge(of(b), of(a))).toEqual(of([...a, ...b].reverse()));
      }),
    );
  });

  it('forgets what is taken back without a trace', () => {
    const subject = quantile(itself, 0.5);
    const acc = [3, -2, 0, 5].reduce((held, x) => subject.add(held, x, 0), subject.create());
    const left = [-2, 0].reduce((held, x) => subject.retract!(held, x, 0), acc);
    expect(left).toEqual([3, 5].reduce((held, x) => subject.add(held, x, 0), subject.create()));
  });

  it('stays small however many numbers there are', () => {
    const subject = quantile(itself, 0.5);
    let acc = subject.create();
    for (let i = 1; i <= 100_000; i++) acc = subject.add(acc, i * 10, 0);
    expect(acc.length / 2).toBeLessThan(700);
  });
});

describe('distinct', () => {
  it('takes keys as equal as keyBy does', () => {
    const subject = distinct((k: Key) => k);
    const keys: Key[] = [1, '1', 1n, [1], { a: 1, b: 2 }, { b: 2, a: 1 }, -0, 0, '', ['1']];
    expect(subject.result(keys.reduce((acc, k) => subject.add(acc, k, 0), subject.create()))).toBe(8);
  });
});

describe('distinctApprox', () => {
  const kinds: [string, (i: number) => Key][] = [
    ['strings', (i) => `flight-${i}`],
    ['whole numbers', (i) => i],
    ['fractions', (i) => i / 7],
    ['bigints', (i) => BigInt(i) << 40n],
    ['tuples', (i) => ['a', i % 100, Math.floor(i / 100)]],
  ];

  it.each(kinds)('is within its error for %s', (_, key) => {
    for (const precision of [8, 12, 14]) {
      const subject = distinctApprox(key, { precision });
      let acc = subject.create();
      const error = 1.04 / Math.sqrt(2 ** precision);
      for (let n = 1; n <= 20_000; n++) {
        acc = subject.add(acc, n, 0);
        if ([100, 500, 1_000, 5_000, 20_000].includes(n)) {
          expect(Math.abs(subject.result(acc) - n) / n, `${n} at precision ${precision}`).toBeLessThan(3.5 * error);
        }
      }
    }
  });

  it('has the error it states: the root mean square over many sets', () => {
    const precision = 8;
    for (const n of [20, 200, 600, 3_000]) {
      let squares = 0;
      const runs = 60;
      for (let run = 0; run < runs; run++) {
        const subject = distinctApprox((i: number) => `${run}/${i}`, { precision });
        let acc = subject.create();
        for (let i = 0; i < n; i++) acc = subject.add(acc, i, 0);
        squares += (subject.result(acc) / n - 1) ** 2;
      }
      expect(Math.sqrt(squares / runs), `${n}`).toBeLessThan(1.25 * (1.04 / Math.sqrt(2 ** precision)));
    }
  });

  it('has the very same accumulator in any order, split and number of repeats, sparse or full', () => {
    const subject = distinctApprox((i: number) => i, { precision: 6 });
    const of = (numbers: number[]) => numbers.reduce((acc, x) => subject.add(acc, x, 0), subject.create());
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 60 })), fc.array(fc.nat({ max: 60 })), (a, b) => {
        const whole = of([...new Set([...a, ...b])]);
        expect(subject.merge(of(a), of(b))).toEqual(whole);
        expect(subject.merge(of(b), of(a))).toEqual(whole);
        expect(of([...b, ...a, ...b].reverse())).toEqual(whole);
      }),
    );
  });

  it('stores hashes that never change', () => {
    const subject = distinctApprox((k: Key) => k, { precision: 12 });
    const keys: Key[] = ['a', 'flight', 'é€😀', 0, 1.5, -7, 123456789012345678901n, ['x', 1]];
    const acc = keys.reduce((sketch, k) => subject.add(sketch, k, 0), subject.create());
    expect(acc).toMatchInlineSnapshot(`
      [
        29121,
        32003,
        42883,
        49089,
        60486,
        148161,
        218753,
        225857,
      ]
    `);
  });

  it('ranks a hash by the zeros behind its index, over both words', () => {
    const registers = (precision: number, high: number, low: number) =>
      (addHash([], precision, high, low) as number[]).map((entry) => [entry >>> 6, entry & 63]);
    expect(registers(12, 0x00180000, 0)).toEqual([[1, 1]]);
    expect(registers(12, 0xfff00001, 0)).toEqual([[4095, 20]]);
    expect(registers(12, 0x00200000, 0x80000000)).toEqual([[2, 21]]);
    expect(registers(12, 0x00200000, 1)).toEqual([[2, 52]]);
    expect(registers(12, 0, 0)).toEqual([[0, 53]]);
  });

  it('copies its registers even where they are a view of other memory', () => {
    const subject = distinctApprox(itself, { precision: 4 });
    const stored = Buffer.from(new Uint8Array(16).fill(1));
    const copy = subject.clone(stored);
    stored[0] = 9;
    expect(copy[0]).toBe(1);
  });

  it('refuses a precision out of range', () => {
    for (const precision of [3, 19, 12.5, Number.NaN])
      expect(() => distinctApprox(itself, { precision })).toThrow(/precision/);
  });
});
