import { describe, expect, it } from 'vitest';
import { keyIdOf } from '../../lib/model/index.ts';
import {
  aggregateOperator,
  asyncFlatMapOperator,
  asyncOperator,
  count,
  filterOperator,
  flatMapOperator,
  mapOperator,
  type OperatorDefinition,
  reduceOperator,
  splitOperator,
  sum,
} from '../../lib/operators/index.ts';
import { passed } from './async/passes.ts';
import { Harness } from './harness.ts';

const promise = (): never => Promise.resolve(true) as never;

describe('map, filter and flatMap', () => {
  it('pass on time and key', () => {
    const harness = new Harness(mapOperator((n: number) => n * 2)).record(4, 17, ['a']);
    expect(harness.emitted()).toEqual([{ value: 8, time: 17, key: keyIdOf(['a']) }]);
  });

  it('let through what the predicate holds for', () => {
    const harness = new Harness(filterOperator((n: number) => n % 2));
    for (const n of [1, 2, 3]) harness.record(n, n);
    expect(harness.values()).toEqual([1, 3]);
  });

  it.each([
    ['an array', (n: number) => Array.from({ length: n }, (_, i) => i)],
    [
      'a generator',
      function* (n: number) {
        for (let i = 0; i < n; i++) yield i;
      },
    ],
    [
      'calls of emit',
      (n: number, emit: (r: number) => void) => {
        for (let i = 0; i < n; i++) emit(i);
      },
    ],
  ])('make any number of results from %s', (_name, fn) => {
    const harness = new Harness(flatMapOperator(fn)).record(2, 5, 'k').record(0, 6, 'k').record(1, 7, 'k');
    expect(harness.emitted().map(({ value, time }) => [value, time])).toEqual([
      [0, 5],
      [1, 5],
      [0, 7],
    ]);
  });

  it('refuse from flatMap what is no iterable', () => {
    expect(() => new Harness(flatMapOperator(() => 7 as never)).record(1, 1)).toThrow('no iterable: number');
  });
});

describe('synchronous functions', () => {
  const operators: [string, OperatorDefinition, OperatorDefinition][] = [
    ['map', mapOperator(promise), mapOperator(async () => 1)],
    ['filter', filterOperator(promise), filterOperator(async () => 1)],
    ['flatMap', flatMapOperator(promise), flatMapOperator((async () => []) as never)],
    ['reduce', reduceOperator(promise), reduceOperator((async () => 1) as never)],
    ['split', splitOperator({ a: promise }), splitOperator({ a: async () => 1 })],
  ];
  it.each(operators)('may not return promises: %s', (name, promising, async) => {
    const harness = new Harness(promising);
    const run = (): unknown => harness.record(1, 1, 'k').record(1, 1, 'k');
    expect(run).toThrow(
      expect.objectContaining({ kind: 'operator-failed', message: `the function of ${name} returned a promise` }),
    );
    expect(async.mistakes).toMatchObject([{ rule: `the function of ${name} is async` }]);
  });
});

describe('rolling operators', () => {
  it('emit every update of their key', () => {
    const reduced = new Harness(reduceOperator((a: number, b: number) => a + b));
    const aggregated = new Harness(aggregateOperator({ n: count(), sum: sum((n: number) => n) }));
    const one = new Harness(aggregateOperator(count()));
    for (const harness of [reduced, aggregated, one]) harness.record(1, 1, 'a').record(5, 2, 'b').record(2, 3, 'a');
    expect(reduced.values()).toEqual([1, 5, 3]);
    expect(aggregated.values()).toEqual([
      { key: 'a', n: 1, sum: 1 },
      { key: 'b', n: 1, sum: 5 },
      { key: 'a', n: 2, sum: 3 },
    ]);
    expect(one.values()).toEqual([
      { key: 'a', value: 1 },
      { key: 'b', value: 1 },
      { key: 'a', value: 2 },
    ]);
  });

  it('return to where they were', () => {
    const harness = new Harness(aggregateOperator({ n: count() })).record(0, 1, 'a');
    const moment = harness.mark();
    harness.record(0, 2, 'a').record(0, 2, 'b').rollback(moment);
    expect(harness.record(0, 3, 'a').values()).toEqual([
      { key: 'a', n: 1 },
      { key: 'a', n: 2 },
    ]);
  });

  it('refuse aggregates called as other parts of the result', () => {
    expect(aggregateOperator({ key: count() }).mistakes).toHaveLength(1);
  });
});

describe('split', () => {
  it('leads each record to the first branch that holds, or on', () => {
    const harness = new Harness(splitOperator({ small: (n: number) => n < 3, even: (n: number) => n % 2 === 0 }));
    for (const n of [1, 2, 3, 4]) harness.record(n, n);
    expect([harness.values('small'), harness.values('even'), harness.values()]).toEqual([[1, 2], [4], [3]]);
  });
});

describe('asynchronous operators', () => {
  it("call ahead, and emit what they find in the record's place", async () => {
    const mapping = asyncOperator(async (n: number, { key, eventTime }) => [n, key, eventTime], { capacity: 3 });
    expect(mapping).toMatchObject({
      async: true,
      nondeterministic: true,
      options: { capacity: 3, retries: 0 },
    });
    const [result] = await passed(mapping, [[1, 5, { a: 1 }]]);
    expect(result).toEqual([1, { a: 1 }, 5]);
    expect(new Harness(mapping).record(result, 5).values()).toEqual([result]);
  });

  it('may find any number of results', async () => {
    const flat = asyncFlatMapOperator(async (n: number) => new Set([n, n + 1]));
    const [results] = await passed(flat, [[1, 5]]);
    expect(results).toEqual([1, 2]);
    expect(new Harness(flat).record(results, 5).values()).toEqual([1, 2]);
    const [failure] = await passed(asyncFlatMapOperator((() => 5) as never), [[1, 5]]);
    expect(failure).toMatchObject({ message: expect.stringContaining('no iterable') });
  });

  it('refuse options that make no sense', () => {
    expect(asyncOperator(async () => 1, { capacity: 0, retries: -1 }).mistakes).toHaveLength(2);
  });
});
