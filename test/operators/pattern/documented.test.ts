/**
 * The tables and examples of Flink's documentation of CEP, and cases of its tests, as they stand in apache/flink at docs/content/docs/libs/cep.md and under
 * flink-libraries/flink-cep/src/test/java/org/apache/flink/cep/nfa. A comment names those of the tests.
 */
import { describe, expect, it } from 'vitest';
import {
  begin,
  type Following,
  noSkip,
  skipPastLastEvent,
  skipToFirst,
  skipToLast,
  skipToNext,
  type,
} from '../../../lib/operators/index.ts';
import { first, found, is, matches, sorted } from './words.ts';

describe('the documentation of contiguity', () => {
  const a = first('a');

  it('a b in: a c b1 b2', () => {
    const words = 'a c b1 b2';
    expect(sorted(a.next('b').where(is('b')), words)).toEqual([]);
    expect(sorted(a.followedBy('b').where(is('b')), words)).toEqual(['a b1']);
    expect(sorted(a.followedByAny('b').where(is('b')), words)).toEqual(['a b1', 'a b2']);
  });

  it('a b+ c in: a b1 d1 b2 d2 b3 c', () => {
    const words = 'a b1 d1 b2 d2 b3 c';
    const loop = a.followedByAny('b').where(is('b')).oneOrMore();
    expect(sorted(loop.consecutive().next('c').where(is('c')), words)).toEqual(['a b3 c']);
    const relaxed = matches('a b1 c, a b1 b2 c, a b1 b2 b3 c, a b2 c, a b2 b3 c, a b3 c');
    expect(sorted(loop.followedBy('c').where(is('c')), words)).toEqual(relaxed);
    expect(sorted(loop.allowCombinations().followedBy('c').where(is('c')), words)).toEqual(
      [...relaxed, 'a b1 b3 c'].toSorted(),
    );
  });

  it('consecutive and allowCombinations in: c d a1 a2 a3 d a4 b', () => {
    const words = 'c d a1 a2 a3 d a4 b';
    const c = first('c');
    const loop = c.followedBy('a').where(is('a')).oneOrMore();
    const end = <M, F extends string>(pattern: Following<string, M, F>) => pattern.followedBy('b').where(is('b'));
    expect(sorted(end(loop.consecutive()), words)).toEqual(matches('c a1 b, c a1 a2 b, c a1 a2 a3 b'));
    expect(sorted(end(loop), words)).toEqual(matches('c a1 b, c a1 a2 b, c a1 a2 a3 b, c a1 a2 a3 a4 b'));
    // The documentation shows what follows for followedBy, but its operator (as NotPatternITCase shows) and this one find it for followedByAny.
    const any = c.followedByAny('a').where(is('a')).oneOrMore().allowCombinations();
    expect(sorted(end(any), words)).toEqual(
      matches(`c a1 b, c a1 a2 b, c a1 a3 b, c a1 a4 b, c a1 a2 a3 b, c a1 a2 a4 b, c a1 a3 a4 b, c a1 a2 a3 a4 b,
        c a2 b, c a2 a3 b, c a2 a4 b, c a2 a3 a4 b, c a3 b, c a3 a4 b, c a4 b`),
    );
  });

  it('(a+ until b) in: a1 c a2 b a3', () => {
    const pattern = first('a').oneOrMore().until(is('b'));
    expect(sorted(pattern, 'a1 c a2 b a3')).toEqual(matches('a1 a2, a1, a2, a3'));
  });
});

describe('the documentation of skip strategies', () => {
  it('b+ c in: b1 b2 b3 c', () => {
    // AfterMatchSkipITCase.test...WithOneOrMoreAtBeginning
    const pattern = first('b').oneOrMore().consecutive().greedy().next('c').where(is('c'));
    const all = ['b1 b2 b3 c', 'b2 b3 c', 'b3 c'];
    expect(found(pattern, 'b1 b2 b3 c', noSkip()).matches).toEqual(all);
    expect(found(pattern, 'b1 b2 b3 c', skipToNext()).matches).toEqual(all);
    expect(found(pattern, 'b1 b2 b3 c', skipPastLastEvent()).matches).toEqual(['b1 b2 b3 c']);
    expect(found(pattern, 'b1 b2 b3 c', skipToFirst('b')).matches).toEqual(all);
    expect(found(pattern, 'b1 b2 b3 c', skipToLast('b')).matches).toEqual(['b1 b2 b3 c', 'b3 c']);
  });

  it('(a | b | c) (b | c) c+.greedy d in: a b c1 c2 c3 d', () => {
    const pattern = begin('x', type<string>())
      .where((word) => /[abc]/.test(word))
      .followedBy('y')
      .where((word) => /[bc]/.test(word))
      .followedBy('c*')
      .where(is('c'))
      .oneOrMore()
      .greedy()
      .followedBy('d')
      .where(is('d'));
    const words = 'a b c1 c2 c3 d';
    expect(found(pattern, words).matches).toEqual(['a b c1 c2 c3 d', 'b c1 c2 c3 d', 'c1 c2 c3 d']);
    expect(found(pattern, words, skipToFirst('c*')).matches).toEqual(['a b c1 c2 c3 d', 'c1 c2 c3 d']);
  });

  it('a b+ in: a b1 b2 b3', () => {
    const pattern = first('a').next('b').where(is('b')).oneOrMore();
    expect(found(pattern, 'a b1 b2 b3').matches).toEqual(['a b1', 'a b1 b2', 'a b1 b2 b3']);
    expect(found(pattern, 'a b1 b2 b3', skipToNext()).matches).toEqual(['a b1']);
  });
});

describe('AfterMatchSkipITCase', () => {
  const ab = first('a').followedByAny('b').where(is('b'));

  it('testNoSkip, testSkipPastLast', () => {
    const pattern = first('a').times(3);
    const words = 'a1 a2 a3 a4 a5 a6';
    expect(sorted(pattern, words)).toEqual(matches('a1 a2 a3, a2 a3 a4, a3 a4 a5, a4 a5 a6'));
    expect(sorted(pattern, words, skipPastLastEvent())).toEqual(matches('a1 a2 a3, a4 a5 a6'));
  });

  it('testNoSkipWithFollowedByAny, testSkipToNextWithFollowedByAny', () => {
    expect(sorted(ab, 'a1 b1 a2 b2')).toEqual(matches('a1 b1, a1 b2, a2 b2'));
    expect(sorted(ab, 'a1 b1 a2 b2', skipToNext())).toEqual(matches('a1 b1, a2 b2'));
  });

  it('testSkipToFirst, testSkipToLast', () => {
    const both = begin('start', type<string>()).where(is('ab')).times(2).next('end').where(is('ab')).times(2);
    const words = 'ab1 ab2 ab3 ab4 ab5 ab6';
    expect(sorted(both, words, skipToFirst('end'))).toEqual(matches('ab1 ab2 ab3 ab4, ab3 ab4 ab5 ab6'));
    expect(sorted(both, `${words} ab7`, skipToLast('end'))).toEqual(matches('ab1 ab2 ab3 ab4, ab4 ab5 ab6 ab7'));
  });

  it('testSkipPastLast2, testSkipPastLast3', () => {
    const abcd = ab.followedByAny('c').where(is('c')).followedBy('d').where(is('d'));
    expect(sorted(abcd, 'a1 a2 b1 b2 c1 c2 d1 d2', skipPastLastEvent())).toEqual(['a1 b1 c1 d1']);
    expect(sorted(first('a').next('b').where(is('b')), 'a1 c a2 b2', skipPastLastEvent())).toEqual(['a2 b2']);
  });

  it('testSkipToFirstWithOptionalMatch, testSkipToFirstAtStartPosition', () => {
    const optional = begin('x', type<string>()).where(is('x')).oneOrMore().optional();
    const pattern = optional.next('b').where(is('b')).next('c').where(is('c'));
    expect(sorted(pattern, 'b1 c1 b2 c2', skipToFirst('b'))).toEqual(matches('b1 c1, b2 c2'));
    const two = first('b').next('c').where(is('c'));
    expect(sorted(two, 'b1 c1 b2 c2', skipToFirst('b'))).toEqual(matches('b1 c1, b2 c2'));
  });

  it('testSkipToFirstWithOneOrMore, testSkipToLastWithOneOrMore', () => {
    const pattern = first('a').next('b').where(is('b')).oneOrMore().consecutive();
    for (const skip of [skipToFirst('b'), skipToLast('b')]) {
      expect(sorted(pattern, 'a1 b1 a2 b2 b3 a3 b4', skip)).toEqual(matches('a1 b1, a2 b2, a3 b4'));
    }
  });

  it('testSkipToFirstNonExistentPositionWithoutException', () => {
    const pattern = first('a').next('b').where(is('b')).oneOrMore().optional().consecutive().next('c').where(is('c'));
    for (const skip of [skipToFirst('b'), skipToLast('b')]) expect(sorted(pattern, 'a c', skip)).toEqual(['a c']);
  });

  it('testSkipBeforeOtherAlreadyCompleted', () => {
    // a1 goes with b2, a2 with b1: the match that is complete first waits for the one that began first.
    const pattern = first('a')
      .followedBy('c')
      .where(is('c'))
      .followedBy('b')
      .where((word, ctx) => word.startsWith('b') && word.at(-1) !== ctx.taken('a')[0]!.at(-1));
    const words = 'a1 c1 a2 c2 b1 b2';
    expect(found(pattern, words, skipToFirst('c')).matches).toEqual(['a1 c1 b2', 'a2 c2 b1']);
  });
});

describe('GreedyITCase', () => {
  const c = first('c');
  const more = c.followedBy('a').where(is('a')).oneOrMore();
  const d = <M, F extends string>(pattern: Following<string, M, F>) => pattern.followedBy('d').where(is('d'));

  it.each(['c a1 a2 a3 d', 'c x a1 x a2 x a3 d', 'c a1 a2 x d'])(
    'testGreedyZeroOrMore..., testGreedyOneOrMore... in: %s',
    (words) => {
      const all = words.replaceAll(/x /g, '');
      expect(sorted(d(more.greedy()), words)).toEqual([all]);
      expect(sorted(d(more.optional().greedy()), words)).toEqual([all]);
    },
  );

  it('testGreedyZeroOrMoreWithDummyEventsBeforeQuantifier, testGreedyOneOrMoreWithDummyEventsBeforeQuantifier', () => {
    expect(sorted(d(more.optional().greedy()), 'c x d')).toEqual(['c d']);
    expect(sorted(d(more.greedy()), 'c x d')).toEqual([]);
  });

  it('testGreedyZeroOrMoreBeforeOptional, testGreedyZeroOrMoreBeforeOptional2', () => {
    // There the step behind is optional, which here a greedy step may not have: a mandatory one stands between.
    const pattern = d(more.optional().greedy())
      .followedBy('f')
      .where(is('f'))
      .optional()
      .followedBy('e')
      .where(is('e'));
    expect(sorted(pattern, 'c a1 a2 d f e')).toEqual(matches('c a1 a2 d e, c a1 a2 d f e'));
  });

  it('testGreedyUntil...', () => {
    const until = more.until(is('a9')).greedy();
    expect(sorted(d(until), 'c a1 a2 a3 a9 d')).toEqual(['c a1 a2 a3 d']);
    expect(sorted(d(until.optional()), 'c a1 a2 a3 a9 d')).toEqual(['c a1 a2 a3 d']);
    expect(sorted(d(until.optional()), 'c a9 a1 a2 a3 d')).toEqual(['c d']);
    expect(sorted(d(until), 'c a9 a1 a2 a3 d')).toEqual([]);
  });
});
