import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import type { Duration } from '../../../lib/model/index.ts';
import { session, type WindowSpec, windowJoinOperator, windowOperator } from '../../../lib/operators/index.ts';
import { CellTable } from '../../../lib/state/index.ts';
import { Harness } from '../harness.ts';
import { type Rec, sessionReference } from './reference.ts';
import { aggregation, keepAll, plainTrigger, play, script } from './scripts.ts';

const ms = (n: number): Duration => n as Duration;
const layouts: Record<string, Partial<WindowSpec>> = {
  'the lean path': {},
  'any trigger': { trigger: plainTrigger },
  'records held one by one': { evictor: keepAll },
};

describe.each(Object.entries(layouts))('sessions, by %s', (_name, layout) => {
  const lateness = fc.integer({ min: 0, max: 40 });
  const build = (allowedLateness: number): Harness =>
    new Harness(
      windowOperator({
        assigner: session((r: Rec) => ms(r.gap)),
        aggregation,
        allowedLateness,
        lateSide: 'late',
        ...layout,
      }),
    );

  it('are the connected groups of their records', () => {
    fc.assert(
      fc.property(script, lateness, (events, late) => {
        expect(play(build(late), events)).toEqual(sessionReference(events, late));
      }),
      { numRuns: 300 },
    );
  });

  it('are as undisturbed when attempts are taken back and made again', () => {
    fc.assert(
      fc.property(script, lateness, fc.integer({ min: 1, max: 7 }), (events, late, n) => {
        const harness = build(late);
        expect(play(harness, events, (i) => i % n === 0)).toEqual(sessionReference(events, late));
        expect(harness.store.size).toBe(0);
      }),
    );
  });
});

describe('sessions', () => {
  const rec = (v: number): Partial<Rec> => ({ v });

  it('merge when they touch, and take their late merger with them', () => {
    const harness = new Harness(windowOperator({ assigner: session(ms(10)), aggregation, allowedLateness: 100 }));
    harness.record(rec(1), 0, 'a').record(rec(2), 20, 'a').advance(15).record(rec(3), 10, 'a').advance(29);
    expect(harness.values()).toEqual([
      { key: 'a', windowStart: 0, windowEnd: 10, n: 1, sum: 1, all: [1] },
      { key: 'a', windowStart: 0, windowEnd: 30, n: 3, sum: 6, all: [1, 3, 2] },
    ]);
    expect(harness.count('refired')).toBe(0);
  });

  it.each(Object.entries(layouts))('find those they merge with among many that are open, by %s', (_name, layout) => {
    const sorted = vi.spyOn(CellTable.prototype, 'cellsOf').mockClear();
    const harness = new Harness(windowOperator({ assigner: session(ms(10)), aggregation, ...layout }));
    for (let i = 40; i > 0; i--) harness.record(rec(i), i * 20, 'a');
    harness.record(rec(0), 410, 'a').record(rec(0), 390, 'a').end();
    expect(sorted).not.toHaveBeenCalled();
    const merged = { key: 'a', windowStart: 380, windowEnd: 430, n: 5, sum: 60, all: [19, 0, 20, 0, 21] };
    expect(harness.values<{ n: number }>().filter(({ n }) => n > 1)).toMatchObject([merged]);
    expect(harness.values()).toHaveLength(38);
  });

  it.each([0, -5, 1.5, Number.NaN, Number.POSITIVE_INFINITY, undefined, '10', Promise.resolve(5)])(
    'refuse a record whose gap is no span of time: %s',
    (gap) => {
      const assigner = session(() => gap as Duration);
      for (const layout of Object.values(layouts)) {
        const harness = new Harness(windowOperator({ assigner, aggregation, ...layout }));
        expect(() => harness.record({ v: 1 }, 0, 'a')).toThrow(
          `a session's gap must be a positive whole number of milliseconds, not ${gap}`,
        );
        expect(harness.store.size).toBe(0);
      }
      const join = new Harness(windowJoinOperator({ kind: 'inner', assigner, join: () => 1 }));
      expect(() => join.record({ v: 1 }, 0, 'a', 1)).toThrow("a session's gap must be");
    },
  );

  it('refuse an async function of the gap before anything runs', () => {
    const assigner = session((async () => ms(5)) as never);
    expect(windowOperator({ assigner, aggregation }).mistakes).toMatchObject([
      { rule: 'the function of a window is async' },
    ]);
  });

  it('by processing time end when nothing has come for the gap', () => {
    const harness = new Harness(windowOperator({ assigner: session(ms(10), { time: 'processing' }), aggregation }));
    harness.at(5).record(rec(1), 0, 'a').at(12).record(rec(2), 0, 'a').at(21);
    expect(harness.emitted()).toEqual([]);
    expect(harness.at(22).emitted()).toEqual([
      { value: { key: 'a', windowStart: 5, windowEnd: 22, n: 2, sum: 3, all: [1, 2] }, time: 21, key: 'a' },
    ]);
  });
});
