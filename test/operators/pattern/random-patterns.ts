/** Patterns and sequences at random. */
import fc from 'fast-check';
import type { SkipStrategy, StepShape } from '../../../lib/operators/index.ts';
import { begin, type PatternShape, type PatternStep, type } from '../../../lib/operators/index.ts';

export interface Letter {
  readonly k: string;
  readonly v: number;
}

type Held = { taken(name: string): readonly Letter[] };
type Test = (record: Letter, ctx: Held) => boolean;
type AnyStep = PatternStep<Letter, Record<string, readonly Letter[]>, string, string, Letter, readonly Letter[]>;

const is =
  (k: string): Test =>
  (record) =>
    record.k === k;

/** Conditions that look at the record, and such that look at what the match has taken. */
const conditions = (name: string, before: string): fc.Arbitrary<readonly ['where' | 'or', Test][]> =>
  fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom('a', 'b', 'c').map((k) => [['where', is(k)] as const]) },
    {
      weight: 2,
      arbitrary: fc.constantFrom('a', 'b').map((k) => [['where', is(k)] as const, ['or', is('c')] as const]),
    },
    { weight: 1, arbitrary: fc.constant([]) },
    {
      weight: 2,
      arbitrary: fc
        .constantFrom('a', 'b')
        .map((k) => [
          ['where', is(k)] as const,
          ['where', ((r, ctx) => r.v >= (ctx.taken(before)[0]?.v ?? 0)) as Test] as const,
        ]),
    },
    {
      weight: 1,
      arbitrary: fc.constant([
        ['where', ((r, ctx) => ctx.taken(name).reduce((n, { v }) => n + v, r.v) < 4) as Test] as const,
      ]),
    },
  ) as fc.Arbitrary<readonly ['where' | 'or', Test][]>;

const quantifier = fc.record({
  times: fc.oneof(
    { weight: 5, arbitrary: fc.constant(undefined) },
    {
      weight: 6,
      arbitrary: fc.constantFrom(
        [1, Number.POSITIVE_INFINITY],
        [2, Number.POSITIVE_INFINITY],
        [2, 2],
        [1, 2],
        [2, 3],
        [0, 2],
      ),
    },
  ) as fc.Arbitrary<readonly [number, number] | undefined>,
  optional: fc.integer({ min: 0, max: 3 }).map((n) => n === 0),
  greedy: fc.integer({ min: 0, max: 2 }).map((n) => n === 0),
  inner: fc.constantFrom('relaxed', 'relaxed', 'strict', 'any'),
  until: fc.integer({ min: 0, max: 3 }).map((n) => n === 0),
  sincePrevious: fc.oneof(
    { weight: 7, arbitrary: fc.constant(undefined) },
    { weight: 1, arbitrary: fc.integer({ min: 1, max: 6 }) },
  ),
});

const follows = fc.constantFrom('next', 'followedBy', 'followedBy', 'followedByAny', 'notNext', 'notFollowedBy');

/** Written by the methods that authors use. Few are not without fault. */
export const patterns: fc.Arbitrary<PatternShape> = fc
  .record({
    steps: fc.array(fc.record({ follows, quantifier, clauses: fc.nat(), seed: fc.nat(1000) }), {
      minLength: 1,
      maxLength: 4,
    }),
    within: fc.option(fc.integer({ min: 2, max: 14 }), { freq: 4, nil: undefined }),
  })
  .chain(({ steps, within }) =>
    fc.tuple(...steps.map((_, i) => conditions(`s${i}`, `s${Math.max(0, i - 1)}`))).map((clauses) => {
      let pattern = begin('s0', type<Letter>()) as unknown as AnyStep;
      for (const [i, { follows: how, quantifier: q }] of steps.entries()) {
        if (i > 0) pattern = pattern[how as 'next'](`s${i}`) as unknown as AnyStep;
        for (const [join, test] of clauses[i]!) pattern = pattern[join](test as never) as unknown as AnyStep;
        const not = i > 0 && how.startsWith('not');
        const spans = not ? i === steps.length - 1 : i > 0 || q.times !== undefined;
        if (spans && q.sincePrevious !== undefined) pattern = pattern.withinPrevious(q.sincePrevious as never);
        if (not) continue;
        if (q.times !== undefined) {
          pattern = pattern.times(...(q.times as [number, number])) as unknown as AnyStep;
          if (q.inner === 'strict') pattern = pattern.consecutive();
          if (q.inner === 'any') pattern = pattern.allowCombinations();
          if (q.until) pattern = pattern.until((r) => (r as Letter).v === 3);
        }
        const before = steps[i + 1]?.follows ?? 'end';
        const leaves = q.optional && !before.startsWith('not');
        if (leaves) pattern = pattern.optional() as unknown as AnyStep;
        if (q.greedy && (leaves || q.times !== undefined) && before !== 'end') pattern = pattern.greedy();
      }
      return (within === undefined ? pattern : pattern.within(within as never)).shape;
    }),
  );

export const skips: fc.Arbitrary<SkipStrategy> = fc.oneof(
  { weight: 3, arbitrary: fc.constant({ skip: 'none' } as const) },
  { weight: 4, arbitrary: fc.constantFrom({ skip: 'to-next' } as const, { skip: 'past-last' } as const) },
  {
    weight: 3,
    arbitrary: fc
      .tuple(fc.constantFrom('to-first', 'to-last'), fc.constantFrom('s0', 's1', 's2'))
      .map(([skip, step]) => ({ skip, step }) as SkipStrategy),
  },
);

export type Happening =
  | { readonly record: Letter; readonly time: number; readonly key: string }
  | { readonly watermark: number };

/** Records out of order, some late, and a watermark that goes on in steps. */
export const happenings = (records: number, keys: number): fc.Arbitrary<readonly Happening[]> =>
  fc
    .array(
      fc.record({
        k: fc.constantFrom('a', 'a', 'b', 'b', 'c', 'd'),
        v: fc.nat(3),
        key: fc.nat(keys - 1),
        jitter: fc.integer({ min: -3, max: 2 }),
        step: fc.constantFrom(0, 0, 1, 1, 2, 5),
        advances: fc.boolean(),
      }),
      { maxLength: records, size: 'max' },
    )
    .map((steps) => {
      let now = 10;
      return steps.flatMap(({ k, v, key, jitter, step, advances }): Happening[] => {
        now += step;
        const record = { record: { k, v }, time: now + jitter, key: `k${key}` };
        return advances ? [record, { watermark: now - 2 }] : [record];
      });
    });

/** Some of a pattern's steps made a group, some of what that comes to another, and so on: beside or in one another. */
export const grouped: fc.Arbitrary<PatternShape> = fc
  .record({
    pattern: patterns,
    wraps: fc.array(
      fc.record({ from: fc.nat(3), length: fc.integer({ min: 1, max: 3 }), deeper: fc.boolean(), quantifier }),
      { minLength: 1, maxLength: 4 },
    ),
  })
  .map(({ pattern, wraps }) => ({ ...pattern, steps: wraps.reduce(wrapped, pattern.steps) }));

interface Wrap {
  readonly from: number;
  readonly length: number;
  /** In a group that is there, if there is one at that place. */
  readonly deeper: boolean;
  readonly quantifier: typeof quantifier extends fc.Arbitrary<infer Q> ? Q : never;
}

function wrapped(steps: readonly StepShape[], wrap: Wrap): readonly StepShape[] {
  const { length, deeper, quantifier: how } = wrap;
  const from = Math.min(wrap.from, steps.length - 1);
  const [first, ...rest] = steps.slice(from, from + length) as [StepShape, ...StepShape[]];
  if (first.follows.startsWith('not')) return steps;
  if (deeper && first.group !== undefined) return steps.with(from, { ...first, group: wrapped(first.group, wrap) });
  const [least, most] = how.times ?? [1, 1];
  const group: StepShape = {
    ...{
      name: '',
      follows: first.follows,
      clauses: [],
      greedy: false,
      group: [{ ...first, follows: 'begin' }, ...rest],
    },
    ...{ least: Math.max(1, least), most, optional: how.optional || least === 0 },
    inner: most === 1 ? 'relaxed' : (how.inner as StepShape['inner']),
  };
  return [...steps.slice(0, from), group, ...steps.slice(from + length)];
}
