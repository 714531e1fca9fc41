/** Patterns of words: `a1` is a record of kind `a`. A match is told as the words that it took, in the order of steps. */
import { begin, matchOperator, noSkip, type Pattern, type SkipStrategy, type } from '../../../lib/operators/index.ts';
import { Harness } from '../harness.ts';

export const is =
  (kind: string) =>
  (word: string): boolean =>
    word.startsWith(kind);

/** A pattern that begins with a word of this kind. */
export const first = <N extends string>(name: N) => begin(name, type<string>()).where(is(name));

export interface Found {
  readonly matches: readonly string[];
  /** With their times: `a1 b1 @11`. */
  readonly timedOut: readonly string[];
  readonly harness: Harness;
}

/** What is found in words such as `a1 b1@7`, each a millisecond after the one before if it says no time; the watermark follows each. */
export function found(
  pattern: Pattern<string, unknown>,
  words: string,
  skip: SkipStrategy = noSkip(),
  maxPartialMatches = 10_000,
): Found {
  const told = (lists: Readonly<Record<string, readonly string[]>>): string => Object.values(lists).flat().join(' ');
  const harness = new Harness(
    matchOperator({
      ...{ pattern: pattern.shape, skip, maxPartialMatches, waitForever: true, fn: told as never },
      timedOut: {
        side: 'timed-out',
        make: ((lists: never, ctx: { eventTime: number }) => `${told(lists)} @${ctx.eventTime}`) as never,
      },
    }),
  );
  let time = 0;
  for (const each of words.split(' ')) {
    const [word, at] = each.split('@');
    time = at === undefined ? time + 1 : Number(at);
    harness.advance(time - 1).record(word, time, 'k');
  }
  harness.advance(1_000_000);
  return { matches: harness.values('') as string[], timedOut: harness.values('timed-out'), harness };
}

/** The matches in an order of their own. */
export const sorted = (...args: Parameters<typeof found>): readonly string[] => found(...args).matches.toSorted();

/** As they are written in tests: one a line or between commas. */
export const matches = (list: string): readonly string[] =>
  list
    .split(/[,\n]/)
    .map((one) => one.trim())
    .filter((one) => one !== '')
    .toSorted();
