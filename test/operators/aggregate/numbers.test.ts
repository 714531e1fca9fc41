import { describe, expect, it } from 'vitest';
import { MillraceError } from '../../../lib/model/index.ts';
import {
  type Aggregator,
  collect,
  composite,
  count,
  distinct,
  max,
  maxBy,
  mean,
  median,
  min,
  quantile,
  quantiles,
  stddev,
  sum,
  topK,
  variance,
} from '../../../lib/operators/aggregate/index.ts';

const itself = (x: number): number => x;
const over = <Acc, Out>(subject: Aggregator<number, Acc, Out>, numbers: unknown[]): Out =>
  subject.result(numbers.reduce<Acc>((acc, x, i) => subject.add(acc, x as number, i), subject.create()));
const thrownBy = (action: () => unknown): MillraceError => {
  try {
    action();
  } catch (error) {
    if (error instanceof MillraceError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
};

describe('sums', () => {
  it('keep small numbers beside large ones that cancel', () => {
    expect(over(sum(itself), [1, 1e100, 1, -1e100])).toBe(2);
    expect(over(mean(itself), [1, 1e100, 1, -1e100])).toBe(0.5);
    const s = sum(itself);
    const a = [1, 1e100].reduce((acc, x) => s.add(acc, x, 0), s.create());
    const b = [1, -1e100].reduce((acc, x) => s.add(acc, x, 0), s.create());
    expect(s.result(s.merge(a, b))).toBe(2);
  });

  it('do not gather rounding errors', () => {
    const tenths = Array.from({ length: 100_000 }, () => 0.1);
    expect(over(sum(itself), tenths)).toBe(10_000);
    expect(over(mean(itself), tenths)).toBe(0.1);
  });

  it('are infinite beyond the range of a double, not NaN', () => {
    expect(over(sum(itself), [1.7e308, 1.7e308, 1])).toBe(Number.POSITIVE_INFINITY);
  });

  it('of nothing are 0, and means, extremes and spreads of nothing NaN', () => {
    expect(over(sum(itself), [])).toBe(0);
    for (const subject of [mean(itself), min(itself), max(itself), variance(itself), median(itself)]) {
      expect(over(subject, [])).toBeNaN();
    }
  });
});

describe('variance', () => {
  it('is stable where the mean is large beside the spread', () => {
    const numbers = [4, 7, 13, 16].map((x) => x + 1e9);
    expect(over(variance(itself), numbers)).toBeCloseTo(22.5, 6);
    expect(over(variance(itself, { sample: true }), numbers)).toBeCloseTo(30, 6);
    expect(over(stddev(itself, { sample: true }), numbers)).toBeCloseTo(Math.sqrt(30), 6);
  });

  it('of a sample of one is unknown', () => {
    expect(over(variance(itself, { sample: true }), [5])).toBeNaN();
    expect(over(variance(itself), [5])).toBe(0);
  });
});

describe('a value an aggregation cannot take', () => {
  const finite = {
    sum: sum(itself),
    mean: mean(itself),
    variance: variance(itself),
    stddev: stddev(itself),
    median: median(itself),
    quantile: quantile(itself, 0.5),
    quantiles: quantiles(itself, [0.5]),
  };
  const bad = [
    Number.NaN,
    Number.POSITIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
    '5',
    null,
    undefined,
    5n,
    true,
    new Date(0),
    {},
  ];
  for (const [name, subject] of Object.entries<Aggregator<number, unknown, unknown>>(finite)) {
    it.each(bad)(`is a bad record of ${name}: %s`, (value) => {
      const error = thrownBy(() => over(subject, [1, value]));
      expect(error.kind).toBe('bad-record');
      expect(error.message).toMatch(new RegExp(`^${name} needs a finite number: `));
      expect(error.hint).toBeDefined();
    });
  }

  it('is named in the message', () => {
    expect(thrownBy(() => over(mean(itself), [Number.NaN])).message).toBe('mean needs a finite number: NaN');
    expect(thrownBy(() => over(mean(itself), ['12'])).message).toBe('mean needs a finite number: "12"');
    expect(thrownBy(() => over(composite({ n: count(), m: mean(itself) }), [undefined])).message).toContain(
      'undefined',
    );
  });

  it('is NaN or no number for min and max, which take infinities', () => {
    expect(over(max(itself), [1, Number.POSITIVE_INFINITY])).toBe(Number.POSITIVE_INFINITY);
    expect(over(min(itself), [1, Number.NEGATIVE_INFINITY])).toBe(Number.NEGATIVE_INFINITY);
    for (const value of [Number.NaN, '5', null, undefined]) {
      expect(thrownBy(() => over(max(itself), [value])).kind).toBe('bad-record');
    }
  });

  it('is a rank that cannot be ordered, or not beside the others', () => {
    for (const value of [Number.NaN, null, undefined, {}, true]) {
      expect(thrownBy(() => over(maxBy(itself), [value])).kind).toBe('bad-record');
      expect(thrownBy(() => over(topK(itself, 2), [value])).kind).toBe('bad-record');
    }
    expect(thrownBy(() => over(maxBy(itself), [1, 'a'])).message).toBe(
      'maxBy needs a number, as the records before: "a"',
    );
    expect(thrownBy(() => over(topK(itself, 2), ['a', 1])).message).toBe(
      'topK needs a string, as the records before: 1',
    );
    expect(
      thrownBy(() =>
        over(
          maxBy(() => new Date(Number.NaN)),
          [1],
        ),
      ).kind,
    ).toBe('bad-record');
  });

  it('is anything but a key for distinct', () => {
    expect(thrownBy(() => over(distinct(itself), [undefined])).kind).toBe('bad-record');
  });

  it('leaves nothing of itself in an extreme, and no negative zero', () => {
    expect(over(max(itself), [-0])).toBe(0);
    expect(
      over(
        maxBy((x: number) => new Date(x)),
        [3, 9, 5],
      ),
    ).toBe(9);
  });
});

describe('an argument out of range', () => {
  it.each([
    ['k', () => topK(itself, 0)],
    ['k', () => topK(itself, 1.5)],
    ['limit', () => collect(itself, { limit: 0 })],
    ['limit', () => collect(itself, { limit: Number.NaN })],
    ['quantile', () => quantile(itself, 1.1)],
    ['quantile', () => quantiles(itself, [0.5, Number.NaN])],
    ['accuracy', () => quantile(itself, 0.5, { accuracy: 0 })],
    ['accuracy', () => median(itself, { accuracy: 0.6 })],
  ])('is refused: %s', (word, make) => {
    const error = thrownBy(make);
    expect(error.kind).toBe('invalid-pipeline');
    expect(error.message).toContain(word);
  });
});
