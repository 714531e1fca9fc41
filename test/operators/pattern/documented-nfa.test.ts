/** Cases of Flink's tests of CEP, as they stand in apache/flink under flink-libraries/flink-cep/src/test/java/org/apache/flink/cep/nfa. Each is named as there. */
import { describe, expect, it } from 'vitest';
import { milliseconds } from '../../../lib/model/index.ts';
import { begin, type Following, skipPastLastEvent, type } from '../../../lib/operators/index.ts';
import { first, found, is, matches, sorted } from './words.ts';

const a = first('a');
const c = first('c');

describe('NFAITCase', () => {
  const any = begin('start', type<string>());

  it('testNoConditionNFA, testAnyWithNoConditionNFA', () => {
    expect(sorted(any.followedBy('end'), 'a b c d e')).toEqual(matches('a b, b c, c d, d e'));
    expect(sorted(any.followedByAny('end'), 'a b c d e')).toEqual(
      matches('a b, a c, a d, a e, b c, b d, b e, c d, c e, d e'),
    );
  });

  it('testStrictContinuityWithResults, testStrictContinuityNoResults', () => {
    expect(sorted(a.next('b').where(is('b')), 'a b')).toEqual(['a b']);
    expect(sorted(a.next('b').where(is('b')), 'a c b')).toEqual([]);
  });

  it('testSimplePatternWithTimeWindowNFA, testSimplePatternWithTimeoutHandling', () => {
    const words = 's1@1 s2@2 m@3 f@4 e1@11 e2@13';
    const relaxed = first('s').followedBy('m').where(is('m')).followedBy('e').where(is('e')).within(milliseconds(10));
    expect(sorted(relaxed, words)).toEqual(['s2 m e1']);
    const loose = first('s').followedByAny('m').where(is('m')).followedByAny('e').where(is('e'));
    const { matches: all, timedOut } = found(loose.within(milliseconds(10)), words);
    expect(all).toEqual(['s2 m e1']);
    // Flink gives up at the next record what ran out before it, at 13 here; at the time itself is what its operator does, and this one.
    expect(timedOut.toSorted()).toEqual(matches('s1 m @11, s1 @11, s2 m @12, s2 @12'));
  });

  it('testComplexBranchingAfterZeroOrMore', () => {
    const pattern = c
      .followedByAny('a')
      .where(is('a'))
      .oneOrMore()
      .allowCombinations()
      .optional()
      .followedByAny('b')
      .where(is('b'))
      .followedByAny('d')
      .where(is('d'))
      .followedByAny('e')
      .where(is('e'));
    const choices = ['a1 a2 a3 ', 'a1 a2 ', 'a1 a3 ', 'a2 a3 ', 'a1 ', 'a2 ', 'a3 ', ''];
    expect(sorted(pattern, 'c a1 a2 a3 b d1 d2 e')).toEqual(
      choices.flatMap((chosen) => [`c ${chosen}b d1 e`, `c ${chosen}b d2 e`]).toSorted(),
    );
  });

  it('testZeroOrMore, testEagerZeroOrMore, testBeginWithZeroOrMore', () => {
    const combined = c.followedByAny('a').where(is('a')).oneOrMore().allowCombinations().optional();
    expect(sorted(combined.followedBy('b').where(is('b')), 'c a1 a2 b')).toEqual(
      matches('c a1 a2 b, c a1 b, c a2 b, c b'),
    );
    const eager = c.followedBy('a').where(is('a')).oneOrMore().optional().followedBy('b').where(is('b'));
    expect(sorted(eager, 'c a1 a2 d a3 b')).toEqual(matches('c a1 a2 a3 b, c a1 a2 b, c a1 b, c b'));
    const beginning = a.oneOrMore().optional().followedBy('b').where(is('b'));
    expect(sorted(beginning, 'a1 a2 a3 b')).toEqual(matches('a1 a2 a3 b, a1 a2 b, a2 a3 b, a1 b, a2 b, a3 b, b'));
  });

  it('testZeroOrMoreAfterZeroOrMore, testStrictContinuityNoResultsAfterZeroOrMore', () => {
    const pattern = c
      .followedByAny('a')
      .where(is('a'))
      .oneOrMore()
      .allowCombinations()
      .optional()
      .followedBy('d')
      .where(is('d'))
      .oneOrMore()
      .allowCombinations()
      .optional()
      .followedBy('e')
      .where(is('e'));
    expect(sorted(pattern, 'c a d1 d2 e')).toEqual(matches('c a d1 d2 e, c a d1 e, c d1 d2 e, c d1 e, c a e, c e'));
    const strict = first('d').followedBy('a').where(is('a')).oneOrMore().optional().next('b').where(is('b'));
    expect(sorted(strict, 'd a1 a2 c b')).toEqual([]);
  });
});

describe('TimesRangeITCase', () => {
  const next = c.next('a').where(is('a'));
  const loose = c.followedByAny('a').where(is('a'));

  it('testTimesRange, testTimesRangeFromZero', () => {
    const words = 'c a1 a2 a3 b';
    expect(sorted(next.times(1, 3).allowCombinations().followedBy('b').where(is('b')), words)).toEqual(
      matches('c a1 a2 a3 b, c a1 a2 b, c a1 a3 b, c a1 b'),
    );
    expect(sorted(next.times(0, 2).allowCombinations().followedBy('b').where(is('b')), words)).toEqual(
      matches('c a1 a2 b, c a1 a3 b, c a1 b, c b'),
    );
  });

  it('testTimesRangeNonStrict, testTimesRangeStrict, testTimesRangeStrictOptional', () => {
    const words = 'c f a1 f a2 a3 b';
    expect(sorted(loose.times(1, 3).allowCombinations().followedBy('b').where(is('b')), words)).toEqual(
      matches('c a1 a2 a3 b, c a1 a2 b, c a1 a3 b, c a2 a3 b, c a1 b, c a2 b, c a3 b'),
    );
    const strict = matches('c a2 a3 b, c a1 b, c a2 b, c a3 b, c b');
    expect(sorted(loose.times(0, 3).consecutive().followedBy('b').where(is('b')), words)).toEqual(strict);
    expect(sorted(loose.times(1, 3).consecutive().optional().followedBy('b').where(is('b')), words)).toEqual(strict);
  });
});

describe('TimesOrMoreITCase', () => {
  const end = <M, F extends string>(pattern: Following<string, M, F>) => pattern.followedBy('b').where(is('b'));
  const words = 'c f a1 f a2 a3 b';

  it('testTimesOrMore, testTimesOrMoreNonStrict', () => {
    const first = c.followedBy('a').where(is('a')).timesOrMore(2).allowCombinations();
    expect(sorted(end(first), 'c a1 a2 a3 b')).toEqual(matches('c a1 a2 a3 b, c a1 a2 b, c a1 a3 b'));
    const any = c.followedByAny('a').where(is('a')).timesOrMore(2).allowCombinations();
    expect(sorted(end(any), words)).toEqual(matches('c a1 a2 a3 b, c a1 a2 b, c a1 a3 b, c a2 a3 b'));
  });

  it('testTimesOrMoreStrict, testTimesOrMoreStrictOptional, ...Optional2, testTimesOrMoreNonStrictOptional', () => {
    const any = c.followedByAny('a').where(is('a'));
    expect(sorted(end(any.times(2).consecutive()), words)).toEqual(['c a2 a3 b']);
    expect(sorted(end(any.timesOrMore(2).consecutive().optional()), words)).toEqual(matches('c a2 a3 b, c b'));
    const next = c.next('a').where(is('a')).timesOrMore(2).consecutive().optional();
    expect(sorted(end(next), 'c a1 a2 a3 b')).toEqual(matches('c a1 a2 a3 b, c a1 a2 b, c b'));
    expect(sorted(end(c.followedBy('a').where(is('a')).timesOrMore(2).optional()), 'c f b')).toEqual(['c b']);
  });
});

describe('UntilConditionITCase', () => {
  const loop = c.followedBy('a').where(is('a')).oneOrMore();
  const words = 'c a1 a2 a3 a5 a6';
  const end = <M, F extends string>(pattern: Following<string, M, F>) => pattern.followedBy('end').where(is('a5'));

  it('testUntilConditionFollowedByOneOrMore, ...Consecutive, ...Combinations, and none is kept', () => {
    const all = matches('c a1 a2 a3 a5, c a1 a2 a5, c a1 a5');
    expect(sorted(end(loop.until(is('a5'))), words)).toEqual(all);
    expect(sorted(end(loop.consecutive().until(is('a5'))), words)).toEqual(all);
    const combined = end(loop.allowCombinations().until(is('a5')));
    expect(sorted(combined, words)).toEqual([...all, 'c a1 a3 a5'].toSorted());
    expect(found(combined, words).harness.store.size).toBe(0);
  });

  it('testUntilConditionFollowedByZeroOrMore, ...Combinations', () => {
    const all = matches('c a1 a2 a3 a5, c a1 a2 a5, c a1 a5, c a5');
    expect(sorted(end(loop.optional().until(is('a5'))), words)).toEqual(all);
    expect(sorted(end(loop.optional().allowCombinations().until(is('a5'))), words)).toEqual(
      [...all, 'c a1 a3 a5'].toSorted(),
    );
  });

  it('testUntilConditionFollowedByAnyOneOrMore', () => {
    const pattern = c.followedByAny('a').where(is('a')).oneOrMore().until(is('a5'));
    expect(sorted(pattern, 'c a1 a2 a5 a6')).toEqual(matches('c a1 a2, c a1, c a2, c a6'));
  });
});

describe('NotPatternITCase', () => {
  const end = <M, F extends string>(pattern: Following<string, M, F>) => pattern.followedBy('d').where(is('d'));
  const words = 'a c1 b c2 d';

  it('testNotNext, testNotNextNoMatches, testNotNextNoMatchesAtTheEnd', () => {
    const not = a.notNext('b').where(is('b'));
    expect(sorted(end(not.followedByAny('c').where(is('c'))), words)).toEqual(matches('a c1 d, a c2 d'));
    expect(sorted(end(not.followedBy('c').where(is('c'))), 'a b c1 c2 d')).toEqual([]);
    const last = a.followedByAny('c').where(is('c')).followedByAny('d').where(is('d')).notNext('b').where(is('b'));
    expect(sorted(last, 'a c1 c2 d b')).toEqual([]);
    expect(sorted(last, 'a c1 d x')).toEqual(['a c1 d']);
  });

  it('testNotFollowedBy, testNotFollowedByBeforeOptional, ...AtTheEnd, ...OptionalTimes', () => {
    const step = a.notFollowedBy('b').where(is('b')).followedByAny('c').where(is('c'));
    expect(sorted(end(step), words)).toEqual(['a c1 d']);
    expect(sorted(end(step.optional()), words)).toEqual(['a c1 d']);
    expect(sorted(step.optional(), 'a c1 b c2')).toEqual(matches('a c1, a'));
    expect(sorted(end(step.times(2).optional()), words)).toEqual(['a c1 c2 d']);
  });

  it('testTimesWithNotFollowedBy, testIgnoreStateOfTimesWithNotFollowedBy, testTimesWithNotFollowedByAfter', () => {
    const twice = end(a.followedByAny('b').where(is('b')).times(2).notFollowedBy('c').where(is('c')));
    expect(sorted(twice, 'a b1 c b2 d')).toEqual([]);
    expect(sorted(twice, 'a d1 e b1 b2 c1 d2')).toEqual([]);
    const pattern = end(a.notFollowedBy('b').where(is('b')).followedByAny('c').where(is('c')).times(2).optional());
    expect(sorted(pattern, 'a d1 e b1 c1 c2 d2')).toEqual(['a d1']);
  });

  it('testNotFollowedByWithBranchingAtStart', () => {
    const pattern = end(a.notFollowedBy('b').where(is('b')).followedBy('c').where(is('c')));
    expect(sorted(pattern, 'a1 b c1 a2 c2 d')).toEqual(['a2 c2 d']);
  });

  it('testNotNextAfterOneOrMoreSkipTillNext, ...SkipTillAny', () => {
    const pattern = (how: 'followedBy' | 'followedByAny') =>
      end(a[how]('b').where(is('b')).oneOrMore().notNext('c').where(is('c')));
    expect(sorted(pattern('followedBy'), 'a b1 c b2 d')).toEqual([]);
    expect(sorted(pattern('followedByAny'), 'a b1 c b2 d')).toEqual(['a b2 d']);
  });

  it('testNotFollowedByNextAfterOneOrMoreEager, ...AnyAfterOneOrMoreEager, ...Combinations', () => {
    const loop = (how: 'followedBy' | 'followedByAny') => a[how]('b').where(is('b')).oneOrMore();
    const ban = <M, F extends string>(pattern: Following<string, M, F>) =>
      end(pattern.notFollowedBy('c').where(is('c')));
    const all = 'a b1 b2 b3 c b4 b5 b6 d';
    expect(sorted(ban(loop('followedBy')), all)).toEqual([]);
    expect(sorted(ban(loop('followedBy').allowCombinations()), all)).toEqual([]);
    const eager = matches('a b4 b5 b6 d, a b4 b5 d, a b4 d, a b5 b6 d, a b5 d, a b6 d');
    expect(sorted(ban(loop('followedByAny')), all)).toEqual(eager);
    expect(sorted(ban(loop('followedByAny').allowCombinations()), all)).toEqual([...eager, 'a b4 b6 d'].toSorted());
  });

  it('testNotFollowedByBeforeOneOrMore..., testNotFollowedByBeforeZeroOrMore...', () => {
    const all = 'a b1 c b4 b5 b6 d';
    const eager = matches('a b1 b4 b5 b6 d, a b1 b4 b5 d, a b1 b4 d, a b1 d');
    const combined = [...eager, ...matches('a b1 b4 b6 d, a b1 b5 b6 d, a b1 b5 d, a b1 b6 d')].toSorted();
    for (const how of ['followedBy', 'followedByAny'] as const) {
      const loop = a.notFollowedBy('c').where(is('c'))[how]('b').where(is('b')).oneOrMore();
      expect(sorted(end(loop), all)).toEqual(eager);
      expect(sorted(end(loop.optional()), all)).toEqual(eager);
      expect(sorted(end(loop.allowCombinations()), all)).toEqual(combined);
      expect(sorted(end(loop.optional().allowCombinations()), all)).toEqual(combined);
    }
  });

  it('testNotFollowedByWithinFirstAndLastAtEnd, ...PreviousAndCurrentAtEnd', () => {
    const all = 'a1@1 b1@2 a2@4 c@5 b2@10 a3@11 b3@13';
    const pattern = a.notFollowedBy('b').where(is('b'));
    expect(sorted(pattern.within(milliseconds(3)), all)).toEqual(['a2']);
    expect(sorted(pattern.withinPrevious(milliseconds(3)), all)).toEqual(['a2']);
  });

  it('testNotFollowByBeforeTimesWithin', () => {
    const pattern = a.notFollowedBy('b').where(is('b')).followedBy('c').where(is('c')).times(0, 2);
    const all = 'a1@1 b1@2 a2@10 c1@11 c2@12 a3@20 c3@21 c4@24';
    expect(sorted(pattern.within(milliseconds(3)), all)).toEqual(matches('a1, a2, a2 c1, a2 c1 c2, a3, a3 c3'));
  });

  it('testNotFollowedByWithinAtEndAfterMatch', () => {
    const pattern = a.oneOrMore().allowCombinations().followedBy('c').where(is('c')).notFollowedBy('b').where(is('b'));
    const all = 'a1@1 a2@2 a3@3 c1@4 c2@10';
    expect(sorted(pattern.within(milliseconds(5)), all, skipPastLastEvent())).toEqual(['a1 a2 a3 c1']);
  });
});

describe('IterativeConditionsITCase', () => {
  const price = (word: string): number => Number(word.slice(-1));
  const sum = (words: readonly string[]): number => words.reduce((total, word) => total + price(word), 0);

  it('testIterativeWithLoopingStartingEager, ...Combination', () => {
    const some = begin('s', type<string>())
      .where((word, ctx) => word.startsWith('s') && sum(ctx.taken('s')) + price(word) < 5)
      .oneOrMore()
      .optional();
    const eager = matches('s1 s2 e1, s1 e1, s2 e1, s3 e1, e1');
    expect(sorted(some.followedBy('e').where(is('e')), 's1 s2 s3 e1')).toEqual(eager);
    expect(sorted(some.allowCombinations().followedBy('e').where(is('e')), 's1 s2 s3 e1')).toEqual(
      [...eager, 's1 s3 e1'].toSorted(),
    );
  });

  it('testIterativeWithPrevPatternDependency', () => {
    const pattern = first('s')
      .oneOrMore()
      .followedBy('e')
      .where((word, ctx) => word.startsWith('e') && sum(ctx.taken('s')) >= 2);
    expect(sorted(pattern, 's1 s2 e1')).toEqual(matches('s1 s2 e1, s2 e1'));
  });

  it('testIterativeWithBranchingPatternEager', () => {
    const pattern = first('s')
      .followedBy('f')
      .where((word, ctx) => word.startsWith('f') && sum(ctx.taken('f')) + price(word) < 5)
      .oneOrMore()
      .followedBy('e')
      .where(is('e'));
    expect(sorted(pattern, 's1 f-1 f-2 s2 f-3 fx1 n e')).toEqual(
      matches('s1 f-1 f-2 fx1 e, s1 f-1 f-2 e, s1 f-1 e, s2 f-3 fx1 e, s2 f-3 e'),
    );
  });
});
