import { describe, expect, it } from 'vitest';
import {
  came,
  holdSame,
  mixingIn,
  mostAtOnce,
  outlived,
  overlapsIn,
  pausesBetween,
  repetitionIn,
  type SeenCall,
} from '../../scripts/real-account/seen.ts';

const LIMIT = 5_000;

/** A delivery of records of partitions: `{ 0: [3, 4] }`. */
function delivery(
  start: number,
  ms: number | undefined,
  parts: Readonly<Record<number, readonly number[]>>,
  more: Partial<SeenCall> = {},
): SeenCall {
  const records = Object.entries(parts).flatMap(([partition, offsets]) =>
    offsets.map((offset) => ({
      ...{ partition: Number(partition), offset, timestamp: start - 100, id: `${partition}/${offset}` },
      ...({ key: 'null', value: 'text', headers: '[]' } as const),
    })),
  );
  return {
    ...{ cause: 'delivery', request: 'r', version: '1', generation: '1', instance: `i${start}`, nth: 0, loaded: 0 },
    ...{ name: `call-${start}`, start, left: LIMIT, records, beats: [] },
    ...(ms === undefined ? {} : { end: { at: start + ms, outcome: 'done' as const } }),
    ...more,
  };
}
const failed = (at: number) => ({ end: { at, outcome: 'failed' as const } });

describe('what was seen of deliveries', () => {
  it('overlaps where two of one partition were under way at once, and not where they only share a process', () => {
    const calls = [
      delivery(0, 1_000, { 0: [1], 1: [1] }),
      delivery(500, 1_000, { 1: [2] }),
      delivery(1_000, 100, { 0: [2] }),
    ];
    expect(overlapsIn(calls)).toEqual([{ partition: 1, first: 'call-0', second: 'call-500', ms: 500 }]);
  });

  it('counts a call without an end as under way until its limit, and longer where it gave signs of life', () => {
    expect(overlapsIn([delivery(0, undefined, { 0: [1] }), delivery(LIMIT + 10, 1, { 0: [1] })])).toEqual([]);
    const zombie = delivery(0, undefined, { 0: [1] }, { beats: [{ at: LIMIT + 700, left: -700 }] });
    expect(overlapsIn([zombie, delivery(LIMIT + 10, 1, { 0: [1] })])).toHaveLength(1);
    expect(outlived(zombie)).toBe(700);
    expect(outlived(delivery(0, undefined, {}, { beats: [{ at: 4_900, left: 100 }] }))).toBe(0);
  });

  it('tells what came again after success from what came again after a failure, and what was out of order', () => {
    const calls = [
      delivery(0, 0, { 0: [1, 2] }, failed(10)),
      delivery(20, 10, { 0: [1, 2] }),
      delivery(40, 10, { 0: [2, 5] }),
      delivery(60, 10, { 0: [4] }),
    ];
    expect(repetitionIn(calls)).toEqual({ records: 4, afterFailure: 2, afterSuccess: 1, outOfOrder: 1 });
  });

  it('says how deliveries are cut', () => {
    const calls = [delivery(0, 1, { 0: [1, 2], 1: [7] }), delivery(10, 1, { 1: [8] })];
    expect(mixingIn(calls)).toEqual({ deliveries: 2, mixed: 1, meanRecords: 2, delay: 100 });
    expect(mixingIn([])).toMatchObject({ deliveries: 0, meanRecords: 0 });
  });

  it('knows a delivery again by its records, whatever their order', () => {
    expect(holdSame(delivery(0, 1, { 0: [1, 2], 1: [3] }), delivery(9, 1, { 1: [3], 0: [2, 1] }))).toBe(true);
    expect(holdSame(delivery(0, 1, { 0: [1, 2] }), delivery(9, 1, { 0: [1] }))).toBe(false);
    expect(pausesBetween([delivery(0, 10, {}), delivery(50, 10, {}), delivery(61, 1, {})])).toEqual([40, 1]);
  });

  it('is enough when every record has been in a call that succeeded', () => {
    const calls = [delivery(0, 0, { 0: [1] }, failed(1)), delivery(5, 1, { 0: [2] })];
    expect(came('0/2')(calls)).toBe(true);
    expect(came('0/1', '0/2')(calls)).toBe(false);
  });

  it('counts the calls that a process worked on at once', () => {
    const in1 = { instance: 'one' };
    const calls = [delivery(0, 10, {}, in1), delivery(5, 10, {}, in1), delivery(20, 5, {}, in1), delivery(21, 9, {})];
    expect(mostAtOnce(calls)).toBe(2);
  });
});
