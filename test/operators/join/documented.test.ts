/**
 * Cases that are public: the figures of Flink's documentation "Joining" and of Flink's IntervalJoinOperatorTest and CoGroupJoinITCase; the table of Kafka Streams' documentation "Streams DSL" and its
 * own tests. Every row is theirs, put in our words.
 */
import { describe, expect, it } from 'vitest';
import { type Duration, MAX_TIME, seconds } from '../../../lib/model/index.ts';
import {
  coGroupOperator,
  hopping,
  intervalJoinOperator,
  type JoinKind,
  type OperatorDefinition,
  session,
  tumbling,
  windowJoinOperator,
} from '../../../lib/operators/index.ts';
import { Harness } from '../harness.ts';

const ms = (n: number): Duration => n as Duration;
const pairOf = (left: unknown, right: unknown): string => `${left ?? null},${right ?? null}`;

/** Results with their times. */
const timed = (harness: Harness): readonly string[] => harness.emitted().map(({ value, time }) => `${value} @${time}`);

/** Elements as the figures draw them: their value is their timestamp. All of one key, fed in the order of time. */
function fed(harness: Harness, orange: readonly number[], green: readonly number[]): Harness {
  const all = [...orange.map((at) => ({ at, input: 0 })), ...green.map((at) => ({ at, input: 1 }))];
  for (const { at, input } of all.toSorted((a, b) => a.at - b.at)) harness.record(at, at, 'k', input).advance(at - 1);
  return harness.end();
}

/** Cases as the figures of the page have them, read off the drawings. */
describe('Flink, "Joining"', () => {
  it('interval join: orange.ts - 2 <= green.ts <= orange.ts + 1, with the later time of each pair', () => {
    const operator = intervalJoinOperator({ kind: 'inner', lower: -2, upper: 1, join: pairOf });
    const harness = fed(new Harness(operator), [0, 2, 3, 4, 5, 7], [0, 1, 6, 7]);
    expect(harness.values<string>().toSorted()).toEqual(['0,0', '0,1', '2,0', '2,1', '3,1', '5,6', '7,6', '7,7']);
    expect(
      harness.emitted().every(({ value, time }) => time === Math.max(...String(value).split(',').map(Number))),
    ).toBe(true);
  });

  it('tumbling window join: pairs of a window, with its largest timestamp; nothing where green has no element', () => {
    const operator = windowJoinOperator({ kind: 'inner', assigner: tumbling(ms(2)), join: pairOf });
    const harness = fed(new Harness(operator), [0, 1, 2, 3, 4, 5, 6, 7], [0, 1, 3, 4]);
    expect(timed(harness)).toEqual([
      ...['0,0 @1', '0,1 @1', '1,0 @1', '1,1 @1'],
      ...['2,3 @3', '3,3 @3', '4,4 @5', '5,4 @5'],
    ]);
  });

  it('sliding window join: pairs of each window, so that some come twice; nothing of [1, 2], which has no green', () => {
    const operator = windowJoinOperator({ kind: 'inner', assigner: hopping(ms(2), ms(1)), join: pairOf });
    const harness = fed(new Harness(operator), [0, 1, 2, 3, 4], [0, 3, 4]);
    expect(timed(harness)).toEqual([
      ...['0,0 @0', '0,0 @1', '1,0 @1', '2,3 @3', '3,3 @3'],
      ...['3,3 @4', '3,4 @4', '4,3 @4', '4,4 @4', '4,4 @5'],
    ]);
  });

  it('session window join: gaps of at least 1 ms; elements of a session without the other side are not joined', () => {
    const operator = windowJoinOperator({ kind: 'inner', assigner: session(ms(1)), join: pairOf });
    const harness = fed(new Harness(operator), [1, 2, 5, 6, 8, 9], [0, 4, 5]);
    expect(harness.values()).toEqual(['1,0', '2,0', '5,4', '5,5', '6,4', '6,5']);
  });
});

/** Elements 1 to 4 on both sides, and the pairs that come of bounds. */
describe('Flink, IntervalJoinOperatorTest', () => {
  const [inclusive, exclusive] = [false, true];
  it.each<[number, boolean, number, boolean, string]>([
    [1, inclusive, 3, exclusive, '1,2 1,3 2,3 2,4 3,4'],
    [-3, exclusive, -1, inclusive, '2,1 3,1 3,2 4,2 4,3'],
    [-2, inclusive, -1, inclusive, '2,1 3,1 3,2 4,2 4,3'],
    [-1, inclusive, 1, inclusive, '1,1 1,2 2,1 2,2 2,3 3,2 3,3 3,4 4,3 4,4'],
    [1, inclusive, 2, inclusive, '1,2 1,3 2,3 2,4 3,4'],
    [-3, exclusive, -1, exclusive, '3,1 4,2'],
    [-1, exclusive, 1, exclusive, '1,1 2,2 3,3 4,4'],
    [1, exclusive, 3, exclusive, '1,3 2,4'],
  ])('between %d (exclusive: %s) and %d (exclusive: %s): %s', (lower, lowerExclusive, upper, upperExclusive, pairs) => {
    const join = { lower, lowerExclusive, upper, upperExclusive, join: pairOf };
    for (const faster of [0, 1] as const) {
      const harness = new Harness(intervalJoinOperator({ kind: 'inner', ...join }));
      for (const input of [faster, 1 - faster]) for (const at of [1, 2, 3, 4]) harness.record(at, at, 'k', input);
      expect(harness.values<string>().toSorted().join(' ')).toBe(pairs);
      expect(harness.end().store.size).toBe(0);
    }
  });

  const late = (before: readonly number[], rest: readonly (readonly [number, 0 | 1])[]) => {
    const join = { lower: -1, upper: 1, lateLeft: 'left', lateRight: 'right', join: pairOf };
    const harness = new Harness(intervalJoinOperator({ kind: 'inner', ...join }));
    for (const at of before) for (const input of [0, 1]) harness.record(at, at, 'k', input);
    harness.advance(3);
    for (const [at, input] of rest) harness.record(at, at, 'k', input);
    return [harness.values<string>().toSorted().join(' '), harness.values('left'), harness.values('right')];
  };

  it('testDiscardsLateData', () => {
    expect(
      late(
        [1, 2, 3],
        [
          [1, 0],
          [4, 0],
          [4, 1],
          [5, 0],
          [5, 1],
        ],
      ),
    ).toEqual(['1,1 1,2 2,1 2,2 2,3 3,2 3,3 3,4 4,3 4,4 4,5 5,4 5,5', [1], []]);
  });

  it('testLateData', () => {
    expect(
      late(
        [3],
        [
          [4, 0],
          [4, 1],
          [1, 0],
          [2, 1],
          [5, 0],
          [5, 1],
        ],
      ),
    ).toEqual(['3,3 3,4 4,3 4,4 4,5 5,4 5,5', [1], [2]]);
  });

  it.each<[number, boolean, number, boolean]>([
    [-1, inclusive, 0, inclusive],
    [-2, exclusive, 1, exclusive],
    [0, inclusive, 1, inclusive],
    [-1, exclusive, 2, exclusive],
  ])(
    'state cleanup between %d (exclusive: %s) and %d (exclusive: %s)',
    (lower, lowerExclusive, upper, upperExclusive) => {
      const join = { lower, lowerExclusive, upper, upperExclusive, join: pairOf };
      const harness = new Harness(intervalJoinOperator({ kind: 'inner', ...join }));
      for (const input of [0, 1]) for (const at of [1, 2, 3, 4, 5]) harness.record(at, at, 'k', input);
      const held = [1, 4, 6].map((watermark) => harness.advance(watermark).store.size);
      expect(
        held,
        'at watermarks 1, 4 and 6: of one side what is later, of the other also what is one earlier',
      ).toEqual([4 + 5, 1 + 2, 0]);
    },
  );
});

/** Elements of several keys in tumbling windows of 3 ms; the values are their keys and times, or names beside them. */
describe('Flink, CoGroupJoinITCase', () => {
  type Element = readonly [key: string, name: string, time: number];
  const assigner = tumbling(ms(3));
  const text = ([key, name, time]: Element): string => (name === '' ? `(${key},${time})` : `(${key},${name},${time})`);

  function run(operator: OperatorDefinition, first: readonly Element[], second: readonly Element[]): string[] {
    const harness = new Harness(operator);
    for (const [input, elements] of [first, second].entries()) {
      for (const element of elements) harness.record(element, element[2], element[0], input);
    }
    return harness.end().values<string>().toSorted();
  }

  it('testCoGroup', () => {
    const operator = coGroupOperator({
      assigner,
      fn: (_key, _window, first: readonly Element[], second: readonly Element[]) =>
        `F:${first.map(text).join('')} S:${second.map(text).join('')}`,
    });
    const plain = (key: string, ...times: number[]): Element[] => times.map((time) => [key, '', time]);
    const first = [...plain('a', 0, 1, 2), ...plain('b', 3, 4, 5), ...plain('a', 6, 7, 8)];
    expect(run(operator, first, [...plain('a', 0, 1), ...plain('b', 3), ...plain('c', 6, 7, 8)])).toEqual(
      [
        ...['F:(a,0)(a,1)(a,2) S:(a,0)(a,1)', 'F:(b,3)(b,4)(b,5) S:(b,3)'],
        ...['F:(a,6)(a,7)(a,8) S:', 'F: S:(c,6)(c,7)(c,8)'],
      ].toSorted(),
    );
  });

  const first: readonly Element[] = [
    ...([
      ['a', 'x', 0],
      ['a', 'y', 1],
      ['a', 'z', 2],
      ['b', 'u', 3],
      ['b', 'w', 5],
    ] as const),
    ...([
      ['a', 'i', 6],
      ['a', 'j', 7],
      ['a', 'k', 8],
    ] as const),
  ];
  const second: readonly Element[] = [
    ...([
      ['a', 'u', 0],
      ['a', 'w', 1],
      ['b', 'i', 3],
      ['b', 'k', 5],
      ['a', 'x', 6],
      ['a', 'z', 8],
    ] as const),
  ];
  const joined = windowJoinOperator({
    kind: 'inner',
    assigner,
    join: (left: Element, right: Element) => `${text(left)}:${text(right)}`,
  });

  it('testJoin', () => {
    const pairs = [
      ['xyz', 'uw'],
      ['uw', 'ik'],
      ['ijk', 'xz'],
    ] as const;
    const named = (elements: readonly Element[], window: number, name: string): string =>
      text(elements.find((element) => element[1] === name && Math.floor(element[2] / 3) === window)!);
    const expected = pairs.flatMap(([left, right], window) =>
      [...left].flatMap((l) => [...right].map((r) => `${named(first, window, l)}:${named(second, window, r)}`)),
    );
    expect(expected).toHaveLength(16);
    expect(run(joined, first, second)).toEqual(expected.toSorted());
  });

  it('testSelfJoin', () => {
    const found = run(joined, first, first);
    expect(found).toHaveLength(9 + 4 + 9);
    expect(found).toContain('(a,x,0):(a,x,0)');
    expect(found.filter((pair) => pair.startsWith('(b'))).toEqual([
      ...['(b,u,3):(b,u,3)', '(b,u,3):(b,w,5)', '(b,w,5):(b,u,3)', '(b,w,5):(b,w,5)'],
    ]);
  });
});

/** Kafka Streams' "Streams DSL", "Semantics of stream-stream joins": a window of 15 seconds with a grace of 5. */
describe('Kafka Streams, KStream-KStream join', () => {
  /** Time in seconds; the stream and its value. Records without a value are not joined. */
  const rows: readonly (readonly [number, 'left' | 'right', string | null])[] = [
    ...([
      [1, 'left', null],
      [2, 'right', null],
      [3, 'left', 'A'],
      [4, 'right', 'a'],
      [5, 'left', 'B'],
    ] as const),
    ...([
      [6, 'right', 'b'],
      [7, 'left', null],
      [8, 'right', null],
      [9, 'left', 'C'],
      [10, 'right', 'c'],
    ] as const),
    ...([
      [11, 'right', null],
      [12, 'left', null],
      [13, 'right', null],
      [14, 'right', 'd'],
      [15, 'left', 'D'],
    ] as const),
    ...([
      [40, 'left', 'E'],
      [60, 'left', 'F'],
      [80, 'right', 'f'],
      [100, 'left', 'G'],
    ] as const),
  ];

  /** What comes out at each record that brings anything. Each record is the last of its time, as E at 40 is said to be certain when 60 is reached, not after. */
  function story(kind: JoinKind): Record<number, readonly unknown[]> {
    const harness = new Harness(
      intervalJoinOperator({
        kind,
        lower: seconds(-15),
        upper: seconds(15),
        allowedLateness: seconds(5),
        join: pairOf,
      }),
    );
    const told: Record<number, readonly unknown[]> = {};
    for (const [at, side, value] of rows) {
      const before = harness.emitted().length;
      if (value !== null) harness.record(value, at * 1_000, 'k', side === 'left' ? 0 : 1);
      harness.advance(at * 1_000);
      const emitted = harness.values().slice(before);
      if (emitted.length > 0) told[at] = emitted;
    }
    return told;
  }

  const pairs = {
    4: ['A,a'],
    5: ['B,a'],
    6: ['A,b', 'B,b'],
    9: ['C,a', 'C,b'],
    10: ['A,c', 'B,c', 'C,c'],
    14: ['A,d', 'B,d', 'C,d'],
    15: ['D,a', 'D,b', 'D,c', 'D,d'],
  };

  it('inner', () => expect(story('inner')).toEqual(pairs));
  it('left: records without a match come when window and grace have passed', () => {
    expect(story('left')).toEqual({ ...pairs, 60: ['E,null'], 80: ['F,null'] });
  });
  it('right, which is not in the table: as left, of the other side', () => {
    expect(story('right')).toEqual({ ...pairs, 100: ['null,f'] });
  });
  it('outer', () => {
    expect(story('outer')).toEqual({ ...pairs, 60: ['E,null'], 80: ['F,null'], 100: ['null,f'] });
  });
});

/** Records as Kafka Streams' own tests pipe them in, one after another; the time of the stream is that of its latest record, which may not be its last of that time. */
describe('Kafka Streams, its own tests of KStream-KStream joins', () => {
  type Piped = readonly [input: 0 | 1, key: string, value: string, at: number];

  /** What comes out at each record, with its key, and without the time: an unmatched one's differs on purpose. */
  function piped(kind: JoinKind, before: number, after: number, grace: number, records: readonly Piped[]): string[][] {
    const harness = new Harness(
      intervalJoinOperator({ kind, lower: -before, upper: after, allowedLateness: grace, join: pairOf }),
    );
    return records.map(([input, key, value, at]) => {
      const from = harness.emitted().length;
      harness.record(value, at, key, input).advance(at - 1);
      return harness.values<string>().slice(from).toSorted();
    });
  }

  it('StreamStreamJoinIntegrationTest.testSelfJoin: pairs of the left side first, then of the right, then with itself', () => {
    const harness = new Harness(intervalJoinOperator({ kind: 'inner', lower: -10_000, upper: 10_000, join: pairOf }));
    const found = ['A', 'B', 'C', 'D'].map((value, i) => {
      const from = harness.emitted().length;
      for (const input of [0, 1]) harness.record(value, [2, 3, 5, 7][i]!, 'k', input);
      return harness.values().slice(from);
    });
    expect(found).toEqual([
      ['A,A'],
      ['B,A', 'A,B', 'B,B'],
      ['C,A', 'C,B', 'A,C', 'B,C', 'C,C'],
      ['D,A', 'D,B', 'D,C', 'A,D', 'B,D', 'C,D', 'D,D'],
    ]);
  });

  it('KStreamKStreamLeftJoinTest.testLeftJoinDuplicates', () => {
    const records: Piped[] = [
      [0, '0', 'A0', 0],
      [0, '0', 'A0-0', 0],
      [1, '1', 'a0', 111],
      [1, '2', 'dummy', 500],
      [0, '2', 'A2', 1000],
      [0, '2', 'A2-0', 1000],
      [1, '2', 'a2', 1001],
    ];
    expect(piped('left', 100, 100, 10, records)).toEqual([
      ...[[], [], ['A0,null', 'A0-0,null'], []],
      ...[[], [], ['A2,a2', 'A2-0,a2']],
    ]);
  });

  it('KStreamKStreamLeftJoinTest.shouldNotEmitLeftJoinResultForAsymmetricWindow', () => {
    const records: Piped[] = [
      [0, '0', 'A0', 0],
      [0, '1', 'A1', 1],
      [1, '0', 'a0', 100],
      [1, '1', 'a1', 102],
    ];
    expect(piped('left', 0, 100, 0, records)).toEqual([[], [], ['A0,a0'], ['A1,null']]);
  });

  it('KStreamKStreamOuterJoinTest.testOuterJoinDuplicates', () => {
    const records: Piped[] = [
      [0, '0', 'A0', 0],
      [0, '0', 'A0-0', 0],
      [1, '1', '11', 0],
      [1, '1', '12', 0],
      [1, '1', '10', 111],
      [1, '3', '100', 211],
      [1, '3', '101', 1500],
    ];
    expect(piped('outer', 100, 100, 10, records)).toEqual([
      ...[[], [], [], []],
      ['A0,null', 'A0-0,null', 'null,11', 'null,12'],
      ...[[], ['null,10', 'null,100']],
    ]);
  });

  it('KStreamKStreamOuterJoinTest.testGracePeriod: 0 + 100 + 10 is not over at 110', () => {
    const records: Piped[] = [
      [0, '0', 'A0', 0],
      [1, '1', '11', 0],
      [0, '1', 'A1', 101],
      [1, '0', '10', 101],
      [1, '9', 'not yet', 110],
      [1, '0', '100', 112],
    ];
    expect(piped('outer', 100, 100, 10, records)).toEqual([[], [], [], [], [], ['A0,null', 'null,11']]);
  });

  it('KStreamKStreamOuterJoinTest.testEmitAllNonJoinedResultsForAsymmetricWindow', () => {
    const records: Piped[] = [
      [0, '0', 'A0', 29],
      [0, '1', 'A1', 30],
      [1, '2', '12', 31],
      [1, '3', '13', 36],
      [1, '4', '14', 37],
      [1, '5', '15', 50],
    ];
    expect(piped('outer', 5, 20, 0, records)).toEqual([
      ...[[], [], [], []],
      ['null,12'],
      ['A0,null', 'null,13', 'null,14'],
    ]);
  });

  it('KStreamKStreamJoinTest.testAsymmetricWindowingBefore: right records from 100 ms before a left one to its own time', () => {
    for (const [at, partners] of [
      [899, []],
      [900, ['A0']],
      [901, ['A0', 'A1']],
      [903, ['A0', 'A1', 'A2', 'A3']],
      [1000, ['A0', 'A1', 'A2', 'A3']],
      [1001, ['A1', 'A2', 'A3']],
      [1003, ['A3']],
      [1004, []],
    ] as const) {
      const harness = new Harness(intervalJoinOperator({ kind: 'inner', lower: -100, upper: 0, join: pairOf }));
      for (const i of [0, 1, 2, 3]) harness.record(`A${i}`, 1000 + i, `${i}`, 0);
      for (const i of [0, 1, 2, 3]) harness.record('x', at, `${i}`, 1);
      expect(harness.values()).toEqual(partners.map((left) => `${left},x`));
    }
  });
});

describe('late records and silence', () => {
  const outer = () =>
    new Harness(
      intervalJoinOperator({ kind: 'outer', lower: -5, upper: 5, lateLeft: 'l', lateRight: 'r', join: pairOf }),
    );

  it('late records of either side are joined with nothing and go to their side’s output', () => {
    const harness = outer().record('A', 10, 'k', 0).advance(12).record('late', 12, 'k', 0).record('later', 8, 'k', 1);
    expect(harness.values()).toEqual([]);
    expect([harness.values('l'), harness.values('r')]).toEqual([['late'], ['later']]);
    expect(harness.count('late')).toBe(2);
  });

  it('a record at the last moment is matched; one moment later it would be late', () => {
    const harness = outer().record('A', 10, 'k', 0).advance(14).record('a', 15, 'k', 1);
    expect(harness.values()).toEqual(['A,a']);
    expect(outer().record('A', 10, 'k', 0).advance(15).record('a', 15, 'k', 1).values()).toEqual(['A,null']);
  });

  it('records of equal times match in the order in which they came', () => {
    const harness = outer()
      .record('A', 10, 'k', 0)
      .record('B', 10, 'k', 0)
      .record('a', 10, 'k', 1)
      .record('b', 10, 'k', 1);
    expect(harness.values()).toEqual(['A,a', 'B,a', 'A,b', 'B,b']);
  });

  it('while one side is silent, nothing is forgotten; when it has ended, what was held comes out', () => {
    const harness = outer();
    for (let i = 0; i < 100; i++) harness.record(i, 100 + i, 'k', 0);
    expect(harness.values()).toEqual([]);
    harness.record('a', 100, 'k', 1);
    expect(harness.values()).toEqual(['0,a', '1,a', '2,a', '3,a', '4,a', '5,a']);
    harness.advance(MAX_TIME);
    expect(harness.values()).toHaveLength(6 + 94);
    expect(harness.store.size).toBe(0);
  });

  it('two bounds on one side of a record: what can have no match any more is not held', () => {
    const harness = new Harness(intervalJoinOperator({ kind: 'left', lower: -20, upper: -10, join: pairOf }));
    harness.record('a', 85, 'k', 1).advance(95).record('A', 100, 'k', 0).record('B', 110, 'k', 0);
    expect(harness.values()).toEqual(['A,a']);
    harness.advance(99);
    expect(harness.emitted().at(-1)).toEqual({ value: 'A,a', time: 100, key: 'k' });
    harness.advance(100);
    expect(harness.emitted().at(-1)).toEqual({ value: 'B,null', time: 110, key: 'k' });
  });

  it('state stays flat over a long run of few keys', () => {
    const harness = outer();
    let most = 0;
    for (let i = 0; i < 20_000; i++) {
      harness.record(i, i, `k${i % 7}`, i % 2).advance(i - 3);
      most = Math.max(most, harness.store.size);
      if (i % 500 === 0) harness.store.clear();
    }
    expect(most).toBeLessThan(25);
  });

  it('the cost of a record does not grow with what is held out of its reach', () => {
    const elapsed = (held: number): number => {
      const harness = new Harness(
        intervalJoinOperator({ kind: 'inner', lower: -1_000_000, upper: -999_990, join: pairOf }),
      );
      for (let i = 0; i < held; i++) harness.record(i, i * 10, 'k', 1);
      const start = process.cpuUsage();
      for (let i = 0; i < 2_000; i++) harness.record(i, 1_000_000 + i, 'k', 0);
      const { user } = process.cpuUsage(start);
      return user;
    };
    elapsed(100);
    const [few, many] = [Math.min(elapsed(200), elapsed(200)), Math.min(elapsed(50_000), elapsed(50_000))];
    expect(many).toBeLessThan(20 * few + 50_000);
  });
});
