import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Duration, type EventTime, MAX_TIME } from '../../../lib/model/index.ts';
import {
  aggregator,
  collect,
  countWindow,
  type Evictor,
  earlyByCount,
  earlyByProcessingTime,
  endOfWindow,
  everyCount,
  globalWindow,
  hopping,
  keepLast,
  keepWithin,
  session,
  type Trigger,
  tumbling,
  type WindowSpec,
  windowOperator,
} from '../../../lib/operators/index.ts';
import { Harness } from '../harness.ts';

const ms = (n: number): Duration => n as Duration;
const itself = (v: number): number => v;
const aggregation = collect(itself);
const keepAll: Evictor = { name: 'keepAll', keep: (elements) => elements };

const build = (spec: WindowSpec): Harness => new Harness(windowOperator(spec));
const told = (harness: Harness): unknown[] =>
  harness.values<{ value?: unknown; records?: unknown }>().map(({ value, records }) => value ?? records);

describe('a trigger', () => {
  it('emits early after every so many records, and at the end', () => {
    const harness = build({ assigner: tumbling(ms(10)), aggregation, trigger: earlyByCount(2) });
    for (const v of [1, 2, 3, 4, 5]) harness.record(v, v, 'a');
    harness.record(6, 6, 'b');
    expect(told(harness)).toEqual([
      [1, 2],
      [1, 2, 3, 4],
    ]);
    expect(told(harness.advance(9)).slice(2)).toEqual([[1, 2, 3, 4, 5], [6]]);
  });

  it('that purges tells each record once', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.constantFrom('a', 'b'), fc.nat(50))),
        fc.integer({ min: 1, max: 4 }),
        (records, n) => {
          const harness = build({ assigner: tumbling(ms(20)), aggregation, trigger: earlyByCount(n, { purge: true }) });
          for (const [i, [key, time]] of records.entries()) harness.record(i, time, key);
          harness.end();
          const all = (told(harness) as number[][]).flat().sort((a, b) => a - b);
          expect(all).toEqual(records.map((_, i) => i));
          expect(harness.store.size).toBe(0);
        },
      ),
    );
  });

  it('emits early by processing time, but only when something was added', () => {
    const harness = build({ assigner: tumbling(ms(1000)), aggregation, trigger: earlyByProcessingTime(ms(10)) });
    harness.at(3).record(1, 1, 'a').at(9).record(2, 2, 'a').at(10);
    expect(told(harness)).toEqual([[1, 2]]);
    harness.at(50);
    expect(told(harness)).toHaveLength(1);
    harness.record(3, 3, 'a').at(59);
    expect(told(harness)).toHaveLength(1);
    expect(told(harness.at(60))).toEqual([
      [1, 2],
      [1, 2, 3],
    ]);
    expect(told(harness.advance(999))).toHaveLength(3);
    expect(harness.store.size).toBe(0);
    expect(
      windowOperator({ assigner: tumbling(ms(10)), aggregation, trigger: earlyByProcessingTime(ms(1)) }),
    ).toMatchObject({
      eventTime: true,
      processingTime: true,
      steps: [10],
    });
  });

  it('keeps its counts and its early timer when sessions merge', () => {
    const counted = build({ assigner: session(ms(10)), aggregation, trigger: earlyByCount(3) });
    counted.record(1, 0, 'a').record(2, 15, 'a').record(3, 8, 'a');
    expect(told(counted)).toEqual([[1, 3, 2]]);
    const timed = build({ assigner: session(ms(10)), aggregation, trigger: earlyByProcessingTime(ms(100)) });
    timed.record(1, 0, 'a').at(150).record(2, 15, 'a').record(3, 8, 'a').at(200);
    expect(told(timed)).toEqual([[1], [1, 3, 2]]);
    expect(told(timed.at(1000))).toHaveLength(2);
  });

  it("may be the author's own, with state and timers of both kinds", () => {
    const trigger: Trigger<number, number> = {
      name: 'own',
      onRecord(v, time, ctx) {
        ctx.state = (ctx.state ?? 0) + v;
        ctx.atEventTime(time + 5);
        ctx.atEventTime(time + 5);
        ctx.atProcessingTime(ctx.processingTime + 7);
        return ctx.state >= 100 ? 'purge' : 'continue';
      },
      onEventTime: (_time, ctx) => ((ctx.state ?? 0) % 2 === 0 ? 'fire' : 'continue'),
      onProcessingTime: () => 'fire-and-purge',
    };
    const harness = build({ assigner: tumbling(ms(100)), aggregation, trigger });
    harness.record(2, 10, 'a').advance(14);
    expect(told(harness)).toEqual([]);
    expect(told(harness.advance(15))).toEqual([[2]]);
    harness.record(3, 20, 'a').advance(25);
    expect(told(harness)).toHaveLength(1);
    expect(told(harness.at(7))).toEqual([[2], [2, 3]]);
    harness.record(95, 30, 'a').advance(98).at(30);
    expect(told(harness)).toHaveLength(2);
    expect(harness.advance(99).store.size).toBe(0);
    expect(windowOperator({ assigner: tumbling(ms(10)), aggregation, trigger })).toMatchObject({
      steps: 'every',
      eventTime: true,
      processingTime: true,
    });
  });

  it('is undone with the record it was called for', () => {
    const harness = build({ assigner: tumbling(ms(100)), aggregation, trigger: earlyByProcessingTime(ms(10)) });
    harness.record(1, 1, 'a');
    const before = harness.mark();
    harness.at(10).record(2, 2, 'a').at(20).advance(99);
    expect(told(harness)).toHaveLength(3);
    harness.rollback(before);
    expect(told(harness.at(10))).toEqual([[1]]);
    expect(told(harness.advance(99))).toEqual([[1], [1]]);
  });

  it('of session windows must say what becomes of merged ones', () => {
    const trigger: Trigger = { name: 'own', onRecord: () => 'fire' };
    expect(windowOperator({ assigner: session(ms(1)), trigger }).mistakes).toMatchObject([
      { rule: 'the trigger "own" of session windows has no onMerge' },
    ]);
  });
});

describe('merged sessions', () => {
  it('hold what each of them held, also where one was purged', () => {
    const harness = build({ assigner: session(ms(10)), aggregation, trigger: earlyByCount(2, { purge: true }) });
    for (const v of [0, 1]) harness.record(v, v, 'a');
    harness.record(15, 15, 'a').record(8, 8, 'a');
    expect(told(harness)).toEqual([
      [0, 1],
      [8, 15],
    ]);
  });
});

describe('count windows', () => {
  it('hold so many records of a key, in order of arrival, and carry the latest time among them', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.constantFrom('a', 'b'), fc.nat(99))),
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 1, max: 7 }),
        (records, size, slide) => {
          const harness = build({ assigner: countWindow(size, slide) });
          const expected: unknown[] = [];
          const seen = new Map<string, { v: number; time: number }[]>();
          records.forEach(([key, time], v) => {
            harness.record(v, time, key);
            const of = seen.get(key) ?? [];
            seen.set(key, of);
            of.push({ v, time });
            if (of.length % slide !== 0) return;
            const last = of.slice(-size);
            expected.push({ key, time: Math.max(...last.map((r) => r.time)), records: last.map((r) => r.v) });
          });
          const got = harness.emitted().map(({ value, time, key }) => {
            return { key, time, records: (value as { records: number[] }).records };
          });
          expect(got).toEqual(expected);
        },
      ),
    );
  });

  it('hold nothing of a key between full windows, and need no event time', () => {
    const harness = build({ assigner: countWindow(2), aggregation });
    harness.record(1, 1, 'a').record(2, 2, 'a');
    expect(harness.store.size).toBe(0);
    expect(windowOperator({ assigner: countWindow(2) })).toMatchObject({ eventTime: false, steps: 'none' });
  });

  it('take no trigger', () => {
    expect(windowOperator({ assigner: countWindow(2), trigger: everyCount(1) }).mistakes).toHaveLength(1);
  });
});

describe('a global window', () => {
  it('emits once when all input has ended, with the latest time of its records', () => {
    const harness = build({ assigner: globalWindow(), aggregation });
    harness
      .record(1, 5, 'a')
      .record(2, 3, 'a')
      .advance(MAX_TIME - 1);
    expect(harness.emitted()).toEqual([]);
    expect(harness.end().emitted()).toMatchObject([{ time: 5, value: { value: [2, 1] } }]);
  });

  it('emits as its trigger says', () => {
    const harness = build({ assigner: globalWindow(), aggregation, trigger: everyCount(2) });
    for (const v of [1, 2, 3, 4, 5]) harness.record(v, v, 'a');
    expect(told(harness)).toEqual([
      [1, 2],
      [1, 2, 3, 4],
    ]);
  });
});

describe('an evictor', () => {
  it('keeps the last so many records', () => {
    const harness = build({ assigner: tumbling(ms(10)), aggregation, evictor: keepLast(2) });
    for (const v of [5, 1, 3]) harness.record(v, v, 'a');
    expect(told(harness.advance(9))).toEqual([[1, 3]]);
  });

  it('keeps the records of the last stretch of time before the latest', () => {
    const harness = build({ assigner: tumbling(ms(100)), evictor: keepWithin(ms(10)) });
    for (const v of [20, 11, 10, 13]) harness.record(v, v, 'a');
    expect(told(harness.advance(99))).toEqual([[20, 11, 13]]);
  });

  it('takes records out for good, before or after the result', () => {
    const assigner = tumbling(ms(1000));
    const trigger = earlyByCount(2);
    const before = build({ assigner, trigger, evictor: keepLast(1) });
    const after = build({ assigner, trigger, evictor: { ...keepLast(1), when: 'after' } });
    for (const harness of [before, after]) for (const v of [1, 2, 3, 4]) harness.record(v, v, 'a');
    expect(told(before)).toEqual([[2], [4]]);
    expect(told(after)).toEqual([
      [1, 2],
      [2, 3, 4],
    ]);
  });

  it('that keeps nothing silences the window', () => {
    const harness = build({ assigner: tumbling(ms(10)), evictor: { name: 'none', keep: () => [] } });
    expect(harness.record(1, 1, 'a').advance(9).emitted()).toEqual([]);
    expect(harness.store.size).toBe(0);
  });

  it('sees the records of merged sessions', () => {
    const harness = build({ assigner: session(ms(10)), evictor: keepAll });
    for (const v of [0, 15, 8]) harness.record(v, v, 'a');
    expect(told(harness.end())).toEqual([[0, 15, 8]]);
  });

  it('holds long windows in chunks, so that a record changes little', () => {
    const harness = build({ assigner: tumbling(ms(10_000)) });
    for (let v = 0; v < 1000; v++) harness.record(v, v, 'a');
    harness.store.clear();
    harness.record(1000, 1000, 'a');
    const changed = harness.store.changes().map(({ value }) => JSON.stringify(value).length);
    expect(changed.reduce((sum, n) => sum + n, 0)).toBeLessThan(500);
    expect(told(harness.end())).toEqual([Array.from({ length: 1001 }, (_, v) => v)]);
  });
});

describe('a window function', () => {
  it('sees key, bounds and result, and returns, generates or emits', () => {
    const base = { assigner: tumbling(ms(10)), aggregation } as const;
    const plain = build({
      ...base,
      windowFunction: (key: string, { start, end }, input: number[]) => `${key} ${start}-${end} ${input}`,
    });
    expect(plain.record(1, 11, ['k', 1]).end().emitted()).toMatchObject([{ value: 'k,1 10-20 1', time: 19 }]);
    const generated = build({
      ...base,
      *windowFunction(_key: string, _window, input: number[]) {
        yield* input;
      },
    });
    expect(generated.record(1, 1, 'a').record(2, 2, 'a').end().values()).toEqual([1, 2]);
    const emitting = build({
      ...base,
      outputs: [{ side: 'odd' }],
      windowFunction(
        _key: string,
        _window,
        input: number[],
        ctx: { emit(r: number): void; output(t: object, r: number): void },
      ) {
        for (const v of input) v % 2 === 0 ? ctx.emit(v) : ctx.output({ side: 'odd' }, v);
      },
    });
    emitting.record(1, 1, 'a').record(2, 2, 'a').end();
    expect(emitting.values()).toEqual([2]);
    expect(emitting.emitted('odd')).toEqual([{ value: 1, time: 9, key: 'a' }]);
    const async = build({ ...base, windowFunction: () => Promise.resolve(1) });
    expect(() => async.record(1, 1, 'a').end()).toThrow('returned a promise');
  });

  it.each([tumbling(ms(10)), hopping(ms(10), ms(5))])(
    'has state of its own for the window and for the key (%o)',
    (assigner) => {
      interface Counter {
        get(): number | undefined;
        set(n: number): void;
      }
      const spec: WindowSpec = {
        assigner,
        aggregation,
        allowedLateness: ms(7),
        state: { firings: { kind: 'value' } },
        windowState: { firings: { kind: 'value' } },
        windowFunction(
          _key: string,
          window,
          _input: number[],
          ctx: { state: { firings: Counter }; windowState: { firings: Counter } },
        ) {
          const ofKey = (ctx.state.firings.get() ?? 0) + 1;
          const ofWindow = (ctx.windowState.firings.get() ?? 0) + 1;
          ctx.state.firings.set(ofKey);
          ctx.windowState.firings.set(ofWindow);
          return [window.start, ofWindow, ofKey];
        },
      };
      for (const trigger of [endOfWindow(), { ...endOfWindow(), name: 'mine' }]) {
        const harness = build({ ...spec, trigger });
        harness.record(1, 1, 'a').advance(9).record(2, 2, 'a').record(30, 30, 'a').end();
        const starts = assigner.kind === 'tumbling' ? [0, 0, 30] : [-5, 0, 0, -5, 25, 30];
        const seen = new Map<number, number>();
        expect(harness.values()).toEqual(
          starts.map((start, i) => {
            seen.set(start, (seen.get(start) ?? 0) + 1);
            return [start, seen.get(start), i + 1];
          }),
        );
        expect(harness.store.size).toBe(1);
      }
    },
  );

  it('is refused per-window state where windows merge, and state where there is no function', () => {
    const state = { n: { kind: 'value' as const } };
    const merging = windowOperator({ assigner: session(ms(1)), windowState: state, windowFunction: () => 1 });
    expect(merging.mistakes).toMatchObject([{ rule: 'windows that merge have no state of their own' }]);
    expect(windowOperator({ assigner: tumbling(ms(1)), state }).mistakes).toHaveLength(1);
  });
});

describe('a window over panes', () => {
  it("never lets one window's merger change a pane that another needs", () => {
    const sharing = aggregator<number, { items: number[] }[], number[]>({
      create: () => [],
      add: (acc, v) => [...acc, { items: [v] }],
      merge(a, b) {
        a.push(...b);
        for (const part of a) part.items.push(0);
        return a;
      },
      result: (acc) => acc.map(({ items }) => items.length),
      clone: (acc) => acc.map(({ items }) => ({ items: items.slice() })),
    });
    const harness = build({ assigner: hopping(ms(20), ms(10)), aggregation: sharing });
    harness.record(1, 5, 'a').record(2, 15, 'a').record(3, 25, 'a').end();
    expect(told(harness)).toEqual([[1], [2, 2], [2, 2], [1]]);
  });
});

describe("a window's mistakes", () => {
  it('are all found, none thrown', () => {
    const { mistakes } = windowOperator({
      assigner: hopping(ms(0), ms(-1), { offset: ms(7.5) }),
      allowedLateness: -1,
      trigger: earlyByCount(0),
      evictor: keepLast(Number.NaN),
      windowFunction: async () => 1,
    });
    expect(mistakes?.map(({ rule }) => rule)).toEqual([
      "a window's size must be a positive whole number of milliseconds, not 0",
      "a window's slide must be a positive whole number of milliseconds, not -1",
      "a window's offset must be smaller than -1 ms, the distance of windows, not 7.5 ms",
      'earlyByCount needs a whole number of at least 1, not 0',
      'keepLast needs a whole number of at least 1, not NaN',
      'the allowed lateness must be a whole number of milliseconds of at least 0, not -1',
      'the function of a window is async',
    ]);
    const count = windowOperator({
      assigner: globalWindow(),
      aggregation: { key: collect() },
      lateSide: 'late',
    }).mistakes;
    expect(count).toHaveLength(2);
  });

  it('do not reach into times at the far end', () => {
    const harness = build({ assigner: tumbling(ms(10)), allowedLateness: 3e14, aggregation });
    const far = 253_402_300_799_999 as EventTime;
    expect(told(harness.record(1, far, 'a').end())).toEqual([[1]]);
    expect(harness.store.size).toBe(0);
  });
});
