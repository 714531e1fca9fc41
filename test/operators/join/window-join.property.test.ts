import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Duration, MAX_TIME } from '../../../lib/model/index.ts';
import {
  coGroupOperator,
  earlyByCount,
  endOfWindow,
  hopping,
  type JoinKind,
  type OperatorDefinition,
  session,
  type TwoInputWindows,
  tumbling,
  windowJoinOperator,
} from '../../../lib/operators/index.ts';
import { Harness } from '../harness.ts';
import { type AnyResult, anyReference, type Happening } from '../window/any-reference.ts';
import { plainTriggerOf } from '../window/plain-triggers.ts';
import { hoppingSpans, type Rec, tumblingSpans } from '../window/reference.ts';

const ms = (n: number): Duration => n as Duration;
/** Which side a record is of: those of even numbers are left. */
const sideOf = ({ v }: Rec): 0 | 1 => (v % 2) as 0 | 1;
const lefts = (told: readonly number[]): number[] => told.filter((v) => v % 2 === 0);
const rights = (told: readonly number[]): number[] => told.filter((v) => v % 2 === 1);

const windows = fc.oneof(
  fc.integer({ min: 1, max: 20 }).map((n) => ({ assigner: tumbling(ms(n)), plain: tumblingSpans(n, 0) })),
  fc
    .tuple(fc.integer({ min: 2, max: 20 }), fc.integer({ min: 1, max: 10 }))
    .map(([n, slide]) => ({ assigner: hopping(ms(n), ms(slide)), plain: hoppingSpans(n, slide, 0) })),
  fc.constant({ assigner: session<Rec>(({ gap }) => ms(gap)), plain: 'session' as const }),
);

const happenings = fc
  .array(
    fc.oneof(
      {
        weight: 5,
        arbitrary: fc.record({
          key: fc.constantFrom('a', 'b'),
          jitter: fc.integer({ min: -30, max: 10 }),
          side: fc.nat(1),
          gap: fc.integer({ min: 1, max: 12 }),
        }),
      },
      { weight: 1, arbitrary: fc.nat(25) },
    ),
    { maxLength: 60 },
  )
  .map((moves) => {
    let now = 0;
    let id = 0;
    const list: Happening[] = moves.map((move) => {
      if (typeof move === 'number') {
        now += move;
        return { watermark: now };
      }
      const { key, jitter, side, gap } = move;
      return { record: { key, time: now + jitter + 15, v: 2 * id++ + side, gap } };
    });
    return [...list, { watermark: MAX_TIME }];
  });

const given = fc.record({
  windows,
  happenings,
  allowed: fc.oneof(fc.constant(0), fc.nat(30)),
  early: fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined }),
});
type Given = typeof given extends fc.Arbitrary<infer G> ? G : never;

function told({ windows: { assigner, plain }, happenings: list, allowed, early }: Given) {
  const trigger = early === undefined ? endOfWindow() : earlyByCount(early);
  const spec: TwoInputWindows = {
    assigner: assigner as never,
    allowedLateness: allowed,
    trigger: trigger as never,
    lateLeft: 'late-left',
    lateRight: 'late-right',
  };
  const reference = anyReference(list, {
    ...{ windows: plain, by: 'event', lateness: allowed, evictor: undefined },
    trigger: plainTriggerOf({ atEnd: true, purge: false, ...(early === undefined ? {} : { every: early }) }),
  });
  return { spec, reference };
}

function play(definition: OperatorDefinition, list: readonly Happening[]): Harness {
  const harness = new Harness(definition);
  const step = (happening: Happening): void => {
    if ('watermark' in happening) harness.advance(happening.watermark);
    else if ('record' in happening) {
      const { record } = happening;
      harness.record(record, record.time, record.key, sideOf(record));
    }
  };
  list.forEach((happening, i) => {
    if (i % 3 === 0) {
      const moment = harness.mark();
      step(happening);
      harness.rollback(moment);
    }
    step(happening);
  });
  return harness;
}

const pairsOf = ({ told: all, key, start, end, time }: AnyResult, kind: JoinKind) => {
  const [l, r] = [lefts(all), rights(all)];
  const kept = (list: readonly number[], other: readonly number[], keeps: boolean): (number | undefined)[] =>
    list.length === 0 && other.length > 0 && keeps ? [undefined] : [...list];
  const ls = kept(l, r, kind === 'right' || kind === 'outer');
  const rs = kept(r, l, kind === 'left' || kind === 'outer');
  return ls.flatMap((left) => rs.map((right) => ({ value: { key, start, end, left, right }, time, key })));
};

describe('windows of two inputs', () => {
  it('hand both sides to a co-group as windows of all records hold them', () => {
    fc.assert(
      fc.property(given, (made) => {
        const { spec, reference } = told(made);
        const definition = coGroupOperator({
          ...spec,
          fn: (key, { start, end }, l: readonly Rec[], r: readonly Rec[]) => ({
            ...{ key, start, end },
            lefts: l.map(({ v }) => v),
            rights: r.map(({ v }) => v),
          }),
        });
        const harness = play(definition, made.happenings);
        expect(harness.emitted()).toEqual(
          reference.results.map(({ told: all, time, ...rest }) => ({
            value: { ...rest, lefts: lefts(all), rights: rights(all) },
            ...{ time, key: rest.key },
          })),
        );
        const late = (side: number): Rec[] => reference.late.filter((record) => sideOf(record) === side);
        expect([harness.values('late-left'), harness.values('late-right')]).toEqual([late(0), late(1)]);
        expect(harness.count('late')).toBe(reference.late.length);
        expect(harness.store.size).toBe(0);
      }),
      { numRuns: 250 },
    );
  });

  it('give a join all pairs of each window, and the records whose window has none of the other side', () => {
    fc.assert(
      fc.property(given, fc.constantFrom<JoinKind>('inner', 'left', 'right', 'outer'), (made, kind) => {
        const { spec, reference } = told(made);
        const join = (l: Rec | undefined, r: Rec | undefined, ctx: { key: string; window: object }) => ({
          ...{ key: ctx.key, ...ctx.window },
          ...{ left: l?.v, right: r?.v },
        });
        const harness = play(windowJoinOperator({ ...spec, kind, join }), made.happenings);
        expect(harness.emitted()).toEqual(reference.results.flatMap((result) => pairsOf(result, kind)));
      }),
      { numRuns: 250 },
    );
  });
});
