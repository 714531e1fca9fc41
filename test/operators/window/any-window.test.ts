import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Duration, MAX_TIME } from '../../../lib/model/index.ts';
import {
  collect,
  cumulating,
  deltaEvictor,
  deltaTrigger,
  type Evictor,
  earlyByCount,
  earlyByEventTime,
  earlyByProcessingTime,
  endOfWindow,
  everyCount,
  globalWindow,
  hopping,
  keepLast,
  keepWithin,
  processingTimeout,
  purging,
  session,
  type Trigger,
  type TriggerDecision,
  tumbling,
  type WindowAssigner,
  type WindowOptions,
  type WindowSpec,
  windowOperator,
} from '../../../lib/operators/index.ts';
import { Harness } from '../harness.ts';
import { type AnyResult, type AnySpec, type AnyStory, anyReference, type Happening } from './any-reference.ts';
import {
  distance,
  plainDelta,
  plainEventPeriod,
  plainLast,
  plainNear,
  plainTimeout,
  plainTriggerOf,
  plainWithin,
} from './plain-triggers.ts';
import { cumulatingSpans, hoppingSpans, type Rec, tumblingSpans } from './reference.ts';

const ms = (n: number): Duration => n as Duration;
const RUNS = { numRuns: 150 };

type Domain = AnySpec['by'];

/** A window operator's part, as the operator gets it and as the reference does. */
interface Pair<Given, Plain> {
  readonly given: Given;
  readonly plain: Plain;
}

const size = fc.integer({ min: 1, max: 25 });
const offset = fc.integer({ min: 0, max: 24 });

/** Windows of each kind, in a time of their own. */
const assignerOf = (time: Domain): fc.Arbitrary<Pair<WindowAssigner<never>, AnySpec['windows']>> => {
  const options = (o: number): WindowOptions => ({ offset: ms(o), time });
  return fc.oneof(
    fc.tuple(size, offset).map(([n, o]) => ({
      given: tumbling(ms(n), options(o % n)),
      plain: tumblingSpans(n, o % n),
    })),
    fc.tuple(size, size, offset).map(([n, slide, o]) => ({
      given: hopping(ms(n), ms(slide), options(o % slide)),
      plain: hoppingSpans(n, slide, o % slide),
    })),
    fc.tuple(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 5 }), offset).map(([step, steps, o]) => ({
      given: cumulating(ms(step * steps), ms(step), options(o % (step * steps))),
      plain: cumulatingSpans(step * steps, step, o % (step * steps)),
    })),
    {
      weight: 2,
      arbitrary: fc.constant({ given: session((r: Rec) => ms(r.gap), { time }), plain: 'session' as const }),
    },
  );
};
const endless: Pair<WindowAssigner<never>, AnySpec['windows']> = { given: globalWindow(), plain: 'global' };

type TriggerPair = Pair<Trigger<never, never>, Trigger<Rec, unknown>>;

const n = fc.integer({ min: 1, max: 4 });
const period = fc.integer({ min: 1, max: 30 });
const simple: fc.Arbitrary<TriggerPair> = fc
  .tuple(
    fc.constantFrom('end', 'count', 'event', 'processing', 'every'),
    n,
    period,
    fc.constantFrom('keeps', 'purges', 'is made to purge'),
  )
  .map(([kind, n, period, emptying]) => {
    const [inner, purge] = [{ purge: emptying === 'purges' }, emptying !== 'keeps'];
    const made = <S>(trigger: Trigger<unknown, S>) =>
      (emptying === 'is made to purge' ? purging(trigger) : trigger) as Trigger<never, never>;
    switch (kind) {
      case 'end':
        return { given: made({ ...endOfWindow(inner), name: 'mine' }), plain: plainTriggerOf({ atEnd: true, purge }) };
      case 'count':
        return { given: made(earlyByCount(n, inner)), plain: plainTriggerOf({ atEnd: true, every: n, purge }) };
      case 'event':
        return { given: made(earlyByEventTime(period, inner)), plain: plainEventPeriod(period, purge) };
      case 'processing':
        return {
          given: made(earlyByProcessingTime(period, inner)),
          plain: plainTriggerOf({ atEnd: true, period, purge }),
        };
      default:
        return { given: made(everyCount(n, inner)), plain: plainTriggerOf({ atEnd: false, every: n, purge }) };
    }
  });

const timed: fc.Arbitrary<TriggerPair> = fc
  .record({ inner: simple, timeout: period, restart: fc.boolean(), keepState: fc.boolean() })
  .map(({ inner: { given, plain }, timeout, ...options }) => ({
    given: processingTimeout(given, timeout, options) as Trigger<never, never>,
    plain: plainTimeout(plain, timeout, { ...options, purge: given.options?.['purge'] === true }),
  }));
const readyMade = fc.oneof({ weight: 2, arbitrary: simple }, timed);

/** Triggers that cannot merge. */
const delta: fc.Arbitrary<TriggerPair> = fc
  .tuple(fc.integer({ min: -3, max: 15 }), fc.boolean())
  .map(([threshold, purge]) => ({
    given: deltaTrigger<Rec>(threshold, (a, b) => distance(a.v, b.v), { purge }) as Trigger<never, never>,
    plain: plainDelta(threshold, purge),
  }));

const decision = fc.constantFrom<TriggerDecision>('continue', 'fire', 'purge', 'fire-and-purge');
const decisions = fc.array(decision, { minLength: 1, maxLength: 4 });
const span = fc.option(fc.integer({ min: -5, max: 40 }), { nil: undefined });

/** Triggers as authors may write them: with state and timers of both kinds, which may lie in the past or come again. */
const authored: fc.Arbitrary<TriggerPair> = fc
  .record({
    onRecord: decisions,
    onEvent: decisions,
    onProcessing: decisions,
    event: span,
    processing: span,
    again: span,
    remembers: fc.boolean(),
  })
  .map(({ onRecord, onEvent, onProcessing, event, processing, again, remembers }) => {
    const count = (ctx: { state: number | undefined }): number => {
      const seen = ctx.state ?? 0;
      ctx.state = seen === 6 ? undefined : seen + 1;
      return seen;
    };
    const pick = (from: readonly TriggerDecision[], seen: number): TriggerDecision => from[seen % from.length]!;
    const trigger: Trigger<Rec, number> = {
      name: 'authored',
      onRecord(_record, time, ctx) {
        if (event !== undefined) ctx.atEventTime(time + event);
        if (processing !== undefined) ctx.atProcessingTime(ctx.processingTime + processing);
        return pick(onRecord, count(ctx));
      },
      onEventTime(time, ctx) {
        if (again !== undefined && time < 200) ctx.atEventTime(time + Math.abs(again) + 1);
        return pick(onEvent, count(ctx));
      },
      onProcessingTime(time, ctx) {
        if (again !== undefined && time < 200) ctx.atProcessingTime(time + Math.abs(again) + 1);
        return pick(onProcessing, count(ctx));
      },
      onMerge(states, ctx) {
        if (remembers && states.length > 0) ctx.state = states.reduce((sum, state) => sum + state, 0) % 7;
        if (event !== undefined) ctx.atEventTime(ctx.window.end + event);
        if (processing !== undefined) ctx.atProcessingTime(ctx.processingTime + processing + states.length);
      },
    };
    return { given: trigger as Trigger<never, never>, plain: trigger as Trigger<Rec, unknown> };
  });

type EvictorPair = Pair<Evictor | undefined, AnySpec['evictor']>;

const none: EvictorPair = { given: undefined, plain: undefined };
const evictors: fc.Arbitrary<EvictorPair> = fc
  .tuple(fc.constantFrom('last', 'within', 'near', 'authored'), n, period, fc.constantFrom('before', 'after', 'unsaid'))
  .map(([kind, n, span, said]): EvictorPair => {
    const when = said === 'after' ? 'after' : 'before';
    const given: Pick<Evictor, 'when'> = said === 'unsaid' ? {} : { when };
    switch (kind) {
      case 'last':
        return { given: keepLast(n, given), plain: { when, keep: plainLast(n) } };
      case 'within':
        return { given: keepWithin(span, given), plain: { when, keep: plainWithin(span) } };
      case 'near': {
        const threshold = span - 10;
        const evictor = deltaEvictor<Rec>(threshold, (a, b) => distance(a.v, b.v), given) as Evictor;
        return { given: evictor, plain: { when, keep: plainNear(threshold) } };
      }
      default: {
        const keep = <T extends { readonly value: Rec }>(held: readonly T[]): readonly T[] =>
          held.filter(({ value }) => value.v % (n + 1) !== 0);
        return { given: { name: 'authored', keep: keep as Evictor['keep'], ...given }, plain: { when, keep } };
      }
    }
  });

const move = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      key: fc.constantFrom('a', 'b'),
      jitter: fc.integer({ min: -40, max: 8 }),
      gap: fc.integer({ min: 1, max: 20 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ watermark: fc.integer({ min: 0, max: 30 }) }) },
  { weight: 1, arbitrary: fc.record({ processing: fc.integer({ min: 0, max: 30 }) }) },
);

/** Records out of order around an event time that moves on, processing time that moves beside it, and at last the end of both. */
const script: fc.Arbitrary<Happening[]> = fc.array(move, { maxLength: 40 }).map((moves) => {
  let event = 0;
  let processing = 0;
  const happenings = moves.map((move, v): Happening => {
    if ('watermark' in move) {
      event += move.watermark;
      return { watermark: event };
    }
    if ('processing' in move) {
      processing += move.processing;
      return { processing };
    }
    event += 1;
    return { record: { key: move.key, time: event + move.jitter + 20, v, gap: move.gap } };
  });
  return [...happenings, { watermark: MAX_TIME }, { processing: 10_000 }];
});

/** What the operator does with a script. Where `undone` says so it goes some steps ahead, takes them back, and goes on. */
function story(spec: WindowSpec, happenings: readonly Happening[], undone: number): AnyStory {
  const harness = new Harness(windowOperator(spec));
  const step = (happening: Happening): void => {
    if ('record' in happening) harness.record(happening.record, happening.record.time, happening.record.key);
    else if ('watermark' in happening) harness.advance(happening.watermark);
    else harness.at(happening.processing);
  };
  const open = happenings.map((happening, i) => {
    if (i % undone === undone - 1) {
      const moment = harness.mark();
      happenings.slice(i, i + 3).forEach(step);
      harness.rollback(moment);
    }
    step(happening);
    expect(orphans(harness)).toEqual([]);
    return cellsOf(harness, '$windows').length;
  });
  return {
    results: harness.emitted().map(({ value, time }): AnyResult => {
      const { key, windowStart, windowEnd, value: all, records } = value as Told;
      return { key, start: windowStart, end: windowEnd, told: all ?? records!.map(({ v }) => v), time };
    }),
    late: harness.values<Rec>('late'),
    refired: harness.count('refired'),
    unwindowed: harness.count('unwindowed'),
    open,
  };
}

interface Told {
  readonly key: string;
  readonly windowStart: number;
  readonly windowEnd: number;
  readonly value?: number[];
  readonly records?: Rec[];
}

const cellsOf = ({ store }: Harness, name: string) => {
  const table = store.tables.find((t) => t.name === name);
  return table === undefined ? [] : ['a', 'b'].flatMap((key) => table.cellsOf(key));
};

/** Timers and records of windows that are no more. */
function orphans(harness: Harness): unknown[] {
  const windows = new Set(cellsOf(harness, '$windows').map(({ key, sub }) => `${key} ${sub}`));
  const parts = [...cellsOf(harness, '$trigger-timers'), ...cellsOf(harness, '$elements')];
  return parts.filter(({ key, sub }) => typeof sub === 'number' && !windows.has(`${key} ${sub}`));
}

/** A story of windows that aggregate: of their records only which they were is known. */
const sorted = ({ results, ...rest }: AnyStory): AnyStory => ({
  ...rest,
  results: results.map((result) => ({ ...result, told: [...result.told].sort((a, b) => a - b) })),
});

interface Parts {
  readonly assigner: Pair<WindowAssigner<never>, AnySpec['windows']>;
  readonly trigger: TriggerPair;
  readonly evictor: EvictorPair;
  readonly by: Domain;
  readonly lateness: number;
}

/** Compares operator and reference, once with records held one by one and once with an aggregation. */
function compare({ assigner, trigger, evictor, by, lateness }: Parts, happenings: Happening[], undone: number): void {
  const isTimed = by === 'event' && assigner.plain !== 'global';
  const expected = anyReference(happenings, {
    ...{ windows: assigner.plain, by, lateness: isTimed ? lateness : 0 },
    ...{ trigger: trigger.plain, evictor: evictor.plain },
  });
  const spec: WindowSpec = {
    ...{ assigner: assigner.given, trigger: trigger.given, evictor: evictor.given },
    ...(isTimed ? { allowedLateness: lateness, lateSide: 'late' } : {}),
  };
  expect(story(spec, happenings, undone)).toEqual(expected);
  const aggregation = collect((r: Rec) => r.v);
  expect(sorted(story({ ...spec, aggregation }, happenings, undone))).toEqual(sorted(expected));
  if (assigner.plain !== 'global') expect(expected.open.at(-1)).toBe(0);
}

const lateness = fc.integer({ min: 0, max: 40 });
const undone = fc.integer({ min: 1, max: 60 });
const triggers = fc.oneof(readyMade, authored);

describe('windows of any kind', () => {
  const check = (
    by: Domain,
    trigger: fc.Arbitrary<TriggerPair>,
    evictor: fc.Arbitrary<EvictorPair>,
    assigner: fc.Arbitrary<Parts['assigner']> = assignerOf(by),
  ): void => {
    const parts = fc.record({ assigner, trigger, evictor, lateness, by: fc.constant(by) });
    fc.assert(fc.property(parts, script, undone, compare), RUNS);
  };

  it('emit when a ready-made trigger says so', () => check('event', readyMade, fc.constant(none)));
  it("emit when the author's own trigger says so", () => check('event', authored, fc.constant(none)));
  it('emit what an evictor leaves, and lose what it takes', () => check('event', triggers, evictors));
  it('run by processing time, with any trigger', () => check('processing', triggers, fc.constant(none)));
  it('run by processing time, with any evictor', () => check('processing', triggers, evictors));
  it('emit when records are far enough apart', () => {
    const fixed = assignerOf('event').filter(({ plain }) => plain !== 'session');
    check('event', delta, fc.oneof(evictors, fc.constant(none)), fixed);
    check('event', delta, fc.oneof(evictors, fc.constant(none)), fc.constant(endless));
  });
  it('may be one without end, with any trigger and evictor', () => {
    check('event', triggers, fc.oneof(evictors, fc.constant(none)), fc.constant(endless));
  });
});
