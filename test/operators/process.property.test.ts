import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Duration } from '../../lib/model/index.ts';
import {
  aggregating,
  collect,
  list,
  map,
  process,
  reducing,
  type StateOptions,
  sideOutput,
  type,
  value,
} from '../../lib/operators/index.ts';
import { Harness } from './harness.ts';
import {
  type Emission,
  END,
  type Happening,
  type PlainContext,
  type PlainStory,
  processReference,
  type Ttl,
} from './process-reference.ts';

/** One thing that the author's code does. */
type Deed =
  | { readonly do: 'one' | 'many' | 'heap' | 'total' | 'sorted'; readonly n: number }
  | { readonly do: 'set' | 'delete'; readonly n: number; readonly under: number }
  | { readonly do: 'update'; readonly n: number }
  | { readonly do: 'clear'; readonly state: 'one' | 'many' | 'named' | 'total' | 'sorted' }
  | {
      readonly do: 'timer' | 'cancel';
      readonly by: 'event' | 'processing';
      readonly span: number;
      readonly name: string;
    }
  | { readonly do: 'emit'; readonly later: number }
  | { readonly do: 'aside' };

interface Script {
  readonly happenings: Happening<readonly Deed[]>[];
  /** What is done when a timer fires, by its name. */
  readonly atTimers: Readonly<Record<string, readonly Deed[]>>;
  readonly ttl: Ttl | undefined;
}

/** No timers are set from here on, so that a script ends. */
const LATE = 300;
const reduce = (reduced: number, n: number): number => (reduced * 3 + n) % 1_000;
const aside = sideOutput<unknown>('aside');

/** The author's code, the same for the operator and the reference: does its deeds, then tells all it can see. */
function act(deeds: readonly Deed[], ctx: PlainContext): void {
  const { one, many, named, total, sorted } = ctx.state;
  for (const deed of deeds) {
    switch (deed.do) {
      case 'one':
        one.set(deed.n);
        break;
      case 'many':
        many.add(deed.n);
        break;
      case 'heap':
        for (let i = 0; i < 20; i++) many.add(deed.n + i);
        break;
      case 'update':
        many.update([...many.get(), deed.n].slice(-3));
        break;
      case 'total':
        total.add(deed.n);
        break;
      case 'sorted':
        sorted.add(deed.n);
        break;
      case 'set':
        named.set(deed.under, deed.n);
        break;
      case 'delete':
        ctx.emit(['deleted', named.delete(deed.under)]);
        break;
      case 'clear':
        ctx.state[deed.state].clear();
        break;
      case 'timer':
      case 'cancel': {
        const { by, span, name } = deed;
        const time = (by === 'event' ? ctx.eventTime : ctx.processingTime) + span;
        if (time > LATE) break;
        const { timers } = ctx;
        if (deed.do === 'timer') by === 'event' ? timers.onEventTime(time, name) : timers.onProcessingTime(time, name);
        else by === 'event' ? timers.cancelEventTime(time, name) : timers.cancelProcessingTime(time, name);
        break;
      }
      case 'emit':
        ctx.emit('later', ctx.eventTime + deed.later);
        break;
      case 'aside':
        ctx.aside(one.get() ?? null);
        break;
    }
  }
  const { watermark, processingTime, eventTime, key } = ctx;
  const map = [named.entries(), named.isEmpty(), named.has(1), named.get(2) ?? null];
  const rest = [one.get() ?? null, many.get(), many.isEmpty(), total.get() ?? null, sorted.get() ?? null];
  ctx.emit({ key, eventTime, watermark, processingTime, rest, map });
}

function operatorStory(script: Script, undone: number): PlainStory {
  const { happenings, atTimers, ttl } = script;
  const options: StateOptions = ttl === undefined ? {} : { ttl: ttl.span as Duration, ttlBy: ttl.by };
  const plain = (ctx: unknown): PlainContext => ctx as PlainContext;
  const { definition } = process('deeds', {
    in: type<readonly Deed[]>(),
    key: type<string>(),
    out: type<unknown>(),
    outputs: [aside],
    state: {
      one: value<number>(options),
      many: list<number>(options),
      named: map<number, number>(options),
      total: reducing(reduce, options),
      sorted: aggregating(
        collect((n: number) => n),
        options,
      ),
    },
    onRecord: (deeds, ctx) => act(deeds, withAside(plain(ctx))),
    onTimer: (_time, ctx, name) => act(atTimers[name ?? '']!, withAside(plain(ctx))),
    onProcessingTimer: (_time, ctx, name) => act(atTimers[name ?? '']!, withAside(plain(ctx))),
  });
  const harness = new Harness(definition);
  const step = (happening: Happening<readonly Deed[]>): void => {
    if ('record' in happening) harness.record(happening.record, happening.time, happening.key);
    else if ('watermark' in happening) harness.advance(happening.watermark);
    else harness.at(happening.processing);
  };
  happenings.forEach((happening, i) => {
    if (i % undone === undone - 1) {
      const moment = harness.mark();
      happenings.slice(i, i + 3).forEach(step);
      harness.rollback(moment);
    }
    step(happening);
  });
  const keys = (name: string): number => {
    const cells = ['a', 'b'].filter((key) => tableOf(harness, name).cellsOf(key).length > 0);
    return cells.length;
  };
  const size = (name: string): number => tableOf(harness, name).size;
  return {
    main: harness.emitted() as Emission[],
    side: harness.emitted('aside') as Emission[],
    left: {
      ...{ one: size('one'), many: keys('many'), total: size('total'), sorted: size('sorted'), named: size('named') },
      timers: size('$event-timers') + size('$processing-timers'),
    },
  };
}

const tableOf = ({ store }: Harness, name: string) => store.tables.find((table) => table.name === name)!;

/** The operator's context has one `output` for all its side outputs. */
function withAside(ctx: PlainContext): PlainContext {
  const own = ctx as unknown as { output(side: typeof aside, record: unknown): void };
  return Object.create(ctx as object, {
    eventTime: { get: () => ctx.eventTime },
    watermark: { get: () => ctx.watermark },
    processingTime: { get: () => ctx.processingTime },
    key: { get: () => ctx.key },
    aside: { value: (record: unknown) => own.output(aside, record) },
  });
}

function referenceStory(script: Script): PlainStory {
  const { happenings, atTimers, ttl } = script;
  return processReference(happenings, {
    ...{ ttl, reduce },
    onRecord: (deeds, ctx) => act(deeds, ctx),
    onTimer: (_time, ctx, name) => act(atTimers[name ?? '']!, ctx),
    onProcessingTimer: (_time, ctx, name) => act(atTimers[name ?? '']!, ctx),
  });
}

const n = fc.integer({ min: 0, max: 99 });
const under = fc.integer({ min: 0, max: 3 });
const states = ['one', 'many', 'named', 'total', 'sorted'] as const;
const deed = (leastSpan: number): fc.Arbitrary<Deed> =>
  fc.oneof(
    { weight: 6, arbitrary: fc.record({ do: fc.constantFrom('one', 'many', 'heap', 'total', 'sorted', 'update'), n }) },
    { weight: 4, arbitrary: fc.record({ do: fc.constantFrom('set', 'delete'), n, under }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('clear'), state: fc.constantFrom(...states) }) },
    {
      weight: 5,
      arbitrary: fc.record({
        do: fc.constantFrom('timer', 'timer', 'cancel'),
        by: fc.constantFrom('event', 'processing'),
        span: fc.integer({ min: leastSpan, max: 12 }),
        name: fc.constantFrom('', 'x', 'y'),
      }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('emit'), later: fc.integer({ min: -5, max: 5 }) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('aside') }) },
  ) as fc.Arbitrary<Deed>;

const atTimer = fc.array(deed(1), { maxLength: 3 });
const step = fc.oneof({ weight: 4, arbitrary: fc.integer({ min: 0, max: 8 }) }, fc.integer({ min: 9, max: 30 }));
const move = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      key: fc.constantFrom('a', 'a', 'a', 'b'),
      jitter: fc.integer({ min: -15, max: 15 }),
      record: fc.array(deed(-8), { maxLength: 4 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ watermark: step }) },
  { weight: 2, arbitrary: fc.record({ processing: step }) },
);
const ttl = fc.option(
  fc.record({ span: fc.integer({ min: 2, max: 20 }), by: fc.constantFrom('event' as const, 'processing' as const) }),
  { nil: undefined },
);
const script: fc.Arbitrary<Script> = fc
  .record({
    moves: fc.array(move, { minLength: 10, maxLength: 40 }),
    atTimers: fc.record({ '': atTimer, x: atTimer, y: atTimer }),
    ttl,
    start: fc.constantFrom(0, 1_000),
  })
  .map(({ moves, start, ...rest }) => {
    let event = 20;
    let processing = start % LATE;
    const happenings = moves.map((move): Happening<readonly Deed[]> => {
      if ('watermark' in move) {
        event += move.watermark;
        return { watermark: event };
      }
      if ('processing' in move) {
        processing += move.processing;
        return { processing };
      }
      event += 1;
      return { record: move.record, key: move.key, time: event + move.jitter };
    });
    return { ...rest, happenings: [...happenings, { watermark: END }, { processing: 10_000 }, { watermark: END }] };
  });

describe('a process operator', () => {
  it('does with state, timers and outputs what a plain account of them says, also when attempts are taken back', () => {
    fc.assert(
      fc.property(script, fc.integer({ min: 1, max: 40 }), (script, undone) => {
        expect(operatorStory(script, undone)).toEqual(referenceStory(script));
      }),
      { numRuns: 300 },
    );
  });
});
