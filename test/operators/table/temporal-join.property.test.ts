import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareKeyIds } from '../../../lib/model/index.ts';
import { temporalJoinOperator } from '../../../lib/operators/index.ts';
import { type AnyCell, sizeOfValue } from '../../../lib/state/index.ts';
import { Harness } from '../harness.ts';

type Happening =
  | { readonly record: number; readonly key: string; readonly time: number }
  | { readonly version: string | null; readonly key: string; readonly time: number }
  | { readonly watermark: number };

interface Story {
  readonly results: readonly unknown[];
  readonly late: readonly unknown[];
  readonly lateVersions: number;
  readonly unmatched: number;
  /** The versions that are kept after each happening, by key and time. */
  readonly kept: readonly (readonly unknown[])[];
}

const joiner = (record: unknown, row: unknown, key: unknown): unknown => ({ record, row: row ?? null, key });
const END = 1_000_000;

function operatorStory(kind: 'inner' | 'left', grace: number, happenings: readonly Happening[], undone: number) {
  const harness = new Harness(temporalJoinOperator({ kind, joiner, grace, lateSide: 'late' }));
  const kept: unknown[][] = [];
  const step = (each: Happening): void => {
    if ('record' in each) harness.record(each.record, each.time, each.key, 0);
    else if ('version' in each) harness.record(each.version, each.time, each.key, 1);
    else harness.advance(each.watermark);
  };
  const versions = harness.store.tables[0]!;
  happenings.forEach((each, i) => {
    if (i % undone === undone - 1) {
      const moment = harness.mark();
      happenings.slice(i, i + 3).forEach(step);
      harness.rollback(moment);
    }
    step(each);
    const cells = KEYS.flatMap((key) => versions.cellsOf(key));
    kept.push(cells.map(({ key, sub, value }) => [key, sub, value ?? null]));
  });
  const story: Story = {
    results: harness.emitted().map(({ value, time }) => ({ ...(value as object), time })),
    late: harness.values('late'),
    lateVersions: harness.count('late-versions'),
    unmatched: harness.count('unmatched'),
    kept,
  };
  return { harness, story };
}

/** Keeps everything, and looks through all of it. */
function reference(kind: 'inner' | 'left', grace: number, happenings: readonly Happening[]): Story {
  const versions: { key: string; time: number; row: string | null }[] = [];
  const waiting: { key: string; time: number; record: number }[] = [];
  const results: unknown[] = [];
  const late: unknown[] = [];
  const kept: unknown[][] = [];
  let [lateVersions, unmatched, watermark] = [0, 0, Number.NEGATIVE_INFINITY];
  const emit = ({ key, time, record }: (typeof waiting)[number]): void => {
    const past = versions.filter((version) => version.key === key && version.time <= time);
    const newest = Math.max(...past.map((version) => version.time));
    const row = past.findLast((version) => version.time === newest)?.row ?? null;
    if (row === null && kind === 'inner') unmatched++;
    else results.push({ record, row, key, time });
  };
  const asked = () =>
    versions
      .filter(({ key, time, row }, i) => {
        const newer = versions.filter(
          (other, j) => other.key === key && (other.time > time || (other.time === time && j > i)),
        );
        const over = newer.some((other) => other.time === time || other.time <= watermark - grace);
        return !over && (row !== null || time > watermark - grace);
      })
      .sort((a, b) => compareKeyIds(a.key, b.key) || a.time - b.time);
  for (const each of happenings) {
    if ('watermark' in each) {
      watermark = Math.max(watermark, each.watermark);
      const due = waiting.filter(({ time }) => time <= watermark);
      for (const one of due) waiting.splice(waiting.indexOf(one), 1);
      due.sort((a, b) => a.time - b.time || compareKeyIds(a.key, b.key)).forEach(emit);
    } else if ('version' in each) {
      if (each.time < watermark - grace) lateVersions++;
      else versions.push({ key: each.key, time: each.time, row: each.version });
    } else if (each.time > watermark) waiting.push(each);
    else if (each.time >= watermark - grace) emit(each);
    else late.push(each.record);
    kept.push(asked().map(({ key, time, row }) => [key, time, row]));
  }
  return { results, late, lateVersions, unmatched, kept };
}

const KEYS = ['a', 'b'];
const key = fc.constantFrom(...KEYS);
const jitter = fc.integer({ min: -25, max: 15 });
const move = fc.oneof(
  { weight: 4, arbitrary: fc.record({ record: fc.nat(99), key, jitter }) },
  {
    weight: 4,
    arbitrary: fc.record({ version: fc.option(fc.constantFrom('x', 'y', 'z'), { nil: null }), key, jitter }),
  },
  { weight: 2, arbitrary: fc.record({ step: fc.integer({ min: 0, max: 12 }) }) },
);
const script = fc.array(move, { maxLength: 60, size: 'max' }).map((moves): Happening[] => {
  let now = 100;
  const happenings = moves.map((each): Happening => {
    now += 1;
    if ('step' in each) {
      now += each.step;
      return { watermark: now - 5 };
    }
    const { jitter, ...rest } = each;
    return { ...rest, time: 4 * Math.round((now + jitter) / 4) };
  });
  return [...happenings, { watermark: END }];
});

const bytesOf = (cells: Iterable<AnyCell>): number =>
  [...cells].reduce((bytes, { value }) => bytes + sizeOfValue(value), 0);

describe('a temporal join', () => {
  it('finds the row of each record that an account of all versions finds, also when attempts are taken back', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('inner' as const, 'left' as const),
        fc.constantFrom(0, 5, 20),
        script,
        fc.integer({ min: 1, max: 40 }),
        (kind, grace, happenings, undone) => {
          expect(operatorStory(kind, grace, happenings, undone).story).toEqual(reference(kind, grace, happenings));
        },
      ),
      { numRuns: 300 },
    );
  });

  it('comes to one row of each key that falls silent, and to none of one deleted, however often they have changed', () => {
    const harness = new Harness(temporalJoinOperator({ kind: 'inner', joiner, grace: 100 }));
    const [versions, waiting] = harness.store.tables;
    for (let round = 0; round < 200; round++) {
      const deleted = round % 10 === 0;
      for (let time = round * 1_000; time < (round + 1) * 1_000; time += 10) {
        const deletion = deleted && time % 1_000 === 990;
        harness.record(deletion ? null : `v${time}`, time, round, 1).record(time, time, round, 0);
        harness.advance(time - 50);
      }
      const silent = round - Math.ceil(round / 10);
      expect(bytesOf(versions!.cells())).toBeLessThan((silent + 30) * sizeOfValue('v199990'));
      expect(waiting!.size).toBeLessThan(10);
    }
    harness.advance(300_000);
    expect(bytesOf(versions!.cells())).toBeLessThanOrEqual(180 * sizeOfValue('v199990'));
    expect(versions!.cellsOf(199).map(({ value }) => value)).toEqual(['v199990']);
    expect(waiting!.size).toBe(0);
  });

  it.each([
    ['record that waits', 0, 0],
    ['record that waits for another time', 0, 1],
    ['version', 1, 1],
  ])('writes as much of a %s whatever the number of others of its key', (_name, input, apart) => {
    const harness = new Harness(temporalJoinOperator({ kind: 'left', joiner, grace: 1_000_000 }));
    const { store } = harness;
    const written = (i: number): number => {
      harness.record('value', 1_000 + i * apart, 'k', input);
      const bytes = bytesOf(store.changes());
      store.clear();
      return bytes;
    };
    written(0);
    const second = written(1);
    for (let i = 2; i < 500; i++) written(i);
    expect(written(500)).toBe(second);
    expect(store.size).toBe(501);
  });
});

/**
 * Apache Flink, "Temporal Table Function": orders converted at the rate of their time.
 * https://nightlies.apache.org/flink/flink-docs-stable/docs/dev/table/concepts/temporal_table_function/
 */
describe('the temporal join of orders and currency rates, as Flink documents it', () => {
  const at = (time: string): number => Date.parse(`1970-01-01T${time}:00Z`);

  it('converts each order at the rate of its time', () => {
    const harness = new Harness(
      temporalJoinOperator({
        ...{ kind: 'inner', grace: 0 },
        joiner: (amount, rate) => (amount as number) * (rate as number),
      }),
    );
    const rates = [
      ['09:00', 'Yen', 102],
      ['09:00', 'Euro', 114],
      ['09:00', 'USD', 1],
      ['11:15', 'Euro', 119],
      ['11:49', 'Pounds', 108],
    ] as const;
    const orders = [
      ['10:15', 2, 'Euro'],
      ['10:30', 1, 'USD'],
      ['10:32', 50, 'Yen'],
      ['10:52', 3, 'Euro'],
      ['11:04', 5, 'USD'],
    ] as const;
    for (const [time, amount, currency] of orders) harness.record(amount, at(time), currency, 0);
    for (const [time, currency, rate] of rates) harness.record(rate, at(time), currency, 1);
    expect(harness.advance(at('10:31')).values()).toEqual([2 * 114, 1]);
    expect(harness.end().values()).toEqual([2 * 114, 1, 50 * 102, 3 * 114, 5]);
  });
});
