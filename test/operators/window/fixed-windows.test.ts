import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Duration, hours } from '../../../lib/model/index.ts';
import {
  cumulating,
  hopping,
  tumbling,
  type WindowAssigner,
  type WindowSpec,
  windowOperator,
} from '../../../lib/operators/index.ts';
import { Harness } from '../harness.ts';
import { cumulatingSpans, fixedReference, hoppingSpans, tumblingSpans } from './reference.ts';
import { aggregation, keepAll, plainTrigger, play, script } from './scripts.ts';

const ms = (n: number): Duration => n as Duration;

interface Case {
  readonly name: string;
  readonly assigner: WindowAssigner;
  readonly spans: (time: number) => { start: number; end: number }[];
}

const size = fc.integer({ min: 1, max: 30 });
const assigners: fc.Arbitrary<Case> = fc.oneof(
  fc.tuple(size, fc.integer({ min: -29, max: 29 })).map(([n, offset]) => {
    const o = offset % n;
    return { name: 'tumbling', assigner: tumbling(ms(n), { offset: ms(o) }), spans: tumblingSpans(n, o) };
  }),
  fc.tuple(size, fc.integer({ min: 1, max: 40 }), fc.integer({ min: 0, max: 29 })).map(([n, slide, offset]) => {
    const o = offset % slide;
    return {
      name: 'hopping',
      assigner: hopping(ms(n), ms(slide), { offset: ms(o) }),
      spans: hoppingSpans(n, slide, o),
    };
  }),
  fc.tuple(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 8 }), size).map(([step, steps, offset]) => {
    const o = offset % (step * steps);
    return {
      name: 'cumulating',
      assigner: cumulating(ms(step * steps), ms(step), { offset: ms(o) }),
      spans: cumulatingSpans(step * steps, step, o),
    };
  }),
);
const layouts: Record<string, Partial<WindowSpec>> = {
  'the lean path': {},
  'any trigger': { trigger: plainTrigger },
  'records held one by one': { evictor: keepAll },
};

describe.each(Object.entries(layouts))('windows of fixed bounds, by %s', (_name, layout) => {
  const lateness = fc.integer({ min: 0, max: 40 });
  const build = (assigner: WindowAssigner, allowedLateness: number): Harness =>
    new Harness(windowOperator({ assigner, aggregation, allowedLateness, lateSide: 'late', ...layout }));

  it('emit what their definition says, in order of time and key, and account for every record', () => {
    fc.assert(
      fc.property(assigners, script, lateness, ({ assigner, spans }, events, late) => {
        expect(play(build(assigner, late), events)).toEqual(fixedReference(events, spans, late));
      }),
    );
  });

  it('are as undisturbed when attempts are taken back and made again', () => {
    fc.assert(
      fc.property(assigners, script, lateness, fc.integer({ min: 1, max: 7 }), (c, events, late, n) => {
        const told = play(build(c.assigner, late), events, (i) => i % n === 0);
        expect(told).toEqual(fixedReference(events, c.spans, late));
      }),
    );
  });

  it('keep no state once all windows are cleared', () => {
    fc.assert(
      fc.property(assigners, script, lateness, ({ assigner }, events, late) => {
        const harness = build(assigner, late);
        play(harness, events);
        expect(harness.store.size).toBe(0);
      }),
    );
  });
});

describe('windows of fixed bounds', () => {
  it('share panes where that pays, and hold a cell for each pane rather than each window', () => {
    const harness = new Harness(windowOperator({ assigner: hopping(hours(10), hours(1)), aggregation }));
    expect(harness.tables).toContain('$panes');
    harness.record({ key: 'a', time: 0, v: 1, gap: 1 }, 0, 'a');
    expect(harness.store.size).toBe(2);
    expect(windowOperator({ assigner: hopping(ms(3_600_000), ms(3_599_999)), aggregation }).options).toMatchObject({
      layout: 'general',
    });
  });

  it('declare the steps of the watermark they need', () => {
    const steps = (assigner: WindowAssigner, spec: Partial<WindowSpec> = {}) =>
      windowOperator({ assigner, aggregation, ...spec }).steps;
    expect(steps(tumbling(ms(60), { offset: ms(-5) }), { allowedLateness: 7 })).toEqual([60, 5, 7]);
    expect(steps(hopping(ms(60), ms(20)))).toEqual([60, 20]);
    expect(steps(cumulating(ms(60), ms(20)))).toEqual([60, 20]);
    expect(steps(tumbling(ms(60)), { trigger: plainTrigger })).toEqual([60]);
    expect(
      steps(tumbling(ms(60)), { trigger: { name: 'own', onRecord: () => 'fire', onEventTime: () => 'fire' } }),
    ).toBe('every');
    expect(steps(tumbling(ms(60), { time: 'processing' }))).toBe('none');
  });

  it('count a record that is late, without a side output for it', () => {
    const harness = new Harness(windowOperator({ assigner: tumbling(ms(10)), aggregation }));
    harness.advance(9).record({ v: 1 }, 9, 'a').record({ v: 1 }, 10, 'a');
    expect(harness.count('late')).toBe(1);
    expect(harness.end().values()).toEqual([{ key: 'a', windowStart: 10, windowEnd: 20, n: 1, sum: 1, all: [1] }]);
  });

  it('by processing time hold what comes until their last millisecond is over, and call nothing late', () => {
    const assigner = tumbling(ms(10), { time: 'processing' });
    const harness = new Harness(windowOperator({ assigner, aggregation }));
    harness.at(9).record({ v: 1 }, 5, 'a').at(9).record({ v: 2 }, 3, 'a').advance(1000);
    expect(harness.emitted()).toEqual([]);
    harness.record({ v: 3 }, 1, 'a').at(10);
    const value = { key: 'a', windowStart: 0, windowEnd: 10, n: 3, sum: 6, all: [3, 2, 1] };
    expect(harness.emitted()).toEqual([{ value, time: 9, key: 'a' }]);
    expect(harness.store.size).toBe(0);
  });
});
