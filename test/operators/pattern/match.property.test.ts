import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { matchOperator, type PatternShape, type SkipStrategy } from '../../../lib/operators/index.ts';
import { Harness } from '../harness.ts';
import { grouped, type Happening, happenings, type Letter, patterns, skips } from './random-patterns.ts';
import { Sequence, writtenOut } from './reference.ts';

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
function matched(pattern: PatternShape, skip: SkipStrategy, script: readonly Happening[], again: number, end = END) {
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
  harness.advance(end);
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

/** How often each link and record is held by what is kept, and how often they say they are. */
function uses({ store }: Harness) {
  const [partials, , links, records] = store.tables;
  const held: Record<string, number> = {};
  const hold = (what: string, key: unknown, number: unknown): void => {
    const name = `${what} ${number} of ${key}`;
    held[name] = (held[name] ?? 0) + 1;
  };
  for (const { key, value } of partials!.cells()) {
    const { runs, done } = value as { runs: number[]; done: number[] };
    for (let i = 0; i < runs.length; i += 7) hold('link', key, runs[i]);
    for (let i = 0; i < done.length; i += 2) hold('link', key, done[i]);
  }
  const said: Record<string, number> = {};
  for (const { key, sub, value } of links!.cells()) {
    const [before, record, , count] = value as [number, number, number, number];
    if (before !== -1) hold('link', key, before);
    hold('record', key, record);
    said[`link ${sub} of ${key}`] = count;
  }
  for (const { key, sub, value } of records!.cells())
    said[`record ${sub} of ${key}`] = (value as { uses: number }).uses;
  return { held, said };
}

const isFaultless = (pattern: PatternShape): boolean => operatorOf(pattern, { skip: 'none' }).mistakes?.length === 0;
const faultless = patterns.filter(isFaultless);

describe('matching a pattern', () => {
  it('keeps exactly the records that something kept holds, also when attempts are taken back', () => {
    fc.assert(
      fc.property(
        faultless,
        skips,
        happenings(14, 2),
        fc.integer({ min: 1, max: 9 }),
        (pattern, skip, script, again) => {
          if (operatorOf(pattern, skip).mistakes!.length > 0) return;
          for (const end of [12, END]) {
            const { held, said } = uses(matched(pattern, skip, script, again, end));
            expect(said).toEqual(held);
          }
        },
      ),
      { numRuns: 200 },
    );
  });

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

  it('with groups finds what all patterns without groups find that it can be written out to', () => {
    let groups = 0;
    fc.assert(
      fc.property(
        grouped.filter(isFaultless),
        happenings(7, 2),
        fc.integer({ min: 1, max: 20 }),
        (pattern, script, again) => {
          const harness = matched(pattern, { skip: 'none' }, script, again);
          const { byKey } = sequences(script);
          for (const [key, events] of byKey) {
            const plain = writtenOut(pattern, events.length).flatMap(
              (each) => new Sequence(events, each).story({ skip: 'none' }).matches,
            );
            const found = ofKey(harness.values<Told>(), key);
            groups += found.length;
            expect(inOrder(found)).toEqual(inOrder(plain));
          }
          const { held, said } = uses(harness);
          expect(said).toEqual(held);
        },
      ),
      { numRuns: Number(process.env['RUNS'] ?? 1_000) },
    );
    expect(groups).toBeGreaterThan(100);
  });
});

/** Without names of steps that took nothing. */
const inOrder = (told: readonly { readonly lists: unknown; readonly time: number }[]): readonly string[] =>
  told
    .map(({ lists, time }) => [
      Object.entries(lists as object)
        .filter(([, taken]) => taken.length > 0)
        .sort(),
      time,
    ])
    .map((each) => JSON.stringify(each))
    .sort();
