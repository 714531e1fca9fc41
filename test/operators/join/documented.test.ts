/** Cases of the public documentation: Flink's "Joining", and Kafka Streams' "Streams DSL" and wiki page "Kafka Streams Join Semantics". */
import { describe, expect, it } from 'vitest';
import { type Duration, MAX_TIME, seconds } from '../../../lib/model/index.ts';
import {
  intervalJoinOperator,
  type JoinKind,
  session,
  tumbling,
  windowJoinOperator,
} from '../../../lib/operators/index.ts';
import { Harness } from '../harness.ts';

const ms = (n: number): Duration => n as Duration;
const pairOf = (left: unknown, right: unknown): string => `${left ?? null},${right ?? null}`;

/** Elements as the figures draw them: their value is their timestamp. All of one key, fed in the order of time. */
function fed(harness: Harness, orange: readonly number[], green: readonly number[]): Harness {
  const all = [...orange.map((at) => ({ at, input: 0 })), ...green.map((at) => ({ at, input: 1 }))];
  for (const { at, input } of all.toSorted((a, b) => a.at - b.at)) harness.record(at, at, 'k', input).advance(at - 1);
  return harness.end();
}

describe('Flink, Joining', () => {
  it('interval join: orange.ts - 2 <= green.ts <= orange.ts + 1', () => {
    const operator = intervalJoinOperator({ kind: 'inner', lower: -2, upper: 1, join: pairOf });
    const harness = fed(new Harness(operator), [2, 3, 4, 5, 7], [0, 1, 6, 7]);
    expect(harness.values<string>().toSorted()).toEqual(['2,0', '2,1', '3,1', '5,6', '7,6', '7,7']);
    expect(
      harness.emitted().every(({ value, time }) => time === Math.max(...String(value).split(',').map(Number))),
    ).toBe(true);
  });

  it('interval join: bounds are inclusive, and exclusive where said', () => {
    const matches = (exclusive: object): readonly string[] =>
      fed(
        new Harness(intervalJoinOperator({ kind: 'inner', lower: -2, upper: 1, ...exclusive, join: pairOf })),
        [10],
        [8, 9, 11],
      ).values();
    expect(matches({})).toEqual(['10,8', '10,9', '10,11']);
    expect(matches({ lowerExclusive: true })).toEqual(['10,9', '10,11']);
    expect(matches({ upperExclusive: true })).toEqual(['10,8', '10,9']);
  });

  it('tumbling window join: pairs of a window, with its largest timestamp; nothing where green has no element', () => {
    const operator = windowJoinOperator({ kind: 'inner', assigner: tumbling(ms(2)), join: pairOf });
    const harness = fed(new Harness(operator), [0, 1, 2, 3, 4, 5, 6, 7], [0, 1, 3, 4]);
    expect(harness.emitted().map(({ value, time }) => `${value} @${time}`)).toEqual([
      ...['0,0 @1', '0,1 @1', '1,0 @1', '1,1 @1'],
      ...['2,3 @3', '3,3 @3', '4,4 @5', '5,4 @5'],
    ]);
  });

  it('session window join: sessions span both sides; elements of a session without the other side are not joined', () => {
    const operator = windowJoinOperator({ kind: 'inner', assigner: session(ms(2)), join: pairOf });
    const harness = fed(new Harness(operator), [1, 2, 11, 12, 23], [0, 13]);
    expect(harness.values()).toEqual(['1,0', '2,0', '11,13', '12,13']);
  });
});

describe('Kafka Streams, KStream-KStream join', () => {
  /** Time in seconds; the stream and its value. A window of 15 seconds, grace of 5; records without a value are not joined. */
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
      [65, 'left', 'F'],
      [90, 'right', 'f'],
      [115, 'left', 'G'],
    ] as const),
  ];

  /** What comes out at each record that brings anything. */
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
      harness.advance(at * 1_000 - 1);
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
    expect(story('left')).toEqual({ ...pairs, 65: ['E,null'], 90: ['F,null'] });
  });
  it('right', () => expect(story('right')).toEqual({ ...pairs, 115: ['null,f'] }));
  it('outer', () => {
    expect(story('outer')).toEqual({ ...pairs, 65: ['E,null'], 90: ['F,null'], 115: ['null,f'] });
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
