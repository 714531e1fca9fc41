/**
 * Groups of steps. The first part are cases of Flink's tests, apache/flink at flink-libraries/flink-cep/src/test/java/org/apache/flink/cep/nfa/GroupITCase.java, by their names; a match is
 * told step by step, so that the records of all rounds stand together: `c a1 b1 a2 b2 d` there is `c a1 a2 b1 b2 d` here.
 */
import { describe, expect, it } from 'vitest';
import { minutes, seconds } from '../../../lib/model/index.ts';
import {
  begin,
  type Following,
  matchOperator,
  noSkip,
  type Pattern,
  skipPastLastEvent,
  skipToFirst,
  skipToLast,
  skipToNext,
  type,
} from '../../../lib/operators/index.ts';
import { first, found, is, matches, sorted } from './words.ts';

const ab = first('a').followedBy('b').where(is('b'));
const then = <N extends string, M, F extends string>(pattern: Following<string, M, F>, name: N) =>
  pattern.followedBy(name).where(is(name));

describe("Flink's groups", () => {
  const c = first('c');
  const three = 'c a1 b1 a2 b2 a3 b3 d';

  it('testGroupFollowedByTimes, testGroupFollowedByOptional, testFollowedByGroupTimesOptional', () => {
    expect(sorted(then(c.followedBy(ab).times(2), 'd'), 'c a1 b1 a2 b2 d')).toEqual(['c a1 a2 b1 b2 d']);
    expect(sorted(then(c.followedBy(ab).optional(), 'd'), 'c a1 a2 b d')).toEqual(matches('c d, c a1 b d'));
    expect(sorted(then(c.followedBy(ab).times(2).optional(), 'd'), 'c a d')).toEqual(['c d']);
  });

  it('testGroupFollowedByOneOrMore, testGroupFollowedByZeroOrMore', () => {
    const loop = matches('c a1 b1 d, c a1 a2 b1 b2 d');
    expect(sorted(then(c.followedBy(ab).oneOrMore(), 'd'), 'c a1 b1 a2 b2 d')).toEqual(loop);
    expect(sorted(then(c.followedBy(ab).oneOrMore().optional(), 'd'), 'c a1 b1 a2 b2 d')).toEqual(
      [...loop, 'c d'].toSorted(),
    );
  });

  it('testGroupFollowedByAnyTimesCombinations, testGroupFollowedByAnyTimesOptional, testGroupFollowedByAnyOneOrMore', () => {
    const twice = c.followedByAny(ab).times(2);
    expect(sorted(then(twice.allowCombinations(), 'd'), three)).toEqual(
      matches('c a1 a2 b1 b2 d, c a1 a3 b1 b3 d, c a2 a3 b2 b3 d'),
    );
    expect(sorted(then(twice.optional(), 'd'), three)).toEqual(matches('c d, c a1 a2 b1 b2 d, c a2 a3 b2 b3 d'));
    expect(sorted(then(c.followedByAny(ab).oneOrMore(), 'd'), three)).toEqual(
      matches('c a1 b1 d, c a2 b2 d, c a3 b3 d, c a1 a2 b1 b2 d, c a2 a3 b2 b3 d, c a1 a2 a3 b1 b2 b3 d'),
    );
  });

  it('testGroupNextZeroOrMore', () => {
    expect(sorted(then(c.next(ab).oneOrMore().optional().consecutive(), 'd'), three)).toEqual(
      matches('c d, c a1 b1 d, c a1 a2 b1 b2 d, c a1 a2 a3 b1 b2 b3 d'),
    );
  });

  it('testGroupNotFollowedBy, testGroupNotNext', () => {
    const group = c.followedByAny(ab);
    const words = 'c a1 b1 d a2 b2 e';
    expect(sorted(then(group.notFollowedBy('d').where(is('d')), 'e'), words)).toEqual(['c a2 b2 e']);
    expect(sorted(then(group.notNext('d').where(is('d')), 'e'), words)).toEqual(['c a2 b2 e']);
  });

  it('testGroupNest, testGroupNestTimes, testGroupNestTimesConsecutive', () => {
    const bc = first('b').followedBy('c').where(is('c'));
    const d = first('d');
    const nested = first('a').followedBy(bc).oneOrMore().optional();
    expect(sorted(then(d.followedBy(nested).optional(), 'e'), 'd a1 b1 c1 b2 c2 e')).toEqual(
      matches('d e, d a1 e, d a1 b1 c1 e, d a1 b1 b2 c1 c2 e'),
    );
    const words = 'd a1 b1 c1 b2 c2 b3 c3 a2 b4 c4 b5 c5 b6 c6 e';
    const once = matches('d e, d a1 b1 b2 b3 c1 c2 c3 e');
    const times = first('a').followedBy(bc).times(3);
    expect(sorted(then(d.followedByAny(times).times(0, 2), 'e'), words)).toEqual(
      [...once, 'd a2 b4 b5 b6 c4 c5 c6 e', 'd a1 a2 b1 b2 b3 b4 b5 b6 c1 c2 c3 c4 c5 c6 e'].toSorted(),
    );
    expect(
      sorted(then(d.followedByAny(times.consecutive()).times(0, 2).consecutive(), 'e'), words.replace('c4', 'c4 x')),
    ).toEqual(once);
  });

  it('testGroupBegin, testGroupStartsWithOptionalPattern, testFollowedByOptionalGroupPattern', () => {
    expect(sorted(then(begin(ab).times(1, 2), 'd'), 'a1 b1 a2 b2 d')).toEqual(
      matches('a1 b1 d, a2 b2 d, a1 a2 b1 b2 d'),
    );
    const a = first('a');
    const optional = first('b').optional().next('c').where(is('c'));
    expect(sorted(a.next(optional).next('d').where(is('d')), 'a c d')).toEqual(['a c d']);
    const bc = first('b').next('c').where(is('c'));
    expect(sorted(a.followedBy(bc).optional().next('d').where(is('d')), 'a d1 d2')).toEqual(['a d1']);
  });
});

describe('groups', () => {
  it('run out of time as a whole, and what was taken is told', () => {
    const pattern = then(begin(ab).times(2), 'd').within(seconds(1));
    expect(found(pattern, 'a1@1 b1@2 a2@3 b2@2000 d@2001').timedOut).toEqual(['a1 a2 b1 @1001', 'a2 @1003']);
  });

  it('let steps run out of time behind one another, also from one round to the next', () => {
    const group = begin('a', type<string>()).where(is('a')).withinPrevious(seconds(1)).followedBy('b').where(is('b'));
    const pattern = first('x')
      .followedBy(group.withinPrevious(minutes(1)))
      .times(2);
    expect(sorted(pattern, 'x@0 a1@500 b1@5000 a2@5500 b2@6000')).toEqual(['x a1 a2 b1 b2']);
    expect(sorted(pattern, 'x@0 a1@500 b1@5000 a2@6500 b2@7000')).toEqual([]);
  });

  it('are skipped to by the names of their steps', () => {
    const pattern = begin(first('a').next('b').where(is('b'))).times(2);
    const words = 'a1 b1 a2 b2 a3 b3';
    expect(found(pattern, words).matches).toEqual(['a1 a2 b1 b2', 'a2 a3 b2 b3']);
    expect(found(pattern, words, skipToNext()).matches).toEqual(['a1 a2 b1 b2', 'a2 a3 b2 b3']);
    expect(found(pattern, words, skipPastLastEvent()).matches).toEqual(['a1 a2 b1 b2']);
    expect(found(pattern, words, skipToFirst('b')).matches).toEqual(['a1 a2 b1 b2', 'a2 a3 b2 b3']);
    expect(found(pattern, 'a1 b1 a2 b2 a3 b3 a4 b4', skipToLast('b')).matches).toEqual(['a1 a2 b1 b2', 'a3 a4 b3 b4']);
  });

  it('know what all rounds before have taken', () => {
    const rising = begin('low', type<number>())
      .where((n, ctx) => n < 10 && n >= (ctx.taken('low').at(-1) ?? 0))
      .next('high')
      .where((n) => n >= 10);
    const pattern = begin(rising).times(2).consecutive() as Pattern<never, unknown>;
    expect(found(pattern as Pattern<string, unknown>, '1 11 2 12 1 13').matches).toHaveLength(1);
  });

  it('are greedy in their own sequence: whether another round or what follows comes is left open', () => {
    const group = first('a').oneOrMore().greedy().followedBy('b').where(is('b'));
    const pattern = begin(group)
      .oneOrMore()
      .followedBy('e')
      .where((word) => /^[ae]/.test(word));
    expect(sorted(pattern, 'a1 b1 a2')).toEqual(matches('a1 b1 a2'));
    expect(sorted(pattern, 'a1 b1 a2 b2 e')).toEqual(matches('a1 b1 a2, a1 a2 b1 b2 e, a1 a2 b2 e, a2 b2 e'));
  });

  it('are greedy in their round: another round of a group around them may begin with what it takes', () => {
    const inner = first('a').optional().greedy().next('b').where(is('b'));
    const words = 'b1 a2 b2 a3 b3';
    const nested = begin(begin(inner).oneOrMore()).oneOrMore().allowCombinations();
    expect(sorted(nested, words)).toContain('a3 b1 b3');
    expect(new Set(sorted(nested, words))).toEqual(
      new Set(sorted(begin(inner).oneOrMore().allowCombinations(), words)),
    );
    // Two rounds of the inner group, or one each of two rounds of the outer.
    expect(sorted(begin(begin(inner).oneOrMore()).oneOrMore(), 'b1 a2 b2')).toEqual(
      matches('b1, a2 b2, a2 b1 b2, a2 b1 b2, b2'),
    );
  });

  it('count what must not come behind them from the first record of their last step', () => {
    const loop = first('a').followedBy('b').where(is('b')).times(2);
    const grouped = first('a')
      .followedBy(begin('b', type<string>()).where(is('b')))
      .times(2);
    const then = (group: typeof ab) => begin(group).notFollowedBy('x').where(is('x')).followedBy('d').where(is('d'));
    expect(sorted(then(loop as never), 'a1 b1 x b2 d')).toEqual([]);
    expect(sorted(then(grouped as never), 'a1 b1 x b2 d')).toEqual(['a1 b1 b2 d']);
  });

  const rulesOf = (pattern: Pattern<never, unknown>, waitForever = true): readonly string[] =>
    (
      matchOperator({
        ...{ pattern: pattern.shape, skip: noSkip(), maxPartialMatches: 1, waitForever, fn: () => 1 },
      }).mistakes ?? []
    ).map(({ rule }) => rule);
  /** The methods of steps, which groups do not have by type. */
  const untyped = (pattern: unknown): typeof ab => pattern as typeof ab;
  const x = first('x');

  it.each<[name: string, pattern: Pattern<never, unknown>, rule: string]>([
    ['a name of the whole', first('a').followedBy(ab), 'two steps of the pattern are called "a"'],
    ['a group twice', begin(first('a')).next(first('a')), 'two steps of the pattern are called "a"'],
    [
      'conditions',
      untyped(x.next(ab)).where(is('a')),
      'a group of steps has no conditions, end, greed or time of its own',
    ],
    [
      'an end',
      untyped(begin(ab).oneOrMore()).until(is('a')),
      'a group of steps has no conditions, end, greed or time of its own',
    ],
    ['greed', untyped(begin(ab)).greedy(), 'a group of steps has no conditions, end, greed or time of its own'],
    [
      'a time from the record before',
      (untyped(x.next(ab)) as never as { withinPrevious(span: unknown): Pattern<never, unknown> }).withinPrevious(
        undefined,
      ),
      'a group of steps has no conditions, end, greed or time of its own',
    ],
    [
      'a time before the first record',
      begin(begin('a', type<string>()).withinPrevious(seconds(1)).next('b')),
      'step "a" has no record before it',
    ],
    ['a time', x.next(ab.within(seconds(1))), 'a group of steps has a time of its own by within(...)'],
    ['what must not come', untyped(x.notNext(ab as never)).next('y'), 'a group of steps is what must not come'],
    ['no rounds', begin(ab).times(2, 1), 'a group has 2 to 1 rounds'],
    ['two numbers', begin(ab).times(2).oneOrMore(), 'a group says twice how many rounds it has: times and oneOrMore'],
    ['one round', begin(ab).consecutive(), 'a group says what lies between its rounds, but has only one'],
    ['steps that may all be left out', x.next(first('a').optional()), 'all steps of a group are optional'],
    ['what must not come last', x.next(ab.notNext('c')), 'a group ends with "c", which must not come'],
    [
      'greed at its end',
      then(begin(first('a').next('b').oneOrMore().greedy()), 'c'),
      'step "b" is greedy, and nothing behind it says when to stop',
    ],
    [
      'what must not come after it if it may be left out',
      x.next(ab).optional().notNext('c').next('d'),
      '"c" must not come after a group that is, or ends with what is, optional',
    ],
    [
      'what must not come after it if its end may be left out',
      untyped(begin(ab.next('c').optional()))
        .notNext('d')
        .next('e'),
      '"d" must not come after a group that is, or ends with what is, optional',
    ],
    [
      'what must not come at the end where it may go on',
      begin(ab).oneOrMore().notFollowedBy('c').within(seconds(1)),
      'the pattern ends with "c", which must not come, after a group that may go on',
    ],
    [
      'many rounds',
      begin(begin(ab).times(100)).times(100),
      'its groups come to 20000 steps, and at most 2000 are possible',
    ],
  ])('refuse %s', (_, pattern, rule) => {
    expect(rulesOf(pattern)).toEqual([rule]);
  });

  it.each([{ a: 1 }, 'abc', null])('are no objects with other steps: %o', (steps) => {
    expect(rulesOf(begin({ shape: { steps } } as never))).toEqual(['a step of the pattern has no name']);
  });

  it('can wait for ever only if that is said', () => {
    const step = (name: string) => begin(name, type<string>()).withinPrevious(seconds(1)) as unknown as typeof ab;
    const bounded = first('a')
      .next(step('b').next('c').withinPrevious(seconds(1)))
      .times(2);
    expect(rulesOf(bounded, false)).toEqual([]);
    expect(rulesOf(x.next(ab), false)).toContain(
      'a partial match can wait for ever for its next record, and be kept as long',
    );
  });

  it('hold off what must not come after any round that may be the last', () => {
    const pattern = begin(ab).timesOrMore(2).notFollowedBy('x').where(is('x')).followedBy('d').where(is('d'));
    expect(sorted(pattern, 'a1 b1 x a2 b2 d')).toEqual(['a1 a2 b1 b2 d']);
    // Of the match that begins with a2, this is the first round.
    expect(sorted(pattern, 'a1 b1 a2 b2 x a3 b3 d')).toEqual(['a2 a3 b2 b3 d']);
    const end = begin(ab).times(2).notFollowedBy('x').where(is('x')).within(seconds(1));
    expect(found(end, 'a1 b1 a2 b2 d').matches).toEqual(['a1 a2 b1 b2']);
    expect(found(end, 'a1 b1 a2 b2 x').matches).toEqual([]);
  });
});
