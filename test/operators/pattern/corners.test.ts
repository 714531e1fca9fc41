/** What is said of patterns beside what they match: faults, limits, late records, and what is kept. */
import { describe, expect, it } from 'vitest';
import { type Duration, milliseconds } from '../../../lib/model/index.ts';
import {
  begin,
  matchOperator,
  noSkip,
  type Pattern,
  type SkipStrategy,
  skipPastLastEvent,
  skipToFirst,
  skipToNext,
  type,
} from '../../../lib/operators/index.ts';
import { Harness } from '../harness.ts';
import { found, is } from './words.ts';

const a = begin('a', type<string>()).where(is('a'));
const ab = a.followedBy('b').where(is('b'));
const span = milliseconds(10);

const operator = (
  pattern: Pattern<string, unknown>,
  options: { skip?: SkipStrategy; most?: number; forever?: boolean } = {},
) =>
  matchOperator({
    ...{ pattern: pattern.shape, fn: () => 1, skip: options.skip ?? noSkip(), lateSide: 'late' },
    ...{ maxPartialMatches: options.most ?? 10, waitForever: options.forever ?? false },
  });
const rules = (...args: Parameters<typeof operator>): string[] => operator(...args).mistakes!.map(({ rule }) => rule);

describe('the faults of a pattern', () => {
  it('are all said at once, and none of a good one', () => {
    expect(rules(ab.within(span))).toEqual([]);
    expect(rules(begin('', type<string>()).times(3, 2).followedBy('').within(milliseconds(0)))).toEqual([
      'step "" takes 3 to 2 records',
      'a step of the pattern has no name',
      'a step of the pattern has no name',
      'the time within which a pattern matches must be positive, not 0 ms',
      'two steps of the pattern are called ""',
    ]);
  });

  const faulty: readonly [string, Pattern<string, unknown>, string][] = [
    ['without an end', ab, 'a partial match can wait for ever for its next record, and be kept as long'],
    [
      'a loop of which only the step behind has a time',
      a.oneOrMore().next('b').withinPrevious(span),
      'a partial match can wait for ever',
    ],
    ['an open end', a.notFollowedBy('b'), 'the pattern ends with notFollowedBy("b"), and never ends'],
    [
      'only optional steps',
      a.optional().followedBy('b').times(0, 2).within(span),
      'all steps of the pattern are optional',
    ],
    [
      'not behind optional',
      ab.optional().notNext('c').followedBy('d').within(span),
      '"c" must not come after "b", which is optional',
    ],
    [
      'greedy at the end',
      ab.oneOrMore().greedy().within(span),
      'step "b" is greedy, and nothing behind it says when to stop',
    ],
    [
      'greedy before an optional end',
      a.oneOrMore().greedy().next('b').optional().within(span),
      'step "a" is greedy, and nothing behind it',
    ],
    ['greedy of one record', a.greedy().next('b').within(span), 'step "a" is greedy, but always takes one record'],
    [
      'an end of one record',
      a.until(is('b')).within(span),
      'step "a" has an end by until(...), but takes only one record',
    ],
    [
      'between the records of one',
      a.consecutive().within(span),
      'step "a" says what lies between its records, but takes only one',
    ],
    ['no record before the first', a.withinPrevious(span).within(span), 'step "a" has no record before it'],
    [
      'a time of what must not come',
      a.notNext('b').withinPrevious(span).next('c').within(span),
      '"b" must not come, so that it has no time',
    ],
    [
      'two numbers of records',
      a.times(2).oneOrMore().within(span),
      'step "a" says twice how many records it takes: times and oneOrMore',
    ],
    ['two ends', a.oneOrMore().until(is('b')).until(is('c')).within(span), 'step "a" has two ends by until(...)'],
    [
      'a number of what must not come',
      (a.notNext('b') as unknown as typeof ab).times(2).next('c').within(span) as never,
      '"b" must not come, so that it takes no number of records',
    ],
    ['a half of a record', a.times(0.5).within(span), 'step "a" takes 0.5 to 0.5 records'],
    [
      'no duration',
      ab.within(Number.NaN as Duration),
      'the time within which a pattern matches must be positive, not NaN ms',
    ],
    ['no function', ab.where('b' as never).within(span), 'a condition takes a function, not string'],
    ['async', ab.where((async () => true) as never).within(span), 'the function of a condition is async'],
    [
      'too many steps',
      Array.from({ length: 30 })
        .reduce<typeof ab>((p, _, i) => p.next(`s${i}`) as never, ab)
        .within(span),
      'the pattern has 32 steps',
    ],
  ];
  it.each(faulty)('%s', (_, pattern, rule) => {
    const said = rules(pattern);
    expect(said).toHaveLength(1);
    expect(said[0]).toContain(rule);
  });

  it('do not include waiting for ever where nothing waits, each step has its time, or the author says so', () => {
    expect(rules(a)).toEqual([]);
    expect(rules(ab.withinPrevious(span))).toEqual([]);
    expect(rules(a.oneOrMore().withinPrevious(span))).toEqual([]);
    expect(rules(a.notFollowedBy('b').withinPrevious(span))).toEqual([]);
    expect(rules(ab, { forever: true })).toEqual([]);
  });

  it('include options that do not fit', () => {
    expect(rules(ab.within(span), { skip: skipToFirst('c') })).toEqual([
      'no step of the pattern is called "c", to which is skipped',
    ]);
    expect(rules(ab.within(span), { most: 0 })).toEqual([
      'maxPartialMatches must be a whole number of at least 1, not 0',
    ]);
  });
});

describe('a pattern', () => {
  it('is data that methods do not change', () => {
    const before = JSON.stringify(a.shape);
    a.oneOrMore().where(is('x')).optional().within(span).next('b');
    expect(JSON.stringify(a.shape)).toBe(before);
    expect(a.within(milliseconds(5)).within(milliseconds(9)).shape.within).toBe(5);
  });

  it('counts by its shape, and its conditions as functions', () => {
    const [one, two] = [operator(ab.within(span)), operator(ab.within(milliseconds(11)))];
    expect(one.options).not.toEqual(two.options);
    expect(one.functions).toHaveLength(3);
    expect(JSON.parse(JSON.stringify(one.options))).toEqual(one.options);
  });

  it('asks its conditions from left to right, the first as if it were alone', () => {
    const pattern = begin('x', type<string>())
      .or(is('a'))
      .or(is('b'))
      .where((word) => word.endsWith('1'));
    expect(found(pattern, 'a1 a2 b1 c1').matches).toEqual(['a1', 'b1']);
  });

  it('shows conditions what was taken in the order in which it was', () => {
    const seen: (readonly string[])[] = [];
    const pattern = a
      .times(3)
      .followedBy('b')
      .where((word, ctx) => {
        if (word === 'b') seen.push(ctx.taken('a'));
        return word === 'b';
      });
    expect(found(pattern, 'a1 a2 a3 b').matches).toEqual(['a1 a2 a3 b']);
    expect(seen).toContainEqual(['a1', 'a2', 'a3']);
  });

  it('takes a condition that throws or returns a promise for a failure', () => {
    const promising = ab.where(() => Promise.resolve(true) as never);
    expect(() => found(promising, 'a b')).toThrow('the function of a condition returned a promise');
  });
});

describe('the functions of a match', () => {
  const told = (fn: (lists: unknown, ctx: Record<string, unknown>) => unknown) =>
    matchOperator({
      ...{ pattern: ab.within(span).shape, skip: noSkip(), maxPartialMatches: 10, waitForever: false },
      ...{ fn: fn as never, timedOut: { side: 'timed-out', make: fn as never } },
    });

  it('are told key and times, of a match and of what ran out of time', () => {
    const harness = new Harness(
      told((_, { key, firstTime, lastTime, eventTime }) => [key, firstTime, lastTime, eventTime]),
    );
    harness.record('a', 3, ['x', 1]).record('b', 7, ['x', 1]).record('a', 5, 'y').advance(50);
    expect(harness.values()).toEqual([[['x', 1], 3, 7, 7]]);
    expect(harness.values('timed-out')).toEqual([['y', 5, 5, 15]]);
  });

  it('let nothing out where they return undefined', () => {
    const harness = new Harness(told(() => undefined));
    harness.record('a', 1, 'k').record('b', 2, 'k').record('a', 3, 'k').advance(50);
    expect([harness.emitted(), harness.emitted('timed-out')]).toEqual([[], []]);
    expect(harness.count('timed-out')).toBe(1);
    expect(harness.store.size).toBe(0);
  });

  it('may not be async', () => {
    expect(told(async () => 1).mistakes!.map(({ rule }) => rule)).toContain('the function of match is async');
    const harness = new Harness(told(() => Promise.resolve(1)));
    expect(() => harness.record('a', 1, 'k').record('b', 2, 'k').advance(5)).toThrow(
      'the function of match returned a promise',
    );
  });
});

describe('time', () => {
  it('is up when the span is over, not before; what comes then is too late for the match', () => {
    const pattern = ab.within(span);
    expect(found(pattern, 'a1@1 b1@10').matches).toEqual(['a1 b1']);
    expect(found(pattern, 'a1@1 b1@11')).toMatchObject({ matches: [], timedOut: ['a1 @11'] });
  });

  it('goes from record to record by withinPrevious', () => {
    const pattern = a
      .followedBy('b')
      .where(is('b'))
      .oneOrMore()
      .withinPrevious(milliseconds(5))
      .followedBy('c')
      .where(is('c'));
    const { matches, timedOut } = found(
      pattern.withinPrevious(milliseconds(2)),
      'a1@1 b1@5 b2@9 c1@10 a2@20 b3@24 c2@26 a3@30',
    );
    expect(matches).toEqual(['a1 b1 b2 c1']);
    // The loop could still have gone on behind b2.
    expect(timedOut).toEqual(['a1 b1 b2 @14', 'a2 b3 @29', 'a3 @35']);
  });

  it('is the order in which records count, and of equal times arrival', () => {
    const harness = new Harness({ ...operator(ab.within(span)) });
    harness.record('b1', 3, 'k').record('a1', 2, 'k').record('a2', 5, 'k').record('b2', 5, 'k');
    harness.advance(1);
    expect(harness.emitted()).toEqual([]);
    harness.advance(5);
    expect(harness.emitted().map(({ time, key }) => [time, key])).toEqual([
      [3, 'k'],
      [5, 'k'],
    ]);
  });

  it('makes late what comes at or before the watermark: it is counted and part of no match', () => {
    const harness = new Harness(operator(ab.within(span)));
    harness.record('a1', 5, 'k').advance(6).record('b1', 6, 'k').record('b2', 7, 'k').advance(20);
    expect(harness.values('late')).toEqual(['b1']);
    expect(harness.count('late')).toBe(1);
    expect(harness.emitted().map(({ time }) => time)).toEqual([7]);
  });

  it('tells a partial match as timed out only if it was never a match', () => {
    const pattern = a.followedBy('b').where(is('b')).oneOrMore().within(span);
    expect(found(pattern, 'a1@1 b1@2')).toMatchObject({ matches: ['a1 b1'], timedOut: [] });
    const quiet = a.oneOrMore().notFollowedBy('b').where(is('b')).withinPrevious(milliseconds(3)).within(span);
    expect(found(quiet, 'a1@1 a2@5')).toMatchObject({ matches: ['a1', 'a1 a2', 'a2'], timedOut: [] });
  });
});

describe('matches that begin alike', () => {
  const loop = a.followedBy('b').where(is('b')).oneOrMore();

  it('come out as they become complete, and the first of them is left', () => {
    expect(found(loop, 'a1 b1 b2').matches).toEqual(['a1 b1', 'a1 b1 b2']);
    for (const skip of [skipToNext(), skipPastLastEvent()]) {
      expect(found(loop, 'a1 b1 b2', skip).matches).toEqual(['a1 b1']);
    }
  });

  it('and are completed by one record, or by one end of time, come out the longer first', () => {
    const ended = loop.followedBy('c').where(is('c'));
    const quiet = loop.notFollowedBy('c').where(is('c')).within(span);
    for (const [pattern, text] of [
      [ended, 'a1 b1 b2 c1'],
      [quiet, 'a1 b1 b2'],
    ] as const) {
      expect(found(pattern, text).matches).toEqual([text, text.replace(' b2', '')]);
      for (const skip of [skipToNext(), skipPastLastEvent()])
        expect(found(pattern, text, skip).matches).toEqual([text]);
    }
  });

  it('and have the same records come out first with those of the earlier step', () => {
    const steps = a.followedBy('b').optional().followedBy('c').optional().within(span);
    const fn = (lists: Readonly<Record<string, readonly string[]>>) => Object.values(lists).map((list) => list.join());
    const told = matchOperator({
      ...{ pattern: steps.shape, fn: fn as never, skip: noSkip(), maxPartialMatches: 10, waitForever: false },
    });
    const harness = new Harness(told).record('a1', 1, 'k').record('x1', 2, 'k').advance(20);
    expect(harness.values()).toEqual([
      ['a1', '', ''],
      ['a1', 'x1', ''],
      ['a1', '', 'x1'],
    ]);
  });
});

describe('the partial matches of a key', () => {
  it('that began earlier make only those skip strategies wait that might do away with a match', () => {
    const pattern = a.followedBy('b').where((word, ctx) => word === `b${ctx.taken('a')[0]!.at(-1)}`);
    expect(found(pattern, 'a1 a2 b2 b1', skipPastLastEvent()).matches).toEqual(['a1 b1']);
    expect(found(pattern, 'a1 a2 b2 b1', skipToFirst('b')).matches).toEqual(['a1 b1']);
    expect(found(pattern, 'a1 a2 b2 b1', skipToFirst('a')).matches).toEqual(['a1 b1', 'a2 b2']);
    expect(found(pattern, 'a1 a2 b2 b1', skipToNext()).matches).toEqual(['a2 b2', 'a1 b1']);
    expect(found(pattern, 'a1 a2 b2 b1', noSkip()).matches).toEqual(['a2 b2', 'a1 b1']);
  });

  it('are given up, the oldest first, beyond the limit, and counted', () => {
    const { matches, harness } = found(ab, 'a1 a2 a3 a4 b1', noSkip(), 2);
    expect(matches).toEqual(['a3 b1', 'a4 b1']);
    expect(harness.count('dropped-partial-matches')).toBe(2);
    expect(harness.store.size).toBe(0);
  });

  it('let waiting matches go when they are given up', () => {
    // The match of a2 waits for a1, which never ends; with a3 there is one too many.
    const pattern = a.followedBy('b').where((word, ctx) => word === `b${ctx.taken('a')[0]!.at(-1)}`);
    const { matches, harness } = found(pattern, 'a1 a2 b2 x a3', skipPastLastEvent(), 2);
    expect(matches).toEqual(['a2 b2']);
    expect(harness.count('dropped-partial-matches')).toBe(1);
  });

  it('are one key’s own', () => {
    const harness = new Harness(operator(ab.within(span), { most: 1 }));
    for (const key of ['x', 'y', 'z']) harness.record(`a-${key}`, 1, key);
    harness.record('b', 2, 'y').advance(5);
    expect(harness.emitted().map(({ key }) => key)).toEqual(['y']);
    expect(harness.count('dropped-partial-matches')).toBe(0);
  });
});

describe('what is kept', () => {
  const sizes = (harness: Harness): Record<string, number> =>
    Object.fromEntries(harness.store.tables.map(({ name, size }) => [name, size]));

  it('is each record once, however many partial matches share it', () => {
    const pattern = a.oneOrMore().allowCombinations().followedBy('b').where(is('b')).within(milliseconds(1_000));
    const harness = new Harness(operator(pattern, { most: 10_000 }));
    for (let i = 1; i <= 6; i++) harness.record(`a${i}`, i, 'k').advance(i);
    expect(sizes(harness)).toEqual({ partials: 1, waiting: 0, links: 63, records: 6 });
    harness.record('b', 7, 'k').advance(7);
    expect(harness.emitted()).toHaveLength(63);
    harness.advance(2_000);
    expect(harness.store.size).toBe(0);
  });

  it('stays flat over a long run, also of keys that never come back', () => {
    const pattern = a
      .followedByAny('b')
      .where(is('b'))
      .oneOrMore()
      .notFollowedBy('c')
      .where(is('c'))
      .followedBy('d')
      .where(is('d'));
    const harness = new Harness(operator(pattern.within(milliseconds(40)), { most: 1_000, skip: skipPastLastEvent() }));
    const most: number[] = [];
    for (let time = 1; time < 6_000; time++) {
      const key = time % 3 === 0 ? `once-${time}` : `k${time % 5}`;
      harness.record(['a', 'b', 'x', 'b', 'a', 'd', 'x', 'c'][(time * 7) % 8], time, key).advance(time - 3);
      const round = Math.floor(time / 1_000);
      most[round] = Math.max(most[round] ?? 0, harness.store.size);
    }
    expect(Math.max(...most.slice(3))).toBeLessThanOrEqual(Math.max(...most.slice(1, 3)) * 1.1);
    expect(Math.max(...most)).toBeLessThan(600);
    expect(harness.emitted().length).toBeGreaterThan(20);
    harness.advance(10_000);
    expect(harness.store.size).toBe(0);
  });

  it('is looked at by key: what other keys hold costs a record nothing', () => {
    let asked = 0;
    const pattern = a.followedBy('b').where((word) => {
      asked++;
      return word.startsWith('b');
    });
    const harness = new Harness(operator(pattern.within(milliseconds(100_000))));
    for (let key = 0; key < 500; key++) harness.record('a', key + 1, `k${key}`);
    harness.advance(500);
    asked = 0;
    harness.record('x', 501, 'k7').advance(501);
    expect(asked).toBe(1);
  });
});
