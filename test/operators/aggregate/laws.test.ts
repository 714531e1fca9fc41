import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Aggregator,
  aggregator,
  collect,
  composite,
  count,
  distinct,
  distinctApprox,
  first,
  last,
  max,
  maxBy,
  mean,
  median,
  min,
  minBy,
  quantile,
  quantiles,
  share,
  stddev,
  sum,
  topK,
  variance,
} from '../../../lib/operators/aggregate/index.ts';
import { type Arrival, arrivals, fold, inOrder } from './arrivals.ts';

type Case = [name: string, aggregator: Aggregator<Arrival, unknown, unknown>, naive: (records: Arrival[]) => unknown];

const x = (r: Arrival): number => r.x;
const sorted = (records: Arrival[]): number[] => records.map(x).sort((a, b) => a - b);
const plainSum = (numbers: number[]): number => numbers.reduce((a, b) => a + Math.round(b * 10), 0) / 10;
const plainMean = (records: Arrival[]): number => plainSum(records.map(x)) / records.length;
const plainVariance = (records: Arrival[], lost = 0): number => {
  const middle = plainMean(records);
  const n = records.length - lost;
  return n <= 0 ? Number.NaN : records.reduce((total, r) => total + (r.x - middle) ** 2, 0) / n;
};
const plainQuantile = (records: Arrival[], q: number): number =>
  sorted(records)[Math.floor((q * 10 * (records.length - 1)) / 10)] ?? Number.NaN;
const ranked = (records: Arrival[], sign: number): Arrival[] =>
  inOrder(records).sort((a, b) => (a.x - b.x) * sign || a.time - b.time || a.id - b.id);

const exact: Case[] = [
  ['count', count(), (all) => all.length],
  ['share', share((r: Arrival) => r.x > 1), (all) => all.filter((r) => r.x > 1).length / all.length],
  ['min', min(x), (all) => sorted(all)[0] ?? Number.NaN],
  ['max', max(x), (all) => sorted(all).at(-1) ?? Number.NaN],
  ['minBy', minBy(x), (all) => ranked(all, 1)[0] ?? null],
  ['maxBy', maxBy(x), (all) => ranked(all, -1)[0] ?? null],
  ['maxBy of a string', maxBy((r: Arrival) => r.name), (all) => largestName(all)],
  ['topK', topK(x, 3), (all) => ranked(all, -1).slice(0, 3)],
  ['first', first<Arrival>(), (all) => inOrder(all)[0] ?? null],
  ['first of a field', first((r: Arrival) => r.name), (all) => inOrder(all)[0]?.name ?? null],
  ['last', last<Arrival>(), (all) => inOrder(all).at(-1) ?? null],
  ['collect', collect<Arrival>(), (all) => inOrder(all)],
  ['collect with a limit', collect((r: Arrival) => r.id, { limit: 5 }), (all) => firstIds(all, 5)],
  ['distinct', distinct((r: Arrival) => r.name), (all) => new Set(all.map((r) => r.name)).size],
  ['distinctApprox', distinctApprox((r: Arrival) => r.name), (all) => new Set(all.map((r) => r.name)).size],
];

const close: Case[] = [
  ['sum', sum(x), (all) => plainSum(all.map(x))],
  ['mean', mean(x), plainMean],
  ['variance', variance(x), (all) => plainVariance(all)],
  ['sample variance', variance(x, { sample: true }), (all) => plainVariance(all, 1)],
  ['stddev', stddev(x), (all) => Math.sqrt(plainVariance(all))],
];

const sketched: Case[] = [
  ['median', median(x), (all) => plainQuantile(all, 0.5)],
  ['quantile', quantile(x, 0.9, { accuracy: 0.02 }), (all) => plainQuantile(all, 0.9)],
];

const composed: Case[] = [
  [
    'composite of numbers',
    composite<Arrival, object>({
      n: count(),
      top: max(x),
      late: share((r: Arrival) => r.x > 1),
      low: min(x),
      m: count(),
    }),
    (all) => ({
      n: all.length,
      top: sorted(all).at(-1) ?? Number.NaN,
      late: all.filter((r) => r.x > 1).length / all.length,
      low: sorted(all)[0] ?? Number.NaN,
      m: all.length,
    }),
  ],
  [
    'composite of all kinds',
    composite<Arrival, object>({
      ids: collect((r: Arrival) => r.id),
      n: count(),
      names: distinct((r: Arrival) => r.name),
    }),
    (all) => ({ ids: inOrder(all).map((r) => r.id), n: all.length, names: new Set(all.map((r) => r.name)).size }),
  ],
  [
    'an author’s own',
    aggregator<Arrival, { names: Record<string, number> }, object>({
      create: () => ({ names: {} }),
      add(acc, r) {
        acc.names[r.name] = (acc.names[r.name] ?? 0) + 1;
        return acc;
      },
      merge(a, b) {
        for (const [name, n] of Object.entries(b.names)) a.names[name] = (a.names[name] ?? 0) + n;
        return a;
      },
      result: (acc) => ({ ...acc.names }),
    }),
    (all) =>
      Object.fromEntries(
        [...new Set(all.map((r) => r.name))].map((name) => [name, all.filter((r) => r.name === name).length]),
      ),
  ],
];

const everything = [...exact, ...close, ...sketched, ...composed];
/** Shares of `arrivals`: the accumulator takes each in its turn, so shares keep the order of arrival within and between them. */
const cuts = fc.array(fc.nat({ max: 40 }), { maxLength: 4 });

describe.each(everything)('%s', (name, subject, naive) => {
  const same = (got: unknown, records: Arrival[]): void => {
    const wanted = naive(records);
    if (sketched.some(([other]) => other === name)) expectWithin(got as number, wanted as number, 0.0200001);
    else if (close.some(([other]) => other === name)) expectNear(got as number, wanted as number);
    else expect(got).toEqual(wanted);
  };

  it('agrees with a plain evaluation', () => {
    fc.assert(fc.property(arrivals, (records) => same(subject.result(fold(subject, records)), records)));
  });

  it('is the same however its records are split, as long as the parts are merged in order of arrival', () => {
    fc.assert(
      fc.property(arrivals, cuts, fc.boolean(), (records, at, leftFirst) => {
        const parts = split(records, at).map((part) => fold(subject, part));
        const merged = leftFirst
          ? parts.reduce((a, b) => subject.merge(a, b))
          : parts.reduceRight((b, a) => subject.merge(a, b));
        same(subject.result(merged), records);
      }),
    );
  });

  it('goes on after a merge', () => {
    fc.assert(
      fc.property(arrivals, fc.nat({ max: 40 }), fc.nat({ max: 40 }), (records, i, j) => {
        const [a, b, c] = [
          records.slice(0, Math.min(i, j)),
          records.slice(Math.min(i, j), Math.max(i, j)),
          records.slice(Math.max(i, j)),
        ];
        const merged = subject.merge(fold(subject, a), fold(subject, b));
        same(subject.result(c.reduce((acc, r) => subject.add(acc, r, r.time), merged)), records);
      }),
    );
  });

  it('keeps a clone apart from what is added or merged later, on either side', () => {
    fc.assert(
      fc.property(arrivals, arrivals, arrivals, (before, after, other) => {
        const original = fold(subject, before);
        const frozen = structuredClone(original);
        const clone = subject.clone(original);
        expect(clone).toEqual(frozen);
        const grown = after.reduce((acc, r) => subject.add(acc, r, r.time), original);
        subject.merge(grown, fold(subject, other));
        expect(clone).toEqual(frozen);
        const held = subject.clone(clone);
        after.reduce((acc, r) => subject.add(acc, r, r.time), clone);
        expect(held).toEqual(frozen);
      }),
    );
  });

  it('does not change its accumulator by yielding a result', () => {
    fc.assert(
      fc.property(arrivals, (records) => {
        const acc = fold(subject, records);
        const before = structuredClone(acc);
        subject.result(acc);
        expect(acc).toEqual(before);
      }),
    );
  });

  it('keeps nothing but plain data', () => {
    fc.assert(fc.property(arrivals, (records) => expectPlain(fold(subject, records))));
  });

  const { retract } = subject;
  if (retract === undefined) return;
  it('takes back what was added', () => {
    fc.assert(
      fc.property(arrivals, fc.nat({ max: 40 }), (records, kept) => {
        let acc = fold(subject, records);
        for (const r of records.slice(kept)) acc = retract(acc, r, r.time);
        same(subject.result(acc), records.slice(0, kept));
      }),
    );
  });
});

describe.each([...sketched, ...exact.filter(([name]) => /count|share|^min$|^max$|distinct/.test(name))])(
  '%s',
  (_, subject) => {
    it('has the same result in any order of records and of merging', () => {
      fc.assert(
        fc.property(arrivals, cuts, fc.infiniteStream(fc.nat()), (records, at, order) => {
          const shuffled = records.map((r) => [order.next().value as number, r] as const).sort(([a], [b]) => a - b);
          const parts = split(
            shuffled.map(([, r]) => r),
            at,
          ).map((part) => fold(subject, part));
          const merged = parts.reverse().reduce((a, b) => subject.merge(a, b));
          expect(subject.result(merged)).toEqual(subject.result(fold(subject, records)));
        }),
      );
    });
  },
);

it('retracts where the accumulator allows it and nowhere else', () => {
  const able = everything.filter(([, subject]) => subject.retract !== undefined).map(([name]) => name);
  expect(able).toEqual(['count', 'share', ...close.map(([name]) => name), 'median', 'quantile']);
  expect(composite({ n: count(), q: quantiles((r: Arrival) => r.x, [0.1, 0.9]) }).retract).toBeDefined();
});

function split<T>(records: readonly T[], at: readonly number[]): T[][] {
  const bounds = [0, ...at.map((n) => Math.min(n, records.length)).sort((a, b) => a - b), records.length];
  return bounds.slice(1).map((to, i) => records.slice(bounds[i], to));
}

function largestName(records: Arrival[]): Arrival | null {
  const names = records.map((r) => r.name).sort();
  return inOrder(records).find((r) => r.name === names.at(-1)) ?? null;
}

const firstIds = (records: Arrival[], n: number): number[] =>
  inOrder(records)
    .map((r) => r.id)
    .slice(0, n);

function expectNear(got: number, wanted: number): void {
  if (Number.isNaN(wanted)) expect(got).toBeNaN();
  else expect(Math.abs(got - wanted)).toBeLessThanOrEqual(1e-6);
}

function expectWithin(got: number, wanted: number, relative: number): void {
  if (Number.isNaN(wanted)) expect(got).toBeNaN();
  else expect(Math.abs(got - wanted)).toBeLessThanOrEqual(Math.abs(wanted) * relative);
}

function expectPlain(value: unknown): void {
  if (value === null || ['number', 'string', 'boolean', 'bigint'].includes(typeof value)) return;
  expect(typeof value).toBe('object');
  if (value instanceof Date || ArrayBuffer.isView(value)) return;
  if (Array.isArray(value) || value instanceof Set) for (const item of value) expectPlain(item);
  else if (value instanceof Map) for (const [key, held] of value) [key, held].forEach(expectPlain);
  else {
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
    Object.values(value as object).forEach(expectPlain);
  }
}
