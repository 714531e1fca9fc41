import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareKeyIds } from '../../../lib/model/index.ts';
import {
  type Suppression,
  suppressOperator,
  type TimeLimitOptions,
  untilTimeLimit,
  untilWindowCloses,
} from '../../../lib/operators/index.ts';
import { Harness } from '../harness.ts';
import { changeRows, rowsOf } from './changelog.ts';

type Happening =
  | { readonly key: string; readonly value: number | null; readonly time: number }
  | { readonly watermark: number }
  | { readonly processing: number };

interface Out {
  readonly key: string;
  readonly before: unknown;
  readonly after: unknown;
}

const LIMIT = 10;
const END = 1_000_000;

/** The changes of a table that is set so, as its operator hands them on. */
function changesOf(happenings: readonly Happening[], each: (one: Happening, change?: Out) => void): void {
  const rows = new Map<string, number>();
  for (const one of happenings) {
    if (!('key' in one)) {
      each(one);
      continue;
    }
    const before = rows.get(one.key);
    const after = one.value ?? undefined;
    if (before === undefined && after === undefined) continue;
    if (after === undefined) rows.delete(one.key);
    else rows.set(one.key, after);
    each(one, { key: one.key, before, after });
  }
}

type Limits = Pick<TimeLimitOptions, 'maxKeys' | 'maxBytes'>;

function operatorStory(happenings: readonly Happening[], by: 'event' | 'processing', limits: Limits, undone: number) {
  const harness = new Harness(suppressOperator(untilTimeLimit(LIMIT, { by, ...limits }), undefined));
  let i = 0;
  changesOf(happenings, (one, change) => {
    const step = (): void => {
      if (change !== undefined && 'time' in one)
        harness.record({ before: change.before, after: change.after }, one.time, one.key);
      else if ('watermark' in one) harness.advance(one.watermark);
      else if ('processing' in one) harness.at(one.processing);
    };
    if (++i % undone === 0) {
      const moment = harness.mark();
      step();
      harness.rollback(moment);
    }
    step();
  });
  return harness;
}

const outOf = (harness: Harness): Out[] =>
  harness.emitted().map(({ value, key }) => ({ key: key as string, ...(value as Omit<Out, 'key'>) }));

/** Keeps what is held back in a list, and looks through all of it. */
function reference(
  happenings: readonly Happening[],
  by: 'event' | 'processing',
  { maxKeys = 1_000, maxBytes = 1_000_000 }: Limits,
): Out[] {
  let held: (Out & { readonly due: number })[] = [];
  const out: Out[] = [];
  let [watermark, processing] = [Number.MIN_SAFE_INTEGER, 0];
  const release = (due: typeof held): void => {
    due.sort((a, b) => a.due - b.due || compareKeyIds(a.key, b.key));
    held = held.filter((each) => !due.includes(each));
    for (const { key, before, after } of due)
      if (before !== undefined || after !== undefined) out.push({ key, before, after });
  };
  changesOf(happenings, (one, change) => {
    if ('watermark' in one) watermark = Math.max(watermark, one.watermark);
    if ('processing' in one) processing = Math.max(processing, one.processing);
    const now = by === 'event' ? watermark : processing;
    if (change === undefined || !('time' in one)) {
      release(held.filter(({ due }) => due <= now));
      return;
    }
    const waits = held.find(({ key }) => key === change.key);
    const due = (by === 'event' ? one.time : processing) + LIMIT;
    if (waits !== undefined) held = held.map((each) => (each === waits ? { ...each, after: change.after } : each));
    else if (due <= now) out.push(change);
    else held.push({ ...change, due });
    if (held.length <= maxKeys && bytesOf(held) <= maxBytes) return;
    const first = [...held].sort((a, b) => a.due - b.due || compareKeyIds(a.key, b.key));
    let n = held.length > maxKeys ? Math.ceil(held.length / 4) : 0;
    if (bytesOf(held) > maxBytes) while (bytesOf(first.slice(n)) > maxBytes * 0.75) n++;
    release(first.slice(0, n));
  });
  return out;
}

/** A key is a letter, a row a number or nothing. */
const bytesOf = (held: readonly Out[]): number =>
  held.reduce(
    (sum, { before, after }) => sum + 3 + [before, after].reduce((s: number, v) => s + (v === undefined ? 1 : 8), 0),
    0,
  );

const move = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      key: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'),
      value: fc.option(fc.nat(9), { freq: 3, nil: null }),
      jitter: fc.integer({ min: -15, max: 5 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ watermark: fc.integer({ min: 0, max: 8 }) }) },
  { weight: 1, arbitrary: fc.record({ processing: fc.integer({ min: 0, max: 8 }) }) },
);
const script = fc.array(move, { maxLength: 60 }).map((moves): Happening[] => {
  let [now, processing] = [100, 100];
  const happenings = moves.map((each): Happening => {
    now++;
    if ('watermark' in each) {
      now += each.watermark;
      return { watermark: now };
    }
    if ('processing' in each) {
      processing += each.processing;
      return { processing };
    }
    return { key: each.key, value: each.value, time: now + each.jitter };
  });
  return [...happenings, { processing: END }, { watermark: END }];
});

describe('suppress until a time limit', () => {
  it('lets out what an account of all that is held back says, also when attempts are taken back', () => {
    fc.assert(
      fc.property(
        script,
        fc.constantFrom('event' as const, 'processing' as const),
        fc.constantFrom<Limits>(
          { maxKeys: 1 },
          { maxKeys: 3 },
          {},
          { maxKeys: Number.POSITIVE_INFINITY, maxBytes: 40 },
          { maxBytes: 5 },
          { maxKeys: 3, maxBytes: 50 },
        ),
        fc.integer({ min: 1, max: 9 }),
        (happenings, by, limits, undone) => {
          const harness = operatorStory(happenings, by, limits, undone);
          expect(outOf(harness)).toEqual(reference(happenings, by, limits));
          expect(harness.store.size).toBe(0);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('comes to the rows of the table', () => {
    fc.assert(
      fc.property(script, fc.constantFrom(1, 100), (happenings, maxKeys) => {
        const rows = new Map<string, number>();
        changesOf(happenings, (one) => {
          if (!('key' in one)) return;
          if (one.value === null) rows.delete(JSON.stringify(one.key));
          else rows.set(JSON.stringify(one.key), one.value);
        });
        const out = outOf(operatorStory(happenings, 'event', { maxKeys }, 5));
        const put = rowsOf(out.flatMap(({ key, before, after }) => changeRows(key, before, after)));
        expect([...put].sort()).toEqual([...rows].sort());
      }),
      { numRuns: 200 },
    );
  });

  it('never holds back more keys than it may', () => {
    const harness = new Harness(suppressOperator(untilTimeLimit(1_000, { maxKeys: 100 }), undefined));
    for (let i = 0; i < 5_000; i++) {
      harness.record({ before: undefined, after: i }, i, `key-${i}`);
      expect(harness.store.size).toBeLessThanOrEqual(100);
    }
  });
});

describe('suppress that is full', () => {
  const change = (n: number) => ({ before: undefined, after: n });
  const put = (harness: Harness, keys: number): Harness => {
    for (let i = 0; i < keys; i++) harness.record(change(i), 100, `k${i}`);
    return harness;
  };
  const limited = (suppression: Suppression): Harness => new Harness(suppressOperator(suppression, 0));

  it('fails where it may let nothing out early, and says what was too much', () => {
    const keys = put(limited(untilTimeLimit(1_000, { maxKeys: 3, whenFull: 'stop' })), 3);
    const before = keys.mark();
    expect(() => keys.record(change(9), 101, 'one more')).toThrow('more would be held back than may be: 4 keys of 3');
    keys.rollback(before);
    keys.record({ before: 0, after: 7 }, 101, 'k0').advance(5_000);
    expect(keys.values()).toHaveLength(3);
    put(keys, 3);
    const bytes = put(limited(untilTimeLimit(1_000, { maxBytes: 40, whenFull: 'stop' })), 3);
    expect(() => bytes.record(change(9), 101, 'k4')).toThrow('52 bytes of 40');
  });

  it('until windows close always fails, as a row let out early would not be final', () => {
    const harness = put(limited(untilWindowCloses({ maxKeys: 2, maxBytes: 1_000 })), 2);
    expect(() => put(harness, 3)).toThrow('3 keys of 2, 39 bytes of 1000');
    const another = put(limited(untilWindowCloses({ maxBytes: 26 })), 2);
    another.advance(100).record(change(1), 300, 'k1').advance(300);
    expect(another.values()).toHaveLength(3);
    expect(another.store.size).toBe(0);
  });

  it('counts what has no size as more than there may be', () => {
    const deep = Array.from({ length: 40 }).reduce((inner: unknown) => [inner], 1);
    const harness = limited(untilTimeLimit(1_000, { maxBytes: 10_000 }));
    harness.record({ before: undefined, after: deep }, 1, 'a').record(change(1), 2, 'b');
    expect(harness.values()).toHaveLength(1);
    expect(harness.end().store.size).toBe(0);
  });

  it('makes room also where a row that is held back grows', () => {
    const harness = limited(untilTimeLimit(1_000, { maxBytes: 40 }));
    harness
      .record({ before: undefined, after: 'short' }, 1, 'a')
      .record({ before: 'short', after: 'x'.repeat(40) }, 2, 'a');
    expect(harness.values()).toEqual([{ before: undefined, after: 'x'.repeat(40) }]);
  });

  it('has limits that are numbers', () => {
    const rules = (suppression: Suppression) => suppressOperator(suppression, 0).mistakes?.map(({ rule }) => rule);
    expect(rules(untilWindowCloses({ maxKeys: 0, maxBytes: 1.5 }))).toEqual([
      'its maxKeys is 0',
      'its maxBytes is 1.5',
    ]);
    expect(rules(untilTimeLimit(1, { maxBytes: Number.NaN }))).toEqual(['its maxBytes is NaN']);
    expect(rules(untilTimeLimit(1, { maxBytes: Number.POSITIVE_INFINITY }))).toEqual([]);
  });
});

describe('suppress until the window closes', () => {
  it('lets the last row of a window out when nothing of it can change any more', () => {
    const harness = new Harness(suppressOperator(untilWindowCloses(), 5));
    harness.record({ before: undefined, after: 1 }, 99, 'a').record({ before: 1, after: 2 }, 99, 'a');
    harness.advance(103).record({ before: 2, after: 3 }, 99, 'a').record({ before: undefined, after: 9 }, 199, 'a2');
    expect(harness.values()).toEqual([]);
    expect(harness.advance(104).values()).toEqual([{ before: undefined, after: 3 }]);
    expect(harness.end().values().slice(1)).toEqual([{ before: undefined, after: 9 }]);
  });
});
