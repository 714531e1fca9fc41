import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareKeyIds } from '../../../lib/model/index.ts';
import { suppressOperator, untilTimeLimit, untilWindowCloses } from '../../../lib/operators/index.ts';
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

function operatorStory(happenings: readonly Happening[], by: 'event' | 'processing', maxKeys: number, undone: number) {
  const harness = new Harness(suppressOperator(untilTimeLimit(LIMIT, { by, maxKeys }), undefined));
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
function reference(happenings: readonly Happening[], by: 'event' | 'processing', maxKeys: number): Out[] {
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
    if (held.length > maxKeys) {
      const first = [...held].sort((a, b) => a.due - b.due || compareKeyIds(a.key, b.key));
      release(first.slice(0, Math.ceil(held.length / 4)));
    }
  });
  return out;
}

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
        fc.constantFrom(1, 3, Number.POSITIVE_INFINITY),
        fc.integer({ min: 1, max: 9 }),
        (happenings, by, maxKeys, undone) => {
          const harness = operatorStory(happenings, by, maxKeys, undone);
          expect(outOf(harness)).toEqual(reference(happenings, by, maxKeys));
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
        const out = outOf(operatorStory(happenings, 'event', maxKeys, 5));
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
