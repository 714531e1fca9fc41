import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Duration, days, type EventTime, hours, after as later, type WallTime } from '../../lib/model/index.ts';
import {
  aggregating,
  list,
  map,
  mean,
  process,
  reducing,
  type StateDescriptors,
  type StatesOf,
  sideOutput,
  type Timers,
  type,
  value,
} from '../../lib/operators/index.ts';
import { Harness } from './harness.ts';

const ms = (n: number): Duration => n as Duration;

/** A process operator whose records are what to do with its states. */
type Act<S extends StateDescriptors> = (states: StatesOf<S>, ctx: Ctx) => unknown;
interface Ctx {
  readonly timers: Timers;
  readonly eventTime: EventTime;
  emit(result: unknown, time?: EventTime): void;
}

class Acting<S extends StateDescriptors> extends Harness {
  constructor(state: S) {
    const definition = process('acting', {
      in: type<{ act: Act<S> }>(),
      key: type<string>(),
      out: type<unknown>(),
      state,
      onRecord(record, ctx) {
        const told = record.act(ctx.state, ctx);
        if (told !== undefined) ctx.emit(told);
      },
      onTimer(time, ctx, name) {
        ctx.emit(['event', time, name ?? null, ...readAll(ctx.state)]);
      },
      onProcessingTimer(time, ctx, name) {
        ctx.emit(['processing', time, name ?? null, ...readAll(ctx.state)]);
      },
    }).definition;
    super(definition);
  }

  act(act: Act<S>, time = 0, key = 'a'): this {
    return this.record({ act }, time, key);
  }

  ask<T>(read: (states: StatesOf<S>) => T, time = 0, key = 'a'): T {
    let answer: T | undefined;
    this.act(
      (states) => {
        answer = read(states);
      },
      time,
      key,
    );
    return answer as T;
  }
}

const readAll = (states: Readonly<Record<string, unknown>>): unknown[] =>
  Object.values(states).map((state) => (state as { get(): unknown }).get() ?? null);

describe('the inactivity example', () => {
  interface Flight {
    readonly origin: string;
  }
  const inactivity = process('inactivity', {
    in: type<Flight>(),
    key: type<string>(),
    out: type<{ airport: string; silentSince: EventTime }>(),
    state: { last: value<EventTime>({ ttl: days(7) }) },
    onRecord(_flight, ctx) {
      ctx.state.last.set(ctx.eventTime);
      ctx.timers.onEventTime(later(ctx.eventTime, hours(18)));
    },
    onTimer(time, ctx) {
      const last = ctx.state.last.get();
      if (last !== undefined && later(last, hours(18)) <= time) ctx.emit({ airport: ctx.key, silentSince: last });
    },
  });

  it('tells of a silence once, however far the watermark jumps', () => {
    for (const jumps of [[], [hours(30)], [hours(19), hours(37), hours(38)]]) {
      const harness = new Harness(inactivity.definition);
      harness.record({}, 0, 'x').record({}, hours(20), 'x').record({}, hours(1), 'y');
      for (const jump of jumps) harness.advance(jump);
      expect(harness.end().emitted()).toEqual([
        { value: { airport: 'y', silentSince: hours(1) }, time: hours(19), key: 'y' },
        { value: { airport: 'x', silentSince: hours(20) }, time: hours(38), key: 'x' },
      ]);
      expect(harness.store.size).toBe(0);
    }
  });

  it('says what the plan must know', () => {
    expect(inactivity.definition).toMatchObject({
      type: 'process',
      needsKey: true,
      stateful: true,
      eventTime: true,
      processingTime: false,
      steps: 'every',
      state: { last: 1, '$event-timers': 1 },
      options: { keyed: true, states: { last: { kind: 'value', ttl: days(7), ttlBy: 'event' } } },
    });
  });
});

describe('state', () => {
  it('of every kind belongs to the key', () => {
    const harness = new Acting({
      one: value<string>(),
      many: list<number>(),
      named: map<[string, number], string>(),
      total: reducing((a: number, b: number) => a + b),
      average: aggregating(mean((n: number) => n)),
    });
    for (const [key, n] of [
      ['a', 1],
      ['b', 10],
      ['a', 3],
    ] as const) {
      harness.act(
        ({ one, many, named, total, average }) => {
          one.set(`${one.get() ?? ''}${n}`);
          many.add(n);
          named.set([key, n], `${n}`);
          total.add(n);
          average.add(n);
        },
        0,
        key,
      );
    }
    const all = harness.ask(({ one, many, named, total, average }) => [
      one.get(),
      many.get(),
      named.entries(),
      total.get(),
      average.get(),
    ]);
    expect(all).toEqual([
      '13',
      [1, 3],
      [
        [['a', 1], '1'],
        [['a', 3], '3'],
      ],
      4,
      2,
    ]);
    const cleared = harness.ask((states) => {
      for (const state of Object.values(states)) state.clear();
      return [states.one.get(), states.many.get(), states.named.isEmpty(), states.total.get(), states.average.get()];
    });
    expect(cleared).toEqual([undefined, [], true, undefined, undefined]);
    expect(harness.ask(({ named }) => [named.keys(), named.values()], 0, 'b')).toEqual([[['b', 10]], ['10']]);
    expect(harness.store.size).toBe(5);
  });

  it('behaves as an array and a Map would, also when attempts are taken back', () => {
    const action = fc.oneof(
      fc.record({ do: fc.constantFrom('add', 'set', 'delete'), n: fc.nat(9) }),
      fc.record({ do: fc.constantFrom('clear', 'update'), n: fc.nat(9) }),
    );
    fc.assert(
      fc.property(fc.array(action, { maxLength: 90 }), fc.integer({ min: 2, max: 9 }), (actions, undo) => {
        const harness = new Acting({ items: list<number>(), entries: map<number, number>() });
        let items: number[] = [];
        const entries = new Map<number, number>();
        actions.forEach((a, i) => {
          const run = (): unknown =>
            harness.act((s) => {
              if (a.do === 'add') s.items.add(a.n);
              if (a.do === 'set') s.entries.set(a.n, i);
              if (a.do === 'delete') s.entries.delete(a.n);
              if (a.do === 'update') s.items.update([...s.items.get(), ...s.items.get(), a.n].slice(0, 80));
              if (a.do === 'clear' && a.n === 0) {
                s.items.clear();
                s.entries.clear();
              }
            });
          if (i % undo === 0) {
            const moment = harness.mark();
            run();
            run();
            harness.rollback(moment);
          }
          run();
          if (a.do === 'add') items.push(a.n);
          if (a.do === 'set') entries.set(a.n, i);
          if (a.do === 'delete') entries.delete(a.n);
          if (a.do === 'update') items = [...items, ...items, a.n].slice(0, 80);
          if (a.do === 'clear' && a.n === 0) {
            items = [];
            entries.clear();
          }
        });
        expect(harness.ask((s) => [s.items.get(), s.items.isEmpty(), s.entries.entries()])).toEqual([
          items,
          items.length === 0,
          [...entries].sort(([a], [b]) => a - b),
        ]);
      }),
    );
  });

  it('changes by little when a long list or a large map does', () => {
    const harness = new Acting({ items: list<number>(), entries: map<number, number>() });
    harness.act((s) => {
      for (let i = 0; i < 1000; i++) {
        s.items.add(i);
        s.entries.set(i, i);
      }
    });
    harness.store.clear();
    harness.act((s) => {
      s.items.add(0);
      s.entries.set(7, 0);
    });
    const changes = harness.store.changes();
    expect(changes).toHaveLength(2);
    expect(JSON.stringify(changes.map((cell) => cell.value)).length).toBeLessThan(400);
  });

  it('expires by event time, in each item and entry by itself, and a write begins its span anew', () => {
    const ttl = ms(10);
    const harness = new Acting({
      one: value<number>({ ttl }),
      items: list<number>({ ttl }),
      entries: map<string, number>({ ttl }),
      total: reducing((a: number, b: number) => a + b, { ttl }),
    });
    const read = (time: number): unknown =>
      harness.ask(({ one, items, entries, total }) => [one.get(), items.get(), entries.keys(), total.get()], time);
    harness.act(({ one, items, entries, total }) => {
      one.set(1);
      items.add(1);
      entries.set('x', 1);
      total.add(1);
    }, 100);
    harness.act(({ items, entries, total }) => {
      items.add(2);
      entries.set('y', 2);
      total.add(2);
    }, 105);
    expect(read(109)).toEqual([1, [1, 2], ['x', 'y'], 3]);
    harness.advance(109);
    expect(read(109)).toEqual([1, [1, 2], ['x', 'y'], 3]);
    harness.advance(110);
    expect(read(109)).toEqual([undefined, [2], ['y'], 3]);
    harness.act(({ one }) => one.set(5), 50);
    expect(read(119)).toEqual([5, [2], ['y'], 3]);
    harness.advance(120);
    expect(read(120)).toEqual([undefined, [], [], undefined]);
    expect(harness.store.size).toBe(0);
  });

  it('never lives shorter for a write with an earlier time', () => {
    const ttl = ms(10);
    const harness = new Acting({ one: value<number>({ ttl }), items: list<number>({ ttl }) });
    for (const time of [100, 50]) {
      harness.act(({ one, items }) => {
        one.set(time);
        items.add(time);
      }, time);
    }
    harness.advance(105);
    expect(harness.ask(({ one, items }) => [one.get(), items.get()], 105)).toEqual([50, [100]]);
  });

  it('begins and ceases to expire for what is written from then on', () => {
    const of = (ttl: { ttl?: Duration }) => new Acting({ one: value<number>(ttl), items: list<number>(ttl) });
    const moved = (from: ReturnType<typeof of>, to: ReturnType<typeof of>) => {
      for (const table of from.store.tables) {
        const into = to.store.tables.find(({ name }) => name === table.name)!;
        for (const { key, sub, value: kept, timer } of table.cells()) to.store.restore(into, key, sub, kept, timer);
      }
      return to;
    };
    const before = of({});
    for (let i = 0; i < 40; i++)
      before.act(({ one, items }) => {
        one.set(i);
        items.add(i);
      }, 5);
    const after = moved(before, of({ ttl: ms(10) }));
    for (let i = 40; i < 80; i++) after.act(({ items }) => items.add(i), 100);
    after.advance(90);
    expect(after.ask(({ one, items }) => [one.get(), items.get().length], 90)).toEqual([39, 80]);
    after.advance(110);
    expect(after.ask(({ one, items }) => [one.get(), items.get()], 110)).toEqual([
      39,
      Array.from({ length: 40 }, (_, i) => i),
    ]);
    const again = moved(after, of({}));
    again.advance(9_999);
    expect(again.ask(({ one }) => one.get(), 9_999)).toBe(39);
  });

  it('that accumulates returns to where it was', () => {
    const harness = new Acting({
      total: reducing((a: number, b: number) => a + b),
      average: aggregating(mean((n: number) => n)),
    });
    const add = (n: number): unknown =>
      harness.act(({ total, average }) => {
        total.add(n);
        average.add(n);
      });
    add(1);
    const moment = harness.mark();
    add(100);
    harness.rollback(moment);
    add(3);
    expect(harness.ask(({ total, average }) => [total.get(), average.get()])).toEqual([4, 2]);
  });

  it('expires by processing time where asked', () => {
    const harness = new Acting({
      one: value<number>({ ttl: ms(10), ttlBy: 'processing' }),
      items: list<number>({ ttl: ms(10), ttlBy: 'processing' }),
    });
    harness.at(5).act(({ one, items }) => {
      one.set(1);
      items.add(1);
    }, 1000);
    harness.advance(9999).at(14);
    const read = (): unknown => harness.ask(({ one, items }) => [one.get(), items.get()]);
    expect(read()).toEqual([1, [1]]);
    harness.at(15);
    expect(read()).toEqual([undefined, []]);
    expect(harness.store.size).toBe(0);
  });

  it("is what it was at a timer's time, however far the watermark went", () => {
    for (const jumps of [[10, 20, 30], [30]]) {
      const harness = new Acting({ one: value<number>({ ttl: ms(15) }) });
      harness.act(({ one }, { timers }) => {
        one.set(1);
        timers.onEventTime(10 as EventTime);
        timers.onEventTime(20 as EventTime);
      }, 0);
      for (const jump of jumps) harness.advance(jump);
      expect(harness.values()).toEqual([
        ['event', 10, null, 1],
        ['event', 20, null, null],
      ]);
    }
  });

  it('of an older version is migrated, a list item by item', () => {
    const migrate = (old: unknown): unknown => (old as number) * 2;
    const harness = new Acting({
      one: value<number>({ version: 2, migrate }),
      items: list<number>({ version: 2, migrate }),
    });
    const [one, items] = harness.store.tables;
    expect(one!.options).toMatchObject({ version: 2 });
    expect(one!.options.migrate!(4, 1)).toBe(8);
    expect(items!.options.migrate!({ chunks: 0, items: [1, 2], stamps: [0, 0] }, 1)).toMatchObject({ items: [2, 4] });
  });
});

describe('timers', () => {
  it('may be set anew for their own time while they fire', () => {
    const twice = process('twice', {
      in: type<number>(),
      key: type<string>(),
      out: type<number>(),
      state: { fired: value<number>() },
      onRecord: (_, ctx) => ctx.timers.onEventTime(later(ctx.eventTime, ms(5))),
      onTimer(time, ctx) {
        const fired = (ctx.state.fired.get() ?? 0) + 1;
        ctx.state.fired.set(fired);
        ctx.emit(fired);
        if (fired === 1) ctx.timers.onEventTime(time);
      },
    });
    expect(new Harness(twice.definition).record(1, 0, 'a').advance(5).values()).toEqual([1, 2]);
  });

  it('fire in the order of time and key, once for each time and name', () => {
    const harness = new Acting({});
    for (const key of ['b', 'a']) {
      harness.act(
        (_states, { timers }) => {
          timers.onEventTime(20 as EventTime);
          timers.onEventTime(10 as EventTime);
          timers.onEventTime(10 as EventTime);
          timers.onEventTime(10 as EventTime, 'x');
        },
        0,
        key,
      );
    }
    expect(harness.advance(9).emitted()).toEqual([]);
    const fired = harness
      .advance(25)
      .emitted()
      .map(({ value, time, key }) => [...(value as unknown[]).slice(1), time, key]);
    expect(fired).toEqual([
      [10, null, 10, 'a'],
      [10, 'x', 10, 'a'],
      [10, null, 10, 'b'],
      [10, 'x', 10, 'b'],
      [20, null, 20, 'a'],
      [20, null, 20, 'b'],
    ]);
    expect(harness.store.size).toBe(0);
  });

  it('set at or before the watermark fire when it next advances', () => {
    const harness = new Acting({}).advance(50);
    harness.act((_states, { timers }) => timers.onEventTime(10 as EventTime), 60);
    expect(harness.emitted()).toEqual([]);
    expect(harness.advance(51).values()).toEqual([['event', 10, null]]);
  });

  it('can be taken back, set anew in a timer, and run by processing time', () => {
    const harness = new Acting({});
    harness.act((_states, { timers }) => {
      timers.onEventTime(10 as EventTime);
      timers.onEventTime(10 as EventTime, 'kept');
      timers.cancelEventTime(10 as EventTime);
      timers.onProcessingTime(7 as WallTime);
      timers.onProcessingTime(8 as WallTime);
      timers.cancelProcessingTime(8 as WallTime);
    });
    expect(harness.advance(10).at(9).values()).toEqual([
      ['event', 10, 'kept'],
      ['processing', 7, null],
    ]);
    const again = process('again', {
      key: type<string>(),
      out: type<number>(),
      onRecord: (_record, { timers }) => timers.onEventTime(1 as EventTime),
      onTimer(time, ctx) {
        ctx.emit(time, (time + 100) as EventTime);
        if (time < 3) ctx.timers.onEventTime((time + 1) as EventTime);
      },
    });
    const ticking = new Harness(again.definition).record(0, 0, 'a').advance(10);
    expect(ticking.emitted().map(({ value, time }) => [value, time])).toEqual([
      [1, 101],
      [2, 102],
      [3, 103],
    ]);
  });

  it('are undone with the record that set or took them back', () => {
    const harness = new Acting({}).act((_s, { timers }) => timers.onEventTime(10 as EventTime));
    const moment = harness.mark();
    harness.act((_s, { timers }) => {
      timers.cancelEventTime(10 as EventTime);
      timers.onEventTime(5 as EventTime);
    });
    harness.rollback(moment);
    expect(harness.advance(20).values()).toEqual([['event', 10, null]]);
  });

  it('must have a time, and a handler', () => {
    expect(() => new Acting({}).act((_s, { timers }) => timers.onEventTime(Number.NaN as EventTime))).toThrow(
      'not NaN',
    );
    const deaf = process('deaf', {
      key: type<string>(),
      onRecord: (_r, { timers }) => timers.onEventTime(1 as EventTime),
    });
    expect(() => new Harness(deaf.definition).record(1, 1, 'a')).toThrow('without onTimer');
  });
});

describe('a process operator', () => {
  const odd = sideOutput<number>('odd');

  it('without a key sees records as they come, and may emit aside', () => {
    const parted = process('parted', {
      in: type<number>(),
      out: type<number>(),
      outputs: [odd],
      onRecord(n, { emit, output }) {
        if (n % 2 === 0) emit(n);
        else output(odd, n);
      },
    });
    expect(parted.definition).toMatchObject({ needsKey: false, stateful: false, sides: ['odd'] });
    const harness = new Harness(parted.definition).record(1, 1).record(2, 2);
    expect(harness.values()).toEqual([2]);
    expect(harness.emitted('odd')).toEqual([{ value: 1, time: 1, key: undefined }]);
  });

  it('emits aside only where it said so', () => {
    const silent = process('silent', { onRecord: (n: number, ctx) => ctx.output(odd, n) });
    expect(() => new Harness(silent.definition).record(1, 1)).toThrow('no side output "odd"');
  });

  it('without a key has neither state nor timers', () => {
    const spec = { state: { n: value<number>() }, onRecord() {}, onTimer() {} };
    expect(process('wrong', spec as never).definition.mistakes?.map(({ rule }) => rule)).toEqual([
      'the states of a process operator need a key',
      'the timers of a process operator need a key',
    ]);
  });

  it('may not await', () => {
    const waiting = process('waiting', { async onRecord() {} });
    expect(waiting.definition.mistakes).toMatchObject([{ rule: 'the function of process is async' }]);
    const late = process('late', { onRecord: () => Promise.resolve() });
    expect(() => new Harness(late.definition).record(1, 1)).toThrow('returned a promise');
  });

  it('draws the same numbers and reads the same times in every attempt', () => {
    const drawing = process('drawing', {
      out: type<number[]>(),
      onRecord: (_r, ctx) => ctx.emit([ctx.random(), ctx.watermark, ctx.processingTime, ctx.eventTime]),
    });
    const harness = new Harness(drawing.definition).at(3).advance(2);
    const moment = harness.mark();
    const first = harness.record(0, 5).values();
    harness.rollback(moment);
    expect(harness.record(0, 5).values()).toEqual(first);
    expect(first[0]).toEqual([expect.any(Number), 2, 3, 5]);
  });

  it('names what is wrong with its states', () => {
    const { mistakes } = process('wrong', {
      key: type<string>(),
      state: { $x: value<number>(), y: list<number>({ ttl: ms(0), version: 0 }) },
      onRecord() {},
    }).definition;
    expect(mistakes).toHaveLength(3);
  });
});
