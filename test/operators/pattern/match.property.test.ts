import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { matchOperator, type PatternShape, type SkipStrategy } from '../../../lib/operators/index.ts';
import { Harness } from '../harness.ts';
import { type Happening, happenings, type Letter, patterns, skips } from './random-patterns.ts';
import { Sequence } from './reference.ts';

const END = 100_000;

function operatorOf(pattern: PatternShape, skip: SkipStrategy) {
  const tell = (lists: unknown, { key, eventTime }: { key: unknown; eventTime: number }) => ({
    key,
    lists,
    time: eventTime,
  });
  return matchOperator({
    ...{ pattern, skip, fn: tell as never, lateSide: 'late', maxPartialMatches: 100_000, waitForever: true },
    timedOut: { side: 'timed-out', make: tell as never },
  });
}

/** What the operator makes of it; some steps are done, undone, and done again. */
function matched(pattern: PatternShape, skip: SkipStrategy, script: readonly Happening[], again: number) {
  const harness = new Harness(operatorOf(pattern, skip));
  const apply = (each: Happening): void => {
    if ('watermark' in each) harness.advance(each.watermark);
    else harness.record(each.record, each.time, each.key);
  };
  script.forEach((each, i) => {
    if (i % again === again - 1) {
      const moment = harness.mark();
      script.slice(i, i + 3).forEach(apply);
      harness.rollback(moment);
    }
    apply(each);
  });
  harness.advance(END);
  return harness;
}

/** What was not late, by key, in the order in which it counts. */
function sequences(script: readonly Happening[]) {
  const byKey = new Map<string, { value: Letter; time: number }[]>();
  const late: Letter[] = [];
  let watermark = Number.NEGATIVE_INFINITY;
  for (const each of script) {
    if ('watermark' in each) watermark = Math.max(watermark, each.watermark);
    else if (each.time <= watermark) late.push(each.record);
    else byKey.set(each.key, [...(byKey.get(each.key) ?? []), { value: each.record, time: each.time }]);
  }
  for (const events of byKey.values()) events.sort((a, b) => a.time - b.time);
  return { byKey, late };
}

interface Told {
  readonly key: string;
  readonly lists: unknown;
  readonly time: number;
}

const ofKey = (told: readonly Told[], key: string) =>
  told.filter((each) => each.key === key).map(({ lists, time }) => ({ lists, time }));

const faultless = patterns.filter((pattern) => operatorOf(pattern, { skip: 'none' }).mistakes?.length === 0);

describe('matching a pattern', () => {
  it('finds what trying every choice of records finds, in the same order, also when attempts are taken back', () => {
    fc.assert(
      fc.property(
        faultless,
        skips,
        happenings(14, 2),
        fc.integer({ min: 1, max: 20 }),
        (pattern, skip, script, again) => {
          if (operatorOf(pattern, skip).mistakes!.length > 0) return;
          const harness = matched(pattern, skip, script, again);
          const { byKey, late } = sequences(script);
          for (const [key, events] of byKey) {
            const plain = new Sequence(events, pattern).story(skip);
            expect(ofKey(harness.values<Told>(), key)).toEqual(plain.matches);
            expect(ofKey(harness.values<Told>('timed-out'), key)).toEqual(plain.timedOut);
          }
          expect(harness.values('late')).toEqual(late);
          expect(harness.count('late')).toBe(late.length);
          expect(harness.count('timed-out')).toBe(harness.values('timed-out').length);
          expect(harness.emitted().map(({ time }) => time)).toEqual(harness.values<Told>().map(({ time }) => time));
        },
      ),
      { numRuns: Number(process.env['RUNS'] ?? 400) },
    );
  });
});
